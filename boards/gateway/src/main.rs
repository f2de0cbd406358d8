//! The program `baton`: parses the command line, runs one command, maps its end to an exit status.

mod assembly;
mod cli;
mod client;
mod commands;
mod demo;
mod draw;
mod failure;
mod snapshot;
mod table;
mod tls;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::run(&cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
