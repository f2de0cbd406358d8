//! Segments lost, over a sliding window.

use crate::{Duration, Instant, window::Window};

/// Loss over the last ten seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    window: Window<Count, BUCKETS>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sent: u32,
    lost: u32,
}

impl Loss {
    pub(crate) fn new() -> Self {
        Self { window: Window::new(SPAN) }
    }

    /// Adds what was sent and what was lost since the last call.
    pub(crate) fn record(&mut self, now: Instant, sent: u32, lost: u32) {
        let count = self.window.newest(now);
        count.sent = count.sent.saturating_add(sent);
        count.lost = count.lost.saturating_add(lost);
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        self.window.advance(now);
    }

    /// Whether something was sent all the time, but for the bucket that has just begun. A sender that
    /// begins overshoots: how much of that is lost tells of its start, and not of the link.
    pub(crate) fn is_steady(&self) -> bool {
        self.window.buckets().filter(|count| count.sent == 0).count() <= 1
    }

    /// Lost parts per million of what was sent; `None` if too little was sent to tell.
    pub(crate) fn ppm(&self) -> Option<u32> {
        let sum = |field: fn(&Count) -> u32| {
            self.window.buckets().map(|count| u64::from(field(count))).sum::<u64>()
        };
        let (sent, lost) = (sum(|count| count.sent), sum(|count| count.lost));
        // A loss may belong to a segment of an earlier bucket: more can be lost than was sent.
        (sent >= LEAST_SENT).then(|| (lost.min(sent) * 1_000_000 / sent) as u32)
    }
}

/// Five buckets of 2 s: loss at twice the limit shows after half the window, soon enough for a
/// verdict that is confirmed for some seconds anyway, and one burst is forgotten in ten.
const BUCKETS: usize = 5;
const SPAN: Duration = Duration::from_secs(2);

/// Below this, a handful of losses would look like the default limit of 5 %.
const LEAST_SENT: u64 = 100;

#[cfg(test)]
mod tests;
