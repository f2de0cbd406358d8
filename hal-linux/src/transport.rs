//! [`BoundTransport`]: TCP to the upstream, each stream bound to one link.

use crate::{
    binding::{self, BindError},
    error,
    network::{Family, Network, Path},
    resolve::{ResolveOptions, Resolver},
    tcp_info::stream_info,
};
use baton_core::Duration;
use baton_hal::{Bytes, ErrorKind, Stream, StreamInfo, Transport, gather};
use core::{
    cell::Cell,
    fmt,
    net::{IpAddr, SocketAddr},
};
use socket2::{SockRef, TcpKeepalive, Type};
use std::io::{self, IoSlice};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Where the upstream is, and how sockets to it are set up.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Which of its addresses are used.
    pub family: Family,
    /// SO_SNDBUF in bytes of payload; the kernel takes twice as much for its own books. `None`: the kernel's choice,
    /// which grows.
    pub send_buffer: Option<u32>,
    /// SO_RCVBUF, as [`Self::send_buffer`].
    pub receive_buffer: Option<u32>,
    /// TCP_NOTSENT_LOWAT: most bytes that wait in the socket unsent. Less is better: they are what a switch
    /// sends twice.
    pub notsent_lowat: Option<u32>,
    /// Silence after which an idle connection is probed, and then between probes.
    pub keepalive: Option<Duration>,
    /// How its name is looked up.
    pub resolve: ResolveOptions,
}

impl TransportOptions {
    /// An upstream with everything else left to the kernel.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            family: Family::default(),
            send_buffer: None,
            receive_buffer: None,
            notsent_lowat: None,
            keepalive: None,
            resolve: ResolveOptions::default(),
        }
    }
}

/// Why a stream was not opened, or ended.
#[derive(Debug)]
pub enum TransportError {
    /// There is no such interface.
    NoLink(String),
    /// No carrier, no address or no default route of its own.
    NoWayOut(String),
    /// This process may not use that link; the text says what mends it.
    NotPermitted(String),
    /// No address of the upstream is known.
    Unresolved {
        /// Its name.
        host: String,
        /// The link over which it was asked for.
        link: String,
    },
    /// The kernel or the peer said so.
    Socket(io::Error),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLink(link) => write!(f, "no interface {link}"),
            Self::NoWayOut(link) => {
                write!(f, "{link} has no carrier, no address or no default route")
            }
            Self::NotPermitted(mend) => f.write_str(mend),
            Self::Unresolved { host, link } => {
                write!(f, "no address of {host} is known over {link}")
            }
            Self::Socket(error) => error.fmt(f),
        }
    }
}

impl baton_hal::Error for TransportError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoLink(_) | Self::NoWayOut(_) => ErrorKind::Unreachable,
            Self::NotPermitted(_) => ErrorKind::NotPermitted,
            Self::Unresolved { .. } => ErrorKind::Unresolved,
            Self::Socket(error) => error::kind(error),
        }
    }
}

impl From<BindError> for TransportError {
    fn from(error: BindError) -> Self {
        match error {
            BindError::NotPermitted(mend) => Self::NotPermitted(mend),
            BindError::Socket(error) => Self::Socket(error),
        }
    }
}

/// How long one of several addresses may take to connect before the next is tried.
const ATTEMPT: Duration = Duration::from_secs(3);

/// [`Transport`] over TCP. An upstream with several addresses is tried in their order, that of the last success first, so that a
/// switch of links stays with the server that holds the upload.
pub struct BoundTransport {
    options: TransportOptions,
    network: Network,
    resolver: Resolver,
    last: Cell<Option<IpAddr>>,
}

impl BoundTransport {
    /// `network` is that of the [`NetlinkLinks`](crate::NetlinkLinks) which name the links.
    pub fn new(network: Network, options: TransportOptions) -> Self {
        let resolver = Resolver::new(options.host.clone(), options.resolve.clone());
        Self { options, network, resolver, last: Cell::new(None) }
    }

    /// Tries twice where the next hop did not answer: the first try may inherit the end of a
    /// question that was asked while the carrier was away.
    async fn connect_to(
        &self,
        link: &str,
        path: &Path,
        upstream: IpAddr,
    ) -> Result<TcpStream, TransportError> {
        match self.try_connect(link, path, upstream).await {
            Err(TransportError::Socket(error))
                if error.kind() == io::ErrorKind::HostUnreachable =>
            {
                self.try_connect(link, path, upstream).await
            }
            tried => tried,
        }
    }

    async fn try_connect(
        &self,
        link: &str,
        path: &Path,
        upstream: IpAddr,
    ) -> Result<TcpStream, TransportError> {
        let socket = binding::socket(link, path, Type::STREAM)?;
        self.prepare(&socket).map_err(TransportError::Socket)?;
        let socket = TcpSocket::from_std_stream(socket.into());
        let stream = socket.connect(SocketAddr::new(upstream, self.options.port)).await;
        stream.map_err(TransportError::Socket)
    }

    fn prepare(&self, socket: &socket2::Socket) -> io::Result<()> {
        let options = &self.options;
        socket.set_tcp_nodelay(true)?;
        if let Some(size) = options.send_buffer {
            socket.set_send_buffer_size(size as usize)?;
        }
        if let Some(size) = options.receive_buffer {
            socket.set_recv_buffer_size(size as usize)?;
        }
        if let Some(most) = options.notsent_lowat {
            socket.set_tcp_notsent_lowat(most)?;
        }
        if let Some(silence) = options.keepalive {
            socket.set_tcp_keepalive(
                &TcpKeepalive::new().with_time(silence).with_interval(silence),
            )?;
        }
        Ok(())
    }

    /// The upstream's addresses of the first family that both it and the link have.
    async fn addresses(&self, link: &str) -> Result<(Path, Vec<IpAddr>), TransportError> {
        if !self.network.knows(link) {
            return Err(TransportError::NoLink(link.to_owned()));
        }
        let mut has_way_out = false;
        for ip in self.options.family.preferred() {
            let Some(path) = self.network.path(link, *ip).filter(|path| path.address.is_some())
            else {
                continue;
            };
            has_way_out = true;
            let mut addresses = self.resolver.resolve(&self.network, link, *ip).await;
            if !addresses.is_empty() {
                addresses.sort_by_key(|address| self.last.get() != Some(*address));
                return Ok((path, addresses));
            }
        }
        Err(if has_way_out {
            TransportError::Unresolved { host: self.options.host.clone(), link: link.to_owned() }
        } else {
            TransportError::NoWayOut(link.to_owned())
        })
    }
}

impl Transport for BoundTransport {
    type Stream = BoundStream;
    type Error = TransportError;

    async fn connect(&self, link: &str) -> Result<BoundStream, TransportError> {
        let (path, addresses) = self.addresses(link).await?;
        let (last, others) = addresses.split_last().expect("resolved to one address at least");
        for upstream in others {
            if let Ok(Ok(stream)) = timeout(ATTEMPT, self.connect_to(link, &path, *upstream)).await
            {
                self.last.set(Some(*upstream));
                return Ok(BoundStream(stream));
            }
        }
        let stream = self.connect_to(link, &path, *last).await?;
        self.last.set(Some(*last));
        Ok(BoundStream(stream))
    }
}

/// A TCP stream to the upstream.
#[derive(Debug)]
pub struct BoundStream(TcpStream);

impl From<TcpStream> for BoundStream {
    /// A stream that something else opened.
    fn from(stream: TcpStream) -> Self {
        Self(stream)
    }
}

impl Bytes for BoundStream {
    type Error = TransportError;

    async fn readable(&self) {
        // An error shows in try_read as well.
        let _ = self.0.readable().await;
    }

    async fn writable(&self) {
        let _ = self.0.writable().await;
    }

    fn try_read(&self, buf: &mut [u8]) -> Result<Option<usize>, TransportError> {
        now(self.0.try_read(buf))
    }

    fn try_write(&self, bufs: &[&[u8]]) -> Result<Option<usize>, TransportError> {
        let (slices, count) = gather(bufs.iter().copied(), IoSlice::new);
        now(self.0.try_write_vectored(&slices[..count]))
    }
}

impl Stream for BoundStream {
    fn info(&self) -> Option<StreamInfo> {
        stream_info(&self.0)
    }

    fn abort(&self) {
        // A socket that is gone already has nothing left to send.
        let _ = SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
    }
}

fn now(done: io::Result<usize>) -> Result<Option<usize>, TransportError> {
    match done {
        Ok(n) => Ok(Some(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(TransportError::Socket(error)),
    }
}
