//! SIGHUP: the configuration is read again.

use super::settings;
use crate::assembly;
use crate::cli::Globals;
use baton_relay::Rules;
use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Rules from the configuration, each time SIGHUP comes. A configuration with mistakes changes
/// nothing. Must be called on a `LocalSet`.
pub(crate) fn on_hangup(globals: &Globals) -> io::Result<mpsc::Receiver<Rules>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let (send, receive) = mpsc::channel(1);
    let globals = globals.clone();
    tokio::task::spawn_local(async move {
        while hangup.recv().await.is_some() {
            let rules = settings::config(&globals).and_then(|config| assembly::rules(&config));
            match rules {
                Ok(rules) => {
                    tracing::info!(
                        "configuration read again; addresses, sizes, max_clients, the upstream, [links] ignore and \
                         the logging level stay until a restart"
                    );
                    if send.send(rules).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::error!("configuration kept as it was: {error}"),
            }
        }
    });
    Ok(receive)
}

#[cfg(feature = "demo")]
/// For an agent whose rules stay as they are.
pub(crate) fn never() -> mpsc::Receiver<Rules> {
    mpsc::channel(1).1
}
