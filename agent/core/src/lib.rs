//! Every decision of Baton: which link, which upload, which bytes.
//!
//! No I/O, no clock, no allocator, no floating point. A driver (tokio on Linux, embassy on a
//! microcontroller, a simulator in tests) feeds observations in and carries actions out.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod agent;
mod backoff;
mod class;
mod dampening;
mod delivery;
mod gaps;
mod health;
mod link;
mod links;
mod loss;
mod monitor;
mod policy;
mod pool;
mod probe;
mod quality;
mod rtt;
mod select;
mod smooth;
mod switch;
mod time;
pub mod token;
mod upload;
mod window;

pub use agent::{
    Action, Agent, ClassLimits, Event, Policy, SWITCHES_KEPT, SwitchRecord, Totals, UploadView,
    Wake,
};
pub use backoff::Backoff;
pub use class::Class;
pub use health::{State, StateKind};
pub use link::{LinkId, LinkSpec, LinkView, Observation};
pub use links::{Links, Wake as LinkWake};
pub use policy::LinkPolicy;
pub use pool::{BLOCK_SIZE, BlockId, Chain, GUARANTEED, Pool};
pub use rtt::RttEstimator;
pub use switch::{Evidence, Fact, Fault, Reason, Switch};
pub use time::{Duration, Instant};
pub use upload::{
    Attempt, Dues, Failure, Outcome, Resume, UploadId, UploadPolicy, UploadSpec, Verdict,
};
