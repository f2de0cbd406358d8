//! What is tried next when a modem fails: the gentle means first.

use super::Command;
use crate::{Backoff, Duration};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not answer, or nothing that can be read.
    Silent,
    /// It answers, but not what was asked.
    Confused(Command),
    /// It says no.
    Refused(Command),
    /// The SIM is not done being read.
    SimBusy,
    /// No network has taken it in.
    NotRegistered,
    /// The call came about, and no network behind it.
    NoNetwork,
    /// The modem has ended the call.
    HungUp,
    /// Packets came to nothing.
    Failed,
    /// It started anew by itself.
    Booted,
}

impl Fault {
    /// The name in logs and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Confused(_) => "confused",
            Self::Refused(_) => "refused",
            Self::SimBusy => "sim_busy",
            Self::NotRegistered => "not_registered",
            Self::NoNetwork => "no_network",
            Self::HungUp => "hung_up",
            Self::Failed => "failed",
            Self::Booted => "booted",
        }
    }
}

/// A means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// The dialogue from its beginning.
    Redial,
    /// `AT+CFUN=1,1`.
    Reset,
    /// Power off and on.
    PowerCycle,
}

/// Failures without a stable session in between.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    failures: u8,
    backoff: Backoff,
}

impl Ladder {
    pub(super) const fn new(seed: u64) -> Self {
        Self { failures: 0, backoff: Backoff::new(FIRST_DELAY, LAST_DELAY, seed) }
    }

    /// The next means, and how long to wait before it.
    pub(super) fn climb(&mut self, fault: Fault) -> (Rung, Duration) {
        // To a modem that does not listen, words are of little use: one of each kind.
        let stride = if fault == Fault::Silent { REDIALS } else { 1 };
        self.failures = self.failures.saturating_add(stride);
        let rung = if self.failures <= REDIALS {
            Rung::Redial
        } else if self.failures <= RESETS_UNTIL {
            Rung::Reset
        } else {
            Rung::PowerCycle
        };
        (rung, self.backoff.next_delay())
    }

    /// Whether there is anything to forget.
    pub(super) const fn is_climbed(&self) -> bool {
        self.failures > 0
    }

    /// A session has proved stable.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
        self.backoff.reset();
    }
}

/// Most calls end for reasons of the network's, which another one mends.
const REDIALS: u8 = 2;

/// A modem that two new starts did not mend hangs deeper.
const RESETS_UNTIL: u8 = REDIALS + 2;

/// A network that has just thrown somebody out needs a moment.
const FIRST_DELAY: Duration = Duration::from_secs(1);

/// Ten minutes: each power cycle costs a registration, and networks bar modems that register often
/// (GSMA TS.34 section 8.2.1 wants retries spread out so).
const LAST_DELAY: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn rungs(fault: Fault, count: usize) -> Vec<Rung> {
        let mut ladder = Ladder::new(1);
        (0..count).map(|_| ladder.climb(fault).0).collect()
    }

    #[test]
    fn gentle_means_come_first() {
        use Rung::*;

        assert_eq!(rungs(Fault::HungUp, 6), [Redial, Redial, Reset, Reset, PowerCycle, PowerCycle]);
        assert_eq!(rungs(Fault::Silent, 4), [Redial, Reset, PowerCycle, PowerCycle]);
    }

    #[test]
    fn delays_grow_to_ten_minutes_and_start_over_after_success() {
        let mut ladder = Ladder::new(1);
        let delays: Vec<_> = (0..300).map(|_| ladder.climb(Fault::NoNetwork).1).collect();

        assert!(delays[0] <= FIRST_DELAY && delays[9] >= LAST_DELAY / 4);
        assert!(delays.iter().all(|delay| *delay <= LAST_DELAY));
        assert!(delays[20..].iter().all(|delay| *delay >= LAST_DELAY / 2));

        ladder.reset();
        assert!(ladder.climb(Fault::NoNetwork).1 <= FIRST_DELAY);
    }
}
