//! hmac-file-server's chunked sessions, both ends: a file in numbered chunks, sent in any order.
//!
//! | request | fields | answer |
//! |---|---|---|
//! | `POST /chunked-upload` | `X-Filename`, `X-Total-Size` | 201 `{session_id, chunk_size, total_chunks}` |
//! | `PUT /chunked-upload` | `X-Upload-Session-ID`, `X-Chunk-Number` | 200 `{success, chunk, uploaded_bytes, total_size, completed: false}` |
//! | the same again | the same | 200 `{message, chunk}`; or `{success, filename, size, completed: true}`: the file is assembled |
//! | `GET /upload-status?session_id=` | none | 200 `{filename, total_size, uploaded_bytes, chunks, completed}`, or 404 |
//!
//! Both requests that send something carry `X-Signature`, over the path, or another credential.
//!
//! What the protocol does not promise, as its server's source has it:
//!
//! - Old versions give the same session id to two files, within about 100 s; the later file then
//!   takes the session over. So every answer is held against the file that it must be for, and a
//!   new session against [`client::Client::verify`].
//! - A session is forgotten once its file is assembled, and when it expires: 404 says neither that
//!   the file is there nor that it is not. HEAD of the file tells.
//! - The lengths of chunks are not checked, and nothing is hashed.
//! - Of two copies of a chunk that arrive at once, the one that fails takes the stored one with
//!   it, and that chunk is never taken again. A session all of whose chunks are stored, but whose
//!   file was not assembled, is lost: open another.
//! - Folders are not created: assembling a name with a slash fails unless its folder exists.

pub mod client;
mod plan;
pub mod server;

pub use client::{Answer, Chunk, Client, File, Open, Refused, Verb};
pub use plan::{Plan, Session, SessionId};
pub use server::{Outcome, Refusal, Request};

/// Where sessions are opened and chunks sent.
pub const PATH: &str = "/chunked-upload";

/// Where the state of a session is asked for.
pub const STATUS_PATH: &str = "/upload-status";

/// The field that lets a request in: see [`baton_core::token::signature`].
pub const SIGNATURE: &str = "X-Signature";

const FILENAME: &str = "X-Filename";
const TOTAL_SIZE: &str = "X-Total-Size";
const SESSION_ID: &str = "X-Upload-Session-ID";
const CHUNK_NUMBER: &str = "X-Chunk-Number";
const SESSION_PARAMETER: &str = "session_id";
