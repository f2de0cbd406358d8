//! Running mean and mean deviation, with the gains of RFC 6298.

use crate::{Duration, time::micros};

/// Mean (gain 1/8) and mean deviation (gain 1/4) of a series of durations.
///
/// The mean is kept times 8 and the deviation times 4, as in the appendix of Jacobson's
/// "Congestion avoidance and control" (1988): the gains are shifts and rounding loses less
/// than 2 us in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Smoothed {
    mean_us_8: u32,
    deviation_us_4: u32,
}

impl Smoothed {
    /// RFC 6298 (2.2): SRTT <- R, RTTVAR <- R/2.
    pub(crate) fn first(sample: Duration) -> Self {
        let sample = clamped_us(sample);
        Self { mean_us_8: sample * 8, deviation_us_4: sample * 2 }
    }

    /// RFC 6298 (2.3): the deviation first, from the mean before this sample.
    pub(crate) fn add(&mut self, sample: Duration) {
        let sample = clamped_us(sample);
        let error = (sample * 8).abs_diff(self.mean_us_8) / 8;
        self.deviation_us_4 = self.deviation_us_4 - self.deviation_us_4 / 4 + error;
        self.mean_us_8 = self.mean_us_8 - self.mean_us_8 / 8 + sample;
    }

    pub(crate) fn mean(&self) -> Duration {
        Duration::from_micros(u64::from(self.mean_us_8 / 8))
    }

    pub(crate) fn deviation(&self) -> Duration {
        Duration::from_micros(u64::from(self.deviation_us_4 / 4))
    }
}

/// A longer sample counts as this one: 60 s, so that eight of them fit 32 bits. No link that
/// takes a minute to answer can be used.
const LONGEST_US: u32 = 60_000_000;

fn clamped_us(sample: Duration) -> u32 {
    u32::try_from(micros(sample)).map_or(LONGEST_US, |us| us.min(LONGEST_US))
}
