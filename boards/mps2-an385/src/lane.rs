//! A lane: what one link does for the upload, as a task that carries out the core's orders on one
//! connection after the other.

mod appends;

use crate::hub::{Hub, NAMES, Word};
use crate::probe::connect;
use appends::Appends;
use baton_core::{Attempt, Failure, LinkId, Observation, Outcome};
use baton_mps2_an385::journal::Cursor;
use baton_wire::upload::Order;
use core::future::pending;
use defmt::debug;
use embassy_futures::select::{Either, Either4, select, select4};
use embassy_net::tcp::{State, TcpSocket};
use embassy_time::{Duration, Timer};

/// What the socket of a lane holds: answers are small, and 8 KiB under way are 2.6 Mbit/s at 25 ms.
pub(crate) struct Buffers {
    receive: [u8; 1024],
    send: [u8; 8 * 1024],
}

impl Buffers {
    pub(crate) const fn new() -> Self {
        Self { receive: [0; 1024], send: [0; 8 * 1024] }
    }
}

/// One link's lane.
struct Lane<'a> {
    hub: &'a Hub,
    link: LinkId,
    socket: TcpSocket<'a>,
    cursor: Cursor,
    /// Bytes handed to the socket, of heads and of the log.
    written: u64,
    /// Of those, as many had been acknowledged when last looked.
    acked: u64,
}

/// Carries out the orders of one attempt after the other, for good.
pub(crate) async fn run(hub: &'static Hub, link: LinkId, buffers: &'static mut Buffers) -> ! {
    let port = hub.port(link);
    let socket = TcpSocket::new(port.stack, &mut buffers.receive, &mut buffers.send);
    let mut lane = Lane { hub, link, socket, cursor: Cursor::default(), written: 0, acked: 0 };
    loop {
        let (attempt, word) = port.orders.receive().await;
        match word {
            Word::Order(order @ (Order::Create | Order::Ask | Order::Append { .. })) => {
                let ended = lane.serve(attempt, order).await;
                if ended != Ok(Ended::Clean) {
                    lane.disconnect().await;
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

impl Lane<'_> {
    /// Works until the core lets go of the attempt, or it fails.
    async fn serve(&mut self, attempt: Attempt, first: Order) -> Result<Ended, Failure> {
        let mut appends = Appends::new(self.hub, self.link, attempt);
        appends.obey(first);
        loop {
            if self.socket.state() != State::Established
                && !self.open(attempt, &mut appends).await?
            {
                return Ok(Ended::Torn);
            }
            match self.talk(attempt, &mut appends).await? {
                Ended::Spent => {
                    self.disconnect().await;
                    appends.renew();
                }
                ended @ (Ended::Clean | Ended::Torn) => return Ok(ended),
            }
        }
    }

    /// Connects. `false`: the core let go of the attempt meanwhile.
    async fn open(&mut self, attempt: Attempt, appends: &mut Appends<'_>) -> Result<bool, Failure> {
        (self.written, self.acked) = (0, 0);
        let mut connecting = core::pin::pin!(connect(self.hub, self.link, &mut self.socket));
        loop {
            let orders = self.hub.port(self.link).orders.receive();
            match select(orders, &mut connecting).await {
                Either::First((of, Word::Drop)) if of == attempt => return Ok(false),
                Either::First((of, Word::Order(order))) if of == attempt => appends.obey(order),
                Either::First(_) => {}
                Either::Second(connected) => return connected.map(|()| true),
            }
        }
    }

    /// The reset leaves at once, or never.
    async fn disconnect(&mut self) {
        self.socket.abort();
        let _ = select(self.socket.flush(), Timer::after(RESET)).await;
    }

    async fn talk(
        &mut self,
        attempt: Attempt,
        appends: &mut Appends<'_>,
    ) -> Result<Ended, Failure> {
        let mut input = [0; 512];
        loop {
            if appends.is_spent() {
                return Ok(Ended::Spent);
            }
            appends.begin()?;
            let (hub, link) = (self.hub, self.link);
            let is_waiting = appends.has_output();
            let is_in_flight = self.socket.send_queue() > 0;
            let (mut reader, writer) = self.socket.split();
            let writable = async {
                if is_waiting { writer.wait_write_ready().await } else { pending().await }
            };
            let look =
                async { if is_in_flight { Timer::after(LOOK).await } else { pending().await } };
            let orders = hub.port(link).orders.receive();
            match select4(orders, reader.read(&mut input), writable, look).await {
                Either4::First((of, Word::Drop)) if of == attempt => {
                    let ended = if appends.is_clean() { Ended::Clean } else { Ended::Torn };
                    return Ok(ended);
                }
                Either4::First((of, Word::Order(order))) if of == attempt => appends.obey(order),
                Either4::First(_) => {}
                Either4::Second(Ok(0) | Err(_)) => return Err(Failure::Cut),
                Either4::Second(Ok(count)) => {
                    hub.observe(link, Observation::Proof);
                    appends.hear(&input[..count])?;
                }
                Either4::Third(()) => self.write(appends).await?,
                Either4::Fourth(()) => {}
            }
            self.look();
        }
    }

    /// Hands over what there is room for.
    async fn write(&mut self, appends: &mut Appends<'_>) -> Result<(), Failure> {
        while appends.has_output() && self.socket.can_send() {
            let bytes = appends.output(&mut self.cursor)?;
            let count = self.socket.write(bytes).await.map_err(|_| Failure::Cut)?;
            self.written += count as u64;
            appends.wrote(count);
        }
        Ok(())
    }

    /// What was acknowledged since the last look is a proof that the link delivers.
    fn look(&mut self) {
        let queued = self.socket.send_queue() as u64;
        let acked = self.written.saturating_sub(queued);
        if acked > self.acked {
            self.acked = acked;
            self.hub.observe(self.link, Observation::Proof);
        }
        self.hub.observe_flight(self.link, queued > 0);
    }
}

/// Between two looks at what was acknowledged: well under the 60 ms that make a link suspect.
const LOOK: Duration = Duration::from_millis(10);

/// For the last segment of a connection that is torn down.
const RESET: Duration = Duration::from_millis(10);
