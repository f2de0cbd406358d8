//! `baton check`: a verdict on every key.

use super::{print, settings};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::{socket, tls};

/// `baton check`.
pub(crate) fn run(globals: &Globals) -> Result<(), Failure> {
    let report = settings::report(globals)?;
    if globals.json {
        let text = serde_json::to_string(&report).map_err(|e| Failure::No(e.to_string()))?;
        print(&text)?;
    } else {
        print(&report.to_string())?;
    }
    let secret_file = report.config.as_ref().and_then(|c| c.security.secret_file.as_deref());
    if let Some(advice) = secret_file.and_then(baton_config::exposure) {
        eprintln!("baton: {advice}");
    }
    if let Some(config) = &report.config {
        tls::client(config)?;
        socket::check(&config.control.socket)?;
    }
    match report.mistakes() {
        0 => Ok(()),
        _ => Err(Failure::No("the configuration is refused".to_owned())),
    }
}
