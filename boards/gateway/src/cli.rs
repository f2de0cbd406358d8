//! The command line.

use baton_core::token::Scheme;
use clap::{Args, Parser, Subcommand};
use core::net::SocketAddr;
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
    after_help = "\
Examples:
  baton demo                                 see all of it here, with nothing to set up
  baton check                                what every key of the configuration does
  baton run                                  the agent, in the foreground
  baton watch                                links and transfers, live
  curl -T a.jpg http://192.168.1.1:8080/     what a client does

Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 no agent there."
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
    Serve(ServeArgs),

    /// Read a configuration and say of every key: acts, default, or refused and why
    #[command(after_help = "\
Examples:
  baton check                          the installed one
  baton check --config new.toml        another, before it is installed

Exit status 1 if any key is refused.")]
    Check,

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

    /// Make and check upload tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// What `baton demo` takes.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Upload this file rather than one made up
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// What the links are made of [default: what the kernel allows]
    #[arg(long, hide = true, value_enum)]
    pub(crate) links: Option<DemoLinks>,
}

/// What the links of the demo are made of.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum DemoLinks {
    /// Network interfaces in namespaces.
    Kernel,
    /// Loopback.
    Loopback,
    /// Nothing: only tells whether the kernel allows namespaces, else why not.
    Rehearsal,
}

/// What `baton serve` takes.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Where to listen [default: server.listen_address]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<SocketAddr>,

    /// Where files are kept [default: server.storage_path]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Keep files in an object store instead, so that several servers can share them. Where it is,
    /// and the keys to it, are in the environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...)
    #[arg(long, value_name = "s3://BUCKET/PREFIX", conflicts_with = "dir")]
    pub(crate) store: Option<baton_store::Bucket>,

    /// The secret that tokens are signed with [default: the configuration's]
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
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
