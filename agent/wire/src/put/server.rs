//! The receiving end: what a request asks for.

use crate::{
    credential::Credential,
    http::{Framing, Method, RequestHead, head::decimal},
    percent::{self, Name, PathError},
};
use core::fmt;

/// A request for a file, understood but not authorised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// PUT, GET or HEAD.
    pub method: Method,
    /// Which file: the decoded path, which tokens sign too.
    pub name: Name,
    /// What it shows to be let in.
    pub credential: Option<Credential<'a>>,
    /// How the body is delimited.
    pub content: Framing,
    /// The media type, if it says.
    pub content_type: Option<&'a str>,
    /// The part that a GET wants; `None` is all of it.
    pub range: Option<Range>,
}

/// The part of a file that a GET wants (RFC 9110 section 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// From an offset to another, or to the end.
    From {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: Option<u64>,
    },
    /// So many bytes at the end.
    Last(u64),
}

/// Why a request is not even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Neither PUT nor GET nor HEAD.
    Method,
    /// The path names no file.
    Path(PathError),
    /// Contradictory lengths.
    Framing,
}

impl<'a> Request<'a> {
    /// Reads a request.
    pub fn parse(head: &RequestHead<'a>) -> Result<Self, Refusal> {
        let method = match head.known_method() {
            Some(method @ (Method::Put | Method::Get | Method::Head)) => method,
            Some(Method::Post | Method::Patch | Method::Delete | Method::Options) | None => {
                return Err(Refusal::Method);
            }
        };
        Ok(Self {
            method,
            name: percent::name(head.path_and_query().0).map_err(Refusal::Path)?,
            credential: Credential::of(head),
            content: head.framing().map_err(|_| Refusal::Framing)?,
            content_type: head.headers.text("Content-Type"),
            range: head
                .headers
                .text("Range")
                .filter(|_| method == Method::Get)
                .and_then(Range::parse),
        })
    }
}

impl Range {
    /// Reads `bytes=0-9`, `bytes=10-` or `bytes=-10`. Anything else is as if there were no field,
    /// several ranges at once included: RFC 9110 section 14.2 allows it.
    pub fn parse(value: &str) -> Option<Self> {
        let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(decimal(last.as_bytes())?)),
            (first, "") => Some(Self::From { first: decimal(first.as_bytes())?, last: None }),
            (first, last) => {
                let (first, last) = (decimal(first.as_bytes())?, decimal(last.as_bytes())?);
                (first <= last).then_some(Self::From { first, last: Some(last) })
            }
        }
    }

    /// Offset and length in a file of `size` bytes; `None` is answered 416.
    pub fn within(self, size: u64) -> Option<(u64, u64)> {
        let (start, length) = match self {
            Self::From { first, last } => {
                let left = size.checked_sub(first)?;
                (first, last.map_or(left, |last| left.min((last - first).saturating_add(1))))
            }
            Self::Last(length) => (size.saturating_sub(length), length.min(size)),
        };
        (length > 0).then_some((start, length))
    }
}

impl Refusal {
    /// The status by which it is answered.
    pub const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Path(error) => error.status(),
            Self::Framing => 400,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("method other than PUT, GET and HEAD"),
            Self::Path(error) => error.fmt(f),
            Self::Framing => f.write_str("contradictory body length"),
        }
    }
}

#[cfg(test)]
mod tests;
