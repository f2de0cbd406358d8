//! What `baton demo` takes.

use clap::Args;
use std::path::PathBuf;

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
