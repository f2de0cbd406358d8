//! `[links]`: what the operator says of single interfaces.

use crate::config::Values;
use crate::keys::section;
use crate::table::Key;
use crate::{Bytes, OverBudget, Pattern, Permille, Roaming};
use baton_core::Class;

section! {
    /// What is said of one link; what is not said goes by its class.
    #[derive(Copy, Default, PartialEq, Eq)]
    Link in "links.<link>" {
        /// What kind of link it is, whatever the kernel says.
        class: Option<Class> = "";
        /// Position in the order of links; less goes first.
        priority: Option<u32> = "";
        /// Whether bytes cost money: such a link is probed only where nothing else tells.
        metered: Option<bool> = "";
        /// Price of a megabyte, in any currency: among links of the same priority the cheapest goes first.
        cost_per_mb: Option<Permille> = "";
        /// What it may carry in a month, in both directions; empty: as much as there is.
        monthly_budget: Option<Bytes> = "", "1MB" to "1024TB" of Bytes;
        /// Day of the month, in UTC, on which the budget begins anew; empty: the first.
        budget_reset_day: Option<u32> = "", "1" to "31" of u32;
        /// Percent of the budget that may go to probes and to what is sent on suspicion, half to each;
        /// empty: 10. Probes take 5MB a month at most.
        probe_share: Option<u32> = "", "0" to "100" of u32;
        /// When the budget is spent: `last_resort`, it carries only what no other link can; `refuse`,
        /// nothing. `baton switch` overrules both. Empty: `last_resort`.
        over_budget: Option<OverBudget> = "";
        /// Whether it is used while its modem says that it roams: `allow`, `avoid` while another link
        /// works, or `never`.
        roaming: Option<Roaming> = "";
    }
}

/// What the operator says of interfaces by name.
#[derive(Clone, Debug)]
pub struct Links {
    /// Interfaces that are never links.
    pub ignore: Vec<Pattern>,
    /// The most telling pattern first.
    named: Vec<(Pattern, Link)>,
}

impl Links {
    pub(crate) const KEYS: &[Key] = &[Key::acts::<Vec<Pattern>>(
        "links.ignore",
        "",
        " Interfaces that are never links; every other one with a default route is.",
    )];

    pub(crate) fn read(values: &Values) -> Self {
        let pattern = |name| Pattern::new(name).map(|pattern| (pattern, Link::read(values, name)));
        let mut named: Vec<_> = values.names("links").filter_map(pattern).collect();
        named.sort_by_key(|(pattern, _)| {
            (!pattern.is_exact(), core::cmp::Reverse(pattern.as_str().len()))
        });
        Self { ignore: values.get("links.ignore", ""), named }
    }

    /// Whether the interface is never a link.
    pub fn ignores(&self, name: &str) -> bool {
        self.ignore.iter().any(|pattern| pattern.matches(name))
    }

    /// The links that are named without a pattern.
    pub fn exact(&self) -> impl Iterator<Item = &str> {
        self.named
            .iter()
            .filter(|(pattern, _)| pattern.is_exact())
            .map(|(pattern, _)| pattern.as_str())
    }

    /// What is said of the interface. Its own name goes before patterns, and a longer pattern
    /// before a shorter one.
    pub fn of(&self, name: &str) -> Link {
        let said = self.named.iter().filter(|(pattern, _)| pattern.matches(name));
        said.fold(Link::default(), |link, (_, more)| Link {
            class: link.class.or(more.class),
            priority: link.priority.or(more.priority),
            metered: link.metered.or(more.metered),
            cost_per_mb: link.cost_per_mb.or(more.cost_per_mb),
            monthly_budget: link.monthly_budget.or(more.monthly_budget),
            budget_reset_day: link.budget_reset_day.or(more.budget_reset_day),
            probe_share: link.probe_share.or(more.probe_share),
            over_budget: link.over_budget.or(more.over_budget),
            roaming: link.roaming.or(more.roaming),
        })
    }
}
