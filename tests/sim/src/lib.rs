//! The whole agent in virtual time: the real `baton-core` and the real protocol machines of
//! `baton-wire`, driven as `agent/relay` and `agent/store` drive them, over a modelled network.
//!
//! ```text
//!  clients ─▶ Gateway: ingest, core, lanes ─▶ Net: TCP ─▶ links: shapers of tests/lab ─▶ TCP ─▶ Server: fence
//!                 ▲ TCP_INFO each 5 ms          │
//!                 └─────────────────────────────┘
//! ```
//!
//! One queue of events, one seed, no clock: a run repeats to the byte. Bytes are real where they
//! mean something (requests, answers, blocks of the pool); segments carry only their numbers.

mod cast;
mod checks;
mod content;
mod gateway;
mod link;
mod log;
mod net;
mod packet;
mod policy;
mod queue;
mod scenario;
mod server;
mod suite;
mod tcp;
mod world;

pub use checks::Broken;
pub use gateway::{Arrival, UploadEnd};
pub use link::{Facts, LinkPlan};
pub use policy::{defaults, spec};
pub use scenario::{Change, LAN_BPS, Scenario, Step, Way};
pub use suite::{Case, suite};
pub use world::Run;
