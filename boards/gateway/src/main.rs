//! The program `baton`: parses the command line, runs one command, maps its end to an exit status.

mod assembly;
mod cli;
#[cfg(feature = "control")]
mod client;
mod commands;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "control")]
mod draw;
mod failure;
#[cfg(feature = "control")]
mod snapshot;
#[cfg_attr(not(feature = "control"), path = "socket/absent.rs")]
mod socket;
mod span;
#[cfg(feature = "control")]
mod table;
#[cfg_attr(not(feature = "tls"), path = "tls/absent.rs")]
mod tls;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse().and_then(|cli| commands::run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
