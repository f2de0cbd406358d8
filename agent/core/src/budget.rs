//! What a link's bytes cost, and what may still be spent on it this month.
//!
//! The core counts; when a month begins is the driver's to know, which has a calendar: it sets the
//! [`Account`] anew, with [`Observation::Account`](crate::Observation::Account).

use crate::{Duration, time::micros};
use core::num::NonZeroU64;

/// What an operator pays for a link, and is willing to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// Price of a megabyte, in whatever unit: links are only compared by it.
    pub cost: u32,
    /// Bytes that it may carry in a month; `None`: as many as there are.
    pub budget_bytes: Option<NonZeroU64>,
    /// The part of the budget, in percent, for what is sent on suspicion: half of it for probes, half
    /// for hedges.
    pub probe_share: u8,
    /// What becomes of it when the budget is spent.
    pub over_budget: OverBudget,
}

/// What becomes of a link whose budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverBudget {
    /// It carries nothing more until the month is over.
    Refuse,
    /// It carries what no other link can.
    LastResort,
}

/// What a link has carried in the month under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Bytes in both directions.
    pub carried_bytes: u64,
    /// Those of them that moved on suspicion alone.
    pub hedged_bytes: u64,
    /// How long the link must rest from probes until it may have a full burst of them again.
    pub owed: Duration,
}

impl Tariff {
    /// A link that costs nothing.
    pub const FREE: Self = Self {
        cost: 0,
        budget_bytes: None,
        probe_share: SHARE,
        over_budget: OverBudget::LastResort,
    };

    /// Whether the month's bytes are spent.
    pub(crate) fn is_spent(&self, account: &Account) -> bool {
        self.budget_bytes.is_some_and(|budget| account.carried_bytes >= budget.get())
    }

    /// Whether it may be taken on suspicion alone. Without a budget it may: those bytes had to go
    /// somewhere.
    pub(crate) fn may_hedge(&self, account: &Account) -> bool {
        self.half_share().is_none_or(|most| account.hedged_bytes < most)
    }

    /// What probes may take of a metered link.
    pub(crate) fn allowance(&self, most: u32) -> Allowance {
        let share = self.half_share().unwrap_or(u64::MAX);
        Allowance { monthly_bytes: share.min(u64::from(most)).max(1) }
    }

    fn half_share(&self) -> Option<u64> {
        let budget = self.budget_bytes?.get();
        Some(
            u64::try_from(u128::from(budget) * u128::from(self.probe_share) / 200)
                .unwrap_or(budget),
        )
    }
}

/// Bytes that probes may take in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) monthly_bytes: u64,
}

impl Allowance {
    /// How long the link rests for a probe of so many bytes. A burst that was saved up comes on top
    /// of the even pace, and both stay within the month together.
    pub(crate) fn rest(self, bytes: u32) -> Duration {
        let evenly_us = u128::from(micros(MONTH + BURST)) * u128::from(bytes);
        let rest_us = evenly_us / u128::from(self.monthly_bytes);
        Duration::from_micros(u64::try_from(rest_us).unwrap_or(u64::MAX))
    }
}

/// A tenth for suspicion: nine tenths of what is paid for carry files.
pub(crate) const SHARE: u8 = 10;

/// The longest one: what fits it fits the others.
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

/// What a link that was not probed may save up: an eighth of a month. Of 5 MB that is half a
/// megabyte, some 250 probes over new connections with TLS: ten bad hours (a link in trouble is asked about 20 times
/// in its first minute, and every minute and a half after half an hour).
pub(crate) const BURST: Duration = Duration::from_secs(31 * 24 * 3600 / 8);

#[cfg(test)]
mod tests;
