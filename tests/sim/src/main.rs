//! What `ci/sim` runs: scenarios, seeds and traces, with one line of figures at the end.

use baton_sim::report;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The whole agent in virtual time.
#[derive(Parser)]
struct Options {
    /// Random scenarios.
    #[arg(long, default_value_t = 3000)]
    seeds: u64,
    /// Run this random scenario alone, and print its events.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// 100,000 random scenarios.
    #[arg(long)]
    full: bool,
    /// Recorded links: a folder as `shared/traces`.
    #[arg(long, global = true, value_name = "DIR")]
    traces: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The model's gaps beside the lab's.
    Calibrate,
    /// What each mechanism earns.
    Ablate {
        /// Seeds, each of every scenario and every pair of traces.
        #[arg(long, default_value_t = 20)]
        runs: u64,
    },
}

/// `--full`
const FULL: u64 = 100_000;

fn main() -> ExitCode {
    let options = Options::parse();
    let traces = options.traces.as_deref();
    let is_good = match (options.command, options.seed) {
        (Some(Command::Calibrate), _) => report::calibrate(),
        (Some(Command::Ablate { runs }), _) => report::ablate(traces, runs),
        (None, Some(seed)) => report::replay(seed),
        (None, None) => {
            let seeds = if options.full { FULL } else { options.seeds };
            report::everything(seeds, traces)
        }
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
