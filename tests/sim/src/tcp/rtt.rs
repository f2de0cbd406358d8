//! Round trips and the retransmission timeout.

use baton_core::Duration;

/// RFC 6298's estimator in the form of Linux: the deviation counts four times, and as 200 ms at least.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rtt {
    smoothed: Option<Duration>,
    deviation: Duration,
    shortest: Option<Duration>,
}

/// Of the deviation, not of the whole.
const FLOOR: Duration = Duration::from_millis(200);

/// Before anything was measured: RFC 6298 (2.1).
const INITIAL: Duration = Duration::from_secs(1);

const LONGEST: Duration = Duration::from_secs(120);

impl Rtt {
    pub(crate) fn sample(&mut self, rtt: Duration) {
        self.shortest = Some(self.shortest.map_or(rtt, |shortest| shortest.min(rtt)));
        let Some(smoothed) = self.smoothed else {
            (self.smoothed, self.deviation) = (Some(rtt), rtt / 2);
            return;
        };
        let error = smoothed.abs_diff(rtt);
        self.deviation = (self.deviation * 3 + error) / 4;
        self.smoothed = Some((smoothed * 7 + rtt) / 8);
    }

    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    pub(crate) fn deviation(&self) -> Duration {
        self.deviation
    }

    pub(crate) fn shortest(&self) -> Option<Duration> {
        self.shortest
    }

    /// After `backoff` timeouts in a row.
    pub(crate) fn timeout(&self, backoff: u32) -> Duration {
        let first = self.smoothed.map_or(INITIAL, |rtt| rtt + (self.deviation * 4).max(FLOOR));
        first.saturating_mul(1 << backoff.min(16)).min(LONGEST)
    }
}
