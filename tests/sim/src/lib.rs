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

mod ablation;
mod calibration;
mod cast;
mod checks;
mod compare;
mod content;
mod gateway;
mod link;
mod log;
mod net;
mod packet;
mod policy;
mod queue;
mod random;
mod record;
pub mod report;
mod rivals;
mod scenario;
mod server;
mod suite;
mod tcp;
mod traces;
mod verdict;
mod world;

pub use ablation::{Cost, Spread, VARIATIONS, Variation};
pub use calibration::{
    Death, LAB, LAB_MPTCP, LAB_UPLOADS, Measured, MeasuredRange, RANGES_MPTCP, TOLERANCE, Timed,
    gaps, mptcp_gaps, mptcp_gaps_in, uploads,
};
pub use checks::Broken;
pub use compare::{Row, baton, compare, pairs};
pub use gateway::{Arrival, UploadEnd};
pub use link::{Facts, LinkPlan};
pub use policy::{defaults, spec};
pub use random::random;
pub use record::recorded;
pub use rivals::{Mptcp, Primary, mwan3, oracle, plain};
pub use scenario::{Change, LAN_BPS, Scenario, Step, Way};
pub use suite::{Case, suite};
pub use traces::Capacity;
pub use verdict::{Sweep, Trouble, sweep, trouble};
pub use world::Run;
