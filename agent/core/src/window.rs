//! A sliding window of time, in buckets.

use crate::{Duration, Instant, time::micros};

/// The last `BUCKETS` spans of time, each with what was gathered in it. The oldest bucket falls
/// out whole, so the window covers between `BUCKETS - 1` and `BUCKETS` spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<T, const BUCKETS: usize> {
    buckets: [T; BUCKETS],
    /// Number of the newest span since the driver's epoch.
    newest: u64,
    span_us: u64,
}

impl<T: Copy + Default, const BUCKETS: usize> Window<T, BUCKETS> {
    pub(crate) fn new(span: Duration) -> Self {
        Self { buckets: [T::default(); BUCKETS], newest: 0, span_us: micros(span).max(1) }
    }

    /// Takes another span; what was gathered in others is let go of.
    pub(crate) fn set_span(&mut self, span: Duration) {
        if self.span_us != micros(span).max(1) {
            *self = Self::new(span);
        }
    }

    /// Lets go of what is too old.
    pub(crate) fn advance(&mut self, now: Instant) {
        let span = now.as_micros() / self.span_us;
        let passed = span.saturating_sub(self.newest).min(BUCKETS as u64);
        self.newest = self.newest.max(span);
        for back in 0..passed {
            *self.bucket(self.newest - back) = T::default();
        }
    }

    /// Where to gather what is seen now.
    pub(crate) fn newest(&mut self, now: Instant) -> &mut T {
        self.advance(now);
        self.bucket(self.newest)
    }

    /// Every bucket, in no order.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = &T> {
        self.buckets.iter()
    }

    fn bucket(&mut self, span: u64) -> &mut T {
        &mut self.buckets[(span % BUCKETS as u64) as usize]
    }
}

#[cfg(test)]
mod tests;
