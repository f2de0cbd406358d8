//! Every decision of Baton: which link, which upload, which bytes.
//!
//! No I/O, no clock, no allocator, no floating point. A driver (tokio on Linux, embassy on a
//! microcontroller, a simulator in tests) feeds observations in and carries actions out.
//!
//! # The driver's contract
//!
//! ```text
//!   loop:  handle_event(now, event)  or  handle_timeout(now)      one mutation
//!          while let Some(action) = poll_action(now) { perform }   drain to None
//!          sleep until poll_timeout(now), or until something happens
//! ```
//!
//! `now` never goes backwards. An action is the gap between what is wanted and what is under way:
//! it is never queued, doing it twice does no harm, and its outcome comes back as an [`Event`].
//! Silence is an outcome too: the core bounds every wait. Bytes never pass through here; the core
//! hands out block handles and offsets, and the driver moves bytes.
//!
//! # Words
//!
//! - *link*: a path of layer 2 or 3; *carrier*: its physical layer is up (IFF_LOWER_UP).
//! - *probe*: one question to the upstream over one link; *proof*: evidence that a transfer's data
//!   was delivered, an offset the upstream returned or a TCP acknowledgement.
//! - *suspect*: silent for longer than proofs usually take; *failed*: given up on.
//! - *up-delay*: how long a link must stay up before it is used; *hold-down*: how long it is
//!   refused after it failed; *dampening*: a decaying penalty for those that fail often (RFC 2439).
//! - *tunnel*: a link that rides on another.
//! - *ask*, *take*, *commit*: ask the standbys for the offset on suspicion, append where the
//!   answer came, and call it a switch only when the old link is proved gone.
//! - *lane*: what one link does for one upload; *attempt*: its name to the driver.
//! - *window*: bytes that may be unacknowledged; *chunk*: the most that one request carries;
//!   *block*: 16 KiB of the pool.
//! - *account*: what a link has carried in the budget's month; *spent*: over its budget.
//! - *client*: who uploads, by its MAC or else its address; *profile*: what is known of it; *path*: one
//!   client over one link.
//! - *ack*: the upstream returned an offset; *resent*: bytes that crossed twice; *hedged*: new
//!   bytes carried by a link that was taken on suspicion.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

mod adapt;
mod agent;
mod backoff;
pub mod base64;
mod budget;
mod class;
mod dampening;
mod delivery;
mod gaps;
mod health;
mod history;
pub mod json;
mod link;
mod links;
mod loss;
pub mod memory;
pub mod modem;
mod monitor;
mod moves;
mod policy;
mod pool;
mod probe;
mod profile;
mod quality;
mod rate;
mod rtt;
mod score;
mod select;
mod signal;
mod smooth;
pub mod spool;
mod stability;
mod switch;
mod time;
pub mod token;
mod upload;
mod window;

pub use adapt::{Adaptation, Algorithm};
pub use agent::{
    Action, Agent, ClassLimits, Event, Policy, SWITCHES_KEPT, SwitchRecord, Totals, UploadView,
    Wake,
};
pub use backoff::Backoff;
pub use budget::{Account, OverBudget, Tariff};
pub use class::Class;
pub use health::{State, StateKind};
pub use link::{LinkId, LinkSpec, LinkView, Observation, Roaming};
pub use links::{Links, Wake as LinkWake};
pub use policy::LinkPolicy;
pub use pool::{BLOCK_SIZE, BlockId, Chain, GUARANTEED, Pool};
pub use profile::{ClientId, ClientPolicy, ClientProfile, LinkKey, PATHS, PathRecord, Profiles};
pub use rtt::RttEstimator;
pub use score::{Rating, Score};
pub use signal::Signal;
pub use switch::{Evidence, Fact, Fault, Reason, Switch};
pub use time::{Duration, Instant};
pub use upload::{
    Attempt, Dues, Failure, Outcome, Resume, UploadId, UploadPolicy, UploadSpec, Verdict,
};
