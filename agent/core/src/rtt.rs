//! Round-trip time, smoothed as TCP does it.

use crate::{Duration, smooth::Smoothed};

/// The estimator of RFC 6298.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RttEstimator {
    smoothed: Option<Smoothed>,
}

impl RttEstimator {
    /// An estimator without a sample.
    pub const fn new() -> Self {
        Self { smoothed: None }
    }

    /// Takes one measured round trip; more than 60 s counts as 60 s. By Karn's rule, section 3,
    /// never that of something sent twice.
    pub fn sample(&mut self, rtt: Duration) {
        match &mut self.smoothed {
            Some(smoothed) => smoothed.add(rtt),
            None => self.smoothed = Some(Smoothed::first(rtt)),
        }
    }

    /// SRTT; `None` before the first sample.
    pub fn srtt(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| smoothed.mean())
    }

    /// RTTVAR; zero before the first sample.
    pub fn rttvar(&self) -> Duration {
        self.smoothed.map_or(Duration::ZERO, |smoothed| smoothed.deviation())
    }

    /// RTO: how long to wait for an answer, but no less than `floor`, which (2.4) would have at
    /// 1 s, and (2.5) no more than 60 s. (2.1): 1 s before the first sample.
    pub fn rto(&self, floor: Duration) -> Duration {
        let rto = self.smoothed.map_or(INITIAL_RTO, |smoothed| {
            smoothed.mean() + (smoothed.deviation() * 4).max(GRANULARITY)
        });
        rto.max(floor).min(LONGEST_RTO)
    }
}

/// G: what a driver's timers resolve.
pub(crate) const GRANULARITY: Duration = Duration::from_millis(10);
const INITIAL_RTO: Duration = Duration::from_secs(1);
const LONGEST_RTO: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
