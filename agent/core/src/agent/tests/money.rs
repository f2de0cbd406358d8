//! Uploads, and links whose budget is spent.

use super::super::*;
use super::world::{ETH, LTE, MIB, WLAN, World};
use crate::{Account, LinkSpec, Reason, Resume, Tariff};
use core::num::NonZeroU64;

/// `link` may carry so much in a month.
pub(super) fn budget(world: &mut World, link: LinkId, bytes: u64) {
    let spec = world.agent.links().view(link).spec;
    let tariff = Tariff { budget_bytes: NonZeroU64::new(bytes), ..Tariff::FREE };
    world.observe(link, Observation::Appeared(LinkSpec { tariff, ..spec }));
}

#[test]
fn an_upload_leaves_a_link_whose_budget_is_spent_with_nothing_sent_twice() {
    let mut world = World::new();
    budget(&mut world, ETH, 10 * MIB);
    let (id, old) = world.half_way(Resume::Fenced);

    world.observe(ETH, Observation::Carried(10 * MIB));
    assert_eq!(world.holds(), [old]);
    world.outcome(id, old, Outcome::Acked(MIB / 2 + 1000));
    world.outcome(id, old, Outcome::Drained);

    let appends = world.appends();
    assert_eq!(appends.len(), 1);
    assert_eq!((appends[0].0, appends[0].2), (WLAN, MIB / 2 + 1000));
    assert_eq!(world.record().switch.reason, Reason::Budget);
    assert_eq!(world.agent.totals().resent_bytes, 0);
}

#[test]
fn a_replay_begins_again_elsewhere_rather_than_spend_what_is_not_there() {
    let mut world = World::new();
    budget(&mut world, ETH, 10 * MIB);
    let (_, old) = world.half_way(Resume::Replay);

    world.observe(ETH, Observation::Carried(10 * MIB));

    assert_eq!(world.drops(), [old]);
    let appends = world.appends();
    assert_eq!((appends[0].0, appends[0].2), (WLAN, 0));
}

#[test]
fn a_link_over_its_budget_is_not_asked_while_another_can_carry_and_carries_when_none_can() {
    let mut world = World::new();
    budget(&mut world, LTE, MIB);
    world.observe(LTE, Observation::Carried(MIB));
    let (_, old) = world.half_way(Resume::Fenced);
    world.silence();
    let asked: Vec<LinkId> = world.asks().iter().map(|(link, _)| *link).collect();
    assert_eq!(asked, [WLAN]);

    world.unplug(ETH);
    world.unplug(WLAN);

    assert!(world.drops().contains(&old));
    let asked: Vec<LinkId> = world.asks().iter().map(|(link, _)| *link).collect();
    assert_eq!(asked, [LTE]);
}

#[test]
fn suspicion_spends_its_share_and_then_waits_for_certainty() {
    let mut world = World::new();
    world.unplug(WLAN);
    budget(&mut world, LTE, MIB);
    let (id, _) = world.half_way(Resume::Fenced);
    world.silence();
    let (link, attempt) = world.asks()[0];
    assert_eq!(link, LTE);
    world.outcome(id, attempt, Outcome::Offset(MIB / 2));

    world.outcome(id, attempt, Outcome::Acked(MIB / 2 + 50_000));
    let account = world.agent.links().account(world.now, LTE);
    assert_eq!(account.hedged_bytes, 50_000);
    assert!(world.agent.links().may_hedge(LTE));
    world.outcome(id, attempt, Outcome::Acked(MIB / 2 + 60_000));

    assert!(!world.agent.links().may_hedge(LTE), "half of a tenth of a megabyte");
}

#[test]
fn without_its_share_a_standby_is_taken_only_once_the_old_link_has_failed() {
    let mut world = World::new();
    world.unplug(WLAN);
    budget(&mut world, LTE, MIB);
    world.observe(LTE, Observation::Account(Account { hedged_bytes: MIB, ..Account::default() }));
    let (_, old) = world.half_way(Resume::Fenced);

    world.silence();
    assert_eq!(world.asks(), []);
    world.pass_with(Duration::from_secs(1), |link| link == LTE);

    assert!(world.drops().contains(&old));
    assert!(world.asks().iter().any(|(link, _)| *link == LTE));
}
