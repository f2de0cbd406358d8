//! A stream in memory: two directions, each a queue of flights and an inbox.

use super::{Conditions, Failure, Fake};
use crate::{Bytes, ErrorKind, Stream, StreamInfo};
use baton_core::Duration;
use core::cell::{RefCell, RefMut};
use std::{collections::VecDeque, rc::Rc};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// What one direction holds, sent or waiting to be read: as a socket buffer, it ends a write short.
const CAPACITY: usize = 256 * 1024;

/// Payload of a segment on Ethernet: what [`StreamInfo`] counts in.
const SEGMENT: u64 = 1448;

/// One end of a stream in memory.
pub struct FakeStream {
    wire: Rc<Wire>,
    side: Side,
    fake: Fake,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Opened by the transport.
    Near,
    /// Played by the test.
    Far,
}

/// What joins two ends.
pub(super) struct Wire {
    link: String,
    state: RefCell<State>,
    changed: Notify,
}

struct State {
    conditions: Conditions,
    /// Near to far, then far to near.
    lanes: [Lane; 2],
    /// Set once the stream is reset; what has arrived may still be read.
    reset: bool,
    /// Per side: its drop resets instead of closing.
    aborted: [bool; 2],
}

struct Lane {
    flights: VecDeque<Flight>,
    inbox: VecDeque<u8>,
    sent: u64,
    acked: u64,
    last_ack: Instant,
    /// The writer closed in good order.
    closed: bool,
}

struct Flight {
    /// When it arrives and is acknowledged, unless the link is silent then.
    due: Instant,
    bytes: Vec<u8>,
}

impl Wire {
    pub(super) fn link(&self) -> &str {
        &self.link
    }

    /// Lets arrive what is due.
    pub(super) fn settle(&self, now: Instant) {
        let mut state = self.state.borrow_mut();
        if !state.conditions.silent {
            state.lanes.iter_mut().for_each(|lane| lane.settle(now));
        }
    }

    pub(super) fn set_conditions(&self, now: Instant, conditions: Conditions) {
        let mut state = self.state.borrow_mut();
        let healed = state.conditions.silent && !conditions.silent;
        state.conditions = conditions;
        if healed {
            let overdue = state.lanes.iter_mut().flat_map(|lane| &mut lane.flights);
            overdue.for_each(|flight| flight.due = flight.due.max(now + conditions.delay));
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Resets the stream; what is under way arrives first.
    pub(super) fn cut(&self) {
        self.state.borrow_mut().reset = true;
        self.changed.notify_waiters();
    }
}

impl Lane {
    fn new(now: Instant) -> Self {
        let (flights, inbox) = (VecDeque::new(), VecDeque::new());
        Self { flights, inbox, sent: 0, acked: 0, last_ack: now, closed: false }
    }

    fn settle(&mut self, now: Instant) {
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.due <= now) {
            self.acked += flight.bytes.len() as u64;
            self.last_ack = flight.due;
            self.inbox.extend(flight.bytes);
        }
    }

    fn space(&self) -> usize {
        let waiting =
            usize::try_from(self.sent - self.acked).unwrap_or(usize::MAX) + self.inbox.len();
        CAPACITY.saturating_sub(waiting)
    }
}

impl State {
    /// Whether a reader finds bytes, the end or an error.
    fn is_readable(&self, side: Side) -> bool {
        !self.lanes[side.inward()].inbox.is_empty()
            || self.hears_close(side)
            || self.hears_reset(side)
    }

    fn is_writable(&self, side: Side) -> bool {
        self.lanes[side.outward()].space() > 0 || self.hears_close(side) || self.hears_reset(side)
    }

    /// Whether the stream is reset and all that came before it has arrived.
    fn hears_reset(&self, side: Side) -> bool {
        self.reset && self.lanes[side.inward()].flights.is_empty() && !self.conditions.silent
    }

    /// Whether the other end's close has arrived.
    fn hears_close(&self, side: Side) -> bool {
        let lane = &self.lanes[side.inward()];
        lane.closed && lane.flights.is_empty() && !self.conditions.silent
    }

    fn next_arrival(&self, side: Side) -> Option<Instant> {
        let first = self.lanes[side.inward()].flights.front();
        first.filter(|_| !self.conditions.silent).map(|flight| flight.due)
    }
}

impl Side {
    fn outward(self) -> usize {
        match self {
            Self::Near => 0,
            Self::Far => 1,
        }
    }

    fn inward(self) -> usize {
        1 - self.outward()
    }
}

impl FakeStream {
    pub(super) fn pair(fake: &Fake, link: &str) -> (Self, Self) {
        let now = Instant::now();
        let wire = Rc::new(Wire {
            link: link.to_owned(),
            state: RefCell::new(State {
                conditions: Conditions::default(),
                lanes: [Lane::new(now), Lane::new(now)],
                reset: false,
                aborted: [false; 2],
            }),
            changed: Notify::new(),
        });
        let end = |side| Self { wire: wire.clone(), side, fake: fake.clone() };
        (end(Side::Near), end(Side::Far))
    }

    pub(super) fn wire(&self) -> &Rc<Wire> {
        &self.wire
    }

    fn settled(&self) -> RefMut<'_, State> {
        self.wire.settle(Instant::now());
        self.wire.state.borrow_mut()
    }

    /// Waits until `ready`, or for the next arrival, whichever is first.
    async fn until(&self, ready: impl Fn(&State) -> bool) {
        loop {
            let changed = self.wire.changed.notified();
            let arrival = {
                let state = self.settled();
                if ready(&state) {
                    return;
                }
                state.next_arrival(self.side)
            };
            match arrival {
                Some(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }
}

impl Bytes for FakeStream {
    type Error = Failure;

    async fn readable(&self) {
        self.until(|state| state.is_readable(self.side)).await;
    }

    async fn writable(&self) {
        self.until(|state| state.is_writable(self.side)).await;
    }

    fn try_read(&self, buf: &mut [u8]) -> Result<Option<usize>, Failure> {
        let mut state = self.settled();
        let inbox = &mut state.lanes[self.side.inward()].inbox;
        if !inbox.is_empty() {
            let n = buf.len().min(inbox.len());
            buf.iter_mut().zip(inbox.drain(..n)).for_each(|(to, from)| *to = from);
            drop(state);
            self.wire.changed.notify_waiters();
            return Ok(Some(n));
        }
        if state.hears_reset(self.side) {
            return Err(Failure(ErrorKind::Refused));
        }
        Ok(state.hears_close(self.side).then_some(0))
    }

    fn try_write(&self, bufs: &[&[u8]]) -> Result<Option<usize>, Failure> {
        let (space, delay) = {
            let state = self.settled();
            if state.hears_reset(self.side) || state.hears_close(self.side) {
                return Err(Failure(ErrorKind::Refused));
            }
            (state.lanes[self.side.outward()].space(), state.conditions.delay)
        };
        let wanted: usize = bufs.iter().map(|buf| buf.len()).sum();
        let accepted = wanted.min(space);
        if accepted == 0 {
            return Ok((wanted == 0).then_some(0));
        }
        let carried = match self.side {
            Side::Near => self.fake.carry(&self.wire.link, accepted),
            Side::Far => accepted,
        };
        let bytes = bufs.iter().flat_map(|buf| buf.iter().copied()).take(carried).collect();
        let lane = &mut self.wire.state.borrow_mut().lanes[self.side.outward()];
        lane.sent += carried as u64;
        lane.flights.push_back(Flight { due: Instant::now() + delay, bytes });
        self.wire.changed.notify_waiters();
        Ok(Some(accepted))
    }
}

impl Stream for FakeStream {
    fn info(&self) -> Option<StreamInfo> {
        let state = self.settled();
        let lane = &state.lanes[self.side.outward()];
        let segments = |bytes: u64| u32::try_from(bytes.div_ceil(SEGMENT)).unwrap_or(u32::MAX);
        Some(StreamInfo {
            acked_bytes: lane.acked,
            unacked_segments: segments(lane.sent - lane.acked),
            segment_bytes: SEGMENT as u32,
            notsent_bytes: 0,
            last_ack: lane.last_ack.elapsed(),
            srtt: state.conditions.delay,
            rttvar: Duration::ZERO,
            retransmitted_segments: 0,
            sent_segments: segments(lane.sent),
            delivery_rate: 0,
            carried_bytes: state.lanes.iter().map(|lane| lane.sent).sum(),
            is_app_limited: false,
        })
    }

    fn abort(&self) {
        self.wire.state.borrow_mut().aborted[self.side.outward()] = true;
    }
}

impl Drop for FakeStream {
    fn drop(&mut self) {
        self.wire.settle(Instant::now());
        let mut state = self.wire.state.borrow_mut();
        let out = self.side.outward();
        if state.aborted[out] {
            state.lanes[out].flights.clear();
            state.reset = true;
        } else {
            state.lanes[out].closed = true;
        }
        drop(state);
        self.wire.changed.notify_waiters();
    }
}
