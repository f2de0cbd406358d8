//! Listening, and the life of connections.

use crate::{
    conn::Conn,
    disk::Disk,
    folder::{Folder, OpenError},
    options::Options,
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

/// A folder and the addresses at which it is served.
pub struct Store {
    listeners: Vec<TcpListener>,
    service: Rc<Service<Disk>>,
    options: Options,
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
    /// The path for uploads does not begin and end with a slash, or holds what needs encoding.
    TusPath(String),
}

/// Opens the folder and serves it until `shutdown` resolves, on a current-thread runtime inside
/// a [`tokio::task::LocalSet`].
pub async fn serve(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    Store::open(options)?.serve(shutdown).await;
    Ok(())
}

impl Store {
    /// Opens the folder, with the uploads that an earlier process left, and the addresses.
    pub fn open(options: Options) -> Result<Self, ServeError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let path = options.tus_path.as_str();
        if path.len() < 3
            || !path.starts_with('/')
            || !path.ends_with('/')
            || !path.bytes().all(is_plain)
        {
            return Err(ServeError::TusPath(options.tus_path));
        }
        let dir = || options.dir.clone();
        let folder = Folder::open(&options.dir).map_err(|error| match error {
            OpenError::Busy => ServeError::Busy(dir()),
            OpenError::Io(error) => ServeError::Folder(dir(), error),
        })?;
        let disk =
            Disk::open(folder, &options).map_err(|error| ServeError::Folder(dir(), error))?;
        let listeners =
            options.listen.iter().map(|addr| listen(*addr)).collect::<Result<_, _>>()?;
        let service = Rc::new(Service::new(disk, &options));
        Ok(Self { listeners, service, options })
    }

    /// Where it listens; tells the port where 0 was asked for.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `shutdown` resolves; then lets the requests that are being served end, for
    /// as long as [`Options::drain`] allows.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
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
            Self::TusPath(path) => {
                write!(f, "upload path {path:?}: must be like /files/, letters and digits")
            }
        }
    }
}
