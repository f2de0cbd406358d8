//! What Baton asks of a machine: traits by capability, an in-memory fake, one conformance suite.
//!
//! A backend implements [`Links`] (which links exist and what the kernel says of them),
//! [`Transport`] (byte streams bound to one link) and [`Time`]; one with a modem on a serial line, [`Bytes`]; one with a disk, [`Segments`]. Drivers depend on these
//! traits alone, so that the same relay runs on rtnetlink and bound sockets, on links emulated over loopback, and on
//! the fake (feature `fake`). A microcontroller's network stacks are behind the same traits: nothing here but
//! what feature `std` brings allocates, or needs an operating system.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
mod clock;
#[cfg(feature = "fake")]
pub mod conformance;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod id;
mod links;
mod spool;
mod time;
mod transport;

#[cfg(feature = "std")]
pub use clock::Clock;
pub use error::{Error, ErrorKind};
pub use id::Id;
pub use links::{Facts, LinkChange, LinkName, Links};
pub use spool::{Segment, Segments};
pub use time::Time;
pub use transport::{Bytes, GATHERED, Handshakes, Stream, StreamInfo, Transport, gather};
