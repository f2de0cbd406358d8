//! How a no is told.

use crate::{
    auth::Denied,
    conn::Gone,
    folder::PlaceError,
    info::State,
    name::NameError,
    quota::OverQuota,
    receive::Halt,
    upload::{Refused, WriteError},
    uploads::{AppendError, Failure},
};
use baton_wire::{chunked, multipart, put, tus};
use std::io;

/// A no, and the one line of text that tells the client why.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// What the client should know beside it.
    pub(crate) header: Option<(&'static str, String)>,
}

/// Why a request is not answered with success.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It is answered otherwise.
    Refused(Refusal),
    /// It can't be answered any more.
    Gone(Gone),
}

impl Refusal {
    /// A no without further headers.
    pub(crate) fn new(status: u16, text: impl ToString) -> Self {
        Self { status, text: text.to_string(), header: None }
    }

    /// The same, with a header.
    pub(crate) fn with(self, name: &'static str, value: impl ToString) -> Self {
        Self { header: Some((name, value.to_string())), ..self }
    }

    /// The upload is at another offset.
    pub(crate) fn conflict(offset: u64) -> Self {
        Self::new(409, format!("the upload is at offset {offset}")).with("Upload-Offset", offset)
    }

    /// The upload ended in another way than by success.
    pub(crate) fn ended(state: State) -> Self {
        match state {
            State::Refused => Self::new(422, "the name holds other content"),
            State::Growing | State::Placed | State::Expired => Self::new(410, "the upload is gone"),
        }
    }

    /// The name is taken.
    pub(crate) fn exists() -> Self {
        Self::new(409, "the name is taken by other content")
    }

    /// More than the operator allows, or than was declared.
    pub(crate) fn too_large() -> Self {
        Self::new(413, "larger than allowed or declared")
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let kind = error.kind();
        if kind == Kind::NotFound {
            return Self::new(404, "not found");
        }
        tracing::warn!(%error, "storage");
        if kind == Kind::ResourceBusy {
            let refusal = Self::new(503, "the server's storage does not answer: try again later");
            return refusal.with("Retry-After", 1);
        }
        if matches!(kind, Kind::StorageFull | Kind::QuotaExceeded) {
            Self::new(507, "the server's disk is full: make room there, then try again")
        } else if kind == Kind::FileTooLarge {
            Self::new(413, "larger than the server's disk takes")
        } else if kind == Kind::InvalidFilename {
            Self::new(400, "the server's disk takes no such name")
        } else {
            Self::new(500, "the server's disk reports an error: see its log")
        }
    }
}

impl From<PlaceError> for Refusal {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Conflict => Self::exists(),
            PlaceError::Unsynced(error) | PlaceError::Io(error) => error.into(),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Exists => Self::exists(),
            Failure::Moved(offset) => Self::conflict(offset),
            Failure::Ended(state) => Self::ended(state),
            Failure::TooLarge => Self::too_large(),
            Failure::OverQuota(over) => over.into(),
            Failure::Io(error) => error.into(),
        }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Refused(Refused::Offset) => Self::new(409, "the upload is elsewhere"),
            AppendError::Refused(Refused::TooLarge) => Self::too_large(),
            AppendError::Refused(Refused::OverQuota(over)) => over.into(),
            AppendError::Refused(Refused::Length) => Self::new(400, "the length is another"),
            AppendError::Refused(Refused::Ended(state)) => Self::ended(state),
            AppendError::Io(error) => error.into(),
        }
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Fenced => Self::new(409, "the upload is elsewhere"),
            WriteError::TooLarge => Self::too_large(),
            WriteError::OverQuota(over) => over.into(),
            WriteError::Io(error) => error.into(),
        }
    }
}

impl From<OverQuota> for Refusal {
    fn from(over: OverQuota) -> Self {
        Self::new(over.status(), over)
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::new(403, denied)
    }
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Self {
        Self::new(400, error)
    }
}

impl From<put::server::Refusal> for Refusal {
    fn from(refusal: put::server::Refusal) -> Self {
        let this = Self::new(refusal.status(), refusal);
        match refusal {
            put::server::Refusal::Method => this.with("Allow", "GET, HEAD, PUT"),
            put::server::Refusal::Path(_) | put::server::Refusal::Framing => this,
        }
    }
}

impl From<tus::server::Refusal> for Refusal {
    fn from(refusal: tus::server::Refusal) -> Self {
        use tus::server::Refusal as R;
        let this = Self::new(refusal.status(), refusal);
        match refusal {
            R::Version => this.with("Tus-Version", tus::VERSION),
            R::Method => this.with("Allow", "OPTIONS, POST, HEAD, PATCH, DELETE"),
            R::Number | R::Metadata(_) | R::ContentType | R::Checksum | R::Concatenation => this,
        }
    }
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Conflict { stored } => Self::Refused(Refusal::conflict(stored)),
            Halt::Stop(stop) => stop,
        }
    }
}

impl From<chunked::Refusal> for Refusal {
    fn from(refusal: chunked::Refusal) -> Self {
        let this = Self::new(refusal.status(), refusal);
        match refusal {
            chunked::Refusal::Method => this.with("Allow", "GET, POST, PUT"),
            chunked::Refusal::Name(_)
            | chunked::Refusal::Missing
            | chunked::Refusal::Number
            | chunked::Refusal::Session => this,
        }
    }
}

impl From<multipart::Error> for Refusal {
    fn from(error: multipart::Error) -> Self {
        Self::new(error.status(), error)
    }
}

impl<E: Into<Refusal>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Gone> for Stop {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}
