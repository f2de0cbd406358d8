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
#![cfg_attr(
    not(feature = "control"),
    allow(
        dead_code,
        unused_imports,
        reason = "what only the control API asks or tells; the linker leaves it out"
    )
)]

mod arena;
mod calendar;
mod connection;
mod connections;
#[cfg(feature = "control")]
mod control;
#[cfg(not(feature = "control"))]
#[path = "control/absent.rs"]
mod control;
mod depot;
mod hub;
mod ingest;
mod lane;
mod memory;
mod meter;
mod probe;
#[cfg(feature = "control")]
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

#[cfg(feature = "control")]
pub use control::ControlError;
pub use control::ControlSocket;
pub use depot::{Depot, DepotError, DepotOptions};
pub use ingest::Origin;
pub use run::{Parts, run};
pub use settings::{
    Facts, LinkSpecs, Protocol, Rules, Secret, Settings, SignedType, TokenMode, UpstreamSettings,
};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsClient, TlsError, TlsStream, Trust, TrustError};
