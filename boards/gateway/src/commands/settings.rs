//! What the commands need of the configuration.

use crate::cli::Globals;
use crate::failure::Failure;
use baton_config::{Config, Report, Secret};
use baton_hal_openwrt::uci;
use std::path::{Path, PathBuf};

/// Where a configuration is looked for when none is named.
const INSTALLED: [&str; 2] = ["/etc/baton/baton.toml", "/etc/config/baton"];

/// The configuration named, else the one installed, else the defaults; and a verdict on each key.
pub(crate) fn report(globals: &Globals) -> Result<Report, Failure> {
    let Some(path) = path(globals) else {
        return Ok(Config::from_toml(""));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::Usage(format!("configuration {}: {e}", path.display())))?;
    Ok(if is_uci(&text) { uci::read(&text) } else { Config::from_toml(&text) })
}

fn path(globals: &Globals) -> Option<&Path> {
    let installed = || INSTALLED.iter().map(Path::new).find(|path| path.exists());
    globals.config.as_deref().or_else(installed)
}

/// The configuration, for a command that acts on it.
pub(crate) fn config(globals: &Globals) -> Result<Config, Failure> {
    let report = report(globals)?;
    let name = path(globals).unwrap_or(Path::new("")).display();
    let mut refused = format!("configuration {name} is refused");
    for refusal in report.refusals() {
        refused.push_str(&format!("\n{refusal}"));
    }
    report.config.ok_or(Failure::No(refused))
}

/// Where the agent listens. A configuration with mistakes is no reason not to ask it.
pub(crate) fn socket(globals: &Globals) -> PathBuf {
    let configured = || report(globals).ok().and_then(|report| report.config);
    let named = globals.socket.clone();
    named.unwrap_or_else(|| configured().unwrap_or_default().control.socket)
}

/// The secret in `file`, else the configuration's.
pub(crate) fn secret(globals: &Globals, file: Option<&Path>) -> Result<Secret, Failure> {
    let secret = match file {
        Some(path) => Secret::from_file(path).map(Some),
        None => config(globals)?.security.load(),
    };
    secret.map_err(|e| Failure::Usage(e.to_string()))?.ok_or_else(|| {
        Failure::Usage("no secret: give --secret-file, or set [security] secret_file".to_owned())
    })
}

/// UCI begins with `config TYPE` or `package NAME`; TOML can't.
fn is_uci(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let mut words = first.split_whitespace();
    matches!(words.next(), Some("config" | "package"))
        && words.next().is_some_and(|word| word != "=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uci_and_toml_are_told_apart_by_their_first_line() {
        for (text, uci) in [
            ("# c\n\nconfig baton 'main'\n\toption listen '8080'\n", true),
            ("package baton\nconfig relay\n", true),
            ("  config\trelay\n", true),
            ("[relay]\nlisten = \"8080\"\n", false),
            ("config = 1\n", false),
            ("config.socket = 1\n", false),
            ("", false),
        ] {
            assert_eq!(is_uci(text), uci, "{text}");
        }
    }

    #[test]
    fn a_named_socket_goes_before_the_configured_one() {
        let named = Globals { socket: Some("/a".into()), ..Globals::default() };
        let missing = Globals { config: Some("/nonexistent".into()), ..Globals::default() };

        assert_eq!(socket(&named), Path::new("/a"));
        assert_eq!(socket(&missing), Path::new("/run/baton/control.sock"));
    }
}
