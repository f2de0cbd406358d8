//! Links emulated over loopback, for kernels that give a user no namespaces.
//!
//! Every stream is a TCP connection over 127.0.0.1 behind a line of its link's rate, delay and
//! loss. Without carrier nothing more leaves, and nothing comes back; a black hole delivers
//! nothing at all, and what is on its way arrives when it ends.

mod stream;
#[cfg(test)]
mod tests;
mod wire;

pub(super) use stream::LoopbackStream;

use baton_core::{Class, Duration};
use baton_hal::{ErrorKind, Facts, LinkChange, Links, Transport};
use core::cell::Cell;
use core::convert::Infallible;
use core::fmt;
use core::future::pending;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::io;
use std::rc::Rc;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// A link's line as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// What a kernel would say of it; `None`: the interface is gone.
    pub(super) facts: Option<Facts>,
    /// Bits a second towards the upstream. What comes back is short, and is only delayed.
    pub(super) rate: u64,
    /// One way.
    pub(super) delay: Duration,
    /// Segments in a million that arrive a round trip late, sent again.
    pub(super) loss_ppm: u32,
    /// It looks well and delivers nothing.
    pub(super) black_hole: bool,
}

impl Line {
    /// A line without faults. Its `number` tells its address and its metric.
    pub(super) fn new(name: &str, number: u8, class: Class, rate: u64, delay: Duration) -> Self {
        let facts = Facts {
            name: name.try_into().expect("the demo's links have short names"),
            index: number.into(),
            class,
            carrier: true,
            // All of 127.0.0.0/8 is this machine's.
            address: Some(Ipv4Addr::new(127, 0, number, 2).into()),
            gateway: None,
            metric: Some(100 * u32::from(number)),
            roaming: false,
            trouble: None,
        };
        Self { facts: Some(facts), rate, delay, loss_ppm: 0, black_hole: false }
    }

    /// Pulls the cable, or puts it back. Without it, a default route is of no use.
    pub(super) fn set_carrier(&mut self, carrier: bool) {
        if let Some(facts) = &mut self.facts {
            facts.carrier = carrier;
            facts.metric = carrier.then_some(100 * facts.index);
        }
    }

    fn has_carrier(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.carrier)
    }

    /// Whether nothing comes back over it.
    fn is_silent(&self) -> bool {
        self.black_hole || !self.has_carrier()
    }
}

/// The hand on the lines. Any thread may hold it.
pub(super) struct Lines(watch::Sender<Vec<Line>>);

impl Lines {
    /// These lines.
    pub(super) fn new(lines: Vec<Line>) -> Self {
        Self(watch::Sender::new(lines))
    }

    /// Changes the line of that link, if there is one.
    pub(super) fn change(&self, link: &str, change: impl FnOnce(&mut Line)) {
        self.0.send_modify(|lines| {
            if let Some(line) = lines.iter_mut().find(|line| is_of(line, link)) {
                change(line);
            }
        });
    }

    /// The agent's view of them.
    pub(super) fn view(&self) -> View {
        View(self.0.subscribe())
    }
}

fn is_of(line: &Line, link: &str) -> bool {
    line.facts.as_ref().is_some_and(|facts| facts.name == link)
}

/// The eye on the lines.
#[derive(Clone)]
pub(super) struct View(watch::Receiver<Vec<Line>>);

impl View {
    /// Waits until a line is not what it was at the last look.
    async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody can change them any more.
            pending().await
        }
    }
}

/// Links and ways to `upstream` over the lines.
pub(super) fn open(view: View, upstream: SocketAddr) -> (LoopbackLinks, LoopbackTransport) {
    let lines = view.0.borrow().len();
    let free_at = (0..lines).map(|_| Rc::new(Cell::new(Instant::now()))).collect();
    let links = LoopbackLinks { view: view.clone(), told: vec![None; lines] };
    (links, LoopbackTransport { view, upstream, free_at })
}

/// [`Links`] that are lines.
pub(super) struct LoopbackLinks {
    view: View,
    /// By line.
    told: Vec<Option<Facts>>,
}

impl LoopbackLinks {
    fn news(&mut self) -> Option<LinkChange> {
        let lines = self.view.0.borrow_and_update();
        let (line, told) =
            lines.iter().zip(&mut self.told).find(|(line, told)| line.facts != **told)?;
        let before = core::mem::replace(told, line.facts.clone());
        match &line.facts {
            Some(facts) => Some(LinkChange::Updated(facts.clone())),
            None => before.map(|facts| LinkChange::Removed(facts.name)),
        }
    }
}

impl Links for LoopbackLinks {
    type Error = Infallible;
    type Trouble = &'static str;

    async fn changed(&mut self) -> Result<LinkChange, Infallible> {
        loop {
            if let Some(change) = self.news() {
                return Ok(change);
            }
            self.view.changed().await;
        }
    }
}

/// [`Transport`] over lines.
pub(super) struct LoopbackTransport {
    view: View,
    upstream: SocketAddr,
    /// By line: when it has served what was given to it.
    free_at: Vec<Rc<Cell<Instant>>>,
}

impl LoopbackTransport {
    /// The line of a link that can carry packets, and the address on it.
    fn usable(&self, link: &str) -> Result<(usize, IpAddr), LoopbackError> {
        let lines = self.view.0.borrow();
        let found = lines.iter().enumerate().find(|(_, line)| is_of(line, link));
        let usable = found.and_then(|(at, line)| {
            let facts = line.facts.as_ref().filter(|facts| facts.is_usable())?;
            Some((at, facts.address?))
        });
        usable.ok_or_else(|| LoopbackError::Unreachable(link.to_owned()))
    }
}

impl Transport for LoopbackTransport {
    type Stream = LoopbackStream;
    type Error = LoopbackError;

    async fn connect(&self, link: &str) -> Result<LoopbackStream, LoopbackError> {
        let (at, address) = self.usable(link)?;
        let mut view = self.view.clone();
        let round_trip = view.0.borrow()[at].delay * 2;
        sleep(round_trip).await;
        while view.0.borrow_and_update()[at].is_silent() {
            view.changed().await;
        }
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(address, 0))?;
            let stream = socket.connect(self.upstream).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connect.await.map_err(LoopbackError::Socket)?;
        Ok(LoopbackStream::open(stream.into(), view, at, self.free_at[at].clone()))
    }
}

/// Why a stream was not opened, or ended.
#[derive(Debug)]
pub(super) enum LoopbackError {
    /// The link is not there, or has no carrier, address or route.
    Unreachable(String),
    /// It was not opened.
    Socket(io::Error),
    /// It was open, and ended like this.
    Ended(ErrorKind),
}

impl fmt::Display for LoopbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(link) => {
                write!(f, "{link} has no carrier, no address or no default route")
            }
            Self::Socket(error) => error.fmt(f),
            Self::Ended(kind) => write!(f, "connection ended: {kind:?}"),
        }
    }
}

impl baton_hal::Error for LoopbackError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable(_) => ErrorKind::Unreachable,
            Self::Socket(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                ErrorKind::Refused
            }
            Self::Socket(_) => ErrorKind::Other,
            Self::Ended(kind) => *kind,
        }
    }
}
