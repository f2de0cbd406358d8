//! The control socket of `baton run`.

use crate::failure::Failure;
use baton_relay::ControlSocket;
use std::path::Path;

/// Binds it.
pub(crate) fn bind(path: &Path) -> Result<Option<ControlSocket>, Failure> {
    ControlSocket::bind(path).map(Some).map_err(|e| Failure::No(e.to_string()))
}

/// Every path will do, as far as can be told before it is bound.
pub(crate) fn check(_path: &Path) -> Result<(), Failure> {
    Ok(())
}
