//! What of this firmware is not bound to its board, and is tested on the host.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod agent;
pub mod journal;
pub mod sensor;

pub use agent::{Core, LINKS};
