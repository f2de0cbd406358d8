//! What each mechanism earns: everything again without it.

use crate::compare::{baton, oracle_of, pairs};
use crate::policy;
use crate::suite::suite;
use crate::traces::Capacity;
use baton_core::{Algorithm, BLOCK_SIZE, Duration, Policy};
use core::iter;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::thread;

/// A policy that lacks one mechanism.
#[derive(Clone, Copy)]
pub struct Variation {
    /// In the table.
    pub name: &'static str,
    change: fn(&mut Policy),
}

/// What a variation came to in one run of everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Sum of completion times over all uploads of the named scenarios, in seconds; those that were not
    /// stored count as the scenario's length.
    pub scenarios_s: f64,
    /// Uploads of theirs that were not stored.
    pub unstored: f64,
    /// Changes of the active link in them.
    pub switches: f64,
    /// Kilobytes that crossed twice in them.
    pub resent_kb: f64,
    /// The longest time in which no byte was stored while an upload was under way, summed, in seconds.
    pub gaps_s: f64,
    /// Kilobytes of the pool in use while an upload of theirs runs, in the mean.
    pub held_kb: f64,
    /// Mean of completion time to the oracle's over the pairs of traces.
    pub ratio: f64,
}

/// A mean, and the standard deviation around it.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// Of one value, not of the mean.
    pub deviation: f64,
}

/// With everything, then each without one.
pub const VARIATIONS: [Variation; 21] = [
    without("nothing", |_| {}),
    without("hedging", |policy| policy.uploads.hedge = false),
    without("failback, quality", |policy| policy.links.auto_switch = false),
    without("up-delay", |policy| policy.links.up_delay = Duration::ZERO),
    without("hold-down", |policy| policy.links.hold_down = Duration::ZERO),
    without("dampening", |policy| policy.links.dampen = false),
    without("margin", |policy| policy.links.margin = 0),
    without("cooldown", |policy| policy.links.cooldown = Duration::ZERO),
    without("far faster links", |policy| policy.links.faster = 0),
    without("limit of moves", |policy| policy.links.moves_max = 16),
    without("satellites' stalls", |policy| policy.links.stall = Duration::ZERO),
    without("score limit", |policy| policy.links.score_min = 0),
    without("stability limit", |policy| policy.links.stability_min_permille = 0),
    without("drop limit", |policy| policy.links.drop_max_permille = 1000),
    without("latency, loss limits", |policy| {
        (policy.links.latency_max, policy.links.loss_max_ppm) =
            (Duration::from_secs(60), 1_000_000);
    }),
    without("any quality limit", |policy| {
        (policy.links.latency_max, policy.links.loss_max_ppm) =
            (Duration::from_secs(60), 1_000_000);
        (policy.links.score_min, policy.links.stability_min_permille) = (0, 0);
        policy.links.drop_max_permille = 1000;
    }),
    without("adaptation", |policy| policy.adaptation.algorithm = Algorithm::Fixed),
    without("its prediction", |policy| policy.adaptation.algorithm = Algorithm::Adaptive),
    without("suspicion below 250 ms", |policy| {
        policy.links.suspect_floor = Duration::from_millis(250);
    }),
    without("commit below 2 s", |policy| policy.links.commit_floor = Duration::from_secs(2)),
    without("patience to commit", |policy| policy.links.commit_floor = Duration::from_millis(60)),
];

const fn without(name: &'static str, change: fn(&mut Policy)) -> Variation {
    Variation { name, change }
}

impl Variation {
    /// The defaults without it.
    pub fn policy(&self) -> Policy {
        let mut policy = policy::defaults();
        (self.change)(&mut policy);
        policy
    }

    /// Runs everything without it, once for each seed from 1.
    pub fn costs(&self, traces: &[Capacity], seeds: u64) -> Vec<Cost> {
        let next = AtomicU64::new(1);
        let work = || {
            let mine = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed <= seeds);
            iter::from_fn(mine).map(|seed| (seed, self.cost(traces, seed))).collect::<Vec<_>>()
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let costs: BTreeMap<_, _> = thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let ended = running.into_iter().map(|thread| thread.join());
            ended.flat_map(|costs| costs.expect("a run that panics fails its caller")).collect()
        });
        costs.into_values().collect()
    }

    fn cost(&self, traces: &[Capacity], seed: u64) -> Cost {
        let policy = self.policy();
        let mut cost = Cost::default();
        let mut held = 0.0;
        for case in suite() {
            let mut scenario = case.scenario;
            (scenario.policy, scenario.seed) = (policy, seed);
            let run = scenario.run();
            for upload in 0..run.ends.len() {
                let took = run.took(upload);
                cost.unstored += if took.is_none() { 1.0 } else { 0.0 };
                cost.scenarios_s += took.unwrap_or(scenario.until).as_secs_f64();
            }
            cost.switches += f64::from(run.totals.switches - 1);
            cost.resent_kb += run.totals.resent_bytes as f64 / 1024.0;
            cost.gaps_s += run.longest_gap().as_secs_f64();
            held += run.held_us as f64 / 1e6 * BLOCK_SIZE as f64 / 1024.0;
        }
        cost.held_kb = held / cost.scenarios_s;
        let pairs = pairs(traces);
        let ratio = |(first, second): &(&Capacity, &Capacity)| {
            let took = baton(first, second, policy, seed).took(0);
            took.map_or(f64::INFINITY, |took| took.as_secs_f64())
                / oracle_of(first, second).as_secs_f64()
        };
        cost.ratio = pairs.iter().map(ratio).sum::<f64>() / pairs.len() as f64;
        cost
    }
}

impl Spread {
    /// Of at least one value.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Self { mean, deviation: (squares / count).sqrt() }
    }
}
