//! Flap dampening (RFC 2439): a link that fails again and again is not trusted for a while.
//!
//! ```text
//!  penalty
//!   2000 ┤- - - - - - -╷- - - - - - suppress above
//!        │       ╷     │\
//!   1000 ┤ ╷     │\    │  \
//!    750 ┤-│\- - │-\ - │- - `\. - - reuse below
//!        │ │  `\ │  `\ │       `.
//!        └─┴─────┴─────┴─────────`──────▶ time
//! ```

use crate::{Duration, Instant, time::micros};

/// The penalty of one link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dampening {
    /// As of `charged`.
    penalty: u32,
    charged: Instant,
    /// Not to be trusted before; in the past for most links.
    reuse: Instant,
}

impl Dampening {
    pub(crate) const fn new() -> Self {
        Self { penalty: 0, charged: Instant::ZERO, reuse: Instant::ZERO }
    }

    /// One more failure.
    pub(crate) fn charge(&mut self, now: Instant) {
        self.penalty = (self.penalty(now) + PER_FAILURE).min(CEILING);
        self.charged = now;
        if self.penalty > SUPPRESS || now < self.reuse {
            self.reuse = now + decay_time(self.penalty, REUSE);
        }
    }

    /// The penalty, decayed until `now`.
    pub(crate) fn penalty(&self, now: Instant) -> u32 {
        let elapsed = micros(now.saturating_since(self.charged));
        let halvings = u32::try_from(elapsed / HALF_LIFE_US).unwrap_or(u32::MAX);
        let penalty = self.penalty.checked_shr(halvings).unwrap_or(0);
        // Straight between two half-lives: at most 6 % above the exponential, on the safe side.
        let part = u64::from(penalty) * (elapsed % HALF_LIFE_US) / (2 * HALF_LIFE_US);
        penalty - part as u32
    }

    /// Until when the link is suppressed, if it is.
    pub(crate) fn suppressed_until(&self, now: Instant) -> Option<Instant> {
        (now < self.reuse).then_some(self.reuse)
    }
}

/// Time in which `penalty` decays to `goal`, along the same straight lines.
fn decay_time(mut penalty: u32, goal: u32) -> Duration {
    let mut time = 0;
    while penalty / 2 > goal {
        penalty /= 2;
        time += HALF_LIFE_US;
    }
    let excess = u64::from(penalty.saturating_sub(goal));
    time += (excess * 2 * HALF_LIFE_US).div_ceil(u64::from(penalty.max(1)));
    Duration::from_micros(time)
}

/// A failure's worth; RFC 2439's figures of merit are in such units.
const PER_FAILURE: u32 = 1000;

/// One failure is bad luck and a second may be its echo (a modem that re-registers drops the
/// link twice); a third within about 20 s is flapping.
const SUPPRESS: u32 = 2000;

/// Below what one failure is worth, so that a link which is reused is not suppressed again by
/// its next failure alone.
const REUSE: u32 = 750;

/// Routers take 15 minutes because every flap is news to the whole Internet; a link's flap is
/// ours alone. Three quick failures keep it out for a minute: longer than a modem's reset or a
/// roam, shorter than the patience of whoever pays for the backup.
const HALF_LIFE: Duration = Duration::from_secs(30);
const HALF_LIFE_US: u64 = HALF_LIFE.as_micros() as u64;

/// RFC 2439 (4.2): bounds the time a link is kept out once it stopped flapping, here to four
/// half-lives, 2 minutes.
const CEILING: u32 = REUSE << 4;

#[cfg(test)]
mod tests;
