//! Listening, and the life of connections.

use crate::{
    conn::Conn,
    disk::Disk,
    folder::{Folder, OpenError},
    options::{Bucket, Options},
    service::Service,
    storage::Storage,
};
use core::{fmt, future::Future, net::SocketAddr, pin::pin, task::Poll, time::Duration};
use std::{io, path::PathBuf, rc::Rc, time::SystemTime};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// Files and the addresses at which they are served.
pub struct Store(Backend);

enum Backend {
    Disk(Serving<Disk>),
    #[cfg(feature = "s3")]
    Bucket(Serving<crate::bucket::Bucket>),
}

/// Why nothing is served.
#[derive(Debug)]
pub enum ServeError {
    /// Another process serves the folder.
    Busy(PathBuf),
    /// The folder can't be used.
    Folder(PathBuf, io::Error),
    /// An address can't be listened on.
    Listen(SocketAddr, io::Error),
    /// The bucket can't be used.
    Bucket(Bucket, io::Error),
    /// A bucket is wanted, and this program was built without the feature `s3`.
    NoBuckets,
    /// This option is for folders only.
    FolderOnly(&'static str),
    /// The path for uploads does not begin and end with a slash, or holds what needs encoding.
    TusPath(String),
}

/// Opens the storage and serves it until `shutdown` resolves, on a current-thread runtime inside
/// a [`tokio::task::LocalSet`].
pub async fn serve(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    Store::open(options).await?.serve(shutdown).await;
    Ok(())
}

impl Store {
    /// Opens the folder, with the uploads that an earlier process left, or the bucket; and the
    /// addresses.
    pub async fn open(options: Options) -> Result<Self, ServeError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let path = options.tus_path.as_str();
        if path.len() < 3
            || !path.starts_with('/')
            || !path.ends_with('/')
            || !path.bytes().all(is_plain)
        {
            return Err(ServeError::TusPath(options.tus_path));
        }
        match options.bucket.clone() {
            Some(bucket) => Self::open_bucket(bucket, options).await,
            None => Self::open_folder(options),
        }
    }

    fn open_folder(options: Options) -> Result<Self, ServeError> {
        let dir = || options.dir.clone();
        let folder = Folder::open(&options.dir).map_err(|error| match error {
            OpenError::Busy => ServeError::Busy(dir()),
            OpenError::Io(error) => ServeError::Folder(dir(), error),
        })?;
        let disk =
            Disk::open(folder, &options).map_err(|error| ServeError::Folder(dir(), error))?;
        Ok(Self(Backend::Disk(Serving::new(disk, options)?)))
    }

    #[cfg(feature = "s3")]
    async fn open_bucket(bucket: Bucket, options: Options) -> Result<Self, ServeError> {
        let folder_only = [
            ("quota_per_user", options.quota_per_user.is_some()),
            ("quota_total", options.quota_total.is_some()),
            ("file_ttl", options.file_ttl.is_some()),
        ];
        if let Some((option, _)) = folder_only.into_iter().find(|(_, is_set)| *is_set) {
            return Err(ServeError::FolderOnly(option));
        }
        let opened = crate::bucket::Bucket::open(&bucket, &options).await;
        let opened = opened.map_err(|error| ServeError::Bucket(bucket, error))?;
        Ok(Self(Backend::Bucket(Serving::new(opened, options)?)))
    }

    #[cfg(not(feature = "s3"))]
    async fn open_bucket(_bucket: Bucket, _options: Options) -> Result<Self, ServeError> {
        Err(ServeError::NoBuckets)
    }

    /// Where it listens; tells the port where 0 was asked for.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        let listeners = match &self.0 {
            Backend::Disk(serving) => &serving.listeners,
            #[cfg(feature = "s3")]
            Backend::Bucket(serving) => &serving.listeners,
        };
        listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `shutdown` resolves; then lets the requests that are being served end, for
    /// as long as [`Options::drain`] allows.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        match self.0 {
            Backend::Disk(serving) => serving.serve(shutdown).await,
            #[cfg(feature = "s3")]
            Backend::Bucket(serving) => serving.serve(shutdown).await,
        }
    }
}

struct Serving<S> {
    listeners: Vec<TcpListener>,
    service: Rc<Service<S>>,
    options: Options,
}

impl<S: Storage> Serving<S> {
    fn new(storage: S, options: Options) -> Result<Self, ServeError> {
        let listeners =
            options.listen.iter().map(|addr| listen(*addr)).collect::<Result<_, _>>()?;
        let service = Rc::new(Service::new(storage, &options));
        Ok(Self { listeners, service, options })
    }

    async fn serve(self, shutdown: impl Future<Output = ()>) {
        let (leave, leaving) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let mut sweeping = pin!(self.sweep());
        let mut tidying = pin!(self.tidy());
        loop {
            let is_full = connections.len() >= self.options.max_connections;
            tokio::select! {
                () = &mut shutdown => break,
                () = &mut sweeping => {}
                () = &mut tidying => {}
                Some(_) = connections.join_next() => {}
                stream = self.accept(), if !is_full => {
                    let conn = Conn::new(stream, self.options.idle_timeout, leaving.clone());
                    connections.spawn_local(Rc::clone(&self.service).run(conn));
                }
            }
        }
        tracing::info!(connections = connections.len(), "draining");
        leave.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(self.options.drain, drained).await.is_err() {
            tracing::info!(connections = connections.len(), "cutting");
        }
        connections.shutdown().await;
    }

    async fn accept(&self) -> TcpStream {
        loop {
            let accepted = core::future::poll_fn(|context| {
                let mut polls = self.listeners.iter().map(|listener| listener.poll_accept(context));
                polls.find(Poll::is_ready).unwrap_or(Poll::Pending)
            });
            match accepted.await {
                Ok((stream, peer)) => {
                    tracing::debug!(%peer, "connected");
                    // An answer is often smaller than a segment, and awaited.
                    let _ = stream.set_nodelay(true);
                    return stream;
                }
                Err(error) => {
                    tracing::warn!(%error, "can't accept");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn sweep(&self) {
        let period = (self.options.expire_after / 10).clamp(SWEEP_MIN, SWEEP_MAX);
        loop {
            sleep(period).await;
            self.service.storage.sweep(Instant::now()).await;
        }
    }

    async fn tidy(&self) {
        let longest = self.options.tidy_every;
        let period = self.options.file_ttl.map_or(longest, |ttl| longest.min(ttl / 10));
        loop {
            self.service.storage.tidy(SystemTime::now()).await;
            sleep(period.max(SWEEP_MIN)).await;
        }
    }
}

fn listen(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    let bind = || {
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    bind().map_err(|error| ServeError::Listen(addr, error))
}

/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often expired uploads are looked for: a tenth of their life, within these.
const SWEEP_MIN: Duration = Duration::from_millis(100);
const SWEEP_MAX: Duration = Duration::from_secs(60);

impl core::error::Error for ServeError {}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(dir) => write!(f, "{} is served by another process", dir.display()),
            Self::Folder(dir, error) => write!(f, "{}: {error}", dir.display()),
            Self::Listen(addr, error) => write!(f, "listen on {addr}: {error}"),
            Self::Bucket(bucket, error) => {
                // Below the first line comes the object store's answer as it is.
                let error = error.to_string();
                let error = error.lines().next().unwrap_or_default();
                write!(f, "{bucket}: check the AWS_* variables of the environment: {error}")
            }
            Self::NoBuckets => f.write_str(
                "this program was built without buckets: build it with `--features s3`, \
                 or store in a folder",
            ),
            Self::FolderOnly(option) => {
                write!(f, "{option} is for files in a folder: leave it out, or store in a folder")
            }
            Self::TusPath(path) => {
                write!(f, "upload path {path:?}: must be like /files/, letters and digits")
            }
        }
    }
}
