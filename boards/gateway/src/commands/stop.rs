//! Being told to stop.

use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// Resolves when the process is asked to end, by SIGTERM or from the keyboard. The handlers are
/// in place when this returns.
pub(crate) fn asked() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
