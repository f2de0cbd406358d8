//! How much of a file is on its way at once: window and chunk of one upload, from what its link
//! delivers.
//!
//! The class of a link says what an upload may use at most. A link that is slower than its class
//! needs less, and what it does not need only fills memory here and queues on the way. Two things
//! are asked what it needs:
//!
//! - *Arithmetic* says where to look: `rate * (4 * shortest round trip + 4 * RTTVAR)`. The shortest that
//!   the upload saw, because in-flight is rate times the round trip under way by Little's law: a window
//!   aimed at that would follow the very queue that it fills. Four of them: the upstream acknowledges in
//!   steps of a quarter of the window, and a rate that was measured while the window was the bound is below
//!   what the link can do.
//! - *Trial* says whether that is enough: a server that takes its time, or a path that became longer,
//!   shows in no round trip of an empty link. Every ten seconds, and at once when the rate falls, the
//!   window is doubled for a second. If the rate follows, the window was the bound: so much is needed, and
//!   more is tried. If not, the link is slower, or as fast as it gets.
//!
//! A window grows at once and shrinks by an eighth a sample, so that a rate that begins to fall is
//! noticed before much is lost.
//!
//! | algorithm | starts with | goes by |
//! |---|---|---|
//! | `fixed` | the class's sizes | nothing |
//! | `adaptive` | the class's sizes | the higher of a quick and a slow mean of the rate: up at once, down slowly |
//! | `predictive` | the rate and the window that the client had over the link lately, else those of the fastest | the quick mean, carried on by as much as it leads the slow one |
//!
//! `predictive` holds less from the first byte on a link that is known, and follows a link that fades
//! or grows before its mean does. What it believes wrongly, a trial mends.

use crate::pool::{BLOCK_SIZE, GUARANTEED};
use crate::{ClassLimits, Duration, Instant, time::micros};

/// How sizes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The class's.
    Fixed,
    /// By what was measured of this upload.
    Adaptive,
    /// By what is to be expected.
    Predictive,
}

/// What can be configured of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adaptation {
    /// How sizes are found.
    pub algorithm: Algorithm,
    /// No chunk is smaller, for the sake of a slow link alone.
    pub min_chunk_bytes: u32,
}

impl Default for Adaptation {
    fn default() -> Self {
        Self { algorithm: Algorithm::Predictive, min_chunk_bytes: 256 * 1024 }
    }
}

/// What is measured of a link by others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path {
    /// Shortest round trip of the last half minute.
    pub(crate) rtt_min: Option<Duration>,
    pub(crate) rttvar: Duration,
    pub(crate) loss_ppm: u32,
}

/// What history has an upload expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// Bytes a second.
    pub(crate) rate: u32,
    pub(crate) window_bytes: u32,
}

/// One upload over one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Bytes a second: a quick and a slow mean. Zero: not known.
    fast: u32,
    slow: u32,
    /// The highest that the quick one was since a trial showed it to be out of reach.
    peak: u32,
    /// Shortest round trip so far.
    rtt: Option<Duration>,
    /// Zero: as the class has it.
    window: u32,
    /// What a trial showed to be needed.
    floor: u32,
    phase: Phase,
    /// Since when something is unacknowledged, and what was acknowledged since the last sample.
    since: Option<Instant>,
    acked: u32,
    busy: Duration,
    /// Over all samples.
    total: Tally,
}

/// Whether the window is as it should be, or wider to see what that brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fitting {
        since: Instant,
    },
    Trying {
        since: Instant,
        /// The window before.
        window: u32,
        /// The rate that shows it to have been the bound.
        goal: u32,
    },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Fitting { since: Instant::ZERO }
    }
}

/// What went over one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) bytes: u64,
    pub(crate) busy: Duration,
}

impl Tally {
    /// Bytes a second, if there were enough to tell.
    pub(crate) fn throughput(&self) -> Option<u32> {
        (self.bytes >= TELLING).then(|| rate(self.bytes, self.busy))?
    }
}

impl Pace {
    /// Nothing is known but what is to be expected.
    pub(crate) fn expecting(now: Instant, expectation: Option<Expectation>) -> Self {
        let (rate, window) = expectation.map_or((0, 0), |known| (known.rate, known.window_bytes));
        let phase = Phase::Fitting { since: now };
        Self { fast: rate, slow: rate, peak: rate, window, floor: window, phase, ..Self::default() }
    }

    /// Whether something is unacknowledged now. Time counts only then.
    pub(crate) fn on_owed(&mut self, now: Instant, is_owed: bool) {
        self.since = if is_owed { self.since.or(Some(now)) } else { None };
    }

    /// The upstream acknowledged `bytes` more; `most` is the widest window that it may have.
    pub(crate) fn on_acked(
        &mut self,
        now: Instant,
        bytes: u64,
        how: &Adaptation,
        path: Path,
        most: u32,
    ) {
        let busy = self.since.map_or(Duration::ZERO, |since| now.saturating_since(since));
        self.since = Some(now);
        self.busy += busy;
        self.acked = self.acked.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.total.bytes = self.total.bytes.saturating_add(bytes);
        self.total.busy += busy;
        self.rtt = self.rtt.into_iter().chain(path.rtt_min).min();
        if self.busy >= SAMPLE
            && let Some(sample) = rate(self.acked.into(), self.busy)
        {
            (self.acked, self.busy) = (0, Duration::ZERO);
            self.fast = mean(self.fast, sample, FAST);
            self.slow = mean(self.slow, sample, SLOW);
            self.peak = self.peak.max(self.fast);
            self.fit(now, how, path, most.max(LEAST));
        }
    }

    /// What it came to, so far.
    pub(crate) const fn tally(&self) -> Tally {
        self.total
    }

    /// The window that it needs, as far as that is known.
    pub(crate) const fn need(&self) -> Option<u32> {
        match self.phase {
            Phase::Fitting { .. } if self.window == 0 => None,
            Phase::Fitting { .. } => Some(self.window),
            Phase::Trying { window, .. } => Some(window),
        }
    }

    /// What an upload may use of `class`, of which the pool has `share` bytes for it.
    pub(crate) fn limits(
        &self,
        how: &Adaptation,
        class: ClassLimits,
        path: Path,
        share: u32,
    ) -> ClassLimits {
        match how.algorithm {
            Algorithm::Fixed => return class,
            Algorithm::Adaptive | Algorithm::Predictive => {}
        }
        let most = class.window_bytes.min(share.max(LEAST));
        let window = if self.window == 0 { most } else { self.window - self.window % BLOCK };
        ClassLimits {
            window_bytes: window.max(LEAST).min(most),
            chunk_bytes: self.chunk(how, path).unwrap_or(u32::MAX).min(class.chunk_bytes),
            ..class
        }
    }

    /// One more sample: towards what arithmetic says, and not beyond what trials do.
    fn fit(&mut self, now: Instant, how: &Adaptation, path: Path, most: u32) {
        let before = if self.window == 0 { most } else { self.window.min(most) };
        self.window = match self.phase {
            Phase::Trying { since, .. } if now.saturating_since(since) < TRIAL => before,
            Phase::Trying { goal, .. } if self.fast >= goal => {
                // It helped: what more would is seen at once.
                self.floor = before;
                self.phase = Phase::Fitting { since: now - PERIOD };
                before
            }
            Phase::Trying { window, .. } => {
                self.peak = self.fast;
                self.floor -= self.floor / FORGET;
                self.phase = Phase::Fitting { since: now };
                window
            }
            Phase::Fitting { since } => {
                let is_due = now.saturating_since(since) >= PERIOD;
                let fell = self.fast < self.peak - self.peak / 8;
                if before < most && (is_due || fell) {
                    let goal = match fell {
                        true => self.peak - self.peak / 16,
                        false => self.fast.saturating_add(self.fast / 8),
                    };
                    self.phase = Phase::Trying { since: now, window: before, goal };
                    before.saturating_mul(2).min(most)
                } else {
                    let goal = self.product(how, path).unwrap_or(most).max(self.floor);
                    let goal = goal.max(LEAST).min(most);
                    if goal < before { before - (before - goal).div_ceil(8) } else { goal }
                }
            }
        };
    }

    /// What arithmetic says that is needed.
    fn product(&self, how: &Adaptation, path: Path) -> Option<u32> {
        let trips = if path.loss_ppm > LOSSY_PPM { TRIPS + RECOVERY } else { TRIPS };
        let span = self.rtt? * trips + path.rttvar * 4;
        Some(carried(self.believed(how)?, span).next_multiple_of(BLOCK))
    }

    fn chunk(&self, how: &Adaptation, path: Path) -> Option<u32> {
        let spell = CHUNK_TIME.max(self.rtt.or(path.rtt_min)? * CHUNK_TRIPS);
        let spell = if path.loss_ppm > LOSSY_PPM { spell / 2 } else { spell };
        Some(carried(self.believed(how)?, spell).max(how.min_chunk_bytes))
    }

    /// The rate that is reckoned with.
    fn believed(&self, how: &Adaptation) -> Option<u32> {
        let rate = match how.algorithm {
            Algorithm::Fixed | Algorithm::Adaptive => self.fast.max(self.slow),
            // Whatever the trend, half of what is there now is believed.
            Algorithm::Predictive => {
                self.fast.saturating_add(self.fast).saturating_sub(self.slow).max(self.fast / 2)
            }
        };
        (rate > 0).then_some(rate)
    }
}

/// Bytes in `time`, at most half of what can be counted.
fn carried(rate: u32, time: Duration) -> u32 {
    let bytes = u128::from(rate) * u128::from(micros(time)) / 1_000_000;
    u32::try_from(bytes).unwrap_or(u32::MAX).min(u32::MAX / 2)
}

fn rate(bytes: u64, busy: Duration) -> Option<u32> {
    let rate = (u128::from(bytes) * 1_000_000).checked_div(micros(busy).into())?;
    Some(u32::try_from(rate).unwrap_or(u32::MAX).max(1))
}

fn mean(before: u32, sample: u32, weight: u32) -> u32 {
    if before == 0 { sample } else { before - before / weight + sample / weight }
}

/// Never less: what every upload is sure of anyway.
const LEAST: u32 = GUARANTEED as u32 * BLOCK;
const BLOCK: u32 = BLOCK_SIZE as u32;

/// A second in ten with twice the window: the price of never being wrong for longer.
const PERIOD: Duration = Duration::from_secs(10);

/// What is needed is forgotten by one part in so many with every trial that did not help: halved in four
/// minutes, and then found out anew, at the price of a second or two at a lower rate.
const FORGET: u32 = 32;

/// Four samples: the quick mean has followed two thirds of the way.
const TRIAL: Duration = Duration::from_secs(1);

/// Round trips that a window holds: see above.
const TRIPS: u32 = 4;

/// What is lost is known a round trip later and here after another: so much more is behind it then.
const RECOVERY: u32 = 2;

/// From 1 % on TCP's own window is the bound, and a connection that breaks is likely.
const LOSSY_PPM: u32 = 10_000;

/// Busy time that one sample takes: several round trips of a common link, several steps of its queue,
/// and short enough that a window that was too small has grown tenfold within a second.
const SAMPLE: Duration = Duration::from_millis(250);

/// The quick mean knows a change in a second, the slow one in four.
const FAST: u32 = 4;
const SLOW: u32 = 16;

/// What one request carries: two seconds of what the link does, so that what has to be repeated as a whole
/// costs that at most; and 32 round trips, so that a server that is asked anew only when it has answered costs 3 %.
const CHUNK_TIME: Duration = Duration::from_secs(2);
const CHUNK_TRIPS: u32 = 32;

/// An upload shorter than this is over before a rate shows.
const TELLING: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
