//! What `baton serve` takes.

use clap::Args;
use core::net::SocketAddr;
use std::path::PathBuf;

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
