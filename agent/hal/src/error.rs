//! Errors: the core reacts to the kind, the log keeps the detail.

/// What a failed operation means for the link, or the file, it ran on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The link itself can't carry this now: ENETUNREACH, EHOSTUNREACH, ENETDOWN, ENODEV,
    /// EADDRNOTAVAIL. Evidence against the link; use another.
    Unreachable,
    /// The peer refused or reset: ECONNREFUSED, ECONNRESET, EPIPE. The link works.
    Refused,
    /// The peer closed in good order, early.
    Closed,
    /// No answer in time: ETIMEDOUT. Link or peer, it can't be told.
    TimedOut,
    /// This process may not do that: EPERM, EACCES. Retrying is useless; tell the operator.
    NotPermitted,
    /// The upstream's name was not resolved over this link.
    Unresolved,
    /// The peer's certificate or TLS handshake was not accepted.
    Untrusted,
    /// The device has no room: ENOSPC, EDQUOT, EFBIG.
    Full,
    /// It is not there: ENOENT.
    Missing,
    /// Anything else; the text says what.
    Other,
}

/// An error of a backend.
pub trait Error: core::fmt::Debug + core::fmt::Display {
    /// What the caller should make of it.
    fn kind(&self) -> ErrorKind;
}

impl Error for core::convert::Infallible {
    fn kind(&self) -> ErrorKind {
        match *self {}
    }
}
