//! Which link is best, and whether that is worth a switch.
//!
//! The order is the field order of [`Rank`]. A link that carries is left for a better one only
//! where the gain is sure: see [`challenge`].

use crate::{Evidence, LinkId, LinkPolicy, Reason, State};

/// A link's place: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) tier: Tier,
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
    pub(crate) degraded: Option<Evidence>,
    /// Its budget is.
    pub(crate) spent: Option<Evidence>,
    pub(crate) score: u8,
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

    fn is_preferred_to(&self, other: &Self) -> bool {
        let preference = |rank: Rank| (rank.priority, rank.cost, rank.metric, rank.id);
        preference(self.rank) < preference(other.rank)
    }
}

/// Why the active link, which can carry packets, should yield to the best one. `rested`: the last
/// switch for quality was long enough ago.
pub(crate) fn challenge(
    active: &Candidate,
    best: &Candidate,
    policy: &LinkPolicy,
    rested: bool,
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
            if best.rank.tier != Tier::Healthy || !policy.auto_switch {
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
        return Some((Reason::BetterAlternative, Evidence::Outranked));
    }
    let why = active.degraded?;
    let gain = best.score.saturating_sub(active.score);
    (rested && gain >= policy.margin).then_some((Reason::QualityDegradation, why))
}

#[cfg(test)]
mod tests;
