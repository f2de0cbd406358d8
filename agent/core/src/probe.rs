//! When to probe one link.

use crate::{
    Duration, Instant,
    budget::{Allowance, BURST},
};

/// One link's probes: one in flight at most, each with a deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prober {
    flight: Flight,
    /// When the last one left, since the link came up.
    asked: Option<Instant>,
    /// Lost in a row.
    lost: u8,
    /// Until when the allowance is spent (the theoretical arrival time of ITU-T I.371's GCRA).
    spent: Instant,
    /// What the last one took of the link, in bytes.
    cost: u32,
}

#[derive(Clone, Copy, Debug)]
enum Flight {
    Idle,
    /// Somebody wants to know how the link is, now.
    Wanted {
        since: Instant,
    },
    Waiting {
        deadline: Instant,
    },
}

/// How fast to probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Last sign of life.
    pub(crate) heard: Option<Instant>,
    /// Trouble began, on this link or one that it may have to stand in for.
    pub(crate) trouble: Option<Instant>,
    /// Between signs of life, while there is none.
    pub(crate) idle: Duration,
    /// The longest interval while trouble lasts.
    pub(crate) slowest: Duration,
    /// What a metered link can afford.
    pub(crate) allowance: Option<Allowance>,
    /// Spreads idle probes, so that gateways which started together don't probe together.
    pub(crate) seed: u64,
}

impl Prober {
    pub(crate) const fn new() -> Self {
        Self { flight: Flight::Idle, asked: None, lost: 0, spent: Instant::ZERO, cost: FIRST_COST }
    }

    /// Forgets a link that went down, but not what was spent on it.
    pub(crate) fn reset(&mut self) {
        *self = Self { spent: self.spent, cost: self.cost, ..Self::new() };
    }

    /// Lost in a row.
    pub(crate) const fn lost(&self) -> u8 {
        self.lost
    }

    /// When the probe in flight counts as lost.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.flight {
            Flight::Idle | Flight::Wanted { .. } => None,
            Flight::Waiting { deadline } => Some(deadline),
        }
    }

    /// When the next one should leave: at once when a link appears or is wanted, at once and
    /// quickly in trouble, ever more slowly while it lasts, and else when the link was silent
    /// for long enough.
    pub(crate) fn due(&self, pace: Pace) -> Option<Instant> {
        let due = match self.flight {
            Flight::Waiting { .. } => return None,
            Flight::Wanted { since } => since,
            Flight::Idle => match (self.asked.max(pace.heard), pace.trouble) {
                (None, _) => Instant::ZERO,
                (Some(last), None) => last + spread(pace.idle, pace.seed ^ last.as_micros()),
                (Some(last), Some(since)) => {
                    let age = last.saturating_since(since);
                    last + (age / 4).max(QUICK).min(pace.slowest)
                }
            },
        };
        // Half of what is saved up is for trouble alone.
        let saved = if pace.trouble.is_some() { BURST } else { BURST / 2 };
        let afford =
            pace.allowance.map_or(Instant::ZERO, |most| self.spent + most.rest(self.cost) - saved);
        Some(due.max(afford))
    }

    /// One leaves, and is reckoned to take what the last one took.
    pub(crate) fn on_sent(&mut self, now: Instant, deadline: Instant, most: Option<Allowance>) {
        self.flight = Flight::Waiting { deadline };
        self.asked = Some(now);
        let rest = most.map(|most| most.rest(self.cost));
        self.spent = self.spent.max(now) + rest.unwrap_or_default();
    }

    /// It took so many bytes.
    pub(crate) fn on_cost(&mut self, bytes: u32, most: Option<Allowance>) {
        if let Some(most) = most {
            self.spent = self.spent - most.rest(self.cost) + most.rest(bytes);
        }
        self.cost = bytes;
    }

    /// How long it must rest until it may have a full burst again.
    pub(crate) fn owed(&self, now: Instant) -> Duration {
        self.spent.saturating_since(now)
    }

    /// That was so before the driver started, too.
    pub(crate) fn owe(&mut self, now: Instant, owed: Duration) {
        self.spent = now + owed;
    }

    /// Asks for one, whatever the pace, within the budget.
    pub(crate) fn want(&mut self, now: Instant) {
        match self.flight {
            Flight::Idle => self.flight = Flight::Wanted { since: now },
            Flight::Wanted { .. } | Flight::Waiting { .. } => {}
        }
    }

    /// The link lives, by this or other evidence.
    pub(crate) fn on_life(&mut self) {
        self.lost = 0;
    }

    /// The one in flight came back.
    pub(crate) fn on_answered(&mut self) {
        self.flight = Flight::Idle;
        self.on_life();
    }

    /// The one in flight is lost. Whether that tells anything: not if none is in flight any
    /// more, nor if the link was heard since it left.
    pub(crate) fn on_lost(&mut self, heard: Option<Instant>) -> bool {
        let tells = self.deadline().is_some() && heard <= self.asked;
        self.flight = Flight::Idle;
        if tells {
            self.lost = self.lost.saturating_add(1);
        }
        tells
    }
}

/// Up to an eighth less than `interval`.
fn spread(interval: Duration, seed: u64) -> Duration {
    // Fibonacci hashing: the upper bits of the product are well mixed.
    let part = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u32;
    interval - interval / (8 * 256) * part
}

/// Between probes at the beginning of trouble: twice before the commit floor. From 0.8 s on the
/// interval is a quarter of the trouble's age, which makes about 20 probes of its first minute.
const QUICK: Duration = Duration::from_millis(200);

/// What the first one is reckoned to take, in bytes: a new connection with TLS that is resumed. Measured
/// from its first packet to its last, with the headers of TCP and IP: 2269 then, 5132 where TLS begins
/// with a chain of three RSA certificates, 825 without TLS; 408 to 452 on a connection that is open.
const FIRST_COST: u32 = 2269;

#[cfg(test)]
mod tests;
