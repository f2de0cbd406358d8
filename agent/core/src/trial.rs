//! Probation: what a link that let uploads down must show before all of them come back to it.
//!
//! Probes answered say that it lives, not that it carries. So new uploads begin on it, and of
//! those that run elsewhere one comes back; the others follow once it has carried for a while.

use crate::{Duration, Instant};

/// Whether a link is trusted with what runs well elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    Trusted,
    Tried {
        /// For how long it has delivered without a doubt.
        shown: Duration,
        /// Since when it has had the chance.
        since: Option<Instant>,
    },
}

impl Trial {
    /// It let uploads down.
    pub(crate) const BEGUN: Self = Self::Tried { shown: Duration::ZERO, since: None };

    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Trusted)
    }

    /// It is used from here on.
    pub(crate) fn on_taken(&mut self, now: Instant) {
        if let Self::Tried { since, .. } = self {
            *since = Some(now);
        }
    }

    /// Data was proved delivered, `gap` after the last.
    pub(crate) fn on_proof(&mut self, gap: Duration, goal: Duration) {
        if let Self::Tried { shown, .. } = self {
            *shown += gap;
            if *shown >= goal {
                *self = Self::Trusted;
            }
        }
    }

    /// It is suspect once more.
    pub(crate) fn on_doubt(&mut self) {
        if let Self::Tried { shown, .. } = self {
            *shown = Duration::ZERO;
        }
    }

    /// Ends what lasts too long.
    pub(crate) fn review(&mut self, now: Instant) {
        if let Self::Tried { since: Some(since), .. } = self
            && now.saturating_since(*since) >= LONGEST
        {
            *self = Self::Trusted;
        }
    }
}

/// A client that sends a trickle must not keep all others on a link that costs money.
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const GOAL: Duration = Duration::from_secs(2);

    #[test]
    fn what_it_carried_before_a_doubt_does_not_count() {
        let mut trial = Trial::BEGUN;

        (0..150).for_each(|_| trial.on_proof(Duration::from_millis(10), GOAL));
        trial.on_doubt();
        (0..199).for_each(|_| trial.on_proof(Duration::from_millis(10), GOAL));
        assert!(!trial.is_over());
        trial.on_proof(Duration::from_millis(10), GOAL);

        assert!(trial.is_over());
    }

    #[test]
    fn a_chance_ends_after_half_a_minute_however_little_came() {
        let mut trial = Trial::BEGUN;
        trial.review(Instant::from_millis(90_000));
        assert!(!trial.is_over(), "it has not been used yet");

        trial.on_taken(Instant::from_millis(100_000));
        trial.review(Instant::from_millis(129_999));
        assert!(!trial.is_over());
        trial.review(Instant::from_millis(130_000));

        assert!(trial.is_over());
    }
}
