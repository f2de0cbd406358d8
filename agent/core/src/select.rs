//! Which link is best, and whether that is worth a switch.
//!
//! The order is the field order of [`Rank`]. A link that carries is left for a better one only
//! where the gain is sure: see [`challenge`].

use crate::{Evidence, LinkId, LinkPolicy, Reason, Score, State, quality::Degraded};

/// A link's place: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) tier: Tier,
    /// It roams, and should not.
    pub(crate) avoided: bool,
    pub(crate) degraded: bool,
    pub(crate) priority: u32,
    pub(crate) cost: u32,
    pub(crate) metric: u32,
    /// So that no two are equal.
    pub(crate) id: LinkId,
}

/// States by how much they promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    Healthy,
    Suspect,
    Settling,
    HoldDown,
    Suppressed,
    /// Its budget is spent: for what nothing else can carry.
    Spent,
    Failed,
}

impl Tier {
    /// `None`: it can't carry a packet. The active link keeps its place while it is suspect; a
    /// standby that was not healthy before goes behind those that are sound and not yet either.
    pub(crate) fn of(state: State, is_active: bool) -> Option<Self> {
        match state {
            State::Absent | State::Down { .. } => None,
            State::Healthy => Some(Self::Healthy),
            State::Suspect { since, settled } => Some(match (settled <= since, is_active) {
                (true, true) => Self::Healthy,
                (true, false) => Self::Suspect,
                (false, true) => Self::Settling,
                (false, false) => Self::HoldDown,
            }),
            State::Settling { .. } => Some(Self::Settling),
            State::HoldDown { .. } => Some(Self::HoldDown),
            State::Suppressed { .. } => Some(Self::Suppressed),
            State::Failed { .. } => Some(Self::Failed),
        }
    }
}

/// A link that can carry packets, as far as the choice needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) rank: Rank,
    pub(crate) state: State,
    /// It delivered something since it came up.
    pub(crate) is_proved: bool,
    pub(crate) degraded: Option<Degraded>,
    /// Its budget is.
    pub(crate) spent: Option<Evidence>,
    pub(crate) score: Score,
    /// Bytes a second, if that was measured lately.
    pub(crate) rate: Option<u32>,
    pub(crate) metered: bool,
}

/// How much calm there was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calm {
    /// The last switch for quality was long enough ago.
    pub(crate) rested: bool,
    /// One more switch that nothing forces is within bounds.
    pub(crate) may_move: bool,
    /// And so is yet another after that: who goes back to a preferred link may have to leave it
    /// once more, and must not be caught there.
    pub(crate) may_return: bool,
}

impl Candidate {
    /// It carries, or did a moment ago: a suspicion restarts its delay, and a standby that turns
    /// healthy meanwhile would take over only to hand back. It yields by failing, or to a
    /// preferred link.
    fn is_at_work(&self) -> bool {
        match self.state {
            State::Suspect { .. } => true,
            State::Settling { .. } => self.is_proved,
            State::Absent
            | State::Down { .. }
            | State::Healthy
            | State::Failed { .. }
            | State::HoldDown { .. }
            | State::Suppressed { .. } => false,
        }
    }

    /// By how much its score is better than that of `other`, which is bad for `why`. A rate that is not
    /// known is no gain, but where the other lost what it had: that, this one may be worth.
    fn gain_over(&self, other: &Self, why: Evidence) -> u8 {
        match (self.rate, other.rate, why) {
            (Some(_), Some(_), _) => self.score.total().saturating_sub(other.score.total()),
            (None, Some(_), Evidence::Dropped { from, .. }) => {
                self.score.apart_from_rate().min(from).saturating_sub(other.score.total())
            }
            (None, _, _) | (_, None, _) => {
                self.score.apart_from_rate().saturating_sub(other.score.apart_from_rate())
            }
        }
    }

    /// Whether moving to `other` costs no money that staying would not.
    fn is_free(&self, other: &Self) -> bool {
        self.metered || !other.metered
    }

    fn is_preferred_to(&self, other: &Self) -> bool {
        let preference =
            |rank: Rank| (rank.avoided, rank.priority, rank.cost, rank.metric, rank.id);
        preference(self.rank) < preference(other.rank)
    }
}

/// Why the active link, which can carry packets, should yield to the best one.
pub(crate) fn challenge(
    active: &Candidate,
    best: &Candidate,
    policy: &LinkPolicy,
    calm: Calm,
) -> Option<(Reason, Evidence)> {
    if best.rank.id == active.rank.id {
        return None;
    }
    // It is the operator's money, whoever may switch otherwise.
    if let Some(spent) = active.spent
        && best.rank.tier < Tier::Spent
    {
        return Some((Reason::Budget, spent));
    }
    match active.state {
        State::Failed { fault, .. } => {
            return (best.rank.tier < Tier::Failed)
                .then_some((fault.reason(), Evidence::Faulty(fault)));
        }
        // At start the links come one by one, and the first is not the best for being first.
        State::Settling { .. } if !active.is_proved && best.rank.tier == Tier::Settling => {}
        State::Settling { .. }
        | State::Absent
        | State::Down { .. }
        | State::Healthy
        | State::Suspect { .. }
        | State::HoldDown { .. }
        | State::Suppressed { .. } => {
            if best.rank.tier != Tier::Healthy || !policy.auto_switch || !calm.may_move {
                return None;
            }
        }
    }
    if best.rank.tier < active.rank.tier && !active.is_at_work() {
        return Some((Reason::BetterAlternative, Evidence::Outranked));
    }
    if best.degraded.is_some() {
        return None;
    }
    if best.is_preferred_to(active) {
        return calm.may_return.then_some((Reason::BetterAlternative, Evidence::Outranked));
    }
    let Degraded { why, is_critical } = active.degraded?;
    let is_worth_it =
        why.is_worth_money() || active.is_free(best) || active.score.total() < policy.poor;
    ((calm.rested || is_critical) && is_worth_it && best.gain_over(active, why) >= policy.margin)
        .then_some((Reason::QualityDegradation, why))
}

/// Why the active link, which delivers `rate` and can no more, should yield to `rival` for speed.
pub(crate) fn outrun(
    active: &Candidate,
    rate: u32,
    rival: &Candidate,
    policy: &LinkPolicy,
) -> Option<(Reason, Evidence)> {
    let other = rival.rate?;
    let is_faster = policy.faster > 0 && other / u32::from(policy.faster) >= rate.max(1);
    let is_sound = rival.rank.tier == Tier::Healthy && rival.degraded.is_none();
    let is_worth_it = active.is_free(rival) || active.score.total() < policy.poor;
    (is_faster && is_sound && is_worth_it)
        .then_some((Reason::BetterAlternative, Evidence::Slow { rate, other }))
}

#[cfg(test)]
mod tests;
