//! Lanes: what one link does for one upload, as a task that carries out the core's orders.

pub(crate) mod abandon;
mod chunked;
mod gauge;
mod offsets;
mod outbox;
mod put;
mod session;

pub(crate) use gauge::Gauge;

use crate::depot::ShelfError;
use crate::hub::Hub;
use crate::transfer::{Body, Transfer};
use crate::upstream::Spoken;
use baton_core::{Attempt, BLOCK_SIZE, Failure, LinkId, Outcome};
use baton_hal::{Bytes, GATHERED, Stream, Transport};
pub(crate) use baton_wire::upload::Order;
use baton_wire::upload::Protocol;
use core::ops::Range;
use offsets::ByOffset;
use outbox::Outbox;
use session::{Dialect, Unwritten};
use std::rc::Rc;
use tokio::sync::mpsc;

/// The driver's end of a lane. Dropping it ends the lane.
pub(crate) struct LaneHandle<T: Transport> {
    pub(crate) link: LinkId,
    pub(crate) transfer: Rc<Transfer>,
    pub(crate) gauge: Rc<Gauge<T>>,
    orders: mpsc::Sender<Order>,
}

impl<T: Transport> LaneHandle<T> {
    /// Passes an order on. The core gives one at a time and waits for its outcome, so the
    /// channel has room; a lane that has ended has reported so.
    pub(crate) fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::debug!(?order, "lane is gone");
        }
    }
}

/// Starts a lane with its first order.
pub(crate) fn spawn<T: Transport + 'static>(
    hub: Rc<Hub<T>>,
    transfer: Rc<Transfer>,
    attempt: Attempt,
    link: LinkId,
    first: Order,
) -> LaneHandle<T> {
    let (orders, inbox) = mpsc::channel(4);
    let gauge = Rc::new(Gauge::new());
    let handle = LaneHandle { link, transfer: transfer.clone(), gauge: gauge.clone(), orders };
    handle.order(first);
    let lane = Lane { hub, transfer, attempt, link, gauge };
    tokio::task::spawn_local(async move {
        let dialect: Box<dyn Dialect<T>> = match lane.transfer.spoken {
            Spoken::Tus { .. } => Box::new(ByOffset::new(Protocol::Tus)),
            Spoken::Resumable { interop, .. } => {
                let interop = lane.hub.upstream.interop().unwrap_or(interop);
                Box::new(ByOffset::new(Protocol::Resumable(interop)))
            }
            Spoken::Chunked => Box::new(chunked::Chunked::default()),
            Spoken::Put => Box::new(put::Put::default()),
        };
        if let Err(failure) = session::run(&lane, inbox, dialect).await {
            lane.report(Outcome::Failed(failure));
        }
    });
    handle
}

/// The task's end of a lane.
struct Lane<T: Transport> {
    hub: Rc<Hub<T>>,
    transfer: Rc<Transfer>,
    attempt: Attempt,
    link: LinkId,
    gauge: Rc<Gauge<T>>,
}

impl<T: Transport + 'static> Lane<T> {
    fn report(&self, outcome: Outcome) {
        self.hub.report(&self.transfer, self.attempt, outcome);
    }

    /// Opens or takes a connection, and shows it to the sampler.
    async fn connect(&self) -> Result<Rc<T::Stream>, Failure> {
        let stream = self.hub.connect(self.link).await?;
        self.gauge.last.set(stream.info().unwrap_or_default());
        self.gauge.stream.replace(Some(stream.clone()));
        Ok(stream)
    }

    /// The same, with the orders that came meanwhile. `None`: the core let go of the lane first.
    async fn open(
        &self,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Result<Option<(Rc<T::Stream>, Vec<Order>)>, Failure> {
        let mut early = Vec::new();
        let mut connect = core::pin::pin!(self.connect());
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => early.push(order),
                    None => return Ok(None),
                },
                stream = &mut connect => return Ok(Some((stream?, early))),
            }
        }
    }

    /// The byte at `at` is not here any more. What the upstream has by another link is not needed:
    /// then it is only this request that is over.
    fn lacks(&self, at: u64) -> Failure {
        let acked = self.hub.core.borrow().view(self.transfer.id).map_or(0, |view| view.acked);
        if at < acked { Failure::Cut } else { Failure::NotKept }
    }

    /// Ends a connection: kept where nothing is outstanding and the link is there, else torn down.
    fn disconnect(&self, stream: Rc<T::Stream>, is_clean: bool) {
        self.gauge.stream.replace(None);
        if is_clean && self.hub.core.borrow().links().is_usable(self.link) {
            self.hub.connections.keep(self.link, stream, self.hub.clock.now());
        } else {
            stream.abort();
        }
    }

    /// Writes head bytes, then the upload's bytes in `body`, as far as the transport takes them. What
    /// it encrypts stays with it until it has left: no more than the link soon takes.
    fn write(
        &self,
        stream: &T::Stream,
        head: &[u8],
        body: Range<u64>,
    ) -> Result<usize, Unwritten<T::Error>> {
        let soon = self.gauge.last.get().delivery_rate / WRITES_A_SECOND;
        let left = (body.end - body.start).min(soon.max(BLOCK_SIZE as u64));
        if left == 0 {
            return stream
                .try_write(&[head])
                .map(Option::unwrap_or_default)
                .map_err(Unwritten::Transport);
        }
        let body = body.start..body.start + left;
        match &self.transfer.body {
            Body::Pool | Body::Passing => self.write_blocks(stream, head, body),
            Body::Spool(file) | Body::Chunks(file) => {
                self.write_kept(stream, head, left, |bytes| file.read_at(bytes, body.start))
            }
            Body::Kept { body: kept, .. } => self.write_kept(stream, head, left, |bytes| {
                kept.read_at(bytes, body.start).inspect_err(|error| {
                    self.transfer.is_damaged.set(matches!(error, ShelfError::Damaged(_)));
                })
            }),
        }
    }

    /// The same, from a file.
    fn write_kept<E: core::fmt::Display>(
        &self,
        stream: &T::Stream,
        head: &[u8],
        most: u64,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, Unwritten<T::Error>> {
        let mut scratch = self.hub.scratch.borrow_mut();
        let most = usize::try_from(most).map_or(scratch.len(), |most| most.min(scratch.len()));
        let read = read(&mut scratch[..most]).map_err(|error| {
            tracing::error!(upload = self.transfer.name, %error, "reading the spool");
            Unwritten::Lost
        })?;
        stream
            .try_write(&[head, &scratch[..read]])
            .map(Option::unwrap_or_default)
            .map_err(Unwritten::Transport)
    }

    /// The same, straight from the pool.
    fn write_blocks(
        &self,
        stream: &T::Stream,
        head: &[u8],
        body: Range<u64>,
    ) -> Result<usize, Unwritten<T::Error>> {
        let most = body.end - body.start;
        let places = self.hub.places::<BLOCKS>(&self.transfer, body.start, most);
        if places.is_empty() {
            return Err(Unwritten::Lost);
        }
        let blocks = self.hub.arena.read();
        let mut slices = [head; GATHERED];
        for (slice, place) in slices[1..].iter_mut().zip(&places) {
            *slice = &blocks[place.range()];
        }
        stream
            .try_write(&slices[..1 + places.len()])
            .map(Option::unwrap_or_default)
            .map_err(Unwritten::Transport)
    }
}

/// Blocks that one write gathers at most, behind its head: the longest append.
const BLOCKS: usize = GATHERED - 1;

/// One each 2.5 ms, twice as often as the link is looked at: below 50 Mbit/s that is a block, as many
/// clients share the memory of such a link.
const WRITES_A_SECOND: u64 = 400;
