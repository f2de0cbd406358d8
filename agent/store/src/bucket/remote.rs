//! The object store: its verbs as we need them, and what is called how in it.
//!
//! ```text
//! PREFIX/a/b.jpg                        a stored file
//! PREFIX/.baton/probe                   shows at the start that nothing is overwritten
//! PREFIX/.baton/HASH/info               an upload; see `crate::info`
//! PREFIX/.baton/HASH/length             the length that was declared later, in decimal
//! PREFIX/.baton/HASH/p00000000000000000000   a piece, by the offset of its first byte
//! PREFIX/.baton/HASH/end                how it ended: placed, refused or expired
//! ```
//!
//! All of them are created, never rewritten. HASH is of the upload's id: who reads the object
//! store's log can't continue the upload.

use super::client::Connector;
use crate::{
    digest::{self, Sum},
    name::{Name, WORK_FOLDER},
    options::Bucket,
};
use baton_hal::Id;
use core::time::Duration;
use futures_util::{Stream, StreamExt, TryStreamExt};
use hyper::body::Bytes;
use object_store::{
    Attribute, Attributes, BackoffConfig, GetOptions, GetResult, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    multipart::{MultipartStore, PartId},
    path::Path,
};
use sha2::{Digest, Sha256};
use std::io;
use tokio::time::{Instant, sleep};

/// Pause before a creation is repeated of which it is not known whether it was carried out.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest key that S3 takes, in bytes.
const MAX_KEY: usize = 1024;

/// Deletions under way at once.
const DELETIONS: usize = 16;

/// Who created an object, to know one's own again after the answer was lost.
const MAKER: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("baton-maker"));

/// A bucket, or a part of one.
#[derive(Debug)]
pub(super) struct Remote {
    s3: AmazonS3,
    prefix: String,
    /// A request that fails is repeated for so long, and then the client is told to come again.
    patience: Duration,
}

/// What became of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// The object is the maker's, and has this many bytes: fewer than now where an earlier
    /// try had fewer.
    Ours(u64),
    /// There is another's.
    Others,
}

impl Remote {
    /// Reaches the bucket by what the environment says (`AWS_*`), and sees whether it keeps
    /// what we promise.
    pub(super) async fn open(bucket: &Bucket, silence: Duration) -> io::Result<Self> {
        // Long enough for a second try after a silent one.
        let patience = 2 * silence;
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&bucket.name)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_http_connector(Connector { silence })
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: PAUSE,
                    max_backoff: Duration::from_secs(1),
                    base: 2.0,
                },
                max_retries: 10,
                retry_timeout: patience,
            });
        let endpoints = [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint];
        let is_plain = |key| {
            let endpoint = builder.get_config_value(&key);
            endpoint.is_some_and(|url| url.starts_with("http://"))
        };
        if endpoints.into_iter().any(is_plain) {
            builder = builder.with_allow_http(true);
        }
        let s3 = builder.build().map_err(told)?;
        let remote = Self { s3, prefix: bucket.prefix.clone(), patience };
        remote.probe().await?;
        Ok(remote)
    }

    /// Nothing may be overwritten: some object stores take the condition and ignore it.
    async fn probe(&self) -> io::Result<()> {
        let path = self.work("probe");
        for _ in 0..2 {
            let made = self.s3.put_opts(&path, Bytes::from_static(PROBE).into(), create(None));
            match made.await.map_err(told) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return self.probe_parts(&path).await;
                }
                made => made?,
            };
        }
        Err(io::Error::other("it overwrites objects in spite of `If-None-Match: *`"))
    }

    async fn probe_parts(&self, path: &Path) -> io::Result<()> {
        let id = self.begin_parts(path).await?;
        let part = self.put_part(path, &id, 0, Bytes::from_static(PROBE)).await?;
        match self.complete(path, &id, vec![part]).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.abort_parts(path, &id).await
            }
            completed => completed.and(Err(io::Error::other(
                "it overwrites objects with parts in spite of `If-None-Match: *`",
            ))),
        }
    }

    /// Where a file is stored.
    pub(super) fn file(&self, name: &Name) -> io::Result<Path> {
        let key = self.key(name.as_str());
        if key.len() > MAX_KEY {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        Path::parse(key).map_err(|_| io::ErrorKind::InvalidFilename.into())
    }

    /// Where an upload is kept until it is stored.
    pub(super) fn folder(&self, id: Id) -> Path {
        let hash = Sha256::digest(id.to_string());
        self.work(&digest::hex(&hash[..16]))
    }

    /// Where all uploads are kept.
    pub(super) fn work_folder(&self) -> Path {
        Path::from(self.key(WORK_FOLDER))
    }

    fn work(&self, rest: &str) -> Path {
        self.work_folder().join(rest)
    }

    fn key(&self, rest: &str) -> String {
        match self.prefix.as_str() {
            "" => rest.to_owned(),
            prefix => format!("{prefix}/{rest}"),
        }
    }

    /// Creates an object, unless there is one. `maker` is a word that nobody else uses, and that
    /// is used again only to repeat this very creation, then with the same bytes or more of them.
    pub(super) async fn create(
        &self,
        path: &Path,
        bytes: Bytes,
        maker: Option<&str>,
    ) -> io::Result<Created> {
        let end = Instant::now() + self.patience;
        loop {
            let made = self.s3.put_opts(path, bytes.clone().into(), create(maker)).await;
            let error = match made.map_err(told) {
                Ok(_) => return Ok(Created::Ours(bytes.len() as u64)),
                Err(error) => error,
            };
            let kind = error.kind();
            // Where there is none: somebody's creation is under way, and S3 does not say whose it
            // will be.
            if kind == io::ErrorKind::AlreadyExists
                && let Some(there) = self.maker_of(path).await?
            {
                return Ok(there.against(maker));
            }
            let is_worth_it =
                matches!(kind, io::ErrorKind::AlreadyExists | io::ErrorKind::ResourceBusy);
            if !is_worth_it || Instant::now() >= end {
                return Err(error);
            }
            sleep(PAUSE).await;
        }
    }

    async fn maker_of(&self, path: &Path) -> io::Result<Option<Made>> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = found(self.s3.get_opts(path, options).await)?;
        Ok(found.map(|there| Made {
            size: there.meta.size,
            maker: there.attributes.get(&MAKER).map(|maker| maker.to_string()),
        }))
    }

    /// What is known of an object, if there is one.
    pub(super) async fn find(&self, path: &Path) -> io::Result<Option<ObjectMeta>> {
        found(self.s3.head(path).await)
    }

    /// The whole of a small object.
    pub(super) async fn read(&self, path: &Path) -> io::Result<Bytes> {
        self.get(path, GetOptions::default()).await?.bytes().await.map_err(told)
    }

    /// An object, or a part of it.
    pub(super) async fn get(&self, path: &Path, options: GetOptions) -> io::Result<GetResult> {
        self.s3.get_opts(path, options).await.map_err(told)
    }

    /// SHA-256 of an object as it is now.
    pub(super) async fn digest(&self, path: &Path) -> io::Result<Sum> {
        let mut stream = self.get(path, GetOptions::default()).await?.into_stream();
        let mut hash = Sha256::new();
        while let Some(bytes) = stream.try_next().await.map_err(told)? {
            hash.update(&bytes);
        }
        Ok(hash.finalize().into())
    }

    /// The objects in a folder and in those below, by name.
    pub(super) fn list(&self, folder: &Path) -> impl Stream<Item = io::Result<ObjectMeta>> + Unpin {
        self.s3.list(Some(folder)).map_err(told)
    }

    /// Deletes objects; one that is not there is as good.
    pub(super) async fn delete(&self, paths: Vec<Path>) -> io::Result<()> {
        let mut deletions = futures_util::stream::iter(paths)
            .map(|path| async move { found(self.s3.delete(&path).await) })
            .buffer_unordered(DELETIONS);
        while let Some(deleted) = deletions.next().await {
            deleted?;
        }
        Ok(())
    }

    /// Begins an object that is put together from parts.
    pub(super) async fn begin_parts(&self, path: &Path) -> io::Result<String> {
        self.s3.create_multipart(path).await.map_err(told)
    }

    /// Stores the part of that number, from 0.
    pub(super) async fn put_part(
        &self,
        path: &Path,
        id: &String,
        number: usize,
        bytes: Bytes,
    ) -> io::Result<PartId> {
        self.s3.put_part(path, id, number, bytes.into()).await.map_err(told)
    }

    /// Puts the parts together, unless there is an object of that name.
    pub(super) async fn complete(
        &self,
        path: &Path,
        id: &String,
        parts: Vec<PartId>,
    ) -> io::Result<()> {
        self.s3.complete_multipart(path, id, parts).await.map(drop).map_err(told)
    }

    /// Gives up what was begun.
    pub(super) async fn abort_parts(&self, path: &Path, id: &String) -> io::Result<()> {
        found(self.s3.abort_multipart(path, id).await).map(drop)
    }
}

const PROBE: &[u8] = b"Baton overwrites nothing.\n";

/// An object that is there.
struct Made {
    size: u64,
    maker: Option<String>,
}

impl Made {
    fn against(self, maker: Option<&str>) -> Created {
        match maker.is_some() && self.maker.as_deref() == maker {
            true => Created::Ours(self.size),
            false => Created::Others,
        }
    }
}

fn create(maker: Option<&str>) -> PutOptions {
    let attributes: Attributes = maker.map(|maker| (MAKER, maker.to_owned())).into_iter().collect();
    PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() }
}

fn found<T>(result: object_store::Result<T>) -> io::Result<Option<T>> {
    match result.map_err(told) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// The error by what is to be done about it; [`io::ErrorKind::ResourceBusy`] is worth another try.
pub(super) fn told(error: object_store::Error) -> io::Error {
    use object_store::Error;
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => {
            io::ErrorKind::AlreadyExists
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        Error::InvalidPath { .. } => io::ErrorKind::InvalidFilename,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => io::ErrorKind::Unsupported,
        Error::UnknownConfigurationKey { .. } => io::ErrorKind::InvalidInput,
        // What the network did and 5xx after repetitions; the two are not told apart.
        Error::Generic { .. } | Error::JoinError { .. } | _ => io::ErrorKind::ResourceBusy,
    };
    io::Error::new(kind, error)
}
