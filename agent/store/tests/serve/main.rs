//! The receiving end over real sockets.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too, panic on what must not happen")]
#![expect(clippy::disallowed_methods, reason = "real sockets take real time")]

mod bad_input;
mod chunked;
mod disk;
mod fencing;
mod form;
mod keeping;
mod killed;
mod log;
#[expect(clippy::wildcard_enum_match_arm, reason = "any other answer fails the test")]
mod machines;
mod put;
mod restart;
mod resumable;
mod support;
mod temp;
mod tus;
