//! What the table does, in a small world.

mod money;
mod properties;
mod world;

use super::*;
use crate::{Class, Fact, Fault, LinkSpec, Roaming, StateKind};
use world::*;

#[test]
fn the_first_link_is_active_at_once() {
    let mut world = World::new();

    world.plug(LTE);

    assert_eq!(world.table.active(), Some(LTE));
    assert_eq!(world.told(), [(Some(LTE), Reason::Started)]);
}

#[test]
fn links_that_are_there_at_start_give_one_switch_to_the_best() {
    let mut table = Links::<3>::new(LinkPolicy::default(), 7);
    for id in [LTE, ETH, WIFI] {
        table.observe(Instant::ZERO, id, Observation::Appeared(spec(id, false)));
        table.observe(Instant::ZERO, id, UP);
    }

    let switch = table.poll_switch().unwrap();

    assert_eq!((switch.from, switch.to, switch.reason), (None, Some(ETH), Reason::Started));
    assert_eq!(table.poll_switch(), None);
}

#[test]
fn a_stall_while_the_active_link_settles_moves_nothing() {
    let mut world = World::new();
    [ETH, LTE].into_iter().for_each(|link| world.plug(link));
    world.run(1000);
    world.switches.clear();

    world.wire(ETH).delivers = false;
    world.run(300);
    assert_eq!(world.kind(ETH), StateKind::Suspect);
    world.wire(ETH).delivers = true;
    world.run(1500);
    assert_eq!((world.kind(ETH), world.kind(LTE)), (StateKind::Settling, StateKind::Healthy));
    world.run(2000);

    assert_eq!(world.kind(ETH), StateKind::Healthy);
    assert_eq!(world.told(), []);
}

#[test]
fn a_pulled_cable_moves_the_active_link_at_once_and_says_why() {
    let mut world = World::with(&[ETH, LTE]);

    world.see(ETH, CUT);

    assert_eq!(world.table.active(), Some(LTE));
    let evidence = Evidence::Lost(Fact::Carrier);
    let expected = Switch {
        at: world.now,
        from: Some(ETH),
        to: Some(LTE),
        reason: Reason::InterfaceDown,
        evidence,
    };
    assert_eq!(world.switches, [expected]);
}

#[test]
fn a_refused_send_moves_the_active_link_at_once() {
    let mut world = World::with(&[ETH, LTE]);

    world.see(ETH, Observation::Unreachable);

    assert_eq!(world.told(), [(Some(LTE), Reason::InterfaceDown)]);
    assert_eq!(world.switches[0].evidence.name(), "unreachable");
}

#[test]
fn a_black_hole_is_suspect_first_and_given_up_half_a_second_later() {
    let mut world = World::with(&[ETH, LTE]);
    world.wire(ETH).delivers = false;

    world.run(80);
    assert!(world.table.is_suspect(ETH));
    assert_eq!(world.table.active(), Some(ETH), "suspicion moves nothing");
    world.run(400);
    assert!(world.switches.is_empty());
    world.run(50);

    assert_eq!(world.told(), [(Some(LTE), Reason::Timeout)]);
    let Evidence::Faulty(Fault::Silent { quiet }) = world.switches[0].evidence else {
        panic!("{:?}", world.switches)
    };
    assert!((ms(500)..=ms(530)).contains(&quiet), "{quiet:?}");
}

#[test]
fn a_link_that_answers_and_carries_nothing_is_passed_over_for_a_minute() {
    let mut world = World::with(&[ETH, LTE]);
    world.wire(ETH).swallows = true;

    world.run(10_000);
    assert_eq!(world.told(), [(Some(LTE), Reason::Timeout)]);
    assert_eq!(world.switches[0].evidence.name(), "stuck");
    world.wire(ETH).swallows = false;
    world.run(45_000);
    assert_eq!(world.table.active(), Some(LTE), "its answers are no news");
    world.run(15_000);

    assert_eq!(world.table.active(), Some(ETH));
}

#[test]
fn a_link_that_answers_once_more_before_it_dies_is_silent() {
    let mut world = World::with(&[ETH, LTE]);
    world.wire(ETH).swallows = true;
    world.run(150);
    assert!(world.table.is_suspect(ETH));
    world.wire(ETH).delivers = false;
    world.run(2000);

    assert_eq!(world.told(), [(Some(LTE), Reason::Timeout)]);
    assert_eq!(world.switches[0].evidence.name(), "silent");
}

#[test]
fn to_leave_a_stuck_link_that_had_to_be_taken_again_is_a_move_that_counts() {
    let mut world = World::with(&[ETH, LTE]);
    world.wire(ETH).swallows = true;
    world.run(10_000);
    world.wire(ETH).swallows = false;
    world.wire(ETH).lost_percent = 9;
    world.switches.clear();

    for _ in 0..10 {
        world.see(LTE, CUT);
        world.run(1000);
        world.see(LTE, UP);
        world.run(9000);
    }

    let moved = world.told().iter().filter(|it| it.1 == Reason::QualityDegradation).count();
    assert!((1..=3).contains(&moved), "{:?}", world.told());
}

#[test]
fn a_link_that_did_worse_is_not_taken_again_for_being_idle() {
    let mut world = World::with(&[ETH, LTE]);
    world.tick_ms = 100;
    world.wire(ETH).lost_percent = 7;
    world.wire(LTE).lost_percent = 18;

    world.run(240_000);

    assert_eq!(world.told().iter().map(|it| it.0).collect::<Vec<_>>(), [Some(LTE), Some(ETH)]);
}

#[test]
fn the_wakeups_of_a_failover_come_in_time() {
    let mut table = World::with(&[ETH, LTE]).table;
    let now = Instant::from_millis(6100);
    table.handle_timeout(now);
    table.observe(now, ETH, Observation::InFlight(true));
    table.observe(now, ETH, Observation::Proof);

    let wake = table.poll_timeout().unwrap();
    assert_eq!(wake, (now + table.suspicion_threshold(ETH), Wake::Silence(ETH)));
    table.handle_timeout(wake.0);
    assert!(table.is_suspect(ETH));
    while table.poll_probe(wake.0).is_some() {}
    assert_ne!(table.poll_timeout().unwrap().1, Wake::Commit(ETH), "no witness, no commit");

    table.observe(now + ms(90), LTE, Observation::ProbeAnswered { rtt: ms(20) });
    while table.active() == Some(ETH) {
        let (at, _) = table.poll_timeout().unwrap();
        assert!(at <= now + ms(500));
        table.handle_timeout(at);
        while table.poll_probe(at).is_some() {}
    }
    assert_eq!(table.poll_switch().map(|switch| switch.at), Some(now + ms(500)));
}

#[test]
fn quality_is_looked_at_while_there_is_a_link() {
    let mut table = Links::<1>::new(LinkPolicy::default(), 0);
    table.observe(Instant::ZERO, ETH, Observation::Appeared(spec(ETH, true)));
    table.observe(Instant::ZERO, ETH, UP);
    table.observe(Instant::ZERO, ETH, Observation::Proof);
    table.handle_timeout(Instant::from_millis(4000));

    assert_eq!(table.poll_timeout(), Some((Instant::from_millis(9000), Wake::Review)));
}

#[test]
fn a_failed_link_that_is_back_is_noticed_soon() {
    let mut world = World::with(&[ETH, LTE]);

    world.wire(ETH).delivers = false;
    world.run(2000);
    assert_eq!(world.kind(ETH), StateKind::Failed);
    world.wire(ETH).delivers = true;
    world.run(2000);

    assert_eq!(world.kind(ETH), StateKind::HoldDown);
}

#[test]
fn stalls_of_300_ms_never_commit() {
    let mut world = World::with(&[ETH, LTE]);

    for _ in 0..17 {
        world.run(12_640);
        world.wire(ETH).delivers = false;
        world.run(300);
        world.wire(ETH).delivers = true;
    }
    world.run(1000);

    assert_eq!(world.switches, []);
    assert_eq!(world.table.view(ETH).false_alarms, 17);
    assert_eq!(world.table.suspicion_threshold(ETH), ms(60), "nor do they blind it");
}

#[test]
fn a_link_that_flaps_every_second_is_left_once() {
    let mut world = World::with(&[ETH, LTE]);
    world.tick_ms = 50;

    for _ in 0..300 {
        world.see(ETH, CUT);
        world.run(1000);
        world.see(ETH, UP);
        world.run(1000);
    }
    assert_eq!(world.told(), [(Some(LTE), Reason::InterfaceDown)]);

    world.run(200_000);
    assert_eq!(
        world.told()[1..],
        [(Some(ETH), Reason::BetterAlternative)],
        "and taken back when it is calm"
    );
}

#[test]
fn a_link_that_flaps_slowly_is_suppressed() {
    let mut world = World::with(&[ETH, LTE]);
    world.tick_ms = 50;

    for _ in 0..60 {
        world.see(ETH, CUT);
        world.run(1000);
        world.see(ETH, UP);
        world.run(9000);
    }

    assert_eq!(world.kind(ETH), StateKind::Suppressed);
    assert!(world.switches.len() <= 5, "{:?}", world.told());
}

#[test]
fn failback_waits_for_hold_down_and_up_delay() {
    let mut world = World::with(&[ETH, LTE]);
    let cut = world.now;

    world.see(ETH, CUT);
    world.run(1000);
    world.see(ETH, UP);
    world.run(100);
    assert_eq!(world.kind(ETH), StateKind::HoldDown);
    world.run(10_000);

    assert_eq!(world.told()[1..], [(Some(ETH), Reason::BetterAlternative)]);
    let away = world.switches[1].at.saturating_since(cut);
    assert!((ms(7000)..=ms(7020)).contains(&away), "{away:?}");
}

#[test]
fn a_cable_into_a_dead_modem_takes_nothing_over() {
    let mut world = World::with(&[LTE]);
    world.wire(ETH).delivers = false;

    world.plug(ETH);
    world.run(60_000);

    assert_eq!(world.switches, []);
    assert_eq!(world.kind(ETH), StateKind::Failed);
}

#[test]
fn a_lone_link_is_never_abandoned() {
    let mut world = World::with(&[LTE]);
    world.tick_ms = 100;

    world.wire(LTE).delivers = false;
    world.run(600_000);
    assert_eq!(world.kind(LTE), StateKind::Suspect, "nothing better is known");
    world.wire(LTE).delivers = true;
    world.run(100);

    assert_eq!(world.kind(LTE), StateKind::Healthy);
    assert_eq!(world.switches, []);
}

#[test]
fn an_upstream_that_falls_silent_condemns_no_link() {
    let mut world = World::with(&[ETH, WIFI, LTE]);
    world.tick_ms = 100;

    world.wires.iter_mut().for_each(|wire| wire.delivers = false);
    world.run(120_000);
    assert!([ETH, WIFI, LTE].iter().all(|id| world.table.is_suspect(*id)));
    world.wires.iter_mut().for_each(|wire| wire.delivers = true);
    world.run(20_000);

    assert_eq!(world.switches, []);
    assert!([ETH, WIFI, LTE].iter().all(|id| world.kind(*id) == StateKind::Healthy));
}

#[test]
fn a_link_that_fell_silent_itself_is_no_witness() {
    let mut world = World::with(&[ETH, LTE]);
    world.uploading = false;
    world.wire(ETH).delivers = false;
    while !world.table.is_suspect(ETH) {
        world.run(10);
    }
    world.run(100);

    world.wire(LTE).delivers = false;
    world.run(20_000);

    assert!(world.table.view(LTE).heard > world.table.get(ETH).and_then(Monitor::suspected));
    assert_eq!(world.switches, []);
}

#[test]
fn when_no_link_is_left_the_table_says_so_and_starts_again() {
    let mut world = World::with(&[ETH, LTE]);

    world.see(LTE, Observation::Vanished);
    world.see(ETH, Observation::Facts { carrier: true, address: true, route: false });
    world.run(1000);
    assert_eq!((world.table.active(), world.table.ranked().next()), (None, None));
    world.see(ETH, UP);

    assert_eq!(world.told(), [(None, Reason::InterfaceDown), (Some(ETH), Reason::Started)]);
    assert_eq!(world.kind(ETH), StateKind::HoldDown, "which only orders it");
}

#[test]
fn a_captive_portal_is_left_and_found_gone_again() {
    let mut world = World::with(&[WIFI, LTE]);
    world.uploading = false;

    world.wire(WIFI).lies = true;
    world.run(6000);
    assert_eq!(world.told(), [(Some(LTE), Reason::QualityDegradation)]);
    assert_eq!(world.switches[0].evidence, Evidence::Faulty(Fault::Impostor));
    world.run(20_000);
    assert_eq!(world.kind(WIFI), StateKind::Failed);

    world.wire(WIFI).lies = false;
    world.run(10_000);
    assert_eq!(world.table.active(), Some(WIFI), "at the next probe, and after its up-delay");
}

#[test]
fn an_idle_link_that_dies_silently_is_suspect_within_five_seconds() {
    for warm_up in (10..15).map(|second| second * 1000) {
        let mut world = World::with(&[ETH, LTE]);
        world.uploading = false;
        world.run(warm_up);
        while world.table.view(ETH).heard != Some(world.now) {
            world.run(10);
        }

        world.wire(ETH).delivers = false;
        world.run(5000);
        assert!(matches!(world.kind(ETH), StateKind::Suspect | StateKind::Failed), "{warm_up}");
        world.run(3000);

        assert_eq!(world.told(), [(Some(LTE), Reason::Timeout)]);
        assert_eq!(world.switches[0].evidence, Evidence::Faulty(Fault::ProbesLost { count: 3 }));
    }
}

#[test]
fn a_standby_that_dies_silently_is_failed_before_it_is_needed() {
    let mut world = World::with(&[ETH, LTE]);

    world.wire(LTE).delivers = false;
    world.run(8000);

    assert_eq!(world.kind(LTE), StateKind::Failed);
    assert_eq!(world.switches, []);
}

#[test]
fn suspicion_probes_the_suspect_and_its_standbys_quickly() {
    let mut world = World::with(&[ETH, LTE]);
    let before = world.wire(LTE).probes;

    world.wire(ETH).delivers = false;
    world.run(500);

    assert!((2..=4).contains(&(world.wire(LTE).probes - before)));
    assert_eq!(
        world.wire(ETH).answer.map(|at| at > world.now - ms(500)),
        None,
        "its answer never comes"
    );
    assert!(world.table.get(ETH).unwrap().probe_deadline().is_some());
}

#[test]
fn a_metered_link_that_carries_is_not_probed() {
    let mut world = World::new();
    world.tick_ms = 100;
    world.see(LTE, Observation::Appeared(spec(LTE, true)));
    world.see(LTE, UP);
    world.run(600_000);

    assert_eq!(world.wire(LTE).probes, 0, "not even when it appeared: an upload told first");
}

#[test]
fn a_metered_standby_is_asked_every_half_hour() {
    let mut world = World::with(&[ETH]);
    world.tick_ms = 1000;
    world.see(LTE, Observation::Appeared(spec(LTE, true)));
    world.see(LTE, UP);
    world.run(24 * 3_600_000);

    assert!((48..=56).contains(&world.wire(LTE).probes), "{}", world.wire(LTE).probes);
}

#[test]
fn a_lossy_link_yields_to_a_good_one() {
    let mut world = World::with(&[ETH, LTE]);

    world.wire(ETH).lost_percent = 10;
    world.run(20_000);

    assert_eq!(world.told(), [(Some(LTE), Reason::QualityDegradation)]);
    assert_eq!(world.switches[0].evidence.name(), "loss");
    assert_eq!(world.kind(ETH), StateKind::Healthy, "it works, only badly");
}

#[test]
fn a_short_burst_of_loss_moves_nothing() {
    let mut world = World::with(&[ETH, LTE]);
    world.tick_ms = 100;
    world.run(20_000);

    for _ in 0..20 {
        world.wire(ETH).lost_percent = 40;
        world.run(500);
        world.wire(ETH).lost_percent = 0;
        world.run(30_000);
    }

    assert_eq!(world.switches, []);
}

#[test]
fn two_switches_for_quality_are_a_cooldown_apart() {
    let mut world = World::with(&[ETH, WIFI, LTE]);

    world.wire(ETH).lost_percent = 10;
    world.wire(WIFI).lost_percent = 10;
    world.run(60_000);

    let for_quality = |id| (Some(id), Reason::QualityDegradation);
    assert_eq!(world.told(), [for_quality(WIFI), for_quality(LTE)]);
    let apart = world.switches[1].at.saturating_since(world.switches[0].at);
    assert!((ms(30_000)..ms(36_000)).contains(&apart), "{apart:?}");
}

#[test]
fn a_link_that_stays_lossy_is_tried_ever_more_rarely() {
    let mut world = World::with(&[ETH, LTE]);
    world.tick_ms = 100;

    world.wire(ETH).lost_percent = 10;
    world.run(2 * 3_600_000);

    assert!((4..=20).contains(&world.switches.len()), "{:?}", world.told());
}

#[test]
fn two_lossy_links_are_not_tossed_about() {
    let mut world = World::with(&[ETH, LTE]);
    world.tick_ms = 100;

    world.wire(ETH).lost_percent = 10;
    world.wire(LTE).lost_percent = 10;
    world.run(3_600_000);

    assert!(world.switches.len() <= 20, "{:?}", world.told());
}

/// LTE carried for half a minute while the cable was out; the cable is back.
fn both_rates_known() -> World {
    let mut world = World::with(&[ETH, LTE]);
    world.tick_ms = 50;
    world.see(ETH, CUT);
    world.run(30_000);
    world.see(ETH, UP);
    world.run(20_000);
    assert_eq!(world.table.active(), Some(ETH));
    world.switches.clear();
    world
}

#[test]
fn a_crawling_link_yields_to_one_that_was_seen_to_be_fast_and_is_tried_again() {
    let mut world = both_rates_known();

    world.wire(ETH).rate = 20_000;
    world.run(30_000);
    assert_eq!(world.told(), [(Some(LTE), Reason::BetterAlternative)]);
    assert_eq!(world.switches[0].evidence.name(), "slow");
    world.wire(ETH).rate = 1 << 20;
    world.run(300_000);

    assert_eq!(world.told()[1..], [(Some(ETH), Reason::BetterAlternative)]);
}

#[test]
fn a_link_that_crawls_for_hours_is_tried_ever_more_rarely() {
    let mut world = both_rates_known();
    world.tick_ms = 100;

    world.wire(ETH).rate = 20_000;
    world.run(3_600_000);

    assert!((4..=16).contains(&world.switches.len()), "{:?}", world.told());
}

#[test]
fn a_link_that_lost_its_speed_is_left_to_try_one_that_carried_too_long_ago_to_tell() {
    let mut world = both_rates_known();
    world.tick_ms = 100;
    world.run(600_000);

    world.wire(ETH).rate = 20_000;
    world.run(60_000);

    assert_eq!(world.told(), [(Some(LTE), Reason::QualityDegradation)]);
    assert_eq!(world.switches[0].evidence.name(), "dropped");
}

#[test]
fn a_link_that_always_crawled_is_not_left_for_one_of_which_nothing_is_known() {
    let mut world = World::with(&[ETH, LTE]);
    world.tick_ms = 100;

    world.wire(ETH).rate = 20_000;
    world.run(600_000);

    assert_eq!(world.switches, []);
}

#[test]
fn moves_that_nothing_forces_are_bounded_whatever_happens() {
    let mut world = World::with(&[ETH, WIFI, LTE]);
    world.tick_ms = 100;

    for round in 0..150u32 {
        let bad = LinkId((round % 3) as u8);
        for id in [ETH, WIFI, LTE] {
            world.wire(id).lost_percent = if id == bad { 30 } else { 0 };
            world.wire(id).rate = if id == bad { 1000 } else { 1 << 22 };
        }
        world.run(7000 + u64::from(round % 7) * 1000);
    }

    let at: Vec<_> = world.switches.iter().map(|switch| switch.at).collect();
    assert!(at.len() > 3);
    for four in at.windows(4) {
        let span = four[3].saturating_since(four[0]);
        assert!(span >= LinkPolicy::DEFAULT.comparison, "{span:?}");
    }
}

#[test]
fn a_link_that_became_slow_yields_when_idle_too() {
    let mut world = World::with(&[ETH, LTE]);
    world.uploading = false;

    world.wire(ETH).rtt = ms(800);
    world.run(60_000);

    assert_eq!(world.told(), [(Some(LTE), Reason::QualityDegradation)]);
    assert_eq!(world.switches[0].evidence, Evidence::Latency { rtt: ms(800) });
}

#[test]
fn the_operators_choice_wins_while_it_can_carry_packets() {
    let mut world = World::with(&[ETH, WIFI, LTE]);

    world.table.set_override(world.now, Some(LTE));
    world.wire(LTE).lost_percent = 50;
    world.run(60_000);
    assert_eq!(world.told(), [(Some(LTE), Reason::Manual)]);
    assert_eq!(world.table.override_link(), Some(LTE));

    world.see(LTE, CUT);
    assert_eq!(world.told()[1..], [(Some(ETH), Reason::InterfaceDown)]);
    world.see(LTE, UP);
    assert_eq!(world.told()[2..], [(Some(LTE), Reason::Manual)]);

    world.table.set_override(world.now, None);
    world.run(60_000);
    assert_eq!(world.told()[3..], [(Some(ETH), Reason::BetterAlternative)]);
}

#[test]
fn the_operators_choice_of_a_dead_link_is_obeyed() {
    let mut world = World::with(&[ETH, LTE]);
    world.wire(LTE).delivers = false;

    world.table.set_override(world.now, Some(LTE));
    world.run(60_000);

    assert_eq!(world.kind(LTE), StateKind::Failed);
    assert_eq!(world.told(), [(Some(LTE), Reason::Manual)]);
}

#[test]
fn changes_that_are_undone_before_anybody_looked_are_not_told() {
    let mut table = World::with(&[ETH, LTE]).table;
    let now = Instant::from_millis(10_000);

    table.set_override(now, Some(LTE));
    table.set_override(now, Some(ETH));

    assert_eq!(table.poll_switch(), None);
}

#[test]
fn of_several_changes_the_first_tells_why() {
    let mut table = World::with(&[ETH, WIFI, LTE]).table;
    let now = Instant::from_millis(10_000);

    table.observe(now, ETH, Observation::Unreachable);
    table.observe(now, WIFI, CUT);
    let switch = table.poll_switch().unwrap();

    assert_eq!((switch.from, switch.to), (Some(ETH), Some(LTE)));
    assert_eq!(switch.evidence, Evidence::Faulty(Fault::Unreachable));
}

#[test]
fn a_slot_that_does_not_exist_is_an_absent_link() {
    let mut table = Links::<1>::new(LinkPolicy::default(), 0);

    table.observe(Instant::ZERO, LinkId(9), Observation::Appeared(spec(ETH, false)));
    table.set_override(Instant::ZERO, Some(LinkId(9)));

    assert_eq!(table.state(LinkId(9)), State::Absent);
    assert_eq!(table.view(LinkId(9)).state, StateKind::Absent);
    assert_eq!((table.active(), table.poll_timeout()), (None, None));
}

/// Any link as a kind of its own.
fn plug_as(world: &mut World, id: LinkId, class: Class) {
    world.see(id, Observation::Appeared(LinkSpec { class, ..spec(id, false) }));
    world.see(id, UP);
}

#[test]
fn a_tunnel_that_comes_and_goes_disturbs_nothing() {
    let mut world = World::with(&[ETH]);

    for _ in 0..20 {
        plug_as(&mut world, LTE, Class::Vpn);
        world.run(3000);
        world.see(LTE, Observation::Vanished);
        world.run(1000);
    }

    assert_eq!(world.switches, []);
    assert_eq!(world.table.view(ETH).failures, 0);
}

#[test]
fn a_tunnel_that_delivers_condemns_no_link_that_it_may_ride_on() {
    let mut world = World::with(&[ETH]);
    plug_as(&mut world, LTE, Class::Vpn);
    world.run(5000);

    world.wire(ETH).delivers = false;
    world.run(60_000);

    assert_eq!(world.switches, []);
    assert_eq!(world.kind(ETH), StateKind::Suspect, "the tunnel answers by whatever way it has");
}

#[test]
fn a_silent_tunnel_is_condemned_by_the_link_under_it() {
    let mut world = World::with(&[WIFI]);
    plug_as(&mut world, ETH, Class::Vpn);
    world.run(10_000);
    assert_eq!(world.table.active(), Some(ETH), "the operator prefers it");

    world.wire(ETH).delivers = false;
    world.run(1000);

    assert_eq!(world.table.active(), Some(WIFI));
    assert_eq!(world.kind(ETH), StateKind::Failed);
}

#[test]
fn a_tunnel_with_nothing_under_it_is_no_link_until_it_shows_that_it_is() {
    let mut world = World::with(&[ETH]);
    plug_as(&mut world, LTE, Class::Vpn);
    world.run(5000);

    world.wire(LTE).delivers = false;
    world.see(ETH, CUT);
    assert_eq!(world.table.active(), None, "it rode on that");
    world.see(ETH, UP);
    assert_eq!(world.table.active(), Some(ETH), "which is back at once");
    world.wire(LTE).delivers = true;
    world.switches.clear();
    world.run(10_000);
    assert_eq!(world.switches, [], "nor does it take over while that waits for trust");

    world.see(ETH, CUT);
    world.run(5000);
    assert_eq!(world.table.active(), Some(LTE), "it found another way");
}

#[test]
fn on_another_network_everything_is_measured_anew_and_nothing_is_held_against_the_link() {
    let mut world = World::with(&[ETH, LTE]);
    world.wire(ETH).delivers = false;
    world.run(2000);
    assert_eq!((world.kind(ETH), world.table.active()), (StateKind::Failed, Some(LTE)));

    world.wire(ETH).delivers = true;
    world.see(ETH, Observation::Moved);
    assert_eq!(world.kind(ETH), StateKind::Settling);
    let view = world.table.view(ETH);
    assert_eq!((view.srtt, view.rate, view.stability_permille), (None, None, None));
    world.run(2500);

    assert_eq!(world.table.active(), Some(ETH), "after its up-delay, without hold-down");
}

#[test]
fn an_active_link_that_changes_its_network_stays_active_and_is_probed_at_once() {
    let mut world = World::with(&[ETH, LTE]);
    let (probes, failures) = (world.wire(ETH).probes, world.table.view(ETH).failures);

    world.see(ETH, Observation::Moved);
    world.run(100);

    assert_eq!(world.wire(ETH).probes, probes + 1);
    assert_eq!(world.table.view(ETH).failures, failures);
    assert_eq!(world.switches, []);
}

#[test]
fn a_link_that_should_not_roam_is_used_abroad_only_if_nothing_else_works() {
    let mut world = World::with(&[ETH, LTE]);

    world.see(ETH, Observation::Roaming(true));
    assert_eq!(world.told(), [(Some(LTE), Reason::BetterAlternative)]);
    world.see(LTE, CUT);
    assert_eq!(world.told()[1..], [(Some(ETH), Reason::InterfaceDown)]);
    world.see(LTE, UP);
    world.run(10_000);
    assert_eq!(world.table.active(), Some(LTE));
    world.run(300_000);
    world.see(ETH, Observation::Roaming(false));

    assert_eq!(world.table.active(), Some(ETH));
}

#[test]
fn a_link_that_may_not_roam_is_down_abroad() {
    let mut world = World::with(&[ETH, LTE]);
    let home_only = LinkSpec { roaming: Roaming::Never, ..spec(ETH, false) };
    world.see(ETH, Observation::Appeared(home_only));
    assert_eq!(world.switches, []);

    world.see(ETH, Observation::Roaming(true));
    assert_eq!(world.told(), [(Some(LTE), Reason::InterfaceDown)]);
    assert_eq!(world.switches[0].evidence.name(), "roaming");
    world.see(LTE, CUT);
    assert_eq!(world.table.active(), None);

    world.see(ETH, Observation::Appeared(spec(ETH, false)));
    assert_eq!(world.table.active(), Some(ETH), "the operator changed his mind");
}

#[test]
fn the_stalls_of_passing_satellites_are_no_trouble() {
    let mut world = World::new();
    plug_as(&mut world, ETH, Class::Satellite);
    world.wire(ETH).rtt = ms(60);
    world.plug(LTE);
    world.run(10_000);
    world.switches.clear();
    world.tick_ms = 50;

    for round in 0..120 {
        world.run(14_000);
        world.wire(ETH).delivers = false;
        world.run(if round % 4 == 0 { 1000 } else { 300 });
        world.wire(ETH).delivers = true;
        world.run(200);
    }

    assert_eq!(world.switches, []);
    let view = world.table.view(ETH);
    assert_eq!((view.false_alarms, view.degraded), (0, false), "half an hour without a suspicion");
}

#[test]
fn a_satellite_that_is_dead_is_left_all_the_same() {
    let mut world = World::new();
    plug_as(&mut world, ETH, Class::Satellite);
    world.plug(LTE);
    world.run(10_000);
    world.switches.clear();

    world.wire(ETH).delivers = false;
    world.run(2100);
    assert_eq!(world.kind(ETH), StateKind::Suspect);
    world.run(2000);

    assert_eq!(world.told(), [(Some(LTE), Reason::Timeout)]);
}
