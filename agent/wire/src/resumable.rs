//! Resumable uploads for HTTP (draft-ietf-httpbis-resumable-upload), both ends.
//!
//! The asking end ([`crate::upload::Client`]) creates carefully: an empty request that says that the
//! upload is not whole, so that nothing depends on an interim response. The receiving end takes
//! every way of creating. A field with another value than the draft gives it counts as not sent.

pub(crate) mod client;
mod interop;
mod limits;
pub mod server;

pub use interop::Interop;
pub use limits::Limits;
pub use server::{Interim, Outcome, Refusal, Request};

use crate::{
    http::{Head, Headers},
    sf::{Boolean, Item},
};

/// The field by which both ends say which version of the draft they mean.
pub const INTEROP: &str = "Upload-Draft-Interop-Version";

/// The media type of appended bytes.
pub const CONTENT_TYPE: &str = "application/partial-upload";

/// The status of interim responses: Upload Resumption Supported.
pub const SUPPORTED: u16 = 104;

/// An Integer that counts something.
fn count(headers: Headers<'_>, name: &str) -> Option<u64> {
    Item::parse(headers.all(name)).ok()?.value.count()
}

/// The name of the field that says whether an upload is whole, and its value when it is.
fn completeness(interop: Option<Interop>) -> (&'static str, bool) {
    match interop {
        Some(Interop::V3) => ("Upload-Incomplete", false),
        None | Some(Interop::V4 | Interop::V5 | Interop::V6 | Interop::V7 | Interop::V8) => {
            ("Upload-Complete", true)
        }
    }
}

fn is_complete(headers: Headers<'_>, interop: Option<Interop>) -> Option<bool> {
    let (name, when) = completeness(interop);
    Some(Item::parse(headers.all(name)).ok()?.value.boolean()? == when)
}

fn say_complete(head: Head<'_>, interop: Option<Interop>, complete: bool) -> Head<'_> {
    let (name, when) = completeness(interop);
    head.header(name, Boolean(complete == when))
}
