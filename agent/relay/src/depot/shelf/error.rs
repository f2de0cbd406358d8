//! Why something was not spooled, or not noted.

use baton_core::spool::TooLong;
use baton_hal::{Error, ErrorKind};

/// Why something was not spooled, or not noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ShelfError {
    /// It needs more room than there is.
    Full { needed: u64, room: u64 },
    /// There are as many uploads as are kept track of.
    Crowded { uploads: usize },
    /// A name or a token is too long.
    TooLong,
    /// There is no such upload, or it is not at that point.
    NoSuch(u64),
    /// It is being delivered just now.
    UnderWay(u64),
    /// A newer program wrote what is there.
    Newer { version: u16 },
    /// Its bytes on disk are not what they were.
    Damaged(u64),
    /// The bytes are not here any more: the upstream had them.
    LetGo(u64),
    /// The device has no room, whatever was configured.
    DeviceFull(String),
    /// The device said no.
    Device(String),
}

impl core::fmt::Display for ShelfError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full { needed, room } => {
                write!(f, "{needed} bytes are needed and {room} are left: raise [relay] spool_size")
            }
            Self::Crowded { uploads } => {
                write!(f, "{uploads} uploads wait already, and no more are kept track of")
            }
            Self::TooLong => TooLong.fmt(f),
            Self::NoSuch(id) => write!(f, "there is no spooled upload {id} to do that with"),
            Self::UnderWay(id) => write!(f, "the spooled upload {id} is on its way just now"),
            Self::Newer { version } => write!(
                f,
                "a newer baton wrote it (format {version}): use that one, or another [relay] spool_dir"
            ),
            Self::Damaged(id) => write!(f, "the spooled upload {id} is damaged on disk"),
            Self::LetGo(id) => {
                write!(f, "bytes of the spooled upload {id} were let go of: the upstream had them")
            }
            Self::DeviceFull(text) => {
                write!(f, "{text}: lower [relay] spool_size, or make room on that disk")
            }
            Self::Device(text) => write!(f, "{text}: check [relay] spool_dir"),
        }
    }
}

impl From<TooLong> for ShelfError {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

/// What the device said.
pub(super) fn device<E: Error>(error: E) -> ShelfError {
    if error.kind() == ErrorKind::Full {
        ShelfError::DeviceFull(error.to_string())
    } else {
        ShelfError::Device(error.to_string())
    }
}
