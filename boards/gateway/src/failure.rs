//! Why a command did not end well, and the exit status that says so.

use std::process::ExitCode;

/// Every way not to end with status 0. The text says what was tried and what to do.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The answer is no: refused, invalid, not equal, not stored.
    No(String),
    /// Asked wrongly: an argument, or a file that it names.
    Usage(String),
    /// No agent answers on the control socket.
    #[cfg_attr(not(feature = "control"), expect(dead_code, reason = "no command asks one"))]
    NoAgent(String),
    /// Whoever read the output has gone, as `head` does.
    Unheard,
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::No(text) | Self::Usage(text) | Self::NoAgent(text) => f.write_str(text),
            Self::Unheard => Ok(()),
        }
    }
}

impl Failure {
    /// Tells why on standard error, and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::No(text) => (text.as_str(), 1),
            Self::Usage(text) => (text.as_str(), 2),
            Self::NoAgent(text) => (text.as_str(), 3),
            Self::Unheard => ("", 1),
        };
        if !text.is_empty() {
            eprintln!("baton: {text}");
        }
        ExitCode::from(code)
    }
}
