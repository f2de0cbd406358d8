//! What one link does for one upload.

use super::Attempt;
use crate::{Duration, Instant};

/// State of one lane. Every variant with an attempt has a task of the driver behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Nothing.
    Idle,
    /// It failed; not again before this.
    Resting { until: Instant },
    /// The upload is being created; `due` is when a healthy link would have answered.
    Creating { attempt: Attempt, due: Instant, deadline: Instant },
    /// The offset was asked for, when `floor` was acknowledged already.
    Asking { attempt: Attempt, floor: u64, due: Instant, deadline: Instant },
    /// It may append here, from `offset`.
    Ready { attempt: Attempt, offset: u64 },
    /// It appends, from this offset on.
    Appending { attempt: Attempt, from: u64, heard: Instant },
    /// It starts nothing new, and still listens.
    Holding { attempt: Attempt, heard: Instant },
    /// Held, with nothing unanswered.
    Drained { attempt: Attempt },
    /// To be dropped by the driver, then rests.
    Dropping { attempt: Attempt, until: Instant },
}

impl Lane {
    /// The attempt whose outcomes count.
    pub(crate) const fn attempt(&self) -> Option<Attempt> {
        match *self {
            Self::Idle | Self::Resting { .. } | Self::Dropping { .. } => None,
            Self::Creating { attempt, .. }
            | Self::Asking { attempt, .. }
            | Self::Ready { attempt, .. }
            | Self::Appending { attempt, .. }
            | Self::Holding { attempt, .. }
            | Self::Drained { attempt } => Some(attempt),
        }
    }

    /// Something arrived.
    pub(crate) fn hear(&mut self, now: Instant) {
        if let Self::Appending { heard, .. } | Self::Holding { heard, .. } = self {
            *heard = now;
        }
    }

    /// Everything that it sent was answered.
    pub(crate) fn drained(&mut self) {
        if let Self::Holding { attempt, .. } = *self {
            *self = Self::Drained { attempt };
        }
    }

    /// Whether it lost what it had: it carries nothing and answers nothing.
    pub(crate) const fn is_out(&self) -> bool {
        matches!(self, Self::Idle | Self::Resting { .. } | Self::Dropping { .. })
    }

    /// Whether an answer is still to come, and may be waited for until `now`.
    pub(crate) fn is_promising(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| now < due)
    }

    /// Whether it may begin.
    pub(crate) fn is_rested(&self, now: Instant) -> bool {
        match *self {
            Self::Idle => true,
            Self::Resting { until } => until <= now,
            Self::Creating { .. }
            | Self::Asking { .. }
            | Self::Ready { .. }
            | Self::Appending { .. }
            | Self::Holding { .. }
            | Self::Drained { .. }
            | Self::Dropping { .. } => false,
        }
    }

    /// When a healthy link would have answered.
    pub(crate) const fn due(&self) -> Option<Instant> {
        match *self {
            Self::Creating { due, .. } | Self::Asking { due, .. } => Some(due),
            Self::Idle
            | Self::Resting { .. }
            | Self::Ready { .. }
            | Self::Appending { .. }
            | Self::Holding { .. }
            | Self::Drained { .. }
            | Self::Dropping { .. } => None,
        }
    }

    /// When it may begin again.
    pub(crate) const fn rests_until(&self) -> Option<Instant> {
        match *self {
            Self::Resting { until } => Some(until),
            Self::Idle
            | Self::Creating { .. }
            | Self::Asking { .. }
            | Self::Ready { .. }
            | Self::Appending { .. }
            | Self::Holding { .. }
            | Self::Drained { .. }
            | Self::Dropping { .. } => None,
        }
    }

    /// When silence has lasted too long; an append may be silent while nothing is `due` to it.
    pub(crate) fn deadline(&self, timeout: Duration, is_due: bool) -> Option<Instant> {
        match *self {
            Self::Creating { deadline, .. } | Self::Asking { deadline, .. } => Some(deadline),
            Self::Appending { heard, .. } | Self::Holding { heard, .. } if is_due => {
                Some(heard + timeout)
            }
            Self::Appending { .. }
            | Self::Holding { .. }
            | Self::Idle
            | Self::Resting { .. }
            | Self::Ready { .. }
            | Self::Drained { .. }
            | Self::Dropping { .. } => None,
        }
    }

    /// Has the driver drop it, if there is something to drop; it rests until then, or as long as
    /// it was to rest anyway.
    pub(crate) fn drop_at(&mut self, until: Instant) {
        *self = match *self {
            Self::Dropping { attempt, until: rest } => {
                Self::Dropping { attempt, until: until.max(rest) }
            }
            Self::Resting { until: rest } => Self::Resting { until: until.max(rest) },
            Self::Idle => Self::Resting { until },
            Self::Creating { attempt, .. }
            | Self::Asking { attempt, .. }
            | Self::Ready { attempt, .. }
            | Self::Appending { attempt, .. }
            | Self::Holding { attempt, .. }
            | Self::Drained { attempt } => Self::Dropping { attempt, until },
        };
    }
}
