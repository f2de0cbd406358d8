//! Runs the firmware in an emulator through one trouble after the other.
//!
//! Its Ethernet is the emulator's, its modem is made up here and stands before slirp's PPP, the upstream is
//! `baton serve`. A scenario passes only if what is stored equals, by SHA-256, what the firmware has measured.

mod modem;
mod scenarios;
mod session;
mod unit;
mod upstream;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where everything is.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// The firmware's ELF file.
    #[arg(long)]
    firmware: PathBuf,
    /// The `baton` program.
    #[arg(long)]
    baton: PathBuf,
    /// The program that makes text of the firmware's log.
    #[arg(long, default_value = "defmt-print")]
    defmt_print: PathBuf,
    /// The library that mends slirp's `select`: tests/firmware/select.c.
    #[arg(long)]
    select: PathBuf,
    /// A folder to work in; it is made anew.
    #[arg(long)]
    folder: PathBuf,
    /// Only scenarios whose names contain this.
    #[arg(default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut failed = 0;
    for (name, scenario) in scenarios::ALL {
        if !name.contains(&options.only) {
            continue;
        }
        let folder = options.folder.join(name);
        let outcome = std::panic::catch_unwind(|| scenario(&options, &folder));
        println!("{name}: {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        failed += u32::from(outcome.is_err());
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
