//! What metered links cost, and what becomes of those that have cost enough.

use super::super::*;
use super::world::*;
use crate::{Account, LinkSpec, OverBudget, Tariff};
use core::num::NonZeroU64;

const MIB: u64 = 1 << 20;

fn priced(id: LinkId, over_budget: OverBudget) -> LinkSpec {
    let budget_bytes = NonZeroU64::new(100 * MIB);
    LinkSpec { tariff: Tariff { budget_bytes, over_budget, ..Tariff::FREE }, ..spec(id, true) }
}

fn with_priced_eth(over_budget: OverBudget) -> World {
    let mut world = World::with(&[ETH, LTE]);
    world.see(ETH, Observation::Appeared(priced(ETH, over_budget)));
    world
}

/// 31 days of idling by a metered standby: every ten minutes an upload begins, and every day the
/// link before it falls silent for ten minutes. What probes of the standby take.
fn month_of_probes(cost: u32) -> u64 {
    // What the other link does is not counted: it may do so more rarely than it would.
    let minute = Duration::from_secs(60);
    let policy =
        LinkPolicy { probe_idle: minute, quality_interval: minute, ..LinkPolicy::default() };
    let mut table = Links::<3>::new(policy, 7);
    let mut now = Instant::from_millis(1000);
    let end = now + Duration::from_secs(31 * 24 * 3600);
    for (link, metered) in [(ETH, false), (LTE, true)] {
        table.observe(now, link, Observation::Appeared(spec(link, metered)));
        table.observe(now, link, UP);
    }
    let (mut bytes, mut minutes) = (0, 0u64);
    let mut tick = now;
    while now < end {
        while let Some(link) = table.poll_probe(now) {
            let is_silent = link == ETH && minutes % 1440 >= 1430;
            if !is_silent {
                table.observe(now, link, Observation::ProbeAnswered { rtt: ms(30) });
            }
            if link == LTE {
                bytes += u64::from(cost);
                table.observe(now, link, Observation::Probed(cost));
            }
        }
        let due = table.poll_timeout().map_or(end, |(at, _)| at);
        if due < tick {
            now = now.max(due);
            table.handle_timeout(now);
        } else {
            now = tick;
            tick += minute;
            minutes += 1;
            if minutes.is_multiple_of(10) {
                table.refresh(now);
            }
        }
    }
    bytes
}

#[test]
fn a_month_on_a_metered_standby_costs_at_most_5_mb() {
    for cost in [825, 2269, 5132] {
        let bytes = month_of_probes(cost);

        assert!(bytes <= 5 * MIB, "{cost}: {bytes}");
        assert!(bytes > MIB, "{cost}: it is asked all the same: {bytes}");
    }
}

#[test]
fn a_link_whose_budget_is_spent_is_left_for_it_and_taken_back_in_the_next_month() {
    for over_budget in [OverBudget::LastResort, OverBudget::Refuse] {
        let mut world = with_priced_eth(over_budget);

        world.see(ETH, Observation::Carried(100 * MIB - 1));
        assert_eq!(world.told(), []);
        world.see(ETH, Observation::Carried(1));
        assert_eq!(world.told(), [(Some(LTE), Reason::Budget)], "{over_budget:?}");
        assert_eq!(world.switches[0].evidence, Evidence::Spent { bytes: 100 * MIB });

        world.run(3_600);
        world.see(ETH, Observation::Account(Account::default()));
        assert_eq!(world.told()[1..], [(Some(ETH), Reason::BetterAlternative)]);
    }
}

#[test]
fn a_last_resort_carries_when_nothing_else_can_and_no_longer() {
    let mut world = with_priced_eth(OverBudget::LastResort);
    world.see(ETH, Observation::Carried(200 * MIB));

    world.see(LTE, CUT);
    assert_eq!(world.table.active(), Some(ETH));
    world.see(LTE, UP);
    world.run(20_000);

    let told = world.told();
    assert_eq!(told[1], (Some(ETH), Reason::InterfaceDown));
    assert_eq!(told[2], (Some(LTE), Reason::Budget), "{told:?}");
    assert_eq!(told.len(), 3);
}

#[test]
fn a_refused_link_carries_nothing_even_alone_unless_the_operator_insists() {
    let mut world = with_priced_eth(OverBudget::Refuse);
    world.see(ETH, Observation::Carried(200 * MIB));

    world.see(LTE, CUT);
    assert_eq!(world.table.active(), None);
    assert_eq!(world.table.ranked().count(), 0);

    world.table.set_override(world.now, Some(ETH));
    assert_eq!(world.table.active(), Some(ETH));
    assert!(!world.table.is_spent(ETH));
}

#[test]
fn among_equals_the_cheaper_link_goes_first() {
    let mut world = World::with(&[ETH, LTE]);
    let at = |id, cost| LinkSpec {
        priority: 10,
        tariff: Tariff { cost, ..Tariff::FREE },
        ..spec(id, true)
    };

    world.see(ETH, Observation::Appeared(at(ETH, 20)));
    world.see(LTE, Observation::Appeared(at(LTE, 5)));

    assert_eq!(world.told(), [(Some(LTE), Reason::BetterAlternative)]);
}
