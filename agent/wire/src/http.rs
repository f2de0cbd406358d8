//! HTTP/1.1 (RFC 9112) for both ends of a connection.
//!
//! Strict where leniency is how requests are smuggled: a line ends with CRLF and nothing else,
//! lengths must not contradict each other, no folded lines, no space before a colon.

pub mod body;
pub mod client;
pub mod date;
pub mod disposition;
mod error;
pub mod head;
mod method;
pub(crate) mod parameter;
pub mod server;
pub mod write;

pub use body::{Body, Framing, Piece};
pub use client::{Client, ClientEvent, Eof, NotSent};
pub use error::Error;
pub use head::{Headers, RequestHead, ResponseHead};
pub use method::Method;
pub use server::{Drain, Server, ServerEvent};
pub use write::{Head, Peer, Unfit};
