//! Where the control socket is left out.

use crate::failure::Failure;
use baton_config::Config;
use baton_relay::ControlSocket;
use std::path::Path;

/// There is none, which is an error only where somebody said where it should be.
pub(crate) fn bind(path: &Path) -> Result<Option<ControlSocket>, Failure> {
    check(path).map(|()| None)
}

/// Whether nobody asked for it.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    if path == Config::default().control.socket {
        return Ok(());
    }
    Err(Failure::No(format!(
        "control socket {}: this program was built without one; build it with the feature control, or leave \
         [control] socket and --socket out",
        path.display()
    )))
}
