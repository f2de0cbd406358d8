//! What an errno means for the link it happened on.

use baton_hal::ErrorKind;
use std::io;

/// The kind of an I/O error.
pub(crate) fn kind(error: &io::Error) -> ErrorKind {
    match error.raw_os_error() {
        Some(
            libc::ENETUNREACH
            | libc::EHOSTUNREACH
            | libc::ENETDOWN
            | libc::EHOSTDOWN
            | libc::ENODEV
            | libc::ENXIO
            | libc::ENONET
            | libc::EADDRNOTAVAIL,
        ) => ErrorKind::Unreachable,
        Some(libc::ECONNREFUSED | libc::ECONNRESET | libc::ECONNABORTED | libc::EPIPE) => {
            ErrorKind::Refused
        }
        Some(libc::ETIMEDOUT) => ErrorKind::TimedOut,
        Some(libc::EPERM | libc::EACCES) => ErrorKind::NotPermitted,
        Some(_) | None => ErrorKind::Other,
    }
}
