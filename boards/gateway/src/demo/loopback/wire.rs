//! The two directions of one stream on a line.

use super::Line;
use baton_core::{Duration, RttEstimator};
use baton_hal::{Bytes, Error, ErrorKind, Stream, StreamInfo};
use baton_hal_linux::BoundStream;
use core::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::time::Instant;

/// Payload of a segment on Ethernet.
const SEGMENT: usize = 1448;

/// Most bytes that wait unsent: what the agent has the kernel keep, too.
const UNSENT: usize = 32 * 1024;

/// Most bytes that wait to be read.
const UNREAD: usize = 64 * 1024;

/// What the line's own queue holds, in time.
const QUEUE: Duration = Duration::from_millis(20);

/// How soon TCP is asked again whether the upstream's host has what was delivered to it.
const RECHECK: Duration = Duration::from_millis(1);

/// A TCP connection behind a line.
pub(super) struct Wire {
    pub(super) inner: Rc<BoundStream>,
    up: Up,
    down: Down,
    /// Nobody holds the stream any more.
    pub(super) is_dropped: bool,
    /// Its end is to be a reset.
    pub(super) is_aborted: bool,
}

/// What to wait for until the next [`Wire::step`].
pub(super) struct Next {
    pub(super) at: Option<Instant>,
    pub(super) read: bool,
    pub(super) write: bool,
}

impl Wire {
    pub(super) fn new(inner: BoundStream, now: Instant) -> Self {
        let (up, down) = (Up::new(now), Down::default());
        Self { inner: Rc::new(inner), up, down, is_dropped: false, is_aborted: false }
    }

    /// Moves what is due; `None`: it is all over. `free_at` is when the line has served what all
    /// streams on it gave it.
    pub(super) fn step(
        &mut self,
        now: Instant,
        line: &Line,
        free_at: &Cell<Instant>,
    ) -> Option<Next> {
        let is_silent = line.is_silent();
        if self.is_dropped && self.is_aborted {
            if !is_silent {
                self.inner.abort();
                return None;
            }
            // The upstream can't be told.
            self.up.unsent.clear();
        }
        if !is_silent {
            self.up.acknowledge(now, &self.inner);
        }
        // What has left is on its way, cable or not.
        let is_full =
            !line.black_hole && self.up.deliver(now, line, &self.inner, &mut self.down.end);
        if line.has_carrier() {
            self.up.serve(now, line, free_at);
        }
        self.down.fetch(now, line, &self.inner);
        if !is_silent {
            self.down.arrive(now);
            if self.is_dropped && (self.up.is_empty() || self.down.is_reset()) {
                return None;
            }
        }
        let delivery = self.up.next_delivery().filter(|_| !line.black_hole && !is_full);
        let news = [self.up.next_ack(), self.down.next()].into_iter().flatten();
        let at = news.filter(|_| !is_silent).chain(delivery).min();
        Some(Next { at, read: self.down.has_room(), write: is_full })
    }

    pub(super) fn is_readable(&self) -> bool {
        !self.down.inbox.is_empty() || self.down.ended().is_some()
    }

    pub(super) fn is_writable(&self) -> bool {
        self.up.unsent.len() < UNSENT || self.down.is_reset()
    }

    /// As [`baton_hal::Bytes::try_read`].
    pub(super) fn try_read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, ErrorKind> {
        let inbox = &mut self.down.inbox;
        if inbox.is_empty() {
            return match self.down.ended() {
                Some(End::Reset(kind)) => Err(kind),
                Some(End::Closed) => Ok(Some(0)),
                None => Ok(None),
            };
        }
        let n = buf.len().min(inbox.len());
        buf.iter_mut().zip(inbox.drain(..n)).for_each(|(to, from)| *to = from);
        Ok(Some(n))
    }

    /// As [`baton_hal::Bytes::try_write`].
    pub(super) fn try_write(&mut self, bufs: &[&[u8]]) -> Result<Option<usize>, ErrorKind> {
        if let Some(End::Reset(kind)) = self.down.ended() {
            return Err(kind);
        }
        let unsent = &mut self.up.unsent;
        let wanted: usize = bufs.iter().map(|buf| buf.len()).sum();
        let taken = wanted.min(UNSENT.saturating_sub(unsent.len()));
        unsent.extend(bufs.iter().flat_map(|buf| buf.iter().copied()).take(taken));
        Ok((taken > 0 || wanted == 0).then_some(taken))
    }

    pub(super) fn info(&self, now: Instant) -> StreamInfo {
        let up = &self.up;
        StreamInfo {
            acked_bytes: up.acked,
            unacked_segments: (up.left - up.acked).div_ceil(SEGMENT as u64) as u32,
            segment_bytes: SEGMENT as u32,
            notsent_bytes: up.unsent.len() as u32,
            last_ack: now - up.last_ack,
            srtt: up.rtt.srtt().unwrap_or_default(),
            rttvar: up.rtt.rttvar(),
            retransmitted_segments: up.retransmitted,
            sent_segments: up.segments,
            delivery_rate: 0,
            carried_bytes: 0,
            is_app_limited: false,
        }
    }
}

/// Towards the upstream.
struct Up {
    unsent: VecDeque<u8>,
    /// On the line, in order.
    flying: VecDeque<Flight>,
    /// Delivered, in order.
    acks: VecDeque<Ack>,
    /// Bytes that were given to the line.
    left: u64,
    /// Bytes that TCP took at its far end.
    delivered: u64,
    acked: u64,
    last_ack: Instant,
    rtt: RttEstimator,
    segments: u32,
    retransmitted: u32,
    /// Millionths of a segment that are to be lost.
    losses: u32,
}

struct Flight {
    due: Instant,
    /// When it left; `None`: it was sent twice, and tells no round-trip time.
    left: Option<Instant>,
    bytes: Vec<u8>,
}

struct Ack {
    due: Instant,
    left: Option<Instant>,
    offset: u64,
}

impl Up {
    fn new(now: Instant) -> Self {
        Self {
            unsent: VecDeque::with_capacity(UNSENT),
            flying: VecDeque::new(),
            acks: VecDeque::new(),
            left: 0,
            delivered: 0,
            acked: 0,
            last_ack: now,
            rtt: RttEstimator::new(),
            segments: 0,
            retransmitted: 0,
            losses: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.unsent.is_empty() && self.flying.is_empty()
    }

    /// Takes the acknowledgements that are back, of what the upstream's host truly has.
    fn acknowledge(&mut self, now: Instant, inner: &BoundStream) {
        let has = inner.info().map_or(u64::MAX, |info| info.acked_bytes);
        while let Some(ack) = self.acks.front_mut()
            && ack.due <= now
        {
            if has < ack.offset {
                ack.due = now + RECHECK;
                return;
            }
            (self.acked, self.last_ack) = (ack.offset, now);
            if let Some(left) = ack.left {
                self.rtt.sample(now - left);
            }
            self.acks.pop_front();
        }
    }

    /// Hands what has crossed the line to TCP; whether TCP takes no more.
    fn deliver(
        &mut self,
        now: Instant,
        line: &Line,
        inner: &BoundStream,
        end: &mut Option<(Instant, End)>,
    ) -> bool {
        while let Some(flight) = self.flying.front_mut()
            && flight.due <= now
        {
            match inner.try_write(&[&flight.bytes]) {
                Ok(Some(n)) => {
                    self.delivered += n as u64;
                    flight.bytes.drain(..n);
                }
                Ok(None) => return true,
                Err(error) => {
                    end.get_or_insert((now + line.delay, End::Reset(error.kind())));
                    self.flying.clear();
                    return false;
                }
            }
            if flight.bytes.is_empty() {
                self.acks.push_back(Ack {
                    due: now + line.delay,
                    left: flight.left,
                    offset: self.delivered,
                });
                self.flying.pop_front();
            }
        }
        false
    }

    /// Gives the line what it can serve soon.
    fn serve(&mut self, now: Instant, line: &Line, free_at: &Cell<Instant>) {
        let window = line.rate / 8 * (2 * line.delay + QUEUE).as_millis() as u64 / 1000;
        let window = window.max(10 * SEGMENT as u64);
        while !self.unsent.is_empty() && self.left - self.acked < window {
            let len = SEGMENT.min(self.unsent.len());
            let bytes: Vec<u8> = self.unsent.drain(..len).collect();
            let takes = Duration::from_nanos(len as u64 * 8_000_000_000 / line.rate.max(1));
            let done = free_at.get().max(now) + takes;
            free_at.set(done);
            self.left += len as u64;
            self.segments += 1;
            self.losses += line.loss_ppm;
            let is_lost = self.losses >= 1_000_000;
            if is_lost {
                self.losses -= 1_000_000;
                self.retransmitted += 1;
                self.segments += 1;
            }
            let late = if is_lost { 2 * line.delay } else { Duration::ZERO };
            let ahead = self.flying.back().map_or(now, |last| last.due);
            let due = (done + line.delay + late).max(ahead);
            self.flying.push_back(Flight { due, left: (!is_lost).then_some(now), bytes });
        }
    }

    fn next_delivery(&self) -> Option<Instant> {
        self.flying.front().map(|flight| flight.due)
    }

    fn next_ack(&self) -> Option<Instant> {
        self.acks.front().map(|ack| ack.due)
    }
}

/// How the upstream's side ended.
#[derive(Clone, Copy)]
enum End {
    Closed,
    Reset(ErrorKind),
}

/// From the upstream.
#[derive(Default)]
struct Down {
    flying: VecDeque<(Instant, Vec<u8>)>,
    inbox: VecDeque<u8>,
    /// And when it is known here.
    end: Option<(Instant, End)>,
    has_ended: bool,
}

impl Down {
    fn has_room(&self) -> bool {
        let flying: usize = self.flying.iter().map(|(_, bytes)| bytes.len()).sum();
        self.end.is_none() && flying + self.inbox.len() < UNREAD
    }

    /// What is known here of the end.
    fn ended(&self) -> Option<End> {
        self.end.filter(|_| self.has_ended).map(|(_, end)| end)
    }

    fn is_reset(&self) -> bool {
        matches!(self.ended(), Some(End::Reset(_)))
    }

    /// Takes what the upstream sends.
    fn fetch(&mut self, now: Instant, line: &Line, inner: &BoundStream) {
        let mut chunk = [0; 4096];
        while self.has_room() {
            let due = now + line.delay;
            match inner.try_read(&mut chunk) {
                Ok(None) => return,
                Ok(Some(0)) => self.end = Some((due, End::Closed)),
                Ok(Some(n)) => self.flying.push_back((due, chunk[..n].to_vec())),
                Err(error) => self.end = Some((due, End::Reset(error.kind()))),
            }
        }
    }

    /// Lets arrive what is due.
    fn arrive(&mut self, now: Instant) {
        while let Some((_, bytes)) = self.flying.pop_front_if(|(due, _)| *due <= now) {
            self.inbox.extend(bytes);
        }
        let is_over = self.end.is_some_and(|(due, _)| due <= now);
        self.has_ended |= is_over && self.flying.is_empty();
    }

    fn next(&self) -> Option<Instant> {
        let end = self.end.filter(|_| !self.has_ended).map(|(due, _)| due);
        self.flying.front().map(|(due, _)| *due).or(end)
    }
}
