//! The agent: LAN ingest, upstream lanes, spool, control API, and the driver of the core.
//!
//! ```text
//!   clients ──▶ ingest ──▶ arena, spool ──▶ lanes ──▶ upstream, over each link
//!                  │             ▲            │  ▲
//!                  │     blocks, │   outcomes │  │ orders
//!                  ▼     room    │            ▼  │
//!   control ◀────────────── hub (drives baton-core) ◀── links, sampler, probes
//! ```
//!
//! One thread, no locks: tasks share a `Hub` and feed what they observe into the core; the
//! core's actions start tasks and give them orders. Bytes go from the client's socket into a
//! block or the spool, and from there to the upstream's socket.
#![forbid(unsafe_code)]

mod arena;
mod calendar;
mod connection;
mod connections;
mod control;
mod depot;
mod hub;
mod ingest;
mod lane;
mod memory;
mod meter;
mod probe;
mod report;
mod run;
mod sampler;
mod settings;
mod sign;
mod spool;
#[cfg(feature = "tls")]
mod tls;
mod transfer;
mod upstream;

pub use control::{ControlError, ControlSocket};
pub use depot::{Depot, DepotError, DepotOptions};
pub use ingest::Origin;
pub use run::{Parts, run};
pub use settings::{
    Facts, LinkSpecs, Protocol, Rules, Secret, Settings, SignedType, TokenMode, UpstreamSettings,
};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsClient, TlsError, TlsStream, Trust, TrustError};
