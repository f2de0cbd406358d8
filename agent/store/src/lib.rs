//! The receiving end: a small file server with HMAC tokens and resumable uploads.
//!
//! `PUT /a/b.jpg?v2=...` stores `DIR/a/b.jpg`, GET and HEAD give it back, and other protocols lead
//! to the same names. Nothing stored is ever overwritten, and success is only told of a file that
//! is durable under its name.
//!
//! ```text
//!  serve ── conn ── service ─┬─ file, form ────── storage ─┬─ disk ─┬─ gate ── quota
//!                            ├─ tus, resumable ──┘         │        ├─ whole ────┬─ shelf ─┬─ folder
//!                            ├─ chunked ─────────┘         │        ├─ uploads ──┤         ├─ contents
//!                            └─ auth                       │        └─ sessions ─┘         └─ ledger
//!                                                          └─ bucket (feature `s3`)
//! ```
//!
//! One task serves a connection, all on one thread. Bytes are written to the page cache in place;
//! what may wait for the disk (syncing, placing, hashing, reading) goes to worker threads.

mod auth;
mod blocking;
#[cfg(feature = "s3")]
mod bucket;
mod chunked;
mod conn;
mod contents;
mod digest;
mod disk;
mod file;
mod folder;
mod form;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod info;
mod ledger;
mod mark;
mod name;
mod options;
mod quota;
mod receive;
mod refusal;
mod resumable;
mod serve;
mod service;
mod session;
mod sessions;
mod shelf;
mod storage;
mod tus;
mod upload;
mod uploads;
mod user;
mod whole;

pub use options::{Bucket, NotABucket, Options, Secret, Sync};
pub use serve::{ServeError, Store, serve};

#[cfg(test)]
#[path = "../tests/serve/temp.rs"]
mod temp;
