//! The model beside the lab: the same links, the same faults, the same way of measuring.

use crate::cast::shape;
use crate::link::{Facts, LinkPlan};
use crate::policy;
use crate::rivals::{Mptcp, Primary};
use crate::scenario::{Change, Scenario, Step, Way};
use baton_core::{Class, Duration, Instant};
use baton_lab::Shape;

/// One scenario that the lab has measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// How the link dies.
    pub fault: Death,
    /// Round trip in milliseconds.
    pub rtt_ms: u64,
    /// Median of the lab's gaps in milliseconds, over links of 20 Mbit/s with 5 % jitter, CUBIC.
    pub gap_ms: f64,
}

/// README.md's table of `ci/bench failover`: Baton with `baton serve`, 20 trials each.
pub const LAB: [Measured; 6] = [
    Measured { fault: Death::Hole, rtt_ms: 10, gap_ms: 87.0 },
    Measured { fault: Death::Hole, rtt_ms: 50, gap_ms: 146.0 },
    Measured { fault: Death::Hole, rtt_ms: 100, gap_ms: 251.0 },
    Measured { fault: Death::Carrier, rtt_ms: 10, gap_ms: 39.0 },
    Measured { fault: Death::Carrier, rtt_ms: 50, gap_ms: 83.0 },
    Measured { fault: Death::Carrier, rtt_ms: 100, gap_ms: 162.0 },
];

/// Kernel MPTCP's medians for a silent link, from the same table.
pub const LAB_MPTCP: [(u64, f64); 3] = [(10, 261.0), (50, 591.0), (100, 892.0)];

/// An upload of 16 MiB over links of 20 Mbit/s that the lab has timed.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    /// How the link dies that it runs on, three seconds after it began, if it does.
    pub fault: Option<Death>,
    /// Round trip in milliseconds.
    pub rtt_ms: u64,
    /// The median of `ci/bench goodput --protocol tus --rtt MS [--fault KIND]`, in seconds.
    pub took_s: f64,
}

/// How a link dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Nothing comes through, and nobody says so.
    Hole,
    /// Its carrier is gone.
    Carrier,
}

impl Death {
    const fn step(self) -> Step {
        match self {
            Self::Hole => Step::Shape(0, Way::Both, Change::Hole(true)),
            Self::Carrier => Step::Facts(0, Facts::NO_CARRIER),
        }
    }
}

/// See [`Timed`].
pub const LAB_UPLOADS: [Timed; 9] = [
    Timed { fault: None, rtt_ms: 10, took_s: 7.25 },
    Timed { fault: None, rtt_ms: 50, took_s: 7.29 },
    Timed { fault: None, rtt_ms: 100, took_s: 8.29 },
    Timed { fault: Some(Death::Hole), rtt_ms: 10, took_s: 7.32 },
    Timed { fault: Some(Death::Hole), rtt_ms: 50, took_s: 7.53 },
    Timed { fault: Some(Death::Hole), rtt_ms: 100, took_s: 9.14 },
    Timed { fault: Some(Death::Carrier), rtt_ms: 10, took_s: 7.26 },
    Timed { fault: Some(Death::Carrier), rtt_ms: 50, took_s: 7.46 },
    Timed { fault: Some(Death::Carrier), rtt_ms: 100, took_s: 8.83 },
];

/// What another lab measured of kernel MPTCP: the shortest and the longest of five gaps over links of
/// 30 Mbit/s with 5 % jitter, CUBIC, a silent link. How much those links queued is not told: as much as ours
/// is assumed, 35 ms at that rate.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredRange {
    /// Round trip in milliseconds.
    pub rtt_ms: u64,
    /// The shortest gap in milliseconds.
    pub least_ms: f64,
    /// The longest.
    pub most_ms: f64,
}

/// See [`MeasuredRange`].
pub const RANGES_MPTCP: [MeasuredRange; 3] = [
    MeasuredRange { rtt_ms: 10, least_ms: 135.0, most_ms: 182.0 },
    MeasuredRange { rtt_ms: 50, least_ms: 578.0, most_ms: 735.0 },
    MeasuredRange { rtt_ms: 100, least_ms: 887.0, most_ms: 1615.0 },
];

/// Mbit/s of the links that those ranges are of.
const RANGES_MBPS: u64 = 30;

/// How far the model may be from the lab.
pub const TOLERANCE: f64 = 0.15;

/// Faults of each kind, each at another phase and with another seed.
const TRIALS: u64 = 20;

/// The lab's links for gaps: see `tests/src/race.rs` and `tests/src/scene.rs`. With 5 % jitter.
fn links(rtt_ms: u64) -> Vec<LinkPlan> {
    links_of(rtt_ms, 20, rtt_ms * 50)
}

/// Three links of that round trip, of so many Mbit/s and microseconds of jitter.
fn links_of(rtt_ms: u64, mbps: u64, jitter_us: u64) -> Vec<LinkPlan> {
    let shape = Shape {
        delay: core::time::Duration::from_micros(rtt_ms * 500),
        jitter: core::time::Duration::from_micros(jitter_us),
        queue_bytes: 128 * 1024,
        ..shape(0, 0, mbps, 0)
    };
    [("eth0", Class::Ethernet), ("wlan0", Class::Wifi), ("wwan0", Class::Lte)]
        .into_iter()
        .zip(1..)
        .map(|((name, class), place)| LinkPlan::symmetric(name, class, 100 * place, shape.clone()))
        .collect()
}

/// The gaps that the model has, in milliseconds, sorted: from the fault to the first new byte stored over
/// another link.
pub fn gaps(measured: &Measured) -> Vec<f64> {
    let gap = |trial: u64| {
        // Like the lab's: somewhere in a transfer that goes on, not while it still fills the queue.
        let at_ms = 12_000 + trial * 737;
        let scenario = Scenario {
            name: "calibration".into(),
            seed: trial,
            links: links(measured.rtt_ms),
            script: Vec::new(),
            until: Duration::from_secs(30),
            policy: policy::defaults(),
            switches_an_hour: usize::MAX,
        };
        let run = scenario.upload(3_000, 64 << 20).at(at_ms, measured.fault.step()).run();
        let struck = Instant::from_millis(at_ms);
        let first = run.stored.iter().find(|(at, link, _)| *at > struck && *link != 0);
        first.map_or(f64::INFINITY, |(at, ..)| at.saturating_since(struck).as_secs_f64() * 1e3)
    };
    sorted((0..TRIALS).map(gap))
}

/// How long the model takes for such an upload, in seconds, sorted.
pub fn uploads(timed: &Timed) -> Vec<f64> {
    let mut links = links_of(timed.rtt_ms, 20, 0);
    links[0].spec.class = Class::Wifi;
    let took = |seed| {
        let scenario = Scenario {
            name: "calibration".into(),
            seed,
            links: links.clone(),
            script: Vec::new(),
            until: Duration::from_secs(60),
            policy: policy::defaults(),
            switches_an_hour: usize::MAX,
        };
        let scenario = scenario.upload(3_000, 16 << 20);
        let scenario = match timed.fault {
            Some(fault) => scenario.at(6_000, fault.step()),
            None => scenario,
        };
        let run = scenario.run();
        run.took(0).map_or(f64::INFINITY, |took| took.as_secs_f64())
    };
    sorted((1..=5).map(took))
}

/// Gaps of the model of MPTCP, for a silent link.
pub fn mptcp_gaps(rtt_ms: u64) -> Vec<f64> {
    mptcp_gaps_over(&links(rtt_ms))
}

/// The same over links as those of [`RANGES_MPTCP`].
pub fn mptcp_gaps_in(range: &MeasuredRange) -> Vec<f64> {
    mptcp_gaps_over(&links_of(range.rtt_ms, RANGES_MBPS, range.rtt_ms * 50))
}

fn mptcp_gaps_over(links: &[LinkPlan]) -> Vec<f64> {
    let gap = |trial: u64| {
        let fault = Primary { silent_at: Duration::from_millis(6_000 + trial * 37) };
        let start = Duration::from_secs(1);
        let mut transfer = Mptcp::new(links, 24 << 20, start, trial).with(fault);
        transfer.run();
        transfer.gap(fault).map_or(f64::INFINITY, |gap| gap.as_secs_f64() * 1e3)
    };
    sorted((0..TRIALS).map(gap))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}
