//! The receiving end: what a request asks for, and how it is answered.

mod outcome;

pub use outcome::{Interim, Outcome};

use super::{CONTENT_TYPE, Interop, count, is_complete};
use crate::{
    http::{Framing, Method, RequestHead, disposition},
    percent::MAX_NAME,
    tus::Metadata,
};
use core::fmt;
use heapless::String;

/// A request, understood but not authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// What does the server take?
    Options,
    /// A new upload.
    Create(Create<'a>),
    /// How far is it?
    Head,
    /// The next bytes.
    Append(Append),
    /// The client gives the upload up.
    Cancel,
}

/// A new upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create<'a> {
    /// Length of the file, where the client knows it.
    pub length: Option<u64>,
    /// How many bytes of it follow at once.
    pub content: Framing,
    /// Whether they are all of it.
    pub complete: bool,
    /// Its media type.
    pub filetype: Option<&'a str>,
    disposition: Option<&'a [u8]>,
    /// tus-js-client names the file in tus's way in this protocol, too.
    metadata: Option<&'a [u8]>,
}

/// The next bytes of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where in the file they belong.
    pub offset: u64,
    /// How many they are.
    pub content: Framing,
    /// Whether the file ends with them.
    pub complete: bool,
    /// The length of the whole file, where it follows from this request.
    pub declared_length: Option<u64>,
}

/// Why a request is not even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A method that the draft has no use for.
    Method,
    /// No `Upload-Complete`, or one that is no Boolean.
    Completeness,
    /// No `Upload-Offset`, or one that is no count; or the content's framing contradicts itself.
    Number,
    /// The lengths that the request implies differ.
    Length,
    /// The bytes are not of the draft's media type.
    ContentType,
}

/// Whether a request to a place for files is meant to be resumable: without this word it is an
/// ordinary upload. Requests to an upload of this protocol need no word.
pub fn is_meant(head: &RequestHead<'_>) -> bool {
    is_complete(head.headers, Interop::of(head.headers)).is_some()
}

/// The version in which the client wants to hear interim responses; to another nobody may send
/// them.
pub fn hears_interim(head: &RequestHead<'_>) -> Option<Interop> {
    // RFC 9110 section 15.2: HTTP/1.0 has none.
    Interop::of(head.headers).filter(|_| head.minor > 0)
}

impl<'a> Request<'a> {
    /// Reads a request to a path where uploads live, or that [is meant so](is_meant).
    pub fn parse(head: &RequestHead<'a>) -> Result<Self, Refusal> {
        match head.known_method().ok_or(Refusal::Method)? {
            Method::Options => Ok(Self::Options),
            Method::Post | Method::Put => Create::parse(head).map(Self::Create),
            Method::Head => Ok(Self::Head),
            Method::Patch => Append::parse(head).map(Self::Append),
            Method::Delete => Ok(Self::Cancel),
            Method::Get => Err(Refusal::Method),
        }
    }
}

impl<'a> Create<'a> {
    fn parse(head: &RequestHead<'a>) -> Result<Self, Refusal> {
        let headers = head.headers;
        let complete = is_complete(headers, Interop::of(headers)).ok_or(Refusal::Completeness)?;
        let content = content(head)?;
        Ok(Self {
            length: length(head, 0, content, complete)?,
            content,
            complete,
            filetype: headers.text("Content-Type"),
            disposition: headers.get("Content-Disposition"),
            metadata: headers.get("Upload-Metadata"),
        })
    }

    /// The file's name, unchecked, where the client tells it.
    pub fn filename(&self) -> Option<String<MAX_NAME>> {
        let in_metadata = || Metadata::parse(self.metadata?).ok()?.filename;
        self.disposition.and_then(disposition::filename).or_else(in_metadata)
    }
}

impl Append {
    fn parse(head: &RequestHead<'_>) -> Result<Self, Refusal> {
        let interop = Interop::of(head.headers);
        // The media type came with that version. Until then, too, a request was taken for the last
        // one unless it said otherwise.
        let is_early = interop.is_some_and(|interop| interop < Interop::V6);
        if !is_early && !has_content_type(head) {
            return Err(Refusal::ContentType);
        }
        let complete = is_complete(head.headers, interop).or(is_early.then_some(true));
        let complete = complete.ok_or(Refusal::Completeness)?;
        let offset = count(head.headers, "Upload-Offset").ok_or(Refusal::Number)?;
        let content = content(head)?;
        let declared_length = length(head, offset, content, complete)?;
        Ok(Self { offset, content, complete, declared_length })
    }
}

impl Refusal {
    /// The status by which it is answered.
    pub const fn status(self) -> u16 {
        match self {
            Self::Completeness | Self::Number | Self::Length => 400,
            Self::Method => 405,
            Self::ContentType => 415,
        }
    }
}

/// The framing of bytes that go into the file.
fn content(head: &RequestHead<'_>) -> Result<Framing, Refusal> {
    match head.framing().map_err(|_| Refusal::Number)? {
        Framing::Length(0) => Ok(Framing::None),
        content @ (Framing::None | Framing::Length(_) | Framing::Chunked | Framing::UntilClose) => {
            Ok(content)
        }
    }
}

/// The file's length by all that the request says of it.
fn length(
    head: &RequestHead<'_>,
    offset: u64,
    content: Framing,
    complete: bool,
) -> Result<Option<u64>, Refusal> {
    let said = count(head.headers, "Upload-Length");
    let size = match content {
        Framing::None => Some(0),
        Framing::Length(size) => Some(size),
        Framing::Chunked | Framing::UntilClose => None,
    };
    let end = size.map(|size| offset.checked_add(size).ok_or(Refusal::Length)).transpose()?;
    match (said, end) {
        (Some(said), Some(end)) if end > said || (complete && end != said) => Err(Refusal::Length),
        (None, end) if complete => Ok(end),
        (said, _) => Ok(said),
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
            Self::Method => "method without a meaning for uploads",
            Self::Completeness => "no upload-complete, or no boolean in it",
            Self::Number => "missing or contradictory number",
            Self::Length => "inconsistent length values for upload",
            Self::ContentType => "content type other than application/partial-upload",
        })
    }
}

#[cfg(test)]
mod tests;
