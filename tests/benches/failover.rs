//! Failover, side by side: how long nothing new reaches the far end after a link died.
//!
//! How a gap is measured is told in `tests/src/race.rs`. Each pair of contender and round trip is
//! raced in a process and a sandbox of its own. Those whose gaps are a matter of milliseconds
//! have the machine to themselves; those of seconds race at all round trips at once.

use baton_lab::Sandbox;
use baton_tests::{Contender, Course, Fault, Figures, Mptcp, Relayed, Retrying, Upstream, race};
use clap::{Parser, ValueEnum};
use core::time::Duration;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

/// Kills the link that carries, and measures how long nothing new is stored upstream.
#[derive(Parser)]
struct Options {
    /// Faults of each kind in each cell.
    #[arg(long, default_value_t = 20)]
    trials: usize,
    /// Only these: may be given again.
    #[arg(long, value_enum)]
    contender: Vec<Runner>,
    /// Round trip in milliseconds: may be given again [default: 10, 50 and 100].
    #[arg(long, value_name = "MS")]
    rtt: Vec<u64>,
    /// Only this fault.
    #[arg(long, value_enum)]
    fault: Option<Fault>,
    /// Congestion control of every connection.
    #[arg(long, value_enum, default_value_t = Congestion::Cubic)]
    congestion: Congestion,
    /// Where every trial is written to.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A folder for the agents' logs, at level trace.
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// Draws the phases and the emulator's jitter.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Race the one contender at the one round trip, in this process.
    #[arg(long, hide = true)]
    cell: bool,
    /// cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Runner {
    Baton,
    Tus,
    Mptcp,
    Curl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Congestion {
    Cubic,
    Bbr,
}

const RTTS: [u64; 3] = [10, 50, 100];

fn main() -> ExitCode {
    let options = Options::parse();
    if options.cell {
        return run_cell(&options);
    }
    let mut cells = Vec::new();
    for runner in options.runners() {
        let rtts = options.rtts();
        let at_once = if runner.is_slow() { rtts.len() } else { 1 };
        for some in rtts.chunks(at_once) {
            let children: Vec<_> =
                some.iter().map(|rtt| (*rtt, options.start(*runner, *rtt))).collect();
            cells
                .extend(children.into_iter().map(|(rtt, child)| Cell::finish(*runner, rtt, child)));
        }
    }
    print!("{}", report(&options, &cells));
    if let Some(file) = &options.json {
        let cells: Vec<Value> = cells.iter().map(Cell::to_json).collect();
        let all = json!({ "congestion": options.congestion.name(), "seed": options.seed, "cells": cells });
        if let Err(error) = std::fs::write(file, format!("{all:#}\n")) {
            eprintln!("{}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    if cells.iter().all(|cell| cell.is_whole) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Options {
    fn runners(&self) -> &[Runner] {
        if self.contender.is_empty() { Runner::value_variants() } else { &self.contender }
    }

    fn rtts(&self) -> &[u64] {
        if self.rtt.is_empty() { &RTTS } else { &self.rtt }
    }

    fn faults(&self) -> Vec<Fault> {
        self.fault.map_or_else(|| Fault::ALL.to_vec(), |fault| vec![fault])
    }

    /// Starts a process for one cell.
    fn start(&self, runner: Runner, rtt: u64) -> Child {
        let mut command = Command::new("/proc/self/exe");
        command.args(["--cell", "--contender", runner.option(), "--rtt", &rtt.to_string()]);
        command.args(["--trials", &self.trials.to_string(), "--seed", &self.seed.to_string()]);
        command.args(["--congestion", self.congestion.name()]);
        if let [fault] = self.faults().as_slice() {
            command.args(["--fault", fault.name()]);
        }
        if let Some(dir) = &self.trace {
            command.arg("--trace").arg(dir);
        }
        command.stdout(Stdio::piped()).spawn().expect("this program starts again")
    }
}

/// Races, and prints a line of JSON for each trial.
fn run_cell(options: &Options) -> ExitCode {
    let sandbox = match Sandbox::enter() {
        Ok(sandbox) => sandbox,
        Err(refusal) => {
            eprintln!("no sandbox: {refusal}");
            return ExitCode::FAILURE;
        }
    };
    let (runner, rtt) = (options.runners()[0], options.rtts()[0]);
    let course = Course {
        rtt: Duration::from_millis(rtt),
        congestion: options.congestion.name(),
        seed: options.seed,
    };
    let config = if options.trace.is_some() { "[logging]\nlevel = \"trace\"\n" } else { "" };
    let mut contender: Box<dyn Contender> = match runner {
        Runner::Baton => Box::new(Relayed::new(&sandbox, &course, Upstream::Store, config)),
        Runner::Tus => Box::new(Relayed::new(&sandbox, &course, Upstream::tus_server(), config)),
        Runner::Mptcp => Box::new(Mptcp::new(&sandbox, &course)),
        Runner::Curl => Box::new(Retrying::new(&sandbox, &course)),
    };
    let faults = options.faults();
    let total = options.trials * faults.len();
    let mut done = 0;
    race(&mut *contender, &faults, options.trials, options.seed, |trial| {
        done += 1;
        let trial = trial.to_json();
        eprintln!(
            "{} at {rtt} ms, {done}/{total}: {} of {}: {} ms",
            runner.option(),
            trial["fault"].as_str().unwrap_or_default(),
            trial["link"].as_str().unwrap_or_default(),
            trial["gap_ms"],
        );
        println!("{trial}");
    });
    if let Some(dir) = &options.trace {
        let file = dir.join(format!("{}-{rtt}.log", runner.option()));
        if let Err(error) = std::fs::write(&file, contender.log()) {
            eprintln!("{}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

impl Runner {
    const fn option(self) -> &'static str {
        match self {
            Self::Baton => "baton",
            Self::Tus => "tus",
            Self::Mptcp => "mptcp",
            Self::Curl => "curl",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Baton => "Baton, `baton serve`",
            Self::Tus => "Baton, @tus/server",
            Self::Mptcp => "kernel MPTCP",
            Self::Curl => "`curl --retry`, 1 s pinger",
        }
    }

    /// Whether its gaps take seconds.
    const fn is_slow(self) -> bool {
        match self {
            Self::Baton | Self::Mptcp => false,
            Self::Tus | Self::Curl => true,
        }
    }
}

impl Congestion {
    const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::Bbr => "bbr",
        }
    }
}

/// What one contender did at one round trip.
struct Cell {
    runner: Runner,
    rtt: u64,
    trials: Vec<Value>,
    /// Whether every trial was made.
    is_whole: bool,
}

impl Cell {
    fn finish(runner: Runner, rtt: u64, child: Child) -> Self {
        let output = child.wait_with_output().expect("a child of this process");
        let said = String::from_utf8_lossy(&output.stdout);
        let trials = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { runner, rtt, trials, is_whole: output.status.success() }
    }

    /// Of the trials with this fault: `gap_ms` or `first_ms`.
    fn figures(&self, fault: Fault, of: &str) -> Figures {
        let trials = self.trials.iter().filter(|trial| trial["fault"] == fault.name());
        trials.map(|trial| trial[of].as_f64().unwrap_or(f64::INFINITY)).collect()
    }

    fn to_json(&self) -> Value {
        json!({ "contender": self.runner.option(), "rtt_ms": self.rtt, "trials": self.trials })
    }
}

fn report(options: &Options, cells: &[Cell]) -> String {
    let mut text = format!(
        "\nFrom the fault to the first new byte stored over another link, in ms (of fewer than 100 trials, p99 is the longest). Links of 20 Mbit/s, {}; jitter of 5 % of the round trip, each way.\n\n\
         | fault | RTT | contender | trials | p50 | p90 | p99 | max |\n\
         |---|---:|---|---:|---:|---:|---:|---:|\n",
        options.congestion.name().to_uppercase(),
    );
    let mut row = |fault: Fault, rtt: u64, title: &str, figures: &Figures| {
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| figures.percentile(percent));
        let (fault, count) = (title_of(fault), figures.count());
        text += &format!(
            "| {fault} | {rtt} | {title} | {count} | {p50:.0} | {p90:.0} | {p99:.0} | {max:.0} |\n"
        );
    };
    for fault in options.faults() {
        for rtt in options.rtts() {
            for cell in cells.iter().filter(|cell| cell.rtt == *rtt) {
                row(fault, *rtt, cell.runner.title(), &cell.figures(fault, "gap_ms"));
                if cell.runner == Runner::Curl {
                    let title = "the same, first byte again";
                    row(fault, *rtt, title, &cell.figures(fault, "first_ms"));
                }
            }
        }
    }
    text + "\n" + &aims(options, cells)
}

/// A line for each aim that can be judged.
fn aims(options: &Options, cells: &[Cell]) -> String {
    let mut text = String::new();
    for fault in options.faults() {
        for rtt in options.rtts() {
            let find = |runner: Runner| {
                let mut cells = cells.iter().filter(|cell| cell.rtt == *rtt);
                let cell = cells.find(|cell| cell.runner == runner)?;
                let figures = cell.figures(fault, "gap_ms");
                Some([figures.percentile(50), figures.percentile(99)])
            };
            let Some(ours) = find(Runner::Baton) else { continue };
            let [p50, p99] = ours;
            let mut aim = |what: String, is_met: bool| {
                let verdict = if is_met { "met" } else { "missed" };
                text += &format!("- {}, RTT {rtt} ms: {what}: {verdict}\n", title_of(fault));
            };
            let mut bound = |name: &str, reached: f64, most: f64| {
                aim(format!("{name} {reached:.0} ms, aim {most:.0}"), reached <= most);
            };
            match fault {
                Fault::Carrier => bound("p99", p99, 50.0 + 2.0 * *rtt as f64),
                Fault::Hole => {
                    bound("p50", p50, 100.0 + 1.5 * *rtt as f64);
                    bound("p99", p99, 500.0);
                }
            }
            for peer in [Runner::Mptcp, Runner::Curl] {
                let Some([their_p50, their_p99]) = find(peer) else { continue };
                aim(
                    format!(
                        "ahead of {}, p50 {p50:.0} against {their_p50:.0} ms, p99 {p99:.0} against {their_p99:.0}",
                        peer.title()
                    ),
                    p50 < their_p50 && p99 < their_p99,
                );
            }
        }
    }
    text
}

const fn title_of(fault: Fault) -> &'static str {
    match fault {
        Fault::Carrier => "carrier loss",
        Fault::Hole => "black hole",
    }
}
