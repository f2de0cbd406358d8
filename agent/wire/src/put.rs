//! One request a file, as XEP-0363 servers take it, both ends.
//!
//! | dialect | request | success |
//! |---|---|---|
//! | tokens `v`, `v2`, `token`, `v3` | PUT, token in the query | 201, or 200 with a receipt |
//! | a slot of Prosody's `mod_http_file_share` | PUT, `Authorization: Bearer` and a JSON web token | 201 |
//! | hmac-file-server's `/upload` | POST of a [`Form`], `Authorization: Bearer` or `X-Signature` | 200 with a receipt |

pub mod client;
mod form;
pub mod server;

pub use client::{Answer, Client, Put};
pub use form::{Boundary, Form};
pub use server::{Range, Refusal, Request};
