//! A lane's connection: orders in, requests out, answers in. The protocols differ in what they
//! ask next and in what an answer means; this is what they have in common.

use super::{Lane, Order, Outbox};
use baton_core::{BLOCK_SIZE, Failure};
use baton_hal::{Bytes, Error, ErrorKind, Stream, Transport};
use baton_wire::http::{Eof, Error as HttpError};
use core::ops::Range;
use core::time::Duration;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Longest head of an answer.
pub(super) const HEAD: usize = 2048;

/// One protocol's side of a lane, on one connection after the other.
pub(super) trait Dialect<T: Transport> {
    /// What the core wants. A request that it makes due is asked for by [`Self::next`].
    fn obey(&mut self, lane: &Lane<T>, order: Order) -> Result<(), Failure>;

    /// The next request, if one is due: its head goes into the outbox, and the bytes of the upload
    /// that follow it are returned. They may still be on their way from the client.
    fn next(&mut self, lane: &Lane<T>, out: &mut Outbox) -> Result<Option<Range<u64>>, Failure>;

    /// Bytes of the upload were written, as part of the last request.
    fn wrote(&mut self, bytes: u64);

    /// Reads answers, until all of `input` is used.
    fn hear(&mut self, lane: &Lane<T>, input: &[u8]) -> Result<(), Failure>;

    /// Whether what is due needs another connection, even if a request is half written on this.
    fn is_spent(&self) -> bool;

    /// Here it is: nothing asked on the one before is answered on it.
    fn renew(&mut self);

    /// Whether bytes that the client sends now are what it waits for.
    fn is_sending(&self) -> bool;

    /// Whether the server takes another request and owes no answer.
    fn is_settled(&self) -> bool;

    /// Whether all that is unanswered are questions: their answers leave a connection as good as new.
    fn is_asking(&self) -> bool;

    /// What it means that the server closed now.
    fn eof(&self) -> Eof;
}

/// Works until the core lets go of the lane (`Ok`) or it fails.
pub(super) async fn run<T: Transport + 'static>(
    lane: &Lane<T>,
    mut orders: mpsc::Receiver<Order>,
    dialect: Box<dyn Dialect<T>>,
) -> Result<(), Failure> {
    let Some((stream, early)) = lane.open(&mut orders).await? else { return Ok(()) };
    let mut session =
        Session { lane, stream, dialect, out: Outbox::default(), body: 0..0, room: 0 };
    for order in early {
        session.dialect.obey(lane, order)?;
    }
    let ended = session.serve(&mut orders).await;
    if ended.is_ok() {
        session.hear_out().await;
    }
    let is_clean = session.is_answered() && session.dialect.eof() == Eof::Idle;
    lane.disconnect(session.stream, is_clean);
    ended
}

struct Session<'a, T: Transport> {
    lane: &'a Lane<T>,
    stream: Rc<T::Stream>,
    dialect: Box<dyn Dialect<T>>,
    out: Outbox,
    /// What is still to be written of the upload in the request under way.
    body: Range<u64>,
    /// Bytes that may be written before the transport is asked again what it holds.
    room: u64,
}

impl<T: Transport + 'static> Session<'_, T> {
    async fn serve(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<(), Failure> {
        let mut received = self.lane.transfer.watch_received();
        loop {
            if !self.begin(orders).await? {
                return Ok(());
            }
            let stream = self.stream.clone();
            let is_sending = self.dialect.is_sending();
            let blocked = if self.has_output() { self.make_room() } else { None };
            let may_write = self.has_output() && blocked.is_none();
            tokio::select! {
                // Orders first: a lane that was dropped says and believes nothing more.
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.dialect.obey(self.lane, order)?,
                    None => return Ok(()),
                },
                () = stream.readable() => self.read()?,
                () = stream.writable(), if may_write => self.write().await?,
                () = sleep(blocked.unwrap_or_default()), if blocked.is_some() => {}
                _ = received.changed(), if is_sending => {}
            }
        }
    }

    /// Has the next request written, if one is due and the one before is. `false`: the core let
    /// go of the lane meanwhile.
    async fn begin(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<bool, Failure> {
        while self.dialect.is_spent() {
            self.stream.abort();
            let Some((stream, early)) = self.lane.open(orders).await? else { return Ok(false) };
            self.stream = stream;
            (self.out, self.body, self.room) = (Outbox::default(), 0..0, 0);
            self.dialect.renew();
            for order in early {
                self.dialect.obey(self.lane, order)?;
            }
        }
        if self.is_written()
            && let Some(body) = self.dialect.next(self.lane, &mut self.out)?
        {
            if !body.is_empty() {
                self.lane.gauge.begin(body.start);
            }
            self.body = body;
        }
        Ok(true)
    }

    /// What an upload has unacknowledged stays within its window, also where the server acknowledges
    /// only whole requests: the transport is asked then. How long to wait, if there is no room.
    fn make_room(&mut self) -> Option<Duration> {
        if self.room > 0 {
            return None;
        }
        let limits = self.lane.hub.core.borrow().limits(self.lane.transfer.id);
        let Some(info) = self.stream.info() else {
            self.room = u64::MAX;
            return None;
        };
        let window = u64::from(limits.window_bytes);
        let room = window.saturating_sub(info.unacked_bytes());
        // No crumbs: a segment each would cost more than it carries.
        self.room = if room < (window / 4).min(BLOCK_SIZE as u64) { 0 } else { room };
        let pause = (info.srtt / 8).clamp(Duration::from_millis(1), Duration::from_millis(10));
        (self.room == 0).then_some(pause)
    }

    async fn write(&mut self) -> Result<(), Failure> {
        // Without TCP_INFO there is no end to the room.
        let end = self.ready_end().min(self.body.start.saturating_add(self.room));
        let ready = self.body.start..end;
        let wrote = match self.lane.write(&self.stream, self.out.pending(), ready) {
            Ok(wrote) => wrote,
            Err(Unwritten::Lost) => return Err(self.lane.lacks(self.body.start)),
            Err(Unwritten::Transport(error)) => {
                let failure = self.lane.hub.blame(self.lane.link, &error);
                return Err(self.last_words(&error, failure).await);
            }
        };
        let body = self.out.wrote(wrote);
        self.body.start += body;
        self.room = self.room.saturating_sub(wrote as u64);
        self.dialect.wrote(body);
        self.lane.gauge.wrote(wrote as u64 - body, body);
        if body > 0 {
            self.lane.transfer.on_written(self.body.start);
        }
        Ok(())
    }

    /// A server that refuses a body may close before it has read it: what it said first counts, and
    /// the link is not at fault.
    async fn last_words(&mut self, error: &T::Error, failure: Failure) -> Failure {
        if error.kind() != ErrorKind::Refused {
            return failure;
        }
        let stream = self.stream.clone();
        let heard = timeout(LAST_WORDS, stream.readable()).await.map(|()| self.read());
        match heard {
            Ok(Err(said)) => said,
            Ok(Ok(())) | Err(_) => failure,
        }
    }

    fn read(&mut self) -> Result<(), Failure> {
        let mut input = [0; HEAD];
        let read = self
            .stream
            .try_read(&mut input)
            .map_err(|error| self.lane.hub.blame(self.lane.link, &error))?;
        match read {
            None => Ok(()),
            Some(0) => Err(Failure::Cut),
            Some(n) => self.dialect.hear(self.lane, &input[..n]),
        }
    }

    /// Where another link answered first: the answer that nobody waits for any more leaves a
    /// connection as good as new, for the next time.
    async fn hear_out(&mut self) {
        if !self.is_written() || !self.dialect.is_asking() {
            return;
        }
        let patience = self.lane.hub.core.borrow().policy().links.probe_timeout;
        let answered = async {
            while !self.is_answered() {
                self.stream.readable().await;
                if self.read().is_err() {
                    return;
                }
            }
        };
        // Without an answer it is not kept.
        let _ = timeout(patience, answered).await;
    }

    /// How far the body of the request can be written now.
    fn ready_end(&self) -> u64 {
        self.body.end.min(self.lane.transfer.received()).max(self.body.start)
    }

    fn has_output(&self) -> bool {
        !self.out.pending().is_empty() || self.body.start < self.ready_end()
    }

    fn is_written(&self) -> bool {
        self.out.pending().is_empty() && self.body.is_empty()
    }

    fn is_answered(&self) -> bool {
        self.is_written() && self.dialect.is_settled()
    }
}

/// Why nothing was written.
pub(super) enum Unwritten<E> {
    /// The connection says so.
    Transport(E),
    /// The bytes are not where they were kept.
    Lost,
}

/// How long the event that a server's last answer is here may lag behind the error that it left.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// What came is not HTTP, or not an answer.
pub(super) fn nonsense(error: HttpError) -> Failure {
    tracing::debug!(%error, "upstream's answer");
    Failure::Cut
}
