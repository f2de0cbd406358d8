//! Why there is no answer.

use baton_wire::http;
use core::fmt;
use std::io;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Error {
    /// Nobody is there, or not for us.
    Connect(io::Error),
    /// The connection broke.
    Cut(io::Error),
    /// It was closed before the answer was whole.
    Closed,
    /// Nothing came for too long.
    Silent,
    /// What came is not HTTP.
    Http(http::Error),
    /// The request can't be put into a head.
    Unfit(http::NotSent),
    /// The answer is longer than any that is expected.
    TooLong,
    /// The file can't be read.
    File(io::Error),
    /// The file ended early.
    Shrunk {
        /// Where it ended.
        at: u64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) | Self::Cut(error) | Self::File(error) => error.fmt(f),
            Self::Closed => f.write_str("connection closed before the answer"),
            Self::Silent => f.write_str("no answer in time"),
            Self::Http(error) => write!(f, "not understood: {error}"),
            Self::Unfit(error) => error.fmt(f),
            Self::TooLong => f.write_str("answer too long"),
            Self::Shrunk { at } => write!(f, "file became shorter: it ends at byte {at} now"),
        }
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        Self::Http(error)
    }
}

impl From<http::NotSent> for Error {
    fn from(error: http::NotSent) -> Self {
        Self::Unfit(error)
    }
}

impl From<http::Unfit> for Error {
    fn from(error: http::Unfit) -> Self {
        Self::Unfit(error.into())
    }
}
