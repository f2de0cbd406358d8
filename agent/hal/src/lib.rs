//! What Baton asks of a machine: traits by capability, an in-memory fake, one conformance suite.
//!
//! A backend implements [`Links`] (which links exist and what the kernel says of them) and
//! [`Transport`] (byte streams bound to one link); one with a disk, [`Segments`]. Drivers depend on these traits alone, so that
//! the same relay runs on rtnetlink and bound sockets, on links emulated over loopback, and on
//! the fake (feature `fake`).
#![forbid(unsafe_code)]

mod clock;
#[cfg(feature = "fake")]
pub mod conformance;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod id;
mod links;
mod spool;
mod transport;

pub use clock::Clock;
pub use error::{Error, ErrorKind};
pub use id::Id;
pub use links::{Facts, LinkChange, LinkName, Links};
pub use spool::{Segment, Segments};
pub use transport::{Handshakes, Stream, StreamInfo, Transport};
