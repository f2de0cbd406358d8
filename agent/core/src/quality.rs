//! How well a link that works does so.

use crate::{Duration, Evidence, Instant, LinkPolicy, loss::Loss, time::micros, window::Window};

/// Loss and shortest round trip of the recent past, and the verdict on them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    loss: Loss,
    /// Shortest round trip in microseconds, by bucket. The shortest and not the mean: the queue
    /// of our own load comes and goes, the path's own length stays.
    rtt_min_us: Window<Option<u32>, RTT_BUCKETS>,
    grade: Grade,
    /// How long the link was passed over the last time, and until when.
    penance: Duration,
    penance_end: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    /// Bad at the last look: once is no verdict.
    Doubtful,
    /// Bad at two looks in a row.
    Degraded {
        why: Evidence,
    },
    /// Left because degraded. An idle link's loss can't be measured, so only time clears it.
    Penance {
        until: Instant,
        why: Evidence,
    },
}

impl Quality {
    pub(crate) fn new() -> Self {
        Self {
            loss: Loss::new(),
            rtt_min_us: Window::new(RTT_SPAN),
            grade: Grade::Good,
            penance: Duration::ZERO,
            penance_end: Instant::ZERO,
        }
    }

    /// Forgets what was measured: the link came up on what may be another path. What it was
    /// left for is remembered.
    pub(crate) fn reset(&mut self) {
        self.loss = Loss::new();
        self.rtt_min_us = Window::new(RTT_SPAN);
        match self.grade {
            Grade::Good | Grade::Penance { .. } => {}
            Grade::Doubtful | Grade::Degraded { .. } => self.grade = Grade::Good,
        }
    }

    pub(crate) fn on_rtt(&mut self, now: Instant, rtt: Duration) {
        let rtt = u32::try_from(micros(rtt)).unwrap_or(u32::MAX);
        let shortest = self.rtt_min_us.newest(now);
        *shortest = Some(shortest.map_or(rtt, |shortest| shortest.min(rtt)));
    }

    pub(crate) fn on_segments(&mut self, now: Instant, sent: u32, lost: u32) {
        self.loss.record(now, sent, lost);
    }

    /// Shortest round trip of the window.
    pub(crate) fn rtt_min(&self) -> Option<Duration> {
        let shortest = self.rtt_min_us.buckets().flatten().min()?;
        Some(Duration::from_micros(u64::from(*shortest)))
    }

    /// Loss over the window; zero if too little was sent to tell.
    pub(crate) fn loss_ppm(&self) -> u32 {
        self.loss.ppm().unwrap_or(0)
    }

    /// Looks at the link and updates the verdict.
    pub(crate) fn review(&mut self, now: Instant, policy: &LinkPolicy) {
        self.loss.advance(now);
        self.rtt_min_us.advance(now);
        self.grade = match (self.grade, self.complaint(policy)) {
            (grade @ Grade::Penance { until, .. }, _) if now < until => grade,
            (Grade::Good, Some(_)) => Grade::Doubtful,
            (Grade::Doubtful | Grade::Degraded { .. } | Grade::Penance { .. }, Some(why)) => {
                Grade::Degraded { why }
            }
            (
                Grade::Good | Grade::Doubtful | Grade::Degraded { .. } | Grade::Penance { .. },
                None,
            ) => Grade::Good,
        };
    }

    /// What is wrong with it, if two looks found it so or it still atones for that.
    pub(crate) fn degraded(&self) -> Option<Evidence> {
        match self.grade {
            Grade::Good | Grade::Doubtful => None,
            Grade::Degraded { why } | Grade::Penance { why, .. } => Some(why),
        }
    }

    /// The link was left for its quality. It is passed over for two cooldowns, so that every other
    /// link is tried before it is again. Being left once more before it served as long as it was
    /// passed over doubles the time: however the measurements come and go, a bad link is tried
    /// ever more rarely.
    pub(crate) fn on_left(&mut self, now: Instant, policy: &LinkPolicy, why: Evidence) {
        let served = now.saturating_since(self.penance_end);
        let longer =
            if served > self.penance { Duration::ZERO } else { self.penance.saturating_mul(2) };
        self.penance = longer.min(LONGEST_PENANCE).max(policy.cooldown.saturating_mul(2));
        self.penance_end = now + self.penance;
        self.grade = Grade::Penance { until: self.penance_end, why };
    }

    /// 100 for a perfect link, 70 for one at a limit, 0 for one far beyond.
    pub(crate) fn score(&self, policy: &LinkPolicy) -> u8 {
        let rtt_us = self.rtt_min().map_or(0, micros);
        let spoilt = demerit(u64::from(self.loss_ppm()), u64::from(policy.loss_max_ppm))
            + demerit(rtt_us, micros(policy.latency_max));
        100 - spoilt.min(100) as u8
    }

    fn complaint(&self, policy: &LinkPolicy) -> Option<Evidence> {
        let loss = self.loss_ppm();
        if loss > policy.loss_max_ppm {
            return Some(Evidence::Loss { ppm: loss });
        }
        let rtt = self.rtt_min().filter(|rtt| *rtt > policy.latency_max)?;
        Some(Evidence::Latency { rtt })
    }
}

fn demerit(measured: u64, limit: u64) -> u64 {
    (measured.saturating_mul(30) / limit.max(1)).min(100)
}

/// Half a minute: long enough for a full queue to have drained once (CUBIC backs off every few
/// seconds, BBR every ten), short enough to notice a path that became longer.
const RTT_BUCKETS: usize = 6;
const RTT_SPAN: Duration = Duration::from_secs(5);

/// A link that is bad for half an hour is tried again by then all the same.
const LONGEST_PENANCE: Duration = Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests;
