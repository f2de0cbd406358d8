//! Whether a link is about to end, by how it changes.
//!
//! Two ways lead to a prediction. The radio's strength falls in a straight line that reaches its
//! end soon. Or, where no radio speaks, the link delivers ever less while its round trip grows:
//! either alone is a busy network, both together are a link that goes out of reach.
//!
//! The seam is narrow: [`Forecast::prospect`] is read in `monitor.rs`, as one more way to be
//! degraded and as a wish to have the standbys' connections open.

mod trend;

use crate::{Duration, Instant, Signal, time::micros};
use trend::{Line, Trend};

/// What becomes of a link in the next seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Prospect {
    /// Nothing tells.
    Steady,
    /// It may end: standbys should be ready.
    Fading,
    /// It ends.
    Ending,
}

/// The trends of one link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forecast {
    /// Decibels above the strength where it ends.
    reserve: Trend,
    /// Binary logarithm of the bytes a second, while the link was the limit.
    rate: Trend,
    /// Binary logarithm of the round trip in microseconds.
    rtt: Trend,
}

const _: () = assert!(size_of::<Forecast>() <= 256);

impl Forecast {
    pub(crate) const fn new() -> Self {
        Self { reserve: Trend::new(), rate: Trend::new(), rtt: Trend::new() }
    }

    pub(crate) fn on_signal(&mut self, now: Instant, signal: Signal) {
        if let Some(reserve_db) = signal.reserve_db() {
            self.reserve.push(now, i32::from(reserve_db) * trend::ONE);
        }
    }

    pub(crate) fn on_rate(&mut self, now: Instant, bytes_per_s: u32) {
        self.rate.push(now, trend::log2(bytes_per_s));
    }

    pub(crate) fn on_rtt(&mut self, now: Instant, rtt: Duration) {
        self.rtt.push(now, trend::log2(u32::try_from(micros(rtt)).unwrap_or(u32::MAX)));
    }

    /// What the trends say at `now`.
    pub(crate) fn prospect(&self, now: Instant) -> Prospect {
        let by_radio = self.reserve.line(now).map(|line| by_radio(&line));
        let by_traffic = match (self.rate.line(now), self.rtt.line(now)) {
            (Some(rate), Some(rtt)) => Some(by_traffic(&rate, &rtt)),
            (Some(_), None) | (None, Some(_)) | (None, None) => None,
        };
        // A radio that speaks knows better.
        by_radio.or(by_traffic).unwrap_or(Prospect::Steady)
    }
}

fn by_radio(reserve: &Line) -> Prospect {
    if !reserve.is_sure || reserve.slope >= 0 {
        Prospect::Steady
    } else if reserve.after(MOVE) <= 0 {
        Prospect::Ending
    } else if reserve.after(WARM) <= 0 {
        Prospect::Fading
    } else {
        Prospect::Steady
    }
}

fn by_traffic(rate: &Line, rtt: &Line) -> Prospect {
    let is_failing = rate.is_sure && rtt.is_sure && rtt.slope > 0 && rtt.rise() >= trend::ONE;
    if is_failing && rate.after(MOVE) - rate.level <= -STARVED {
        Prospect::Ending
    } else if is_failing && rate.slope < 0 {
        Prospect::Fading
    } else {
        Prospect::Steady
    }
}

/// How far ahead an end makes the link be left: as long as silence would take to be noticed and
/// committed on a slow link, and a reading or two.
const MOVE: Duration = Duration::from_secs(3);

/// How far ahead standbys are made ready: a handshake of TCP and one of TLS over a slow radio that
/// must wake first take a few seconds.
const WARM: Duration = Duration::from_secs(8);

/// To an eighth within [`MOVE`]: at that pace nothing is left a moment later.
const STARVED: i32 = 3 * trend::ONE;

#[cfg(test)]
mod tests;
