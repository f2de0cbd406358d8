//! Linux: links from rtnetlink, sockets bound to a link, TCP_INFO, name resolution, spool files.
//!
//! [`NetlinkLinks`] says which links there are and keeps a [`Network`] current; a
//! [`BoundTransport`] opens streams by that view. Nothing here needs root, nothing is polled, and
//! routes, rules, addresses and DNS are only ever read.

mod arrival;
mod binding;
mod capabilities;
mod class;
mod dns;
mod error;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod links;
mod neighbour;
mod netlink;
mod network;
mod resolve;
mod sockopt;
mod spool;
mod tcp_info;
mod transport;
mod wireless;

pub use arrival::arrival;
pub use capabilities::{Capability, capabilities};
pub use class::{Interface, classify};
pub use links::{LinksError, LinksOptions, NetlinkLinks};
pub use neighbour::mac_of;
pub use network::{Family, Network};
pub use resolve::ResolveOptions;
pub use spool::{FileSegment, FileSegments, SegmentError, volatile};
pub use transport::{BoundStream, BoundTransport, TransportError, TransportOptions};
