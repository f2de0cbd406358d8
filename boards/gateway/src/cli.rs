//! The command line.

#[cfg(feature = "control")]
mod ask;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "serve")]
mod serve;

#[cfg(feature = "control")]
pub(crate) use ask::{AskCommand, PutArgs, UploadsArgs};
#[cfg(feature = "demo")]
pub(crate) use demo::{DemoArgs, DemoLinks};
#[cfg(feature = "serve")]
pub(crate) use serve::ServeArgs;

use crate::failure::Failure;
use baton_core::token::Scheme;
use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// An upload agent for gateways with more than one way out.
///
/// Clients on the LAN upload to it as if it were the file server. It forwards what they send
/// over the link that works best now, and hands a running transfer from link to link: nothing
/// dropped, nothing carried twice.
#[derive(Debug, Parser)]
#[command(
    name = "baton",
    version,
    after_help = if cfg!(feature = "demo") { EXAMPLES } else { EXAMPLES_OF_A_PART }
)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options accepted before and after any subcommand.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Globals {
    /// Configuration [default: /etc/baton/baton.toml, else UCI's /etc/config/baton]
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) config: Option<PathBuf>,

    /// Control socket [default: the configuration's, else /run/baton/control.sock]
    #[arg(long, global = true, value_name = "PATH", help_heading = EVERYWHERE)]
    pub(crate) socket: Option<PathBuf>,

    /// Print data as JSON, for scripts
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
}

/// What help ends with.
const EXAMPLES: &str = "\
Examples:
  baton demo                                 see all of it here, with nothing to set up
  baton check                                what every key of the configuration does
  baton run                                  the agent, in the foreground
  baton watch                                links and transfers, live
  curl -T a.jpg http://192.168.1.1:8080/     what a client does

Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 no agent there.";

/// The same for a program that may lack any of what is optional.
const EXAMPLES_OF_A_PART: &str = "\
Examples:
  baton check                                what every key of the configuration does
  baton run                                  the agent, in the foreground
  curl -T a.jpg http://192.168.1.1:8080/     what a client does

Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 no agent there.";

/// Where help lists them.
const EVERYWHERE: &str = "Options of every command";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show all of it on this machine, with no configuration and no root
    ///
    /// Starts an upstream and an agent, uploads a file through three emulated links, takes the
    /// links away one by one and gives them back, and compares SHA-256 at the end. Exit status 0
    /// only if the stored file is equal to the one sent.
    #[command(after_help = "\
Examples:
  baton demo                     a file of some tens of MiB, made up
  baton demo --file video.mp4    your own
  baton demo | cat               plain lines instead of the live picture")]
    #[cfg(feature = "demo")]
    Demo(DemoArgs),

    /// Run the agent
    #[command(after_help = "\
Examples:
  baton run                            with /etc/baton/baton.toml
  baton run --config ./baton.toml      with another

SIGTERM ends it when running uploads are done, SIGHUP reads the configuration again.")]
    Run,

    /// Run the receiving end: a small file server with tokens and resumable uploads
    #[command(after_help = "\
Examples:
  baton serve --listen 0.0.0.0:9000 --dir /srv/files --secret-file /etc/baton/secret

PUT /a/b.jpg?v2=... is stored as DIR/a/b.jpg and read back with GET; tus is under /files/.")]
    #[cfg(feature = "serve")]
    Serve(ServeArgs),

    /// Read a configuration and say of every key: acts, default, or refused and why
    #[command(after_help = "\
Examples:
  baton check                          the installed one
  baton check --config new.toml        another, before it is installed

Exit status 1 if any key is refused.")]
    Check,

    #[cfg(feature = "control")]
    #[command(flatten)]
    Ask(AskCommand),

    /// Make and check upload tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// The `baton token` commands.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print the query string that lets one file be uploaded
    #[command(after_help = "\
Examples:
  baton token make --scheme v2 --secret-file F --path a/b.jpg --size 1048576 --type image/jpeg
  baton token make --scheme v3 --secret-file F --path a/b.jpg --expires +300
  curl -T b.jpg \"http://server/a/b.jpg?$(baton token make ...)\"")]
    Make(MakeArgs),

    /// Say whether the token in a URL is valid, or why not
    #[command(after_help = "\
Examples:
  baton token check 'http://server/a/b.jpg?v2=e612...' --size 1048576 --type image/jpeg

When it is not valid, the usual mistakes are tried: the message names the one that was made.")]
    Check(CheckArgs),
}

/// What `baton token make` takes.
#[derive(Args, Debug)]
pub(crate) struct MakeArgs {
    /// v, v2, token or v3
    #[arg(long, default_value = "v2", value_parser = scheme)]
    pub(crate) scheme: Scheme,

    /// Path of the file on the server, as it is before percent-encoding
    #[arg(long)]
    pub(crate) path: String,

    /// Content-Length in bytes; v3 does not sign it
    #[arg(long, value_name = "BYTES")]
    pub(crate) size: Option<u64>,

    /// When a v3 token ends: unix seconds, or +N for N seconds from now
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    pub(crate) expires: Option<u64>,

    /// What else is signed, and with what.
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// What `baton token check` takes.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The URL, with its query
    pub(crate) url: String,

    /// Content-Length in bytes; v3 does not sign it
    #[arg(long, value_name = "BYTES")]
    pub(crate) size: Option<u64>,

    /// What else is signed, and with what.
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// What making and checking a token have in common.
#[derive(Args, Debug)]
pub(crate) struct Signing {
    /// The secret [default: the configuration's]
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,

    /// Content type, for v2 and token [default: by the path's extension]
    #[arg(long = "type", value_name = "CT")]
    pub(crate) content_type: Option<String>,

    /// HTTP method, for v3
    #[arg(long, default_value = "PUT")]
    pub(crate) method: String,
}

/// Reads it; help, and what can't be understood, ends the program here.
pub(crate) fn parse() -> Result<Cli, Failure> {
    Cli::try_parse().or_else(|error| match left_out(&error) {
        Some(failure) => Err(failure),
        None => error.exit(),
    })
}

/// The command, the feature that has it, whether this program was built with that.
const OPTIONAL: [(&str, &str, bool); 8] = [
    ("demo", "demo", cfg!(feature = "demo")),
    ("serve", "serve", cfg!(feature = "serve")),
    ("put", "control", cfg!(feature = "control")),
    ("status", "control", cfg!(feature = "control")),
    ("links", "control", cfg!(feature = "control")),
    ("uploads", "control", cfg!(feature = "control")),
    ("watch", "control", cfg!(feature = "control")),
    ("switch", "control", cfg!(feature = "control")),
];

/// Whether what is no command here would be one in a program with every feature.
fn left_out(error: &clap::Error) -> Option<Failure> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let (name, feature, _) = OPTIONAL.iter().find(|(known, _, is_in)| known == name && !is_in)?;
    Some(Failure::Usage(format!(
        "this program was built without `baton {name}`; build it with the feature {feature}"
    )))
}

fn scheme(name: &str) -> Result<Scheme, String> {
    Scheme::from_name(name).ok_or_else(|| "one of v, v2, token, v3".to_owned())
}

fn expiry(text: &str) -> Result<u64, String> {
    let seconds = |digits: &str| digits.parse::<u64>().map_err(|e| e.to_string());
    match text.strip_prefix('+') {
        Some(delay) => Ok(crate::commands::unix_now().saturating_add(seconds(delay)?)),
        None => seconds(text),
    }
}

#[cfg(test)]
mod tests;
