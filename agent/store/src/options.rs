//! What the operator decides.

use crate::name::Name;
use core::{fmt, net::SocketAddr, str::FromStr, time::Duration};
use std::path::PathBuf;

/// Settings of the receiving end. Start from [`Options::new`] and change what differs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// The folder that holds the files. It is created when missing.
    pub dir: PathBuf,
    /// Files are kept in this bucket instead of a folder. It takes the feature `s3`.
    pub bucket: Option<Bucket>,
    /// How long the bucket may be silent before a request is given up and repeated.
    pub store_silence: Duration,
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
            bucket: None,
            store_silence: Duration::from_secs(4),
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

/// A bucket of an object store, or the part of it whose keys begin with a prefix. Where the object
/// store is and who may use it is said by the environment, as for every program that speaks S3
/// (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, ...).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// What its keys begin with, without a slash at either end; may be empty.
    pub prefix: String,
}

/// Text that is not like `s3://bucket/prefix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotABucket;

impl FromStr for Bucket {
    type Err = NotABucket;

    fn from_str(url: &str) -> Result<Self, NotABucket> {
        let rest = url.strip_prefix("s3://").ok_or(NotABucket)?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        // General purpose buckets: 3 to 63 of these.
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        let is_bucket = (3..=63).contains(&name.len()) && name.bytes().all(is_plain);
        if !is_bucket || !(prefix.is_empty() || Name::parse(prefix).is_ok()) {
            return Err(NotABucket);
        }
        Ok(Self { name: name.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)
    }
}

impl fmt::Display for NotABucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be like s3://bucket/prefix")
    }
}

impl core::error::Error for NotABucket {}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_told_as_a_url_and_nothing_else_is_one() {
        let parts = |url: &str| url.parse().map(|Bucket { name, prefix }| (name, prefix));
        let is = |name: &str, prefix: &str| Ok((name.to_owned(), prefix.to_owned()));

        assert_eq!(parts("s3://box"), is("box", ""));
        assert_eq!(parts("s3://box/"), is("box", ""));
        assert_eq!(parts("s3://my.box-1/a/b"), is("my.box-1", "a/b"));
        assert_eq!(parts("s3://box/a/"), is("box", "a"));
        for url in ["", "box", "s3:/box", "http://box/a", "s3://", "s3://b", "s3://Box", "s3://b_x"]
        {
            assert_eq!(parts(url), Err(NotABucket), "{url}");
        }
        for url in ["s3://box//a", "s3://box/a//b", "s3://box/../a", "s3://box/a\n"] {
            assert_eq!(parts(url), Err(NotABucket), "{url}");
        }
    }
}
