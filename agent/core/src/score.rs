//! One figure for how well a link works, and what it is made of.

use crate::{Duration, LinkPolicy, time::micros};

/// What a link lacks to 100 points, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// For segments lost.
    pub loss: u8,
    /// For its shortest round trip.
    pub rtt: u8,
    /// For time under suspicion.
    pub stability: u8,
    /// For what the radio says.
    pub signal: u8,
    /// For how slowly it delivers.
    pub rate: u8,
}

impl Score {
    /// 100 for a link without a blemish, 70 for one with one thing at its limit.
    pub fn total(&self) -> u8 {
        self.apart_from_rate().saturating_sub(self.rate)
    }

    /// What is worse in either.
    pub(crate) fn or_worse(self, other: Self) -> Self {
        Self {
            loss: self.loss.max(other.loss),
            rtt: self.rtt.max(other.rtt),
            stability: self.stability.max(other.stability),
            signal: self.signal.max(other.signal),
            rate: self.rate.max(other.rate),
        }
    }

    /// The score as if its rate were as good as any: how fast a link is that carries nothing is
    /// not known, and what is not known must not win.
    pub(crate) fn apart_from_rate(&self) -> u8 {
        [self.loss, self.rtt, self.stability, self.signal].into_iter().fold(100, u8::saturating_sub)
    }
}

/// The grades of a score, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rating {
    /// Below all others.
    Bad,
    /// At least [`LinkPolicy::poor`]; below, money is spent on something faster.
    Poor,
    /// At least [`LinkPolicy::fair`].
    Fair,
    /// At least [`LinkPolicy::good`].
    Good,
    /// At least [`LinkPolicy::excellent`].
    Excellent,
}

impl Rating {
    /// The grade of that many points.
    pub fn of(points: u8, policy: &LinkPolicy) -> Self {
        match points {
            points if points >= policy.excellent => Self::Excellent,
            points if points >= policy.good => Self::Good,
            points if points >= policy.fair => Self::Fair,
            points if points >= policy.poor => Self::Poor,
            _ => Self::Bad,
        }
    }

    /// The name in logs and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Poor => "poor",
            Self::Fair => "fair",
            Self::Good => "good",
            Self::Excellent => "excellent",
        }
    }
}

/// Three marks on one scale, each at least as bad as the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    /// Worth a look.
    pub(crate) warning: u64,
    /// Bad, if it lasts.
    pub(crate) limit: u64,
    /// Bad at once.
    pub(crate) critical: u64,
}

impl Marks {
    pub(crate) fn of_latency(policy: &LinkPolicy, stretch: u32) -> Self {
        let us = |mark: Duration| micros(mark.saturating_mul(stretch));
        Self::around(
            us(policy.latency_warning),
            us(policy.latency_max),
            us(policy.latency_critical),
        )
    }

    pub(crate) fn of_loss(policy: &LinkPolicy) -> Self {
        Self::around(
            policy.loss_warning_ppm.into(),
            policy.loss_max_ppm.into(),
            policy.loss_critical_ppm.into(),
        )
    }

    /// The limit is the operator's first word: where the others contradict it, they give way.
    fn around(warning: u64, limit: u64, critical: u64) -> Self {
        Self { warning: warning.min(limit), limit, critical: critical.max(limit) }
    }

    /// Straight from mark to mark; at twice the critical one nothing is left.
    pub(crate) fn demerit(&self, measured: u64) -> u8 {
        let knots = [
            (0, 0),
            (self.warning, AT_WARNING),
            (self.limit, AT_LIMIT),
            (self.critical, AT_CRITICAL),
            (self.critical.saturating_mul(2), 100),
        ];
        for [(from, least), (to, most)] in knots.array_windows() {
            if measured < *to {
                let way = measured.saturating_sub(*from).saturating_mul(u64::from(most - least));
                return least + (way / (to - from).max(1)) as u8;
            }
        }
        100
    }
}

/// Half of what may be missing up to the limit would be 15; a warning is to show, not to weigh.
const AT_WARNING: u8 = 10;

/// Leaves 70, where the seed's `good` begins: at a limit a link is just good enough.
pub(crate) const AT_LIMIT: u8 = 30;

/// Leaves 30, where the seed's `poor` begins: beyond, it is worth any money.
const AT_CRITICAL: u8 = 70;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_mark_has_its_price() {
        let marks = Marks::of_loss(&LinkPolicy::DEFAULT);

        let at = |ppm| 100 - marks.demerit(ppm);

        assert_eq!([0, 10_000, 20_000, 50_000, 100_000].map(at), [100, 95, 90, 70, 30]);
        assert_eq!([150_000, 200_000, u64::MAX].map(at), [15, 0, 0]);
    }

    #[test]
    fn parts_add_up_and_end_at_nothing() {
        let score = Score { loss: 30, rtt: 10, stability: 5, signal: 20, rate: 15 };

        assert_eq!((score.apart_from_rate(), score.total()), (35, 20));
        assert_eq!(Score { loss: 90, rtt: 90, ..Score::default() }.total(), 0);
    }

    #[test]
    fn grades_are_the_seeds() {
        let grade = |points| Rating::of(points, &LinkPolicy::DEFAULT).name();

        assert_eq!(
            [100, 90, 89, 70, 69].map(grade),
            ["excellent", "excellent", "good", "good", "fair"]
        );
        assert_eq!([50, 49, 30, 29, 0].map(grade), ["fair", "poor", "poor", "bad", "bad"]);
    }

    proptest! {
        #[test]
        fn worse_never_scores_better(
            [warning, limit, critical] in prop::array::uniform3(0..1_000_000u64),
            one in 0..3_000_000u64,
            other in 0..3_000_000u64,
        ) {
            let marks = Marks::around(warning, limit, critical);
            prop_assert!(marks.demerit(one.min(other)) <= marks.demerit(one.max(other)));
        }
    }
}
