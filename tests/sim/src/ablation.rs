//! What each mechanism earns: everything again without it.

use crate::compare::{baton, oracle_of, pairs};
use crate::policy;
use crate::suite::suite;
use crate::traces::Capacity;
use baton_core::{Duration, Policy};

/// A policy that lacks one mechanism.
#[derive(Clone, Copy)]
pub struct Variation {
    /// In the table.
    pub name: &'static str,
    change: fn(&mut Policy),
}

/// What a variation came to.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Sum of completion times over all uploads of the named scenarios, in seconds; those that were not
    /// stored count as the scenario's length.
    pub scenarios_s: f64,
    /// Uploads of theirs that were not stored.
    pub unstored: usize,
    /// Changes of the active link in them.
    pub switches: u32,
    /// Bytes that crossed twice in them.
    pub resent_bytes: u64,
    /// The longest time in which no byte was stored while an upload was under way, summed, in seconds.
    pub gaps_s: f64,
    /// Median of completion time to the oracle's over the pairs of traces; `None` without traces.
    pub ratio: Option<f64>,
}

/// With everything, then each without one.
pub const VARIATIONS: [Variation; 10] = [
    Variation { name: "everything", change: |_| {} },
    Variation { name: "no hedging", change: |policy| policy.uploads.hedge = false },
    Variation {
        name: "no failback, no quality",
        change: |policy| policy.links.auto_switch = false,
    },
    Variation { name: "no up-delay", change: |policy| policy.links.up_delay = Duration::ZERO },
    Variation { name: "no hold-down", change: |policy| policy.links.hold_down = Duration::ZERO },
    Variation { name: "no hysteresis margin", change: |policy| policy.links.margin = 0 },
    Variation { name: "no cooldown", change: |policy| policy.links.cooldown = Duration::ZERO },
    Variation {
        name: "no quality limits",
        change: |policy| {
            (policy.links.latency_max, policy.links.loss_max_ppm) =
                (Duration::from_secs(60), 1_000_000);
        },
    },
    Variation {
        name: "suspicion at 250 ms",
        change: |policy| policy.links.suspect_floor = Duration::from_millis(250),
    },
    Variation {
        name: "commit at 2 s",
        change: |policy| policy.links.commit_floor = Duration::from_secs(2),
    },
];

impl Variation {
    /// The defaults without it.
    pub fn policy(&self) -> Policy {
        let mut policy = policy::defaults();
        (self.change)(&mut policy);
        policy
    }

    /// Runs everything without it.
    pub fn cost(&self, traces: &[Capacity], seed: u64) -> Cost {
        let policy = self.policy();
        let mut cost = Cost::default();
        for case in suite() {
            let mut scenario = case.scenario;
            scenario.policy = policy;
            let run = scenario.run();
            for upload in 0..run.ends.len() {
                let took = run.took(upload);
                cost.unstored += usize::from(took.is_none());
                cost.scenarios_s += took.unwrap_or(scenario.until).as_secs_f64();
            }
            cost.switches += run.totals.switches - 1;
            cost.resent_bytes += run.totals.resent_bytes;
            cost.gaps_s += run.longest_gap().as_secs_f64();
        }
        let mut ratios: Vec<f64> = pairs(traces)
            .into_iter()
            .map(|(first, second)| {
                let run = baton(first, second, policy, seed);
                let took = run.took(0).map_or(f64::INFINITY, |took| took.as_secs_f64());
                took / oracle_of(first, second).as_secs_f64()
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        cost.ratio = ratios.get(ratios.len() / 2).copied();
        cost
    }
}
