//! Answers, each written whole.

use super::{Interop, Refusal};
use crate::{
    http::{Head, Unfit},
    resumable::{CONTENT_TYPE, INTEROP, Limits, SUPPORTED, say_complete},
    sf::Integer,
};
use core::fmt::{self, Write as _};
use heapless::String;

/// An answer. It has no `Debug`: the location of an upload stands for its token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// What the server takes.
    Options {
        /// Of every upload.
        limits: Limits,
    },
    /// The upload exists, and is not whole.
    Created {
        /// Its path, or its whole address.
        location: &'a str,
        /// Bytes taken with the creation.
        offset: u64,
        /// Of this upload.
        limits: Limits,
    },
    /// How far the upload is.
    Offset {
        /// Bytes that are there.
        offset: u64,
        /// Bytes that it will have, once that is known.
        length: Option<u64>,
        /// Whether it is whole.
        complete: bool,
        /// Of this upload.
        limits: Limits,
    },
    /// The bytes are taken, and the upload is not whole.
    Appended {
        /// Bytes that are there now.
        offset: u64,
    },
    /// The upload is whole, by its creation or its last append, and is safe.
    Done {
        /// All of its bytes.
        offset: u64,
    },
    /// The upload is gone, as asked.
    Cancelled,
    /// The offset is not the stored one.
    Conflict {
        /// Bytes that are there.
        stored: u64,
        /// What the client said.
        given: u64,
    },
    /// The upload is whole already: nothing more goes into it.
    Completed {
        /// All of its bytes.
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
        /// With 413, what would not have been too large.
        limits: Limits,
    },
}

/// What is said before the answer, to those who [hear it](super::hears_interim).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Interim<'a> {
    /// The upload under way can be resumed.
    Supported {
        /// Its path, or its whole address.
        location: &'a str,
        /// Of this upload.
        limits: Limits,
    },
    /// So much of it is safe.
    Progress {
        /// Bytes that are there, and that the client may forget.
        offset: u64,
    },
}

/// A body that programs can read (RFC 9457).
type Problem = String<256>;

impl Outcome<'_> {
    /// The status, in the version that the client speaks.
    pub fn status(&self, interop: Option<Interop>) -> u16 {
        match self {
            Self::Options { .. } => 200,
            Self::Offset { .. } | Self::Cancelled => 204,
            // Up to draft -05, 201 is the one right answer.
            Self::Appended { .. } if interop.is_some_and(|interop| interop <= Interop::V6) => 201,
            Self::Appended { .. } => 204,
            Self::Created { .. } | Self::Done { .. } => 201,
            Self::Conflict { .. } => 409,
            Self::Completed { .. } => 400,
            Self::Refused(refusal) => refusal.status(),
            Self::Failed { status, .. } => *status,
        }
    }

    /// Writes the whole answer into `out`; its length. `interop` is the version that the request
    /// names.
    pub fn write(
        &self,
        out: &mut [u8],
        interop: Option<Interop>,
        keep_alive: bool,
    ) -> Result<usize, Unfit> {
        let status = self.status(interop);
        let problem = self.problem();
        let head = Head::response(out, status)
            .maybe(INTEROP, interop.map(Interop::number))
            .keep_alive(keep_alive);
        let head = self.fields(head, interop);
        let head = match &problem {
            // RFC 9110 section 8.6: 204 has no Content-Length.
            None if status == 204 => head,
            None => head.body_length(0),
            Some(problem) => head
                .header("Content-Type", "application/problem+json")
                .body_length(problem.len() as u64),
        };
        let length = head.finish()?;
        let body = problem.as_deref().unwrap_or_default();
        let end = length + body.len();
        out.get_mut(length..end).ok_or(Unfit::Full)?.copy_from_slice(body.as_bytes());
        Ok(end)
    }

    fn fields<'h>(&self, head: Head<'h>, interop: Option<Interop>) -> Head<'h> {
        let progress = |head, offset, complete| {
            say_complete(head, interop, complete).header("Upload-Offset", Integer(offset))
        };
        let limit =
            |head: Head<'h>, limits: &Limits| head.maybe("Upload-Limit", limits.shown(interop));
        match self {
            Self::Options { limits } => limit(head.header("Accept-Patch", CONTENT_TYPE), limits),
            Self::Created { location, offset, limits } => {
                limit(progress(head, *offset, false).header("Location", location), limits)
            }
            Self::Offset { offset, length, complete, limits } => {
                let head = progress(head, *offset, *complete)
                    .maybe("Upload-Length", length.map(Integer))
                    .header("Cache-Control", "no-store");
                limit(head, limits)
            }
            Self::Appended { offset } => progress(head, *offset, false),
            Self::Done { offset } | Self::Completed { offset } => progress(head, *offset, true),
            Self::Cancelled => head,
            Self::Conflict { stored, .. } => progress(head, *stored, false),
            Self::Refused(Refusal::Method) => {
                head.header("Allow", "OPTIONS, POST, PUT, HEAD, PATCH, DELETE")
            }
            Self::Refused(Refusal::ContentType) => head.header("Accept-Patch", CONTENT_TYPE),
            Self::Refused(Refusal::Completeness | Refusal::Number | Refusal::Length) => head,
            Self::Failed { retry_after_s, limits, .. } => {
                limit(head.maybe("Retry-After", *retry_after_s), limits)
            }
        }
    }

    fn problem(&self) -> Option<Problem> {
        match self {
            Self::Conflict { stored, given } => Some(problem(
                "mismatching-upload-offset",
                "offset from request does not match offset of upload",
                format_args!(r#","expected-offset":{stored},"provided-offset":{given}"#),
            )),
            Self::Completed { .. } => {
                Some(problem("completed-upload", "upload is already completed", format_args!("")))
            }
            Self::Refused(Refusal::Length) => Some(problem(
                "inconsistent-upload-length",
                "inconsistent length values for upload",
                format_args!(""),
            )),
            Self::Options { .. }
            | Self::Created { .. }
            | Self::Offset { .. }
            | Self::Appended { .. }
            | Self::Done { .. }
            | Self::Cancelled
            | Self::Refused(_)
            | Self::Failed { .. } => None,
        }
    }
}

fn problem(kind: &str, title: &str, members: fmt::Arguments<'_>) -> Problem {
    let mut body = Problem::new();
    write!(
        body,
        r#"{{"type":"https://iana.org/assignments/http-problem-types#{kind}","title":"{title}"{members}}}"#
    )
    .expect("the longest of them, with two numbers of 20 digits, is 224 bytes");
    body
}

impl Interim<'_> {
    /// Writes it into `out`; its length, which is 0 where the version has no such thing.
    pub fn write(&self, out: &mut [u8], interop: Interop) -> Result<usize, Unfit> {
        let head = Head::response(out, SUPPORTED).header(INTEROP, interop.number());
        match self {
            Self::Supported { location, limits } => head
                .header("Location", location)
                .maybe("Upload-Limit", limits.shown(Some(interop)))
                .finish(),
            Self::Progress { .. } if interop < Interop::V5 => Ok(0),
            Self::Progress { offset } => head.header("Upload-Offset", Integer(*offset)).finish(),
        }
    }
}
