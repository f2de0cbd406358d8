//! Sans-I/O HTTP/1.1 and the upload protocols, without an allocator.
//!
//! Nothing here owns a socket, a clock or a body. A driver (tokio, embassy, a simulator) feeds
//! the bytes that came and writes the heads that these machines put into its buffer; body bytes
//! are sub-slices of what was fed, or never pass through here at all.
//!
//! Every `handle_input` returns how much it used and one event. Call it again with the rest until
//! it says that it needs more; only then has it used everything.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub use baton_core::base64;
pub mod chunked;
pub mod credential;
pub mod download;
pub mod http;
pub mod media;
pub mod multipart;
pub mod percent;
pub mod put;
pub mod resumable;
pub mod sf;
pub mod tus;
pub mod upload;
pub mod url;
