//! Tables, and whether the aims are met.

use crate::ablation::{Cost, Spread, VARIATIONS};
use crate::calibration::{self, Death, LAB, LAB_MPTCP, LAB_UPLOADS, RANGES_MPTCP, TOLERANCE};
use crate::compare::{Row, compare, pairs};
use crate::random::random;
use crate::suite::suite;
use crate::traces::Capacity;
use crate::verdict::{sweep, trouble};
use baton_lab::now;
use std::path::Path;

/// Completion time to the oracle's, in the median and in the worst pair.
const AIM_MEDIAN: f64 = 1.10;
const AIM_WORST: f64 = 1.25;

/// Link-hours simulated in a minute of the random scenarios and the idle hour: "thousands".
const AIM_LINK_HOURS: f64 = 1000.0;

/// Scenarios, seeds, traces; the last line has all figures. Whether every aim was met.
pub fn everything(seeds: u64, traces: Option<&Path>) -> bool {
    let (cases, misses) = scenarios();
    let (swept, troubles, rate) = chance(seeds);
    let idle = idle_rate();
    let compared = traces.map(|folder| pairs_table(&read(folder)));
    let mut missed: Vec<&str> = Vec::new();
    let mut aim = |is_met: bool, what| {
        if !is_met {
            missed.push(what);
        }
    };
    aim(misses == 0, "scenarios");
    aim(troubles == 0, "seeds");
    aim(idle >= AIM_LINK_HOURS, "speed");
    let mut ratios = String::new();
    if let Some((median, worst)) = compared {
        aim(median <= AIM_MEDIAN, "median to the oracle");
        aim(worst <= AIM_WORST, "worst to the oracle");
        ratios = format!(", to the oracle {median:.2} in the median, {worst:.2} at worst");
    }
    println!(
        "sim: {cases} scenarios, {misses} missed; {swept} seeds, {troubles} broke a promise, {rate:.0} \
         link-hours a minute, {idle:.0} idle{ratios}; aims missed: {}",
        if missed.is_empty() { "none".to_owned() } else { missed.join(", ") }
    );
    missed.is_empty()
}

/// One random scenario and its events.
pub fn replay(seed: u64) -> bool {
    let scenario = random(seed);
    for (number, plan) in scenario.links.iter().enumerate() {
        println!("link {number}: {plan:?}");
    }
    print!("{}", scenario.run_uploads().log);
    let found = trouble(seed);
    if let Some(trouble) = &found {
        println!("seed {seed}: {}", trouble.what);
    }
    found.is_none()
}

/// The model's gaps beside the lab's. Whether all of them are within the tolerance.
pub fn calibrate() -> bool {
    println!("{:<14} {:>6} {:>9} {:>9} {:>7}", "gap, p50 in ms", "RTT", "lab", "model", "off");
    let mut is_good = true;
    let mut row = |what: &str, rtt: u64, lab: f64, gaps: &[f64]| {
        let model = gaps[gaps.len() / 2];
        let off = model / lab - 1.0;
        is_good &= off.abs() <= TOLERANCE;
        println!("{what:<14} {rtt:>6} {lab:>9.0} {model:>9.0} {:>6.0}%", off * 100.0);
    };
    for measured in &LAB {
        row(
            title_of(measured.fault),
            measured.rtt_ms,
            measured.gap_ms,
            &calibration::gaps(measured),
        );
    }
    for (rtt, lab) in LAB_MPTCP {
        row("MPTCP, hole", rtt, lab, &calibration::mptcp_gaps(rtt));
    }
    println!("{:<14} {:>6} {:>9} {:>9} {:>7}", "16 MiB, in s", "RTT", "lab", "model", "off");
    for timed in &LAB_UPLOADS {
        let took = calibration::uploads(timed);
        let model = took[took.len() / 2];
        let off = model / timed.took_s - 1.0;
        is_good &= off.abs() <= TOLERANCE;
        println!(
            "{:<14} {:>6} {:>9.2} {model:>9.2} {:>6.0}%",
            timed.fault.map_or("no fault", title_of),
            timed.rtt_ms,
            timed.took_s,
            off * 100.0
        );
    }
    for range in &RANGES_MPTCP {
        let gaps = calibration::mptcp_gaps_in(range);
        let (least, most) = (gaps[0], gaps[gaps.len() - 1]);
        let median = gaps[gaps.len() / 2];
        let is_within = median >= range.least_ms * (1.0 - TOLERANCE)
            && median <= range.most_ms * (1.0 + TOLERANCE);
        is_good &= is_within;
        println!(
            "MPTCP, elsewhere: RTT {}, lab {:.0} to {:.0}, model {least:.0} to {most:.0}, median {median:.0}{}",
            range.rtt_ms,
            range.least_ms,
            range.most_ms,
            if is_within { "" } else { ": OFF" }
        );
    }
    is_good
}

const fn title_of(fault: Death) -> &'static str {
    match fault {
        Death::Hole => "black hole",
        Death::Carrier => "carrier loss",
    }
}

/// What each mechanism earns: means over seeds, and the deviation of a single one. Below the first row stand
/// differences to it, each seed's to the same seed's: chance that both have in common is not in them.
pub fn ablate(traces: Option<&Path>, seeds: u64) -> bool {
    let traces = traces.map(read).unwrap_or_default();
    println!(
        "{:<24} {:>14} {:>11} {:>13} {:>13} {:>12} {:>11} {:>15}",
        "without",
        "uploads, s",
        "unstored",
        "switches",
        "resent, KB",
        "gaps, s",
        "held, KB",
        "to the oracle"
    );
    let [whole, parts @ ..] = VARIATIONS;
    let base = whole.costs(&traces, seeds);
    let row = |name, costs: &[Cost], base: Option<&[Cost]>| {
        let shown = |digits: usize, value: fn(&Cost) -> f64| {
            let less = |seed| base.map_or(0.0, |base| value(&base[seed]));
            let values: Vec<_> =
                costs.iter().enumerate().map(|(seed, cost)| value(cost) - less(seed)).collect();
            let Spread { mean, deviation } = Spread::of(&values);
            let sign = if base.is_some() && mean > 0.0 { "+" } else { "" };
            format!("{sign}{mean:.digits$} ±{deviation:.digits$}")
        };
        println!(
            "{name:<24} {:>14} {:>11} {:>13} {:>13} {:>12} {:>11} {:>15}",
            shown(1, |cost| cost.scenarios_s),
            shown(1, |cost| cost.unstored),
            shown(1, |cost| cost.switches),
            shown(0, |cost| cost.resent_kb),
            shown(1, |cost| cost.gaps_s),
            shown(0, |cost| cost.held_kb),
            if traces.is_empty() { "-".to_owned() } else { shown(3, |cost| cost.ratio) },
        );
    };
    row(whole.name, &base, None);
    for variation in parts {
        row(variation.name, &variation.costs(&traces, seeds), Some(&base));
    }
    true
}

fn scenarios() -> (usize, usize) {
    let (mut count, mut misses) = (0, 0);
    for case in suite() {
        let run = case.scenario.run();
        let switches = run.totals.switches - 1;
        let is_good = run.broken.is_none() && run.is_stored() && switches <= case.switches;
        count += 1;
        misses += usize::from(!is_good);
        println!(
            "{:<26} {switches} switches (at most {}), {} KB resent, longest gap {:.2} s{}",
            case.scenario.name,
            case.switches,
            run.totals.resent_bytes / 1024,
            run.longest_gap().as_secs_f64(),
            if is_good { "" } else { ": MISSED" }
        );
    }
    (count, misses)
}

fn chance(seeds: u64) -> (u64, usize, f64) {
    let begun = now();
    let swept = sweep(0, seeds);
    let minutes = (now() - begun).as_secs_f64() / 60.0;
    for trouble in &swept.troubles {
        println!("{trouble}");
    }
    (swept.runs, swept.troubles.len(), swept.link_seconds / 3600.0 / minutes)
}

/// Link-hours a minute where nothing but probes happens.
fn idle_rate() -> f64 {
    let mut scenario = random(0);
    scenario.script.clear();
    scenario.until = core::time::Duration::from_secs(100 * 3600);
    let begun = now();
    let run = scenario.run();
    let hours = run.lasted.as_secs_f64() / 3600.0 * scenario.links.len() as f64;
    hours / ((now() - begun).as_secs_f64() / 60.0)
}

fn read(folder: &Path) -> Vec<Capacity> {
    let found = Capacity::read_all(folder);
    found.unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// The table of pairs; median and worst ratio.
fn pairs_table(traces: &[Capacity]) -> (f64, f64) {
    println!(
        "{:<46} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6} {:>7}",
        "completion in s", "oracle", "single", "mwan3", "mptcp", "baton", "ratio", "sw/min"
    );
    let mut ratios: Vec<f64> = Vec::new();
    for (first, second) in pairs(traces) {
        let row = compare(first, second, 1);
        ratios.push(row.ratio());
        println!("{row}");
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
    (median, ratios.last().copied().unwrap_or(f64::NAN))
}

impl Row {
    /// Baton's time to the oracle's.
    pub fn ratio(&self) -> f64 {
        self.baton.unwrap_or(f64::INFINITY) / self.oracle
    }
}

impl core::fmt::Display for Row {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let pair = format!("{} + {}", short(&self.first), short(&self.second));
        write!(f, "{pair:<46} {:>7.1}", self.oracle)?;
        for time in [self.single, self.mwan3, self.mptcp, self.baton] {
            match time {
                Some(time) => write!(f, " {time:>7.1}")?,
                None => write!(f, " {:>7}", "never")?,
            }
        }
        write!(f, " {:>6.2} {:>7.2}", self.ratio(), self.switches_a_minute)
    }
}

fn short(name: &str) -> &str {
    name.trim_end_matches("-up").trim_end_matches("-driving")
}
