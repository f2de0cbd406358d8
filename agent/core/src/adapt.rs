//! How much of a file is on its way at once: window and chunk of one upload, from what its link
//! delivers.
//!
//! The class of a link says what an upload may use at most. A link that is slower than its class
//! needs less, and what it does not need only fills memory here and queues on the way. The target
//! is the bandwidth-delay product with a margin: `rate * (4 * shortest round trip + 4 * RTTVAR)`.
//!
//! The *shortest* round trip, because in-flight is rate times the round trip under way by Little's
//! law: a window aimed at that would follow the very queue that it fills. *Four* of them: the
//! upstream acknowledges in steps of a quarter of the window, so that three quarters must cover the
//! round trip; and a rate that was measured while the window was the bound is below what the link can
//! do: at four times the product the next measure is free to be higher, and a window that is too
//! small grows by the sample. It never shrinks below what the link carries, so a clean link loses
//! nothing.
//!
//! After half a minute of sending the shortest round trip has a queue in it as well. So the shortest
//! that the upload ever saw counts, until it is [`RENEWAL`] old: then the window is one block for
//! [`DRAIN`], the queue empties, and what is measured now is the path (BBR's ProbeRTT, which does so every
//! ten seconds).
//!
//! | algorithm | starts with | goes by |
//! |---|---|---|
//! | `fixed` | the class's sizes | nothing |
//! | `adaptive` | the class's sizes | the higher of a quick and a slow mean of the rate: up at once, down slowly |
//! | `predictive` | the rate that the client had over the link lately, else what others had | the quick mean, carried on by as much as it leads the slow one |
//!
//! `predictive` holds less from the first byte on a link that is known, and follows a link that fades
//! or grows before its mean does. What it believes wrongly costs one sample: the margin is larger
//! than the step.

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

/// One upload's rate over one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Bytes a second: a quick and a slow mean. Zero: not known.
    fast: u32,
    slow: u32,
    base: Base,
    /// Since when something is unacknowledged, and what was acknowledged since the last sample.
    since: Option<Instant>,
    acked: u32,
    busy: Duration,
    /// Over all samples.
    total: Tally,
}

/// The round trip of an empty path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Base {
    #[default]
    Unknown,
    Known {
        rtt: Duration,
        until: Instant,
    },
    /// The queue is let drain, to know it anew.
    Draining {
        rtt: Duration,
        until: Instant,
    },
}

impl Base {
    fn rtt(self) -> Option<Duration> {
        match self {
            Self::Unknown => None,
            Self::Known { rtt, .. } | Self::Draining { rtt, .. } => Some(rtt),
        }
    }

    fn is_draining(self) -> bool {
        matches!(self, Self::Draining { .. })
    }

    /// `measured` is the shortest round trip of the last half minute, `rate` what the link carries.
    fn next(self, now: Instant, measured: Duration, rate: u32) -> Self {
        let until = now + RENEWAL;
        match self {
            Self::Unknown => Self::Known { rtt: measured, until },
            Self::Known { rtt, until } if now >= until => {
                let emptied = u64::from(LEAST) * 1_000_000 / u64::from(rate.max(1));
                let until = now + DRAIN + Duration::from_micros(emptied);
                Self::Draining { rtt: rtt.min(measured), until }
            }
            Self::Known { rtt, until } => Self::Known { rtt: rtt.min(measured), until },
            Self::Draining { until, .. } if now < until => self,
            Self::Draining { .. } => Self::Known { rtt: measured, until },
        }
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
    pub(crate) fn expecting(rate: Option<u32>) -> Self {
        let rate = rate.unwrap_or(0);
        Self { fast: rate, slow: rate, ..Self::default() }
    }

    /// Whether something is unacknowledged now. Time counts only then.
    pub(crate) fn on_owed(&mut self, now: Instant, is_owed: bool) {
        self.since = if is_owed { self.since.or(Some(now)) } else { None };
    }

    /// The upstream acknowledged `bytes` more; `rtt` is [`Path::rtt_min`].
    pub(crate) fn on_acked(&mut self, now: Instant, bytes: u64, rtt: Option<Duration>) {
        let busy = self.since.map_or(Duration::ZERO, |since| now.saturating_since(since));
        self.since = Some(now);
        self.total.bytes = self.total.bytes.saturating_add(bytes);
        self.total.busy += busy;
        if let Some(rtt) = rtt {
            self.base = self.base.next(now, rtt, self.slow);
        }
        if self.base.is_draining() {
            // What a link carries is not to be told by a window that is too small on purpose.
            (self.acked, self.busy) = (0, Duration::ZERO);
            return;
        }
        self.busy += busy;
        self.acked = self.acked.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.busy >= SAMPLE
            && let Some(sample) = rate(self.acked.into(), self.busy)
        {
            (self.acked, self.busy) = (0, Duration::ZERO);
            self.fast = mean(self.fast, sample, FAST);
            self.slow = mean(self.slow, sample, SLOW);
        }
    }

    /// What it came to, so far.
    pub(crate) const fn tally(&self) -> Tally {
        self.total
    }

    /// What an upload may use of `class`, of which the pool has `share` bytes for it.
    pub(crate) fn limits(
        &self,
        how: &Adaptation,
        class: ClassLimits,
        path: Path,
        share: u32,
    ) -> ClassLimits {
        let rate = match how.algorithm {
            Algorithm::Fixed => return class,
            Algorithm::Adaptive => self.fast.max(self.slow),
            // Whatever the trend, half of what is there now is believed.
            Algorithm::Predictive => {
                self.fast.saturating_add(self.fast).saturating_sub(self.slow).max(self.fast / 2)
            }
        };
        if self.base.is_draining() {
            return ClassLimits { window_bytes: BLOCK.min(class.window_bytes), ..class };
        }
        let (Some(rtt), true) = (self.base.rtt().or(path.rtt_min), rate > 0) else {
            return ClassLimits { window_bytes: class.window_bytes.min(share.max(LEAST)), ..class };
        };
        let trips = if path.loss_ppm > LOSSY_PPM { TRIPS + RECOVERY } else { TRIPS };
        let window = carried(rate, rtt * trips + path.rttvar * 4).next_multiple_of(BLOCK);
        let spell = CHUNK_TIME.max(rtt * CHUNK_TRIPS);
        let spell = if path.loss_ppm > LOSSY_PPM { spell / 2 } else { spell };
        let chunk = carried(rate, spell).max(how.min_chunk_bytes);
        ClassLimits {
            window_bytes: window.min(share).max(LEAST).min(class.window_bytes),
            chunk_bytes: chunk.min(class.chunk_bytes),
            ..class
        }
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

/// Never less for longer than [`DRAIN`]: what every upload is sure of anyway.
const LEAST: u32 = GUARANTEED as u32 * BLOCK;
const BLOCK: u32 = BLOCK_SIZE as u32;

/// A path that became longer is known after five minutes, at the price of less than a hundredth of what
/// the link carries.
const RENEWAL: Duration = Duration::from_secs(300);

/// What the transport's smoothed round trip takes to follow, once the least window's queue has emptied.
const DRAIN: Duration = Duration::from_secs(2);

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
