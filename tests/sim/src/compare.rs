//! Every recorded link with every other as its second: Baton beside the oracle and the rivals.

use crate::gateway::Arrival;
use crate::link::LinkPlan;
use crate::policy;
use crate::rivals::{Mptcp, mwan3, oracle, plain};
use crate::scenario::{LAN_BPS, Scenario, Step};
use crate::traces::Capacity;
use crate::world::Run;
use baton_core::{Duration, Policy};

/// What one pair of traces came to: completion times in seconds.
#[derive(Clone, Debug)]
pub struct Row {
    /// The preferred link.
    pub first: String,
    /// The other one.
    pub second: String,
    /// Length of the file.
    pub bytes: u64,
    /// The better link at every moment, for nothing.
    pub oracle: f64,
    /// TCP over the better of the two all the time.
    pub single: Option<f64>,
    /// mwan3's defaults.
    pub mwan3: Option<f64>,
    /// Kernel MPTCP's.
    pub mptcp: Option<f64>,
    /// Baton.
    pub baton: Option<f64>,
    /// Its changes of the active link, a minute.
    pub switches_a_minute: f64,
}

/// Links settle before that.
const START: Duration = Duration::from_secs(3);

/// As long as the first link would take on average.
const LASTS_S: u64 = 180;

/// Longer than any pair takes.
const UNTIL: Duration = Duration::from_secs(3600);

/// The links of a pair, the first of them preferred.
fn plans(first: &Capacity, second: &Capacity) -> Vec<LinkPlan> {
    [("radio0", first, 10), ("radio1", second, 20)]
        .into_iter()
        .map(|(name, trace, priority)| LinkPlan {
            up: trace.up(),
            ..LinkPlan::symmetric(name, trace.class, priority, Capacity::down()).preferred(priority)
        })
        .collect()
}

/// Baton's run over a pair.
pub fn baton(first: &Capacity, second: &Capacity, policy: Policy, seed: u64) -> Run {
    let arrival = Arrival { at: START, bytes: bytes_for(first, second), lan_bps: LAN_BPS };
    let scenario = Scenario {
        name: format!("{} {}", first.name, second.name),
        seed,
        links: plans(first, second),
        script: vec![(START, Step::Upload(arrival))],
        until: UNTIL,
        policy,
        switches_an_hour: usize::MAX,
    };
    scenario.run_uploads()
}

fn bytes_for(first: &Capacity, second: &Capacity) -> u64 {
    first.mean_bps().max(second.mean_bps()) / 8 * LASTS_S
}

/// Every pair of different traces.
pub fn pairs(traces: &[Capacity]) -> Vec<(&Capacity, &Capacity)> {
    let others = |first: &usize| {
        let first = *first;
        (0..traces.len()).filter(move |second| *second != first).map(move |second| (first, second))
    };
    let all = 0..traces.len();
    all.collect::<Vec<_>>().iter().flat_map(others).map(|(a, b)| (&traces[a], &traces[b])).collect()
}

/// The oracle's time for the file of a pair.
pub(crate) fn oracle_of(first: &Capacity, second: &Capacity) -> Duration {
    oracle(&[first, second], bytes_for(first, second), START)
}

/// One row.
pub fn compare(first: &Capacity, second: &Capacity, seed: u64) -> Row {
    let bytes = bytes_for(first, second);
    let links = plans(first, second);
    let seconds = |duration: Duration| duration.as_secs_f64();
    let singles = links.iter().filter_map(|link| plain(link, bytes, START, None, seed));
    let (watched, _) = mwan3([(first, &links[0]), (second, &links[1])], bytes, START, seed);
    let mptcp = Mptcp::new(&links, bytes, START, seed).run().map(|at| at - START);
    let run = baton(first, second, policy::defaults(), seed);
    let took = run.took(0);
    let minutes = took.map_or(f64::NAN, |took| took.as_secs_f64() / 60.0);
    Row {
        first: first.name.clone(),
        second: second.name.clone(),
        bytes,
        oracle: seconds(oracle_of(first, second)),
        single: singles.min().map(seconds),
        mwan3: watched.map(seconds),
        mptcp: mptcp.map(seconds),
        baton: took.map(seconds),
        switches_a_minute: f64::from(run.totals.switches.saturating_sub(1)) / minutes,
    }
}
