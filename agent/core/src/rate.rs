//! How fast a link delivers.

use crate::{Duration, Instant, time::micros};

/// Bytes a second that the link delivered while it was busy.
///
/// A transfer that had nothing to send says how fast it was, not how fast the link is: such a
/// round may raise the mean and never lowers it (as in BBR, where samples that are limited by the
/// application enter the filter only from above).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    flight: Flight,
    /// When data was first in flight after a real pause.
    began: Instant,
    round: Round,
    mean: Option<u32>,
    /// When the mean was last changed.
    known: Instant,
    /// When the link itself was last the limit.
    filled: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Flight {
    Idle { since: Instant },
    Busy { since: Instant },
}

/// What one span of busy time held.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Busy time before the flight that is on.
    busy: Duration,
    bytes: u32,
    limited: bool,
}

impl Rate {
    pub(crate) const fn new() -> Self {
        Self {
            flight: Flight::Idle { since: Instant::ZERO },
            began: Instant::ZERO,
            round: Round::NEW,
            mean: None,
            known: Instant::ZERO,
            filled: None,
        }
    }

    pub(crate) fn on_in_flight(&mut self, now: Instant, in_flight: bool) {
        match (self.flight, in_flight) {
            (Flight::Idle { since }, true) => {
                if now.saturating_since(since) > PAUSE {
                    self.began = now;
                    self.round = Round::NEW;
                }
                self.flight = Flight::Busy { since: now };
            }
            (Flight::Busy { since }, false) => {
                self.round.busy += now.saturating_since(since);
                self.round.limited = true;
                self.flight = Flight::Idle { since: now };
            }
            (Flight::Busy { .. }, true) | (Flight::Idle { .. }, false) => {}
        }
    }

    /// Forgets what was measured.
    pub(crate) fn restart(&mut self, now: Instant) {
        let flight = match self.flight {
            Flight::Idle { .. } => self.flight,
            Flight::Busy { .. } => Flight::Busy { since: now },
        };
        *self = Self { flight, began: now, ..Self::new() };
    }

    /// More was delivered; `by_sender`: its sender had too little to fill the link.
    pub(crate) fn on_delivered(&mut self, now: Instant, more: u32, by_sender: bool) {
        self.round.bytes = self.round.bytes.saturating_add(more);
        self.round.limited |= by_sender;
        let Flight::Busy { since } = self.flight else { return };
        let Round { busy, bytes, limited } = self.round;
        let busy = busy + now.saturating_since(since);
        if busy < ROUND {
            return;
        }
        let sample = per_second(bytes, busy);
        let is_lower_bound = limited || now.saturating_since(self.began) < RAMP + ROUND;
        self.flight = Flight::Busy { since: now };
        self.round = Round::NEW;
        self.learn(now, sample, is_lower_bound);
    }

    fn learn(&mut self, now: Instant, sample: u32, is_lower_bound: bool) {
        let mean = self.mean.unwrap_or(sample);
        if is_lower_bound && self.mean.is_some_and(|mean| sample <= mean) {
            return;
        }
        let step = (i64::from(sample) - i64::from(mean)) / GAIN;
        self.mean = Some((i64::from(mean) + step) as u32);
        self.known = now;
        if !is_lower_bound {
            self.filled = Some(now);
        }
    }

    /// Forgets what is older than `age`.
    pub(crate) fn review(&mut self, now: Instant, age: Duration) {
        self.mean = self.mean.filter(|_| now.saturating_since(self.known) <= age);
    }

    /// The mean, if the link was the limit a moment ago: it can do no more now.
    pub(crate) fn at_limit(&self, now: Instant) -> Option<u32> {
        self.mean
            .filter(|_| self.filled.is_some_and(|filled| now.saturating_since(filled) <= PRESENT))
    }

    /// The mean; a lower bound where nothing filled the link.
    pub(crate) const fn mean(&self) -> Option<u32> {
        self.mean
    }

    /// Points that so slow a link lacks: for each halving below [`FAST`].
    pub(crate) fn demerit(&self) -> u8 {
        let slower = self.mean.map_or(1, |mean| FAST / mean.max(1)).max(1);
        // The part between two halvings goes straight.
        let halvings = slower.ilog2();
        let part = ((slower - (1 << halvings)) * PER_HALVING) >> halvings;
        (halvings * PER_HALVING + part).min(100) as u8
    }
}

impl Round {
    const NEW: Self = Self { busy: Duration::ZERO, bytes: 0, limited: false };
}

fn per_second(bytes: u32, elapsed: Duration) -> u32 {
    let rate = u64::from(bytes).saturating_mul(1_000_000) / micros(elapsed).max(1);
    u32::try_from(rate).unwrap_or(u32::MAX)
}

/// A round takes in what a burst of acknowledgements spreads over: many round trips of a short
/// link, and a few of a long one.
const ROUND: Duration = Duration::from_millis(500);

/// A window that was answered whole leaves nothing in flight for a moment; after a longer pause
/// TCP starts slowly again (RFC 5681 (4.1): after one RTO, which is 200 ms or more on Linux).
const PAUSE: Duration = Duration::from_millis(200);

/// Slow start doubles each round trip: of ten, at 100 ms each, a transfer is past it. What comes
/// before is a lower bound.
const RAMP: Duration = Duration::from_secs(1);

/// A quarter of each round's difference: a change shows to two thirds after four rounds, 2 s.
const GAIN: i64 = 4;

/// How long a round tells what the link can do now: six more should have come by then.
const PRESENT: Duration = Duration::from_secs(3);

/// The seed's `good` throughput, 1 MB/s: faster than that, an upload seldom waits for the link.
const FAST: u32 = 1 << 20;

/// The seed's grades are a factor of 10 apart (1 MB/s, 100 KB/s, 10 KB/s) and 20 points and more:
/// 10 points a halving leave 68 at 100 KB/s, which is fair, and 35 at 10 KB/s, which is poor.
const PER_HALVING: u32 = 10;

#[cfg(test)]
mod tests;
