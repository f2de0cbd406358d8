//! What is delivered first, and what makes room when the spool is full.

use super::{Chain, Standing};
use core::cmp::Ordering;

/// RFC 9218 section 4.1: how soon a client wants its upload to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Urgency(u8);

impl Default for Urgency {
    fn default() -> Self {
        Self(3)
    }
}

impl Urgency {
    /// From the value of a `Priority` field. What is not understood is overlooked, as section 4
    /// wants it.
    pub fn parse(field: &str) -> Self {
        let members = field.split(',').map(|member| member.split(';').next().unwrap_or(member));
        let mut urgencies = members.filter_map(|member| member.trim().strip_prefix("u="));
        // RFC 9651 section 4.2.2: of members with one name, the last stands.
        let digit = urgencies.next_back().and_then(|text| text.parse().ok());
        digit.filter(|urgency| *urgency <= 7).map_or_else(Self::default, Self)
    }

    /// 0 goes first, 7 last.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Which of two is delivered first: the more urgent, then the older.
pub fn precedence(one: &Chain, other: &Chain) -> Ordering {
    (one.urgency(), one.id()).cmp(&(other.urgency(), other.id()))
}

/// What gives way to an upload that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// Nothing: the new one is refused, and nothing that was acknowledged is lost.
    Refuse,
    /// The oldest, those first that the upstream has refused. Each leaves a loss record.
    EvictOldest,
}

impl Eviction {
    /// The name in configuration and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::EvictOldest => "evict_oldest",
        }
    }

    /// Who gives way next, of those that may.
    pub fn victim<'a>(self, chains: impl Iterator<Item = &'a Chain>) -> Option<u64> {
        let rank = |chain: &&Chain| match chain.standing() {
            Standing::Failed => Some((0, chain.id())),
            Standing::Kept => Some((1, chain.id())),
            Standing::Unfinished | Standing::Ended | Standing::Damaged => None,
        };
        match self {
            Self::Refuse => None,
            Self::EvictOldest => chains.filter_map(|chain| rank(&chain)).min().map(|(_, id)| id),
        }
    }
}
