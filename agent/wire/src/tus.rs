//! tus 1.0, both ends: resumable uploads by offset.
//!
//! Core, creation, creation-with-upload, creation-defer-length, expiration and termination; and
//! fencing, Baton's own: an append is a compare-and-swap. [`crate::upload::Client`] asks.

pub(crate) mod client;
pub mod extension;
pub mod fence;
pub mod metadata;
pub mod server;

pub use extension::{Extension, Extensions};
pub use fence::Fence;
pub use metadata::Metadata;

/// The protocol's version, in every message but OPTIONS.
pub const VERSION: &str = "1.0.0";

/// Request field of an append that may be ahead of the stored offset: `1` has a server with
/// [`Extension::Fencing`] wait for it as long as bytes go on coming in, sent over a connection that
/// is gone meanwhile, before it answers 409. Nothing then is sent twice, and nothing is waited for.
pub const AWAIT: &str = "Upload-Await";

/// The media type of appended bytes.
pub const CONTENT_TYPE: &str = "application/offset+octet-stream";
