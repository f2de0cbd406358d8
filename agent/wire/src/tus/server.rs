//! The receiving end: what a request asks for, and how it is answered.

use super::{AWAIT, CONTENT_TYPE, Extensions, Metadata, VERSION, metadata::MetadataError};
use crate::http::{Framing, Method, RequestHead, Unfit, date::Date, write::Head};
use core::fmt;

/// A request, understood but not authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// What can the server do?
    Options,
    /// A new upload.
    Create(Create<'a>),
    /// How far is it?
    Head,
    /// The next bytes.
    Append(Append),
    /// The client gives the upload up.
    Terminate,
}

/// A new upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create<'a> {
    /// Length of the file; `None` is declared later.
    pub length: Option<u64>,
    /// How many bytes of it follow at once.
    pub content: Framing,
    metadata: &'a [u8],
}

/// The next bytes of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where in the file they belong.
    pub offset: u64,
    /// How many they are.
    pub content: Framing,
    /// The length of the whole file, where it is declared now.
    pub declared_length: Option<u64>,
    /// Whether to wait while the stored offset grows towards this one ([`AWAIT`]).
    pub awaits: bool,
}

/// Why a request is not even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No `Tus-Resumable`, or another version.
    Version,
    /// A method that tus does not have.
    Method,
    /// A number is missing, malformed or contradicts another.
    Number,
    /// `Upload-Metadata` is malformed.
    Metadata(MetadataError),
    /// The bytes are not of tus's media type.
    ContentType,
    /// `Upload-Checksum`: bytes are kept as they come, so nothing could be taken back.
    Checksum,
    /// `Upload-Concat`: uploads are not joined here.
    Concatenation,
}

/// An answer. It has no `Debug`: the location of an upload stands for its token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// What the server can do.
    Options {
        /// The largest upload that it takes.
        max_size: Option<u64>,
    },
    /// The upload exists.
    Created {
        /// Its path.
        location: &'a str,
        /// Bytes taken with the creation.
        offset: u64,
        /// When it expires unless it goes on.
        expires: Option<Date>,
    },
    /// How far the upload is.
    Offset {
        /// Bytes that are there.
        offset: u64,
        /// Bytes that it will have.
        length: Option<u64>,
        /// When it expires unless it goes on.
        expires: Option<Date>,
    },
    /// The bytes are taken.
    Appended {
        /// Bytes that are there now.
        offset: u64,
        /// When it expires unless it goes on.
        expires: Option<Date>,
    },
    /// The upload is gone, as asked.
    Terminated,
    /// The offset is not the stored one, or another append took over.
    Conflict {
        /// Bytes that are there.
        offset: u64,
    },
    /// The request was not understood.
    Refused(Refusal),
    /// Any other no.
    Failed {
        /// The status, 400 or above.
        status: u16,
        /// Seconds after which another try may succeed.
        retry_after_s: Option<u32>,
    },
}

impl<'a> Request<'a> {
    /// Reads a request to a path where uploads live.
    pub fn parse(head: &RequestHead<'a>) -> Result<Self, Refusal> {
        let headers = head.headers;
        let name = match (head.method, headers.text("X-HTTP-Method-Override")) {
            ("POST", Some(name)) => name,
            (name, _) => name,
        };
        let method = Method::from_name(name).ok_or(Refusal::Method)?;
        if method == Method::Options {
            return Ok(Self::Options);
        }
        if headers.get("Tus-Resumable") != Some(VERSION.as_bytes()) {
            return Err(Refusal::Version);
        }
        match method {
            Method::Post => Create::parse(head).map(Self::Create),
            Method::Head => Ok(Self::Head),
            Method::Patch => Append::parse(head).map(Self::Append),
            Method::Delete => Ok(Self::Terminate),
            Method::Get | Method::Put | Method::Options => Err(Refusal::Method),
        }
    }
}

impl<'a> Create<'a> {
    fn parse(head: &RequestHead<'a>) -> Result<Self, Refusal> {
        let headers = head.headers;
        if headers.get("Upload-Concat").is_some() {
            return Err(Refusal::Concatenation);
        }
        let deferred = match headers.get("Upload-Defer-Length") {
            None => false,
            Some(b"1") => true,
            Some(_) => return Err(Refusal::Number),
        };
        let length = number(head, "Upload-Length")?;
        if length.is_some() == deferred {
            return Err(Refusal::Number);
        }
        let content = content(head)?;
        let metadata = headers.get("Upload-Metadata").unwrap_or_default();
        Ok(Self { length, content, metadata })
    }

    /// What the client says of the file.
    pub fn metadata(&self) -> Result<Metadata, Refusal> {
        Metadata::parse(self.metadata).map_err(Refusal::Metadata)
    }
}

impl Append {
    fn parse(head: &RequestHead<'_>) -> Result<Self, Refusal> {
        if !has_content_type(head) {
            return Err(Refusal::ContentType);
        }
        Ok(Self {
            offset: number(head, "Upload-Offset")?.ok_or(Refusal::Number)?,
            content: content(head)?,
            declared_length: number(head, "Upload-Length")?,
            awaits: head.headers.get(AWAIT) == Some(b"1"),
        })
    }
}

impl Refusal {
    /// The status by which it is answered.
    pub const fn status(self) -> u16 {
        match self {
            Self::Number | Self::Checksum | Self::Concatenation => 400,
            Self::Metadata(MetadataError::Malformed | MetadataError::TooLong) => 400,
            Self::Method => 405,
            Self::Version => 412,
            Self::ContentType => 415,
        }
    }
}

impl Outcome<'_> {
    /// The status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Options { .. } | Self::Appended { .. } | Self::Terminated => 204,
            Self::Created { .. } => 201,
            Self::Offset { .. } => 200,
            Self::Conflict { .. } => 409,
            Self::Refused(refusal) => refusal.status(),
            Self::Failed { status, .. } => *status,
        }
    }

    /// Writes the whole answer into `out`; its length. It never has a body.
    pub fn write(&self, out: &mut [u8], keep_alive: bool) -> Result<usize, Unfit> {
        let status = self.status();
        let head =
            Head::response(out, status).header("Tus-Resumable", VERSION).keep_alive(keep_alive);
        let head = match *self {
            Self::Options { max_size } => head
                .header("Tus-Version", VERSION)
                .header("Tus-Extension", Extensions::SERVED)
                .maybe("Tus-Max-Size", max_size),
            Self::Created { location, offset, expires } => head
                .header("Location", location)
                .header("Upload-Offset", offset)
                .maybe("Upload-Expires", expires),
            Self::Offset { offset, length, expires } => head
                .header("Upload-Offset", offset)
                .maybe("Upload-Length", length)
                .maybe("Upload-Defer-Length", length.is_none().then_some(1))
                .maybe("Upload-Expires", expires)
                .header("Cache-Control", "no-store"),
            Self::Appended { offset, expires } => {
                head.header("Upload-Offset", offset).maybe("Upload-Expires", expires)
            }
            Self::Terminated => head,
            Self::Conflict { offset } => head.header("Upload-Offset", offset),
            Self::Refused(Refusal::Version) => head.header("Tus-Version", VERSION),
            Self::Refused(Refusal::Method) => {
                head.header("Allow", "OPTIONS, POST, HEAD, PATCH, DELETE")
            }
            Self::Refused(_) => head,
            Self::Failed { retry_after_s, .. } => head.maybe("Retry-After", retry_after_s),
        };
        // RFC 9110 section 8.6: 204 has no Content-Length.
        if status == 204 { head.finish() } else { head.body_length(0).finish() }
    }
}

fn number(head: &RequestHead<'_>, name: &str) -> Result<Option<u64>, Refusal> {
    head.headers.number(name).map_err(|_| Refusal::Number)
}

/// The framing of bytes that go into the file.
fn content(head: &RequestHead<'_>) -> Result<Framing, Refusal> {
    if head.headers.get("Upload-Checksum").is_some() {
        return Err(Refusal::Checksum);
    }
    let content = head.framing().map_err(|_| Refusal::Number)?;
    match content {
        Framing::None | Framing::Length(0) => Ok(Framing::None),
        Framing::Length(_) | Framing::Chunked | Framing::UntilClose if has_content_type(head) => {
            Ok(content)
        }
        Framing::Length(_) | Framing::Chunked | Framing::UntilClose => Err(Refusal::ContentType),
    }
}

fn has_content_type(head: &RequestHead<'_>) -> bool {
    let given = head.headers.get("Content-Type").unwrap_or_default();
    let media_type = given.split(|&byte| byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(CONTENT_TYPE.as_bytes())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "tus version other than 1.0.0",
            Self::Method => "method that tus does not have",
            Self::Number => "missing or contradictory number",
            Self::Metadata(MetadataError::Malformed) => "malformed upload metadata",
            Self::Metadata(MetadataError::TooLong) => "upload metadata too long",
            Self::ContentType => "content type other than application/offset+octet-stream",
            Self::Checksum => "checksums are not supported",
            Self::Concatenation => "concatenation is not supported",
        })
    }
}

#[cfg(test)]
mod tests;
