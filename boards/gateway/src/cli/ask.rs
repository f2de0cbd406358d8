//! Commands to the agent that runs here.

use super::scheme;
use baton_core::token::Scheme;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The commands that ask the agent, or give it orders, by its control socket.
#[derive(Debug, Subcommand)]
pub(crate) enum AskCommand {
    /// Upload files from this machine
    #[command(after_help = "\
Examples:
  baton put *.jpg                              through the agent that runs here
  baton put a.jpg --to http://203.0.113.10:9000/photos
                                               straight to a server, as /photos/a.jpg,
                                               signed with the configuration's secret")]
    Put(PutArgs),

    /// What the agent does: uptime, active link, last switches
    Status,

    /// The links: state, round-trip time, loss, who is active
    Links,

    /// The uploads under way, and those in the spool
    #[command(after_help = "\
Examples:
  baton uploads                    what is under way, waits in the spool, or was refused and why
  baton uploads --retry failed     everything that the upstream has refused, once more
  baton uploads --drop s12         gives up one that was acknowledged; a record of that is kept")]
    Uploads(UploadsArgs),

    /// Links and transfers, live
    #[command(after_help = "\
Examples:
  baton watch              on a terminal: a live picture; in a pipe: a line for each change
  baton watch --json       one JSON object a line, twice a second")]
    Watch,

    /// Send everything over one link, or leave the choice to the agent again
    #[command(after_help = "\
Examples:
  baton switch wlan0
  baton switch auto")]
    Switch {
        /// A link's name, or `auto`
        link: String,
    },
}

/// What `baton put` takes.
#[derive(Args, Debug)]
pub(crate) struct PutArgs {
    /// What to upload; each keeps its name
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Upload straight to this server, not through the agent
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,

    /// The secret to sign with; only with --to [default: the configuration's]
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(crate) secret_file: Option<PathBuf>,

    /// How to sign; only with --to [default: the configuration's, else v2]
    #[arg(long, value_name = "SCHEME", requires = "to", value_parser = scheme)]
    pub(crate) scheme: Option<Scheme>,
}

/// What `baton uploads` takes.
#[derive(Args, Debug)]
pub(crate) struct UploadsArgs {
    /// Try an upload again that the upstream has refused; `failed`: all of those
    #[arg(long, value_name = "ID")]
    pub(crate) retry: Option<String>,

    /// Give up an upload in the spool; `failed`: all that the upstream has refused
    #[arg(long, value_name = "ID", conflicts_with = "retry")]
    pub(crate) drop: Option<String>,
}
