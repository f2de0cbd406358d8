//! What one direction of a link does to its frames: a decision for each, given the time.
//!
//! ```text
//!  offer ──▶ lost? ──▶ waiting: drop-tail queue ──▶ served at the rate ──▶ flying: delay ──▶ poll_frame
//! ```
//!
//! No I/O and no clock: the emulator's thread drives it; tests and the simulator drive it with
//! virtual time. What a frame is made of is its driver's business.

use crate::rng::Rng;
use core::time::Duration;
use std::{collections::VecDeque, sync::Arc};

#[cfg(test)]
mod tests;

/// The character of one direction of a link. Every field may change while frames are on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Propagation delay, one way.
    pub delay: Duration,
    /// Each frame's delay is drawn evenly from `delay - jitter` to `delay + jitter`.
    pub jitter: Duration,
    /// Whether jitter may let a frame overtake another; otherwise it waits behind it.
    pub reorder: bool,
    /// Independent random loss, in frames per million.
    pub loss_ppm: u32,
    /// Loss in bursts, beside `loss_ppm`.
    pub bursts: Option<Bursts>,
    /// How fast frames are served. Ethernet headers count (14 bytes a frame).
    pub rate: Rate,
    /// Most bytes that wait to be served; the frame that finds no room is dropped. An empty queue
    /// takes a frame of any size.
    pub queue_bytes: usize,
    /// Pauses that come again and again.
    pub stalls: Option<Stalls>,
    /// Drop everything, silently, frames on the way included.
    pub black_hole: bool,
    /// Drop, silently, every IP packet larger than this: a path whose "packet too big" is lost.
    pub largest_packet: Option<usize>,
}

impl Default for Shape {
    /// A perfect line.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: false,
            loss_ppm: 0,
            bursts: None,
            rate: Rate::Unlimited,
            // 100 ms at 20 Mbit/s, as home routers have.
            queue_bytes: 256 * 1024,
            stalls: None,
            black_hole: false,
            largest_packet: None,
        }
    }
}

/// How fast a direction serves its queue: a token bucket one frame deep, as a line serialises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rate {
    /// At once.
    Unlimited,
    /// Bits a second; at 0 nothing leaves.
    Bps(u64),
    /// A recorded radio link: bytes for each 100 ms since the start of the lab, over and over.
    Trace(Arc<[u32]>),
}

/// Gilbert-Elliott loss: a second, bad state that frames find the link in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// Chance that a frame finds the good state turned bad, per million.
    pub enter_ppm: u32,
    /// Chance that a frame finds the bad state turned good, per million.
    pub leave_ppm: u32,
    /// Loss in the bad state, per million.
    pub loss_ppm: u32,
}

/// Pauses in which nothing leaves and nothing is lost that the queue can hold, as in a radio
/// handover. The first begins `every` after the start of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalls {
    /// From one pause's beginning to the next one's.
    pub every: Duration,
    /// How long a pause lasts; shorter than `every`.
    pub lasts: Duration,
}

/// What crosses a link.
pub trait Frame {
    /// Its length in bytes, Ethernet header included.
    fn length(&self) -> usize;
}

impl Frame for Box<[u8]> {
    fn length(&self) -> usize {
        self.len()
    }
}

/// An amount of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many.
    pub frames: u64,
    /// Their sizes, Ethernet headers included.
    pub bytes: u64,
}

impl Traffic {
    fn count(&mut self, frame: &impl Frame) {
        self.frames += 1;
        self.bytes += frame.length() as u64;
    }
}

/// What became of the frames offered to one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Handed to the far end.
    pub passed: Traffic,
    /// Dropped at random, by `loss_ppm` or `bursts`.
    pub lost: Traffic,
    /// Dropped because the queue was full.
    pub overflowed: Traffic,
    /// Dropped by `black_hole`.
    pub black_holed: Traffic,
    /// Dropped by `largest_packet`.
    pub oversized: Traffic,
    /// Not taken by the far end: no carrier, or its backlog was full.
    pub unsent: Traffic,
    /// Frames that the emulator was too slow to read. Not zero: the measurement is worth nothing.
    pub overrun: u64,
    /// When the last frame passed, on [`crate::now`]'s clock.
    pub last_passed: Option<Duration>,
}

/// One direction of a link at work.
///
/// Times are [`crate::now`]'s and must not go backwards.
#[derive(Debug)]
pub struct Shaper<F = Box<[u8]>> {
    /// May change at any time.
    pub shape: Shape,
    /// What became of the frames so far.
    pub stats: Stats,
    epoch: Duration,
    stalled_until: Duration,
    loss: Rng,
    jitter: Rng,
    bursting: bool,
    waiting: VecDeque<Waiting<F>>,
    waiting_bytes: usize,
    /// When the line has served the last frame it took.
    free_at: Duration,
    /// In the order they leave.
    flying: VecDeque<Flying<F>>,
}

#[derive(Debug)]
struct Waiting<F> {
    since: Duration,
    frame: F,
}

#[derive(Debug)]
struct Flying<F> {
    due: Duration,
    frame: F,
}

impl<F: Frame> Shaper<F> {
    /// An idle direction. `stream` tells apart what shares a seed; traces and [`Stalls`] count
    /// from `epoch`.
    pub fn new(shape: Shape, seed: u64, stream: u64, epoch: Duration) -> Self {
        Self {
            shape,
            stats: Stats::default(),
            epoch,
            stalled_until: Duration::ZERO,
            loss: Rng::new(seed, 2 * stream),
            jitter: Rng::new(seed, 2 * stream + 1),
            bursting: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            free_at: Duration::ZERO,
            flying: VecDeque::new(),
        }
    }

    /// Takes a frame that arrived `now`, or drops and counts it.
    pub fn offer(&mut self, now: Duration, frame: F) {
        let lost = self.draw_loss();
        let packet = frame.length().saturating_sub(ETHERNET_HEADER);
        let drop = if self.shape.black_hole {
            &mut self.stats.black_holed
        } else if self.shape.largest_packet.is_some_and(|largest| packet > largest) {
            &mut self.stats.oversized
        } else if lost {
            &mut self.stats.lost
        } else {
            self.serve(now);
            if self.waiting.is_empty()
                || self.waiting_bytes + frame.length() <= self.shape.queue_bytes
            {
                self.waiting_bytes += frame.length();
                self.waiting.push_back(Waiting { since: now, frame });
                return;
            }
            &mut self.stats.overflowed
        };
        drop.count(&frame);
    }

    /// The next frame that is due; ask until there is none. Tell [`Self::sent`] what became of it.
    pub fn poll_frame(&mut self, now: Duration) -> Option<F> {
        self.serve(now);
        while self.flying.front().is_some_and(|first| self.open_at(first.due) <= now) {
            let frame = self.flying.pop_front()?.frame;
            if !self.shape.black_hole {
                return Some(frame);
            }
            self.stats.black_holed.count(&frame);
        }
        None
    }

    /// Counts a frame from [`Self::poll_frame`]: `taken` by the far end, or not.
    pub fn sent(&mut self, now: Duration, frame: &F, taken: bool) {
        if taken {
            self.stats.passed.count(frame);
            self.stats.last_passed = Some(now);
        } else {
            self.stats.unsent.count(frame);
        }
    }

    /// When [`Self::poll_frame`] has something next, unless the shape changes.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let flying = self.flying.front().map(|first| self.open_at(first.due));
        let served = self.waiting.front().and_then(|first| self.served_at(first));
        flying.into_iter().chain(served).min()
    }

    /// Holds everything, frames on the way included, until `end`.
    pub fn stall_until(&mut self, end: Duration) {
        self.stalled_until = end;
    }

    /// Moves every frame that the line has served by `now` from the queue to the air.
    fn serve(&mut self, now: Duration) {
        while let Some(done) = self.waiting.front().and_then(|first| self.served_at(first))
            && done <= now
            && let Some(Waiting { frame, .. }) = self.waiting.pop_front()
        {
            self.waiting_bytes -= frame.length();
            self.free_at = done;
            let due = done + self.draw_delay();
            let place = if self.shape.reorder {
                self.flying.partition_point(|other| other.due <= due)
            } else {
                self.flying.len()
            };
            let ahead = place.checked_sub(1).map_or(Duration::ZERO, |last| self.flying[last].due);
            self.flying.insert(place, Flying { due: due.max(ahead), frame });
        }
    }

    /// When the line is done with the first of the queue; never, at a rate of nothing.
    fn served_at(&self, first: &Waiting<F>) -> Option<Duration> {
        let start = self.open_at(self.free_at.max(first.since));
        match &self.shape.rate {
            Rate::Unlimited => Some(start),
            Rate::Bps(rate) => {
                let bit_nanos = first.frame.length() as u64 * 8 * 1_000_000_000;
                Some(start + Duration::from_nanos(bit_nanos.checked_div(*rate)?))
            }
            Rate::Trace(slots) => self.served_by_trace(slots, start, first.frame.length()),
        }
    }

    fn served_by_trace(&self, slots: &[u32], start: Duration, len: usize) -> Option<Duration> {
        slots.iter().find(|bytes| **bytes > 0)?;
        let mut at = nanos(start.saturating_sub(self.epoch));
        // A slot's bytes spread evenly over it, so work is counted in bytes times nanoseconds.
        let mut work = len as u64 * TRACE_SLOT;
        loop {
            let slot = (at / TRACE_SLOT) as usize % slots.len();
            let bytes = u64::from(slots[slot]);
            let rest = TRACE_SLOT - at % TRACE_SLOT;
            if bytes > 0 && work <= bytes * rest {
                return Some(self.epoch + Duration::from_nanos(at + work.div_ceil(bytes)));
            }
            work -= bytes * rest;
            at += rest;
        }
    }

    /// `at`, or the end of the pause that it falls into.
    fn open_at(&self, at: Duration) -> Duration {
        let at = at.max(self.stalled_until);
        let since = at.saturating_sub(self.epoch);
        match self.shape.stalls {
            Some(Stalls { every, lasts }) if since >= every => {
                let into =
                    Duration::from_nanos(nanos(since).checked_rem(nanos(every)).unwrap_or(0));
                at + lasts.saturating_sub(into)
            }
            Some(_) | None => at,
        }
    }

    fn draw_loss(&mut self) -> bool {
        let lost = self.loss.chance(self.shape.loss_ppm);
        let Some(bursts) = self.shape.bursts else {
            return lost;
        };
        let turn = if self.bursting { bursts.leave_ppm } else { bursts.enter_ppm };
        self.bursting ^= self.loss.chance(turn);
        let burst = self.loss.chance(bursts.loss_ppm);
        lost || (self.bursting && burst)
    }

    fn draw_delay(&mut self) -> Duration {
        let jitter = nanos(self.shape.jitter);
        let drawn = Duration::from_nanos(self.jitter.below(2 * jitter + 1));
        (self.shape.delay + drawn).saturating_sub(self.shape.jitter)
    }
}

/// Two addresses and a type.
const ETHERNET_HEADER: usize = 14;

/// What one row of a capacity trace covers, in nanoseconds.
const TRACE_SLOT: u64 = 100_000_000;

/// Whole nanoseconds: a monotonic clock reaches the bound after 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
