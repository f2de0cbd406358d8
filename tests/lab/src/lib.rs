//! Network namespaces and a seeded link emulator, without root.
//!
//! ```text
//!  lan               gateway             emulator                            upstream
//! ┌──────────┐      ┌─────────────┐     ┌────────────────────────────┐      ┌─────────────────┐
//! │     eth0 ├──────┤ lan0   eth0 ├─────┤ eth0-gw   Shapers  eth0-up ├──────┤ eth0            │
//! │       .2 │      │ .1       .2 │     │                            │      │ .1           lo │
//! └──────────┘      │       wlan0 ├─────┤ wlan0-gw  Shapers wlan0-up ├──────┤ wlan0           │
//! 192.168.1.0/24    │          .2 │     │                            │      │ .1 203.0.113.10 │
//! fd00:0:0:1a::/64  │       wwan0 ├─────┤ wwan0-gw  Shapers wwan0-up ├──────┤ wwan0           │
//!                   │          .2 │     │                            │      │ .1 2001:db8::10 │
//!                   └─────────────┘     └────────────────────────────┘      └─────────────────┘
//!                    link N of the list: 10.0.N.0/24, fd00:0:0:N::/64, route metric N * 100
//! ```
//!
//! [`Sandbox::enter`] moves a process that has only one thread into namespaces of its own, where
//! it is root. [`Lab::new`] builds the picture above in there, by netlink, and starts the
//! emulator: a thread that carries Ethernet frames from one veth end to the other and lets a
//! [`Shaper`] decide when each leaves, or that it is lost. Nothing here touches the machine's own
//! network, and all of it is gone with the process.
//!
//! A [`Link`] is changed while it runs: delay, loss, rate, stalls, silent black holes, loss of
//! carrier. The same seed drops the same frames of the same traffic.
//!
//! Neighbour discovery (ARP, IPv6 ND, multicast) crosses at once, whatever the link suffers: the
//! next hop of a real link is near, and answers when what lies beyond it does not.
//!
//! Congestion control is pinned by route, since a kernel lets a namespace choose only among what
//! its administrator allows: CUBIC, unless [`Lab::with_congestion_control`] says otherwise.
//!
//! ```no_run
//! # use baton_lab::*;
//! # use core::time::Duration;
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let sandbox = Sandbox::enter()?;
//! let shape = Shape { delay: Duration::from_millis(25), rate: Rate::Bps(20_000_000), ..Shape::default() };
//! let lab = Lab::new(&sandbox, &[LinkSpec::symmetric("eth0", shape)], 1)?;
//! let server = lab.upstream.run(|| std::net::TcpListener::bind((UPSTREAM_V4, 9000)))?;
//! let mut curl = lab.lan.command("curl").arg("http://192.168.1.1:8080").spawn()?;
//! lab.link("eth0").set(|shape| shape.loss_ppm = 100_000);
//! lab.link("eth0").carrier(false)?;
//! # Ok(())
//! # }
//! ```
//!
//! Tests have one process each: see [`tests!`].

mod clock;
mod emulator;
mod harness;
mod lab;
mod link;
mod namespace;
mod netlink;
mod offload;
mod packet;
mod rng;
mod sandbox;
mod shape;

pub use clock::now;
pub use harness::{Test, main, prolong};
pub use lab::{Lab, LabError, UPSTREAM_V4, UPSTREAM_V6};
pub use link::{Direction, Link, LinkSpec, LinkStats};
pub use namespace::Namespace;
pub use netlink::{Change, Route};
pub use rng::Rng;
pub use sandbox::{Sandbox, SandboxError};
pub use shape::{Bursts, Frame, Rate, Shape, Shaper, Stalls, Stats, Traffic};
