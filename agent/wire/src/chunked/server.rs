//! The receiving end: what a request asks for, and how it is answered.

use super::{
    CHUNK_NUMBER, FILENAME, PATH, Plan, SESSION_ID, SESSION_PARAMETER, SIGNATURE, STATUS_PATH,
    SessionId, TOTAL_SIZE,
};
use crate::{
    credential::{Credential, parameter},
    http::{Framing, Method, RequestHead, Unfit, write::Head, write::written_length},
    percent::{self, PathError},
};
use baton_core::json::Quoted;
use core::fmt;

/// A request, understood but not authorised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// A new session.
    Open(Open<'a>),
    /// A part of the file.
    Chunk(Chunk<'a>),
    /// How far is it?
    Status(SessionId),
}

/// What a request shows to be let in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// `X-Signature`. It signs the path alone: whoever saw one may upload anything.
    pub signature: Option<&'a str>,
    /// A token in the query, or `Authorization: Bearer`.
    pub credential: Option<Credential<'a>>,
}

/// A new session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// What it is let in by.
    pub shown: Shown<'a>,
    /// Name of the file: a relative path that leads nowhere else.
    pub name: &'a str,
    /// Its length.
    pub size: u64,
}

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// What it is let in by.
    pub shown: Shown<'a>,
    /// The session.
    pub session: SessionId,
    /// Which part.
    pub number: u32,
    /// How its bytes are delimited; [`Plan::range`] says how many it must have.
    pub content: Framing,
}

/// Why a request is not even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Neither POST nor PUT, or no GET of a state.
    Method,
    /// The name names no file that could be stored.
    Name(PathError),
    /// No name, no length, or no session.
    Missing,
    /// A number is malformed.
    Number,
    /// There is no such session: the id is none.
    Session,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// A session is open.
    Opened {
        /// Its name.
        session: &'a SessionId,
        /// How the file is cut.
        plan: Plan,
    },
    /// A chunk is stored, and others are missing.
    Stored {
        /// Which.
        number: u32,
        /// Bytes that are there now.
        uploaded: u64,
        /// Length of the file.
        size: u64,
    },
    /// The chunk was there already.
    Repeated {
        /// Which.
        number: u32,
    },
    /// The file is assembled.
    Assembled {
        /// Its name.
        name: &'a str,
        /// Its length.
        size: u64,
    },
    /// How far a session is.
    Status {
        /// Its name.
        session: &'a SessionId,
        /// Name of the file.
        name: &'a str,
        /// Length of the file.
        size: u64,
        /// Bytes that are there.
        uploaded: u64,
        /// Chunks that are there.
        chunks: u32,
    },
    /// The request was not understood.
    Refused(Refusal),
    /// Any other no; 404 where there is no such session.
    Failed {
        /// The status, 400 or above.
        status: u16,
        /// Seconds after which another try may succeed.
        retry_after_s: Option<u32>,
    },
}

impl<'a> Request<'a> {
    /// Reads a request to one of the two paths; `None`: it is to another.
    pub fn parse(head: &RequestHead<'a>) -> Option<Result<Self, Refusal>> {
        let (path, query) = head.path_and_query();
        match path {
            PATH => Some(match head.known_method() {
                Some(Method::Post | Method::Put) => Self::upload(head),
                Some(
                    Method::Get | Method::Head | Method::Patch | Method::Delete | Method::Options,
                )
                | None => Err(Refusal::Method),
            }),
            STATUS_PATH => Some(match head.known_method() {
                Some(Method::Get) => session(parameter(query, SESSION_PARAMETER)).map(Self::Status),
                Some(
                    Method::Post
                    | Method::Put
                    | Method::Head
                    | Method::Patch
                    | Method::Delete
                    | Method::Options,
                )
                | None => Err(Refusal::Method),
            }),
            _ => None,
        }
    }

    fn upload(head: &RequestHead<'a>) -> Result<Self, Refusal> {
        let number = |name| head.headers.number(name).map_err(|_| Refusal::Number);
        let signature = head.headers.text(SIGNATURE);
        let shown = Shown { signature, credential: Credential::of(head) };
        // As its server does: what names no session opens one.
        match head.headers.text(SESSION_ID).filter(|id| !id.is_empty()) {
            None => {
                let name = head.headers.text(FILENAME).ok_or(Refusal::Missing)?;
                percent::check(name).map_err(Refusal::Name)?;
                let size = number(TOTAL_SIZE)?.ok_or(Refusal::Missing)?;
                Ok(Self::Open(Open { shown, name, size }))
            }
            given => Ok(Self::Chunk(Chunk {
                shown,
                session: session(given)?,
                number: number(CHUNK_NUMBER)?
                    .and_then(|number| number.try_into().ok())
                    .ok_or(Refusal::Number)?,
                content: head.framing().map_err(|_| Refusal::Number)?,
            })),
        }
    }
}

fn session(id: Option<&str>) -> Result<SessionId, Refusal> {
    SessionId::new(id.ok_or(Refusal::Missing)?).ok_or(Refusal::Session)
}

impl Refusal {
    /// The status by which it is answered.
    pub const fn status(self) -> u16 {
        match self {
            Self::Missing | Self::Number => 400,
            Self::Name(error) => error.status(),
            Self::Session => 404,
            Self::Method => 405,
        }
    }
}

impl Outcome<'_> {
    /// The status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Opened { .. } => 201,
            Self::Stored { .. }
            | Self::Repeated { .. }
            | Self::Assembled { .. }
            | Self::Status { .. } => 200,
            Self::Refused(refusal) => refusal.status(),
            Self::Failed { status, .. } => *status,
        }
    }

    /// Writes the whole answer, its body included, into `out`; its length.
    pub fn write(&self, out: &mut [u8], keep_alive: bool) -> Result<usize, Unfit> {
        let retry_after_s = match *self {
            Self::Failed { retry_after_s, .. } => retry_after_s,
            Self::Opened { .. }
            | Self::Stored { .. }
            | Self::Repeated { .. }
            | Self::Assembled { .. }
            | Self::Status { .. }
            | Self::Refused(_) => None,
        };
        let is_method = matches!(self, Self::Refused(Refusal::Method));
        let head = Head::response(out, self.status())
            .keep_alive(keep_alive)
            .maybe("Allow", is_method.then_some("GET, POST, PUT"))
            .maybe("Retry-After", retry_after_s);
        let body = Body(*self);
        match written_length(body) {
            0 => head.body_length(0).finish(),
            length => head
                .header("Content-Type", "application/json")
                .header("Cache-Control", "no-store")
                .body_length(length)
                .finish_with(body),
        }
    }
}

#[derive(Clone, Copy)]
struct Body<'a>(Outcome<'a>);

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Outcome::Opened { session, plan } => write!(
                f,
                "{{\"session_id\":{},\"chunk_size\":{},\"total_chunks\":{}}}",
                Quoted(session.as_str()),
                plan.chunk_size(),
                plan.counted()
            ),
            Outcome::Stored { number, uploaded, size } => write!(
                f,
                "{{\"success\":true,\"chunk\":{number},\"uploaded_bytes\":{uploaded},\
                 \"total_size\":{size},\"progress\":{},\"completed\":false}}",
                Progress { uploaded, size }
            ),
            Outcome::Repeated { number } => {
                write!(f, "{{\"message\":\"Chunk already uploaded\",\"chunk\":{number}}}")
            }
            Outcome::Assembled { name, size } => write!(
                f,
                "{{\"success\":true,\"filename\":{},\"size\":{size},\"completed\":true}}",
                Quoted(name)
            ),
            Outcome::Status { session, name, size, uploaded, chunks } => write!(
                f,
                "{{\"session_id\":{},\"filename\":{},\"total_size\":{size},\
                 \"uploaded_bytes\":{uploaded},\"progress\":{},\"completed\":false,\
                 \"chunks\":{chunks}}}",
                Quoted(session.as_str()),
                Quoted(name),
                Progress { uploaded, size }
            ),
            Outcome::Refused(_) | Outcome::Failed { .. } => Ok(()),
        }
    }
}

/// A share between 0 and 1, to three digits.
struct Progress {
    uploaded: u64,
    size: u64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = u128::from(self.uploaded.min(self.size)) * 1000;
        let thousandths = thousandths.checked_div(u128::from(self.size)).unwrap_or(1000);
        write!(f, "{}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = self.signature.map(|_| "X-Signature");
        f.debug_tuple("Shown").field(&signature).field(&self.credential).finish()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("method that chunked sessions do not have"),
            Self::Name(error) => error.fmt(f),
            Self::Missing => f.write_str("missing X-Filename, X-Total-Size or session_id"),
            Self::Number => f.write_str("malformed number"),
            Self::Session => f.write_str("malformed session id"),
        }
    }
}

#[cfg(test)]
mod tests;
