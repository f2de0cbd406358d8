//! How fast the path delivers, by the round trip: what TCP_INFO calls `delivery_rate`.

use baton_core::{Duration, Instant};

/// One sample after the other, each over a round trip at least.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    /// Where the sample under way began: when, and at which acknowledged byte.
    begun: Option<(Instant, u64)>,
    /// The application had too little to send at some time in it.
    limited: bool,
    bytes_a_second: u64,
    was_limited: bool,
}

impl Rate {
    /// Everything below `acked` is acknowledged.
    pub(crate) fn on_ack(&mut self, now: Instant, acked: u64, rtt: Duration, limited: bool) {
        self.limited |= limited;
        let Some((at, from)) = self.begun else {
            self.begun = Some((now, acked));
            return;
        };
        let took = now.saturating_since(at);
        if took < rtt || took.is_zero() {
            return;
        }
        let rate = (acked - from) * 1_000_000 / took.as_micros() as u64;
        // As the kernel: one that was held up by the application counts only if it is faster.
        if !self.limited || rate >= self.bytes_a_second {
            (self.bytes_a_second, self.was_limited) = (rate, self.limited);
        }
        (self.begun, self.limited) = (Some((now, acked)), false);
    }

    pub(crate) fn bytes_a_second(&self) -> u64 {
        self.bytes_a_second
    }

    /// Whether the last sample was held up by the application.
    pub(crate) fn is_limited(&self) -> bool {
        self.was_limited || self.limited
    }
}
