//! One PUT a file, as XEP-0363 servers take it, both ends.

pub mod client;
pub mod server;

pub use client::{Answer, Client, Put};
pub use server::{Range, Refusal, Request};
