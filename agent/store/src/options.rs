//! What the operator decides.

use core::{fmt, net::SocketAddr, time::Duration};
use std::path::PathBuf;

/// Settings of the receiving end. Start from [`Options::new`] and change what differs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// The folder that holds the files. It is created when missing.
    pub dir: PathBuf,
    /// What tokens are signed with. An empty secret accepts no token.
    pub secret: Secret,
    /// Where tus uploads are created; begins and ends with a slash.
    pub tus_path: String,
    /// How much an offset that was returned survives.
    pub sync: Sync,
    /// The largest file in bytes.
    pub max_upload_size: u64,
    /// How long a partial upload is kept after its last byte.
    pub expire_after: Duration,
    /// Whether a content is stored once, under however many names.
    pub deduplicate: bool,
    /// How long a stored file is kept; for ever if there is no such time.
    pub file_ttl: Option<Duration>,
    /// How much a user may store, each name counted in full.
    pub quota_per_user: Option<u64>,
    /// How much all users together may store.
    pub quota_total: Option<u64>,
    /// How often stored files are looked through at least.
    pub tidy_every: Duration,
    /// The chunks of hmac-file-server's sessions, in bytes.
    pub chunk_size: u64,
    /// Connections served at once. More wait in the kernel's queue until one ends.
    pub max_connections: usize,
    /// A connection on which nothing moves for this long is closed.
    pub idle_timeout: Duration,
    /// How long a shutdown waits for requests that are being served.
    pub drain: Duration,
}

impl Options {
    /// The defaults, for files in `dir`.
    pub fn new(listen: Vec<SocketAddr>, dir: impl Into<PathBuf>, secret: Secret) -> Self {
        Self {
            listen,
            dir: dir.into(),
            secret,
            tus_path: "/files/".to_owned(),
            sync: Sync::Completion,
            max_upload_size: 10 << 30,
            expire_after: Duration::from_secs(24 * 3600),
            deduplicate: true,
            file_ttl: None,
            quota_per_user: None,
            quota_total: None,
            // What hmac-file-server gives.
            chunk_size: 5 << 20,
            tidy_every: Duration::from_secs(3600),
            max_connections: 256,
            idle_timeout: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        }
    }
}

/// How much an offset that was returned survives. A final success survives a power loss in
/// either case, and everything survives SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Partial uploads are left to the kernel's write-back.
    Completion,
    /// Every offset is on the disk before it is returned.
    Always,
}

/// The key of the tokens. Its bytes never show in logs.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the key as it is.
    pub fn new(key: impl Into<Vec<u8>>) -> Self {
        Self(key.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
