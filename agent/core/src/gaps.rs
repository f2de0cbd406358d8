//! How long the proofs of delivery usually stay away.

use crate::{Duration, rtt::GRANULARITY, smooth::Smoothed};

/// Estimates from the recent gaps between proofs when a longer one means trouble.
///
/// What is smoothed is the longest gap of each round trip, not every gap: a transfer limited by
/// its window draws a burst of short gaps and then a long one, every round trip anew, and the
/// mean over all of them would take each long one for a stall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gaps {
    smoothed: Option<Smoothed>,
    rounds: u8,
    /// Longest gap of the round trip under way.
    longest: Duration,
    /// How much of that round trip has passed.
    elapsed: Duration,
}

impl Gaps {
    pub(crate) const fn new() -> Self {
        Self { smoothed: None, rounds: 0, longest: Duration::ZERO, elapsed: Duration::ZERO }
    }

    /// Takes one gap, seen while data was in flight from its beginning to its end; `round_trip`
    /// is that of the path without a queue.
    ///
    /// A gap longer than the threshold at the time must be given as that threshold: one stall
    /// then widens it by a tenth or so, while a path that really became slower widens it by
    /// three quarters with every round trip.
    pub(crate) fn record(&mut self, gap: Duration, round_trip: Duration) {
        self.longest = self.longest.max(gap);
        self.elapsed = self.elapsed.saturating_add(gap);
        if self.elapsed < round_trip {
            return;
        }
        match &mut self.smoothed {
            Some(smoothed) => smoothed.add(self.longest),
            None => self.smoothed = Some(Smoothed::first(self.longest)),
        }
        self.rounds = self.rounds.saturating_add(1);
        self.longest = Duration::ZERO;
        self.elapsed = Duration::ZERO;
    }

    /// Mean and four mean deviations, no closer to the mean than the driver's timers resolve
    /// (the form of RFC 6298's RTO); `None` until enough gaps are known.
    pub(crate) fn threshold(&self) -> Option<Duration> {
        self.smoothed
            .filter(|_| self.rounds >= ENOUGH)
            .map(|gaps| gaps.mean() + (gaps.deviation() * 4).max(GRANULARITY))
    }
}

/// The deviation starts at half the first gap; by the eighth this guess weighs (3/4)^7, 13 %.
const ENOUGH: u8 = 8;

#[cfg(test)]
mod tests;
