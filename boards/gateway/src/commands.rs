//! The commands, one module each.

mod check;
#[cfg(feature = "control")]
mod control;
mod logging;
#[cfg(feature = "control")]
mod meter;
#[cfg(feature = "control")]
mod put;
mod reload;
mod run;
#[cfg(feature = "serve")]
mod serve;
mod settings;
mod stop;
mod token;
#[cfg(feature = "control")]
mod watch;

#[cfg(feature = "control")]
pub(crate) use logging::is_colour_refused;
#[cfg(feature = "demo")]
pub(crate) use {
    reload::never,
    run::{Backend, agent, agent_on},
    stop::asked as asked_to_stop,
    watch::snapshot,
};

#[cfg(feature = "control")]
use crate::cli::{AskCommand, Globals};
use crate::cli::{Cli, Command};
use crate::failure::Failure;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Carries out what the command line asks for.
pub(crate) fn run(cli: &Cli) -> Result<(), Failure> {
    let globals = &cli.globals;
    match &cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => crate::demo::run(globals, args),
        Command::Run => block_on(run::run(globals)),
        Command::Check => check::run(globals),
        Command::Token(command) => token::run(globals, command),
        #[cfg(feature = "serve")]
        Command::Serve(args) => block_on(serve::run(globals, args)),
        #[cfg(feature = "control")]
        Command::Ask(command) => block_on(ask(globals, command)),
    }
}

#[cfg(feature = "control")]
async fn ask(globals: &Globals, command: &AskCommand) -> Result<(), Failure> {
    match command {
        AskCommand::Put(args) => put::run(globals, args).await,
        AskCommand::Status => control::status(globals).await,
        AskCommand::Links => control::links(globals).await,
        AskCommand::Uploads(args) => control::uploads(globals, args).await,
        AskCommand::Watch => watch::run(globals).await,
        AskCommand::Switch { link } => control::switch(globals, link).await,
    }
}

/// Runs a command on the one thread there is.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::No(format!("no event loop: {e}")))?;
    tokio::task::LocalSet::new().block_on(&runtime, command)
}

/// Prints `text` and ends the line, if it is not ended.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.write_all(end.as_bytes()))
        .and_then(|()| out.flush())
        .map_err(unheard)
}

/// Nobody reads standard output: nothing to tell, and no way to tell it.
pub(crate) fn unheard(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::Unheard
    } else {
        Failure::No(format!("standard output: {error}"))
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
