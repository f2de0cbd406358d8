//! embassy's sockets as streams to the upstream, each bound to one link by the stack that it is of.

use crate::hub::NAMES;
use baton_hal::{Bytes, Error, ErrorKind, Stream, StreamInfo, Transport};
use baton_mps2_an385::LINKS;
use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::net::SocketAddrV4;
use core::pin::pin;
use core::task::Poll;
use core::{fmt, task};
use embassy_futures::poll_once;
use embassy_net::Stack;
use embassy_net::tcp::{ConnectError, State, TcpSocket};
use embassy_time::with_timeout;

/// Memory of one socket: bytes that came and were not read, bytes that were not acknowledged.
pub(crate) struct Buffers<const RECEIVE: usize, const SEND: usize> {
    receive: [u8; RECEIVE],
    send: [u8; SEND],
}

impl<const RECEIVE: usize, const SEND: usize> Buffers<RECEIVE, SEND> {
    pub(crate) const fn new() -> Self {
        Self { receive: [0; RECEIVE], send: [0; SEND] }
    }
}

/// A socket, and whether a stream is made of it.
pub(crate) struct Place {
    socket: RefCell<TcpSocket<'static>>,
    is_taken: Cell<bool>,
}

impl Place {
    pub(crate) fn new<const R: usize, const S: usize>(
        stack: Stack<'static>,
        buffers: &'static mut Buffers<R, S>,
    ) -> Self {
        let socket = TcpSocket::new(stack, &mut buffers.receive, &mut buffers.send);
        Self { socket: RefCell::new(socket), is_taken: Cell::new(false) }
    }
}

/// [`Transport`] that has one socket a link.
#[derive(Clone, Copy)]
pub(crate) struct Sockets {
    places: &'static [Place; LINKS],
    upstream: SocketAddrV4,
}

impl Sockets {
    pub(crate) const fn new(places: &'static [Place; LINKS], upstream: SocketAddrV4) -> Self {
        Self { places, upstream }
    }
}

/// Why a stream was not opened, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketError {
    /// There is no such link, or nothing leads out by it.
    NoWayOut,
    /// The link's socket is in use.
    InUse,
    /// The upstream does not listen, or ended the connection.
    Reset,
    /// It does not answer.
    Silent,
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWayOut => "nothing leads out by the link",
            Self::InUse => "the link's socket is in use",
            Self::Reset => "connection reset",
            Self::Silent => "no answer",
        })
    }
}

impl Error for SocketError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoWayOut => ErrorKind::Unreachable,
            Self::InUse => ErrorKind::Full,
            Self::Reset => ErrorKind::Refused,
            Self::Silent => ErrorKind::TimedOut,
        }
    }
}

impl Transport for Sockets {
    type Stream = Socket;
    type Error = SocketError;

    async fn connect(&self, link: &str) -> Result<Socket, SocketError> {
        let index = NAMES.iter().position(|name| *name == link).ok_or(SocketError::NoWayOut)?;
        let place = &self.places[index];
        if place.is_taken.replace(true) {
            return Err(SocketError::InUse);
        }
        let stream = Socket { place, written: Cell::new(0), is_aborted: Cell::new(false) };
        // Nobody else touches it: it is taken. Dropped in the middle, it is given back after the borrow.
        let mut socket = place.socket.borrow_mut();
        if socket.state() != State::Closed {
            socket.abort();
        }
        // The reset of the connection before leaves at once, or never.
        let _ = with_timeout(RESET, socket.flush()).await;
        socket.connect(self.upstream).await.map_err(|error| match error {
            ConnectError::NoRoute => SocketError::NoWayOut,
            ConnectError::ConnectionReset | ConnectError::InvalidState => SocketError::Reset,
            ConnectError::TimedOut => SocketError::Silent,
        })?;
        drop(socket);
        Ok(stream)
    }
}

/// For the last segment of a connection that is torn down.
const RESET: embassy_time::Duration = embassy_time::Duration::from_millis(10);

/// A connection. Dropped, it is another's.
pub(crate) struct Socket {
    place: &'static Place,
    /// Bytes handed over since it was made.
    written: Cell<u64>,
    is_aborted: Cell<bool>,
}

impl Socket {
    /// Ready once `is_over`, or `ready` is: to embassy, the end of a connection is no readiness.
    async fn wait(
        &self,
        is_over: impl Fn(&TcpSocket<'_>) -> bool,
        mut poll: impl FnMut(&TcpSocket<'_>, &mut task::Context<'_>) -> Poll<()>,
    ) {
        poll_fn(|context| {
            let socket = self.place.socket.borrow();
            let polled = poll(&socket, context);
            if is_over(&socket) { Poll::Ready(()) } else { polled }
        })
        .await;
    }
}

impl Bytes for Socket {
    type Error = SocketError;

    async fn readable(&self) {
        let poll = |socket: &TcpSocket<'_>, context: &mut task::Context<'_>| {
            pin!(socket.wait_read_ready()).poll(context)
        };
        self.wait(|socket| !socket.may_recv(), poll).await;
    }

    async fn writable(&self) {
        let poll = |socket: &TcpSocket<'_>, context: &mut task::Context<'_>| {
            pin!(socket.wait_write_ready()).poll(context)
        };
        self.wait(|socket| !socket.may_send(), poll).await;
    }

    fn try_read(&self, buf: &mut [u8]) -> Result<Option<usize>, SocketError> {
        let mut socket = self.place.socket.borrow_mut();
        if !socket.can_recv() && socket.may_recv() {
            return Ok(None);
        }
        match poll_once(socket.read(buf)) {
            Poll::Ready(read) => read.map(Some).map_err(|_| SocketError::Reset),
            Poll::Pending => Ok(None),
        }
    }

    fn try_write(&self, bufs: &[&[u8]]) -> Result<Option<usize>, SocketError> {
        let mut socket = self.place.socket.borrow_mut();
        if !socket.may_send() {
            return Err(SocketError::Reset);
        }
        let mut taken = 0;
        'all: for buf in bufs {
            let mut rest = *buf;
            while !rest.is_empty() {
                if !socket.can_send() {
                    break 'all;
                }
                let Poll::Ready(wrote) = poll_once(socket.write(rest)) else { break 'all };
                let wrote = wrote.map_err(|_| SocketError::Reset)?;
                taken += wrote;
                rest = &rest[wrote..];
            }
        }
        self.written.set(self.written.get() + taken as u64);
        let is_empty = bufs.iter().all(|buf| buf.is_empty());
        Ok((taken > 0 || is_empty).then_some(taken))
    }
}

impl Stream for Socket {
    fn info(&self) -> Option<StreamInfo> {
        let queued = self.place.socket.borrow().send_queue();
        Some(StreamInfo {
            acked_bytes: self.written.get().saturating_sub(queued as u64),
            // What was not sent yet is among them: the stack does not tell.
            unacked_segments: queued.div_ceil(SEGMENT) as u32,
            segment_bytes: SEGMENT as u32,
            ..StreamInfo::default()
        })
    }

    fn abort(&self) {
        self.is_aborted.set(true);
        self.place.socket.borrow_mut().abort();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.is_aborted.get() {
            self.place.socket.borrow_mut().close();
        }
        self.place.is_taken.set(false);
    }
}

/// Payload of a full segment over Ethernet.
const SEGMENT: usize = 1460;
