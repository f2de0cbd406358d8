//! Connections to the upstream that are open and idle: what a switch does not have to wait for.

use crate::hub::{Hub, LINKS};
use baton_core::{Duration, Failure, Instant, LinkId, Observation};
use baton_hal::{Bytes, Error, ErrorKind, Stream, Transport};
use core::cell::RefCell;
use std::rc::Rc;

/// Idle connections kept for each link: one for the upload that switches, one for a probe.
const KEPT: usize = 2;

/// Idle connections by link.
pub(crate) struct Connections<T: Transport> {
    idle: RefCell<[Vec<Idle<T::Stream>>; LINKS]>,
}

/// A connection on which nothing is outstanding.
struct Idle<S> {
    stream: Rc<S>,
    since: Instant,
}

impl<T: Transport> Default for Connections<T> {
    fn default() -> Self {
        Self { idle: RefCell::new([const { Vec::new() }; LINKS]) }
    }
}

impl<T: Transport> Connections<T> {
    /// Keeps a connection on which nothing is outstanding.
    pub(crate) fn keep(&self, link: LinkId, stream: Rc<T::Stream>, since: Instant) {
        let idle = &mut self.idle.borrow_mut()[usize::from(link.0)];
        if idle.len() < KEPT {
            idle.push(Idle { stream, since });
        }
    }

    /// Closes those that nobody used since, in good order.
    fn close_older(&self, link: LinkId, since: Instant) {
        self.idle.borrow_mut()[usize::from(link.0)].retain(|idle| idle.since > since);
    }

    /// The link went away: what was open over it is of no use, and must not linger.
    pub(crate) fn forget(&self, link: LinkId) {
        for idle in self.idle.borrow_mut()[usize::from(link.0)].drain(..) {
            idle.stream.abort();
        }
    }

    /// One that the upstream has not closed meanwhile.
    pub(crate) fn take(&self, link: LinkId) -> Option<Rc<T::Stream>> {
        let idle = &mut self.idle.borrow_mut()[usize::from(link.0)];
        // Anything to read on an idle connection is its end, or an answer to nothing.
        // The oldest first: each is used in turn, so none is silent until a NAT forgets it.
        core::iter::from_fn(|| (!idle.is_empty()).then(|| idle.remove(0).stream))
            .find(|stream| matches!(stream.try_read(&mut [0]), Ok(None)))
    }
}

/// Closes what is open over metered links for nobody: the kernel keeps an idle connection alive with
/// 104 bytes a minute, 4 MB a month.
pub(crate) async fn tire<T: Transport + 'static>(hub: Rc<Hub<T>>) {
    loop {
        tokio::time::sleep(TIRES / 5).await;
        if hub.core.borrow().uploads().next().is_some() {
            continue;
        }
        let since = hub.clock.now() - TIRES;
        for link in (0..LINKS as u8).map(LinkId) {
            if hub.core.borrow().links().view(link).spec.metered {
                hub.connections.close_older(link, since);
            }
        }
    }
}

/// Before the first of those bytes.
const TIRES: Duration = Duration::from_secs(50);

impl<T: Transport + 'static> Hub<T> {
    /// An open connection over `link`: a kept one, else a new one.
    pub(crate) async fn connect(self: &Rc<Self>, link: LinkId) -> Result<Rc<T::Stream>, Failure> {
        match self.connections.take(link) {
            Some(stream) => Ok(stream),
            None => self.open(link).await,
        }
    }

    /// A new connection over `link`.
    pub(crate) async fn open(self: &Rc<Self>, link: LinkId) -> Result<Rc<T::Stream>, Failure> {
        let Some(name) = self.link_name(link) else { return Err(Failure::Cut) };
        let timeout = self.settings.upstream.connect_timeout;
        let before = self.clock.now();
        match tokio::time::timeout(timeout, self.transport.connect(&name)).await {
            Ok(Ok(stream)) => {
                self.distrust[usize::from(link.0)].take();
                // Looking up a name and agreeing on keys take longer than a round trip.
                let measured = stream.info().map(|info| info.srtt).filter(|rtt| !rtt.is_zero());
                let rtt = measured.unwrap_or_else(|| self.clock.now().saturating_since(before));
                self.observe(link, Observation::Connected { rtt });
                Ok(Rc::new(stream))
            }
            Ok(Err(error)) => {
                tracing::debug!(link = name, %error, "connect");
                if error.kind() == ErrorKind::Untrusted {
                    self.distrust(link, &name, error.to_string());
                }
                Err(self.blame(link, &error))
            }
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Whatever answers over `link` is not the upstream, and nothing is sent to it.
    fn distrust(self: &Rc<Self>, link: LinkId, name: &str, why: String) {
        let known = self.distrust[usize::from(link.0)].replace(Some(why.clone()));
        if known.as_ref() != Some(&why) {
            tracing::warn!(link = name, "{why}");
        }
        self.observe(link, Observation::Impostor);
    }

    /// Why what answers is not believed, over the first link of which that is so.
    pub(crate) fn distrusted(&self) -> Option<String> {
        self.distrust.iter().find_map(|why| why.borrow().clone())
    }

    /// What an error of the transport means for the link and for the attempt.
    pub(crate) fn blame(self: &Rc<Self>, link: LinkId, error: &T::Error) -> Failure {
        let kind = error.kind();
        if kind == ErrorKind::Unreachable {
            self.observe(link, Observation::Unreachable);
        }
        if kind == ErrorKind::TimedOut { Failure::TimedOut } else { Failure::Cut }
    }
}

/// Writes all of a request's head.
pub(crate) async fn write_all<S: Stream>(stream: &S, mut bytes: &[u8]) -> Result<(), S::Error> {
    while !bytes.is_empty() {
        stream.writable().await;
        let wrote = stream.try_write(&[bytes])?;
        bytes = &bytes[wrote.unwrap_or(0)..];
    }
    Ok(())
}
