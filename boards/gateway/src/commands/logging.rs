//! What is said on standard error.

use baton_config::Level;
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;

/// Starts logging. Colours only on a terminal that wants them: journald and logd keep the text.
/// A log that nobody reads any more is no reason to stop: by default the library panics then.
pub(crate) fn start(level: Level) {
    tracing_subscriber::fmt()
        .compact()
        .with_max_level(filter(level))
        .with_ansi(std::io::stderr().is_terminal() && !is_colour_refused())
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}

/// Whether nobody wants colours; see <https://no-color.org>.
pub(crate) fn is_colour_refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
