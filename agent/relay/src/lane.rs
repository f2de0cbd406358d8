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
use baton_hal::{Stream, Transport};
use baton_wire::upload::Protocol;
use offsets::Offsets;
use outbox::Outbox;
use session::{Dialect, Unwritten};
use std::io::IoSlice;
use std::rc::Rc;
use tokio::sync::mpsc;

/// What the core wants of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Make the upload exist.
    Create,
    /// Ask for its offset.
    Ask,
    /// Append from here on.
    Append { from: u64 },
    /// Start nothing new.
    Hold,
    /// Go on.
    Unhold,
}

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
            Spoken::Tus { .. } => Box::new(Offsets::new(Protocol::Tus)),
            Spoken::Resumable { interop, .. } => {
                let interop = lane.hub.upstream.interop().unwrap_or(interop);
                Box::new(Offsets::new(Protocol::Resumable(interop)))
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

    /// Writes head bytes, then the upload's bytes in `body`, as far as the transport takes them.
    fn write(
        &self,
        stream: &T::Stream,
        head: &[u8],
        body: core::ops::Range<u64>,
    ) -> Result<usize, Unwritten<T::Error>> {
        let left = body.end - body.start;
        if left == 0 {
            return stream
                .try_write(&[IoSlice::new(head)])
                .map(Option::unwrap_or_default)
                .map_err(Unwritten::Transport);
        }
        let spooled;
        let pooled;
        let bytes: &[u8] = match &self.transfer.body {
            Body::Spool(file) | Body::Chunks(file) => {
                let mut block = [0; BLOCK_SIZE];
                let most = left.min(BLOCK_SIZE as u64) as usize;
                let read = file.read_at(&mut block[..most], body.start).map_err(|error| {
                    tracing::error!(upload = self.transfer.name, %error, "reading the spool");
                    Unwritten::Lost
                })?;
                spooled = (block, read);
                &spooled.0[..spooled.1]
            }
            Body::Kept { body: kept, .. } => {
                let mut block = [0; BLOCK_SIZE];
                let most = left.min(BLOCK_SIZE as u64) as usize;
                let read = kept.read_at(&mut block[..most], body.start).map_err(|error| {
                    tracing::error!(upload = self.transfer.name, %error, "reading the spool");
                    self.transfer.is_damaged.set(matches!(error, ShelfError::Damaged(_)));
                    Unwritten::Lost
                })?;
                spooled = (block, read);
                &spooled.0[..spooled.1]
            }
            Body::Pool | Body::Passing => {
                let (block, at) =
                    self.hub.locate(&self.transfer, body.start).ok_or(Unwritten::Lost)?;
                pooled = self.hub.arena.block(block);
                let most = left.min((BLOCK_SIZE - at) as u64) as usize;
                &pooled[at..at + most]
            }
        };
        stream
            .try_write(&[IoSlice::new(head), IoSlice::new(bytes)])
            .map(Option::unwrap_or_default)
            .map_err(Unwritten::Transport)
    }
}
