//! Every decision of Baton: which link, which upload, which bytes.
//!
//! No I/O, no clock, no allocator, no floating point. A driver (tokio on Linux, embassy on a
//! microcontroller, a simulator in tests) feeds observations in and carries actions out.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod class;
mod time;

pub use class::Class;
pub use time::{Duration, Instant};
