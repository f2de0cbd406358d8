//! Transcripts of real servers, read by our machines: what we send is what they were sent, and what
//! they answered is understood, however it is split.
//!
//! `BATON_RECORD=HOST:PORT cargo test -p baton-wire --test golden NAME` asks a server anew that
//! listens there and has the secret `sharedsecret`, and rewrites the transcripts of its tests;
//! `record` beside this file starts one after another.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod prosody;
mod talk;
mod tus_server;
mod xmpp_http_upload;
