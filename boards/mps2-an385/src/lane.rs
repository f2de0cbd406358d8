//! A lane: what one link does for the upload, as a task that carries out the core's orders on one
//! connection after the other.

mod appends;

use crate::hub::{Hub, NAMES, Word};
use crate::probe::connect;
use crate::sockets;
use appends::Appends;
use baton_core::{Attempt, Failure, LinkId, Observation, Outcome};
use baton_hal::{Bytes, Stream, Transport};
use baton_mps2_an385::journal::Cursor;
use baton_wire::upload::Order;
use core::future::pending;
use defmt::debug;
use embassy_futures::select::{Either, Either4, select, select4};
use embassy_time::{Duration, Timer};

/// What the socket of a lane holds: answers are small, and 8 KiB under way are 2.6 Mbit/s at 25 ms.
pub(crate) type Buffers = sockets::Buffers<1024, { 8 * 1024 }>;

/// One link's lane.
struct Lane<'a, T: Transport> {
    hub: &'a Hub,
    link: LinkId,
    transport: T,
    /// Kept from attempt to attempt while nothing is unanswered on it.
    stream: Option<T::Stream>,
    cursor: Cursor,
    /// Bytes on it that had been acknowledged when last looked.
    acked: u64,
}

/// Carries out the orders of one attempt after the other, for good.
pub(crate) async fn run<T: Transport>(hub: &Hub, link: LinkId, transport: T) -> ! {
    let port = hub.port(link);
    let cursor = Cursor::default();
    let mut lane = Lane { hub, link, transport, stream: None, cursor, acked: 0 };
    loop {
        let (attempt, word) = port.orders.receive().await;
        match word {
            Word::Order(order @ (Order::Create | Order::Ask | Order::Append { .. })) => {
                let ended = lane.serve(attempt, order).await;
                if ended != Ok(Ended::Clean) {
                    lane.disconnect();
                }
                hub.observe_flight(link, false);
                if let Err(failure) = ended {
                    debug!(
                        "lane {}: {}",
                        NAMES[usize::from(link.0)],
                        defmt::Debug2Format(&failure)
                    );
                    hub.report(attempt, Outcome::Failed(failure));
                }
            }
            // Of an attempt that has ended by itself.
            Word::Order(Order::Hold | Order::Unhold) | Word::Drop => {}
        }
    }
}

/// How an attempt ends on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Nothing is unanswered: the connection is as good as new.
    Clean,
    /// The attempt goes on, on another connection.
    Spent,
    Torn,
}

impl<T: Transport> Lane<'_, T> {
    /// Works until the core lets go of the attempt, or it fails.
    async fn serve(&mut self, attempt: Attempt, first: Order) -> Result<Ended, Failure> {
        let mut appends = Appends::new(self.hub, self.link, attempt);
        appends.obey(first);
        loop {
            if !self.is_connected() && !self.open(attempt, &mut appends).await? {
                return Ok(Ended::Torn);
            }
            match self.talk(attempt, &mut appends).await? {
                Ended::Spent => {
                    self.disconnect();
                    appends.renew();
                }
                ended @ (Ended::Clean | Ended::Torn) => return Ok(ended),
            }
        }
    }

    /// Whether there is a connection on which nothing has happened meanwhile.
    fn is_connected(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| matches!(stream.try_read(&mut [0]), Ok(None)))
    }

    /// Connects. `false`: the core let go of the attempt meanwhile.
    async fn open(&mut self, attempt: Attempt, appends: &mut Appends<'_>) -> Result<bool, Failure> {
        self.disconnect();
        let mut connecting = core::pin::pin!(connect(self.hub, self.link, &self.transport));
        loop {
            let orders = self.hub.port(self.link).orders.receive();
            match select(orders, &mut connecting).await {
                Either::First((of, Word::Drop)) if of == attempt => return Ok(false),
                Either::First((of, Word::Order(order))) if of == attempt => appends.obey(order),
                Either::First(_) => {}
                Either::Second(connected) => {
                    self.stream = Some(connected?);
                    return Ok(true);
                }
            }
        }
    }

    fn disconnect(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.abort();
        }
        self.acked = 0;
    }

    async fn talk(
        &mut self,
        attempt: Attempt,
        appends: &mut Appends<'_>,
    ) -> Result<Ended, Failure> {
        let Self { hub, link, stream, cursor, acked, .. } = self;
        let (hub, link, stream) = (*hub, *link, stream.as_ref().ok_or(Failure::Cut)?);
        loop {
            if appends.is_spent() {
                return Ok(Ended::Spent);
            }
            appends.begin()?;
            let is_waiting = appends.has_output();
            let is_in_flight = look(hub, link, stream, acked);
            let writable =
                async { if is_waiting { stream.writable().await } else { pending().await } };
            let look =
                async { if is_in_flight { Timer::after(LOOK).await } else { pending().await } };
            let orders = hub.port(link).orders.receive();
            match select4(orders, stream.readable(), writable, look).await {
                Either4::First((of, Word::Drop)) if of == attempt => {
                    let ended = if appends.is_clean() { Ended::Clean } else { Ended::Torn };
                    return Ok(ended);
                }
                Either4::First((of, Word::Order(order))) if of == attempt => appends.obey(order),
                Either4::First(_) => {}
                Either4::Second(()) => {
                    let mut input = [0; 512];
                    match stream.try_read(&mut input).map_err(|_| Failure::Cut)? {
                        None => {}
                        Some(0) => return Err(Failure::Cut),
                        Some(count) => {
                            hub.observe(link, Observation::Proof);
                            appends.hear(&input[..count])?;
                        }
                    }
                }
                Either4::Third(()) => write(stream, appends, cursor)?,
                Either4::Fourth(()) => {}
            }
        }
    }
}

/// Hands over what there is room for.
fn write<S: Stream>(
    stream: &S,
    appends: &mut Appends<'_>,
    cursor: &mut Cursor,
) -> Result<(), Failure> {
    while appends.has_output() {
        let bytes = appends.output(cursor)?;
        let Some(count) = stream.try_write(&[bytes]).map_err(|_| Failure::Cut)? else { break };
        appends.wrote(count);
    }
    Ok(())
}

/// What was acknowledged since the last look is a proof that the link delivers. Whether more is in flight.
fn look<S: Stream>(hub: &Hub, link: LinkId, stream: &S, acked: &mut u64) -> bool {
    let info = stream.info().unwrap_or_default();
    if info.acked_bytes > *acked {
        *acked = info.acked_bytes;
        hub.observe(link, Observation::Proof);
    }
    let is_in_flight = info.unacked_segments > 0;
    hub.observe_flight(link, is_in_flight);
    is_in_flight
}

/// Between two looks at what was acknowledged: well under the 60 ms that make a link suspect.
const LOOK: Duration = Duration::from_millis(10);
