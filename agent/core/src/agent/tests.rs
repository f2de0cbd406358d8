mod clients;
mod money;
mod properties;
mod replays;
mod world;

use super::*;
use crate::{Evidence, Failure, LinkKey, LinkSpec, Reason, Resume, Roaming, Tariff};
use world::{ETH, LTE, MIB, RTT, WLAN, World, policy};

#[test]
fn an_upload_is_created_appended_and_stored_once_everything_is_acknowledged() {
    let mut world = World::new();
    let (id, attempt) = world.half_way(Resume::Fenced);

    world.outcome(id, attempt, Outcome::Acked(MIB));

    assert_eq!(world.drops(), [attempt]);
    assert_eq!(world.verdicts(), [Verdict::Stored]);
    world.feed(Event::Answered { id });
    assert_eq!(world.agent.uploads().count(), 0);
    assert_ne!(world.agent.vacancy(), Some(id), "the slot comes back under another generation");
}

#[test]
fn an_empty_file_is_stored_as_soon_as_it_exists() {
    let mut world = World::new();
    let id = world.open(0, Resume::Fenced);
    let (_, attempt) = world.the_create();

    world.outcome(id, attempt, Outcome::Created);

    assert_eq!(world.verdicts(), [Verdict::Stored]);
}

#[test]
fn a_lost_carrier_asks_the_standbys_and_goes_on_behind_what_may_still_land() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.now += Duration::from_millis(30);

    world.unplug(ETH);

    assert_eq!(world.drops(), [old]);
    let asks = world.asks();
    assert_eq!(asks.iter().map(|(link, _)| *link).collect::<Vec<_>>(), [WLAN, LTE]);
    world.outcome(id, asks[1].1, Outcome::Offset(MIB / 2 + 400));
    assert_eq!(world.appends(), [], "the better link is still in time to answer");
    world.outcome(id, asks[0].1, Outcome::Offset(MIB / 2 + 400));
    assert_eq!(world.appends(), [(WLAN, asks[0].1, MIB / 2 + 1000)]);
    assert_eq!(world.drops(), [asks[1].1]);
    world.now += RTT;
    world.outcome(id, asks[0].1, Outcome::Acked(MIB / 2 + 1100));

    let record = world.record();
    assert_eq!((record.switch.from, record.switch.to), (Some(ETH), Some(WLAN)));
    assert_eq!(record.switch.reason, Reason::InterfaceDown);
    assert_eq!(record.dues.resent_bytes, 0);
    assert_eq!(record.dues.gap, Some(Duration::from_millis(30) + RTT));
}

#[test]
fn what_did_not_land_after_all_is_sent_again() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Fenced);
    world.unplug(ETH);
    let (link, attempt) = world.asks()[0];
    world.outcome(id, attempt, Outcome::Offset(MIB / 2 + 400));
    assert_eq!(world.appends(), [(link, attempt, MIB / 2 + 1000)]);

    let conflict = Failure::Conflict { offset: MIB / 2 + 700 };
    world.outcome(id, attempt, Outcome::Failed(conflict));

    assert_eq!(world.appends(), [(link, attempt, MIB / 2 + 700)]);
    assert_eq!(world.verdicts(), []);
    assert_eq!(world.record().dues.resent_bytes, 300);
}

#[test]
fn nothing_is_said_to_land_where_there_is_nothing_to_send_behind_it() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.outcome(id, old, Outcome::Sent(MIB));
    world.unplug(ETH);
    let (link, attempt) = world.asks()[0];

    world.outcome(id, attempt, Outcome::Offset(MIB / 2 + 400));

    assert_eq!(world.appends(), [(link, attempt, MIB / 2 + 400)]);
}

#[test]
fn the_worse_link_is_taken_once_the_better_one_is_overdue() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Fenced);
    world.unplug(ETH);
    let asks = world.asks();
    world.outcome(id, asks[1].1, Outcome::Offset(MIB / 2));

    world.pass(Duration::from_millis(200));

    assert_eq!(world.appends(), [(LTE, asks[1].1, MIB / 2 + 1000)]);
}

#[test]
fn suspicion_of_a_fencing_upstream_asks_and_takes_but_does_not_switch() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);

    world.silence();

    let asks = world.asks();
    assert_eq!(asks.first().map(|(link, _)| *link), Some(WLAN));
    world.outcome(id, asks[0].1, Outcome::Offset(MIB / 2));
    assert_eq!(world.appends(), [(WLAN, asks[0].1, MIB / 2)]);
    let holds = world.holds();
    assert_eq!(holds, [old], "the silent link is held, not dropped");
    world.outcome(id, asks[0].1, Outcome::Acked(MIB / 2 + 5000));
    assert_eq!(world.agent.links().active(), Some(ETH));
    assert_eq!(world.agent.totals().hedged_bytes, 5000);
    assert_eq!(world.agent.totals().resent_bytes, 1000);
}

#[test]
fn a_false_alarm_brings_the_upload_home_without_a_switch() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 5000));
    let switches = world.agent.totals().switches;
    world.actions.clear();

    world.observe(ETH, Observation::Proof);

    let holds = world.holds();
    assert_eq!(holds, [new], "what the standby has begun it may finish");
    assert_eq!(world.drops(), [old], "its old connection carries bytes that nobody wants");
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 9000));
    world.outcome(id, new, Outcome::Drained);
    let appends = world.appends();
    assert_eq!((appends[0].0, appends[0].2), (ETH, MIB / 2 + 9000));
    assert_eq!(world.drops(), [new]);
    assert_eq!(world.agent.totals().switches, switches);
}

#[test]
fn the_old_link_wins_if_its_append_came_first() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.actions.clear();
    world.observe(ETH, Observation::Proof);

    world.outcome(id, new, Outcome::Failed(Failure::Conflict { offset: MIB / 2 + 800 }));

    let unholds =
        world.take(
            |action| if let Action::Unhold { attempt, .. } = action { Some(attempt) } else { None },
        );
    assert_eq!(unholds, [old]);
    assert_eq!(world.drops(), [new]);
}

#[test]
fn silence_past_commit_switches_and_keeps_the_upload_where_it_went() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 5000));
    world.observe(WLAN, Observation::Proof);
    world.actions.clear();

    world.pass_with(Duration::from_secs(1), |link| link != ETH);

    assert_eq!(world.agent.links().active(), Some(WLAN));
    assert_eq!(world.record().switch.reason, Reason::Timeout);
    assert_eq!(world.record().dues.hedged_bytes, 5000);
    assert!(world.record().dues.gap.is_some());
    assert_eq!(world.drops(), [old]);
    assert_eq!(world.appends(), [], "the upload goes on undisturbed");
}

#[test]
fn a_server_that_does_not_fence_is_asked_only_once_it_is_certain() {
    let mut world = World::new();
    let (_, old) = world.half_way(Resume::Plain);

    world.silence();
    assert_eq!(world.asks(), []);
    world.pass_with(Duration::from_secs(2), |link| link != ETH);

    assert_eq!(world.agent.links().active(), Some(WLAN));
    assert_eq!(world.drops(), [old]);
    assert_eq!(
        world.asks().len(),
        1,
        "one link is asked, not all: it may wait for the server's lock"
    );
}

#[test]
fn a_preferred_link_that_is_back_takes_over_after_what_was_begun_is_finished() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Plain);
    world.unplug(ETH);
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 50));
    world.actions.clear();

    world.up(ETH);
    world.observe(ETH, Observation::ProbeAnswered { rtt: RTT });
    world.pass(Duration::from_secs(10));

    assert_eq!(world.agent.links().active(), Some(ETH));
    let holds = world.holds();
    assert_eq!(holds, [new]);
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 100));
    world.outcome(id, new, Outcome::Drained);
    let appends = world.appends();
    assert_eq!((appends[0].0, appends[0].2), (ETH, MIB / 2 + 100));
    assert_eq!(world.record().switch.evidence, Evidence::Outranked);
    assert_eq!(world.record().dues.resent_bytes, 0);
}

#[test]
fn an_answer_older_than_an_acknowledgement_is_not_a_loss() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];

    world.outcome(id, old, Outcome::Acked(MIB / 2 + 700));
    world.outcome(id, new, Outcome::Offset(MIB / 2 + 100));

    assert_eq!(world.verdicts(), []);
    assert!(world.appends().iter().all(|(_, _, from)| *from >= MIB / 2 + 700));
}

#[test]
fn a_link_that_falls_silent_while_it_is_being_left_is_left_at_once() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.feed(Event::Override(Some(WLAN)));
    assert_eq!(world.holds(), [old]);

    world.silence();

    let (link, new) = world.asks()[0];
    assert_eq!(link, WLAN);
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    assert_eq!(world.appends(), [(WLAN, new, MIB / 2)]);
}

#[test]
fn an_upstream_that_goes_back_behind_its_word_is_reported() {
    for (outcome, verdict) in [
        (Outcome::Offset(100), Verdict::Lost { acked: MIB / 2, offset: Some(100) }),
        (Outcome::Offset(MIB + 1), Verdict::Absurd { offset: MIB + 1 }),
        (Outcome::Failed(Failure::Gone), Verdict::Lost { acked: MIB / 2, offset: None }),
        (Outcome::Failed(Failure::Absurd { offset: MIB - 1 }), Verdict::Absurd { offset: MIB - 1 }),
        (Outcome::Failed(Failure::Refused(413)), Verdict::Refused(413)),
    ] {
        let mut world = World::new();
        let (id, _) = world.half_way(Resume::Fenced);
        world.unplug(ETH);
        let (_, attempt) = world.asks()[0];

        world.outcome(id, attempt, outcome);

        assert_eq!(world.verdicts(), [verdict]);
    }
}

#[test]
fn an_upload_that_vanished_before_anything_was_acknowledged_is_created_again() {
    let mut world = World::new();
    let id = world.open(MIB, Resume::Fenced);
    let (_, attempt) = world.the_create();
    world.outcome(id, attempt, Outcome::Created);
    world.feed(Event::Received { id, offset: 1000 });

    world.outcome(id, attempt, Outcome::Failed(Failure::Gone));
    world.pass(Duration::from_secs(1));

    assert_eq!(world.the_create().0, ETH);
    assert_eq!(world.verdicts(), []);
}

#[test]
fn an_upload_that_is_kept_whole_is_sent_again_a_few_times_where_its_server_loses_it() {
    let mut world = World::new();
    let (id, mut attempt) = world.half_way(Resume::Early);
    for _ in 0..3 {
        world.outcome(id, attempt, Outcome::Failed(Failure::Gone));
        assert_eq!(world.agent.view(id).unwrap().acked, 0);
        world.pass(Duration::from_secs(1));
        (_, attempt) = world.the_create();
        world.outcome(id, attempt, Outcome::Created);
        assert_eq!(world.appends(), [(ETH, attempt, 0)]);
        world.outcome(id, attempt, Outcome::Acked(MIB / 2));
    }
    assert_eq!(world.verdicts(), []);

    world.outcome(id, attempt, Outcome::Failed(Failure::Gone));

    assert_eq!(world.verdicts(), [Verdict::Lost { acked: MIB / 2, offset: None }]);
}

#[test]
fn a_chunk_that_takes_long_to_leave_is_waited_for_as_long_as_it_leaves() {
    let mut world = World::new();
    let (id, attempt) = world.half_way(Resume::Early);
    let timeout = policy().classes[0].answer_timeout;

    for step in 1..10 {
        world.pass(timeout / 2);
        world.outcome(id, attempt, Outcome::Sent(MIB / 2 + 1000 + step));
    }
    assert_eq!(world.drops(), []);
    world.pass(timeout + Duration::from_secs(1));

    assert_eq!(world.drops(), [attempt]);
}

#[test]
fn a_busy_server_is_asked_again_after_the_time_it_wants() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Plain);
    world.unplug(ETH);
    let (_, attempt) = world.asks()[0];

    world.outcome(id, attempt, Outcome::Failed(Failure::Busy(Duration::from_secs(3))));
    world.pass(Duration::from_millis(2900));
    assert_eq!(world.asks(), []);

    world.pass(Duration::from_millis(200));
    assert_eq!(world.asks().first().map(|(link, _)| *link), Some(WLAN));
}

#[test]
fn a_client_is_told_when_nothing_moved_for_the_configured_time() {
    let mut world = World::new();
    let (_, _) = world.half_way(Resume::Fenced);
    for link in [ETH, WLAN, LTE] {
        world.unplug(link);
    }

    world.pass(Duration::from_secs(299));
    assert_eq!(world.verdicts(), []);
    world.pass(Duration::from_secs(2));

    assert_eq!(world.verdicts(), [Verdict::Stalled]);
}

#[test]
fn a_slow_client_is_not_a_stalled_upstream() {
    let mut world = World::new();
    let id = world.open(MIB, Resume::Fenced);
    let (_, attempt) = world.the_create();
    world.outcome(id, attempt, Outcome::Created);
    world.feed(Event::Received { id, offset: 10 });
    world.outcome(id, attempt, Outcome::Acked(10));

    world.pass(Duration::from_secs(3600));

    assert_eq!(world.verdicts(), []);
    assert_eq!(world.drops(), []);
}

#[test]
fn a_silent_server_on_a_living_link_is_given_up_after_its_time() {
    let mut world = World::new();
    let (_, attempt) = world.half_way(Resume::Plain);

    world.pass(Duration::from_secs(31));

    assert_eq!(world.drops().first(), Some(&attempt));
    assert!(!world.asks().is_empty());
}

#[test]
fn a_client_that_went_away_ends_everything() {
    let mut world = World::new();
    let (id, attempt) = world.half_way(Resume::Fenced);

    world.feed(Event::ClientGone { id });

    assert_eq!(world.drops(), [attempt]);
    assert_eq!(world.verdicts(), [Verdict::Abandoned]);
    world.feed(Event::Answered { id });
    assert_eq!(world.agent.pool().free(), 64);
}

#[test]
fn a_server_that_answers_where_it_is_but_takes_nothing_is_given_up() {
    let mut world = World::new();
    let (id, attempt) = world.half_way(Resume::Plain);
    let begun = world.now;
    world.outcome(id, attempt, Outcome::Failed(Failure::Busy(Duration::ZERO)));

    while world.verdicts().is_empty() {
        for (_, attempt) in world.asks() {
            world.outcome(id, attempt, Outcome::Offset(MIB / 2));
        }
        for (_, attempt, _) in world.appends() {
            world.outcome(id, attempt, Outcome::Failed(Failure::Busy(Duration::ZERO)));
        }
        world.pass(Duration::from_secs(1));
        assert!(world.now < begun + policy().uploads.hold * 2, "told in time");
    }

    assert!(world.now >= begun + policy().uploads.hold);
}

#[test]
fn a_server_that_forgets_what_it_creates_is_given_up() {
    let mut world = World::new();
    let begun = world.now;
    let id = world.open(MIB, Resume::Fenced);
    world.feed(Event::Received { id, offset: 1000 });

    while world.verdicts().is_empty() {
        if world.actions.iter().any(|action| matches!(action, Action::Create { .. })) {
            let (_, attempt) = world.the_create();
            world.outcome(id, attempt, Outcome::Created);
            world.outcome(id, attempt, Outcome::Failed(Failure::Gone));
        }
        world.pass(Duration::from_secs(1));
        assert!(world.now < begun + policy().uploads.hold * 2, "told in time");
    }

    assert!(world.now >= begun + policy().uploads.hold);
}

#[test]
fn a_server_may_take_its_time_again_after_a_long_pause_of_the_client() {
    for resume in [Resume::Fenced, Resume::Plain, Resume::Replay] {
        let mut world = World::new();
        let id = world.open(MIB, resume);
        let attempt = if resume == Resume::Replay {
            world.appends()[0].1
        } else {
            let (_, attempt) = world.the_create();
            world.outcome(id, attempt, Outcome::Created);
            attempt
        };
        world.pass(Duration::from_secs(3600));

        world.feed(Event::Received { id, offset: 10 });
        world.pass(Duration::from_secs(29));

        assert_eq!((world.drops(), world.verdicts()), (vec![], vec![]), "{resume:?}");
        world.pass(Duration::from_secs(2));
        assert_eq!(world.drops(), [attempt], "{resume:?}");
    }
}

#[test]
fn a_server_that_wants_a_long_rest_has_it_whatever_it_says_over_another_link() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Fenced);
    world.unplug(ETH);
    let asks = world.asks();

    world.outcome(id, asks[0].1, Outcome::Failed(Failure::Busy(Duration::from_secs(60))));
    world.outcome(id, asks[1].1, Outcome::Failed(Failure::Busy(Duration::ZERO)));
    world.pass(Duration::from_secs(59));

    assert!(world.asks().iter().all(|(link, _)| *link != WLAN));
}

#[test]
fn an_acknowledgement_on_the_held_link_does_not_end_the_gap_of_the_other() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));

    world.outcome(id, old, Outcome::Acked(MIB / 2 + 300));
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 5000));
    world.observe(WLAN, Observation::Proof);
    world.pass_with(Duration::from_secs(1), |link| link != ETH);

    assert_eq!(world.record().switch.from, Some(ETH));
    assert!(world.record().dues.gap.is_some());
}

#[test]
fn an_upload_that_reconnects_on_its_link_has_no_gap_and_may_still_come_home() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Plain);
    world.unplug(ETH);
    let (_, first) = world.asks()[0];
    world.outcome(id, first, Outcome::Offset(MIB / 2));
    world.outcome(id, first, Outcome::Acked(MIB / 2 + 10));
    let gap = world.record().dues.gap;
    world.pass(Duration::from_secs(5));
    world.outcome(id, first, Outcome::Failed(Failure::Cut));
    let (link, second) = world.asks()[0];
    assert_eq!(link, WLAN);
    world.outcome(id, second, Outcome::Offset(MIB / 2 + 10));

    world.outcome(id, second, Outcome::Acked(MIB / 2 + 20));
    world.up(ETH);
    world.observe(ETH, Observation::ProbeAnswered { rtt: RTT });
    world.pass(Duration::from_secs(10));

    assert_eq!(world.holds(), [second]);
    assert_eq!(world.agent.switches().filter_map(|record| record.dues.gap).max(), gap);
}

#[test]
fn the_held_link_carries_again_if_the_other_fails_and_its_acknowledgements_count() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.observe(ETH, Observation::Proof);
    world.outcome(id, new, Outcome::Failed(Failure::Cut));
    assert_eq!(world.agent.view(id).and_then(|view| view.link), Some(ETH));

    world.outcome(id, old, Outcome::Acked(MIB / 2 + 800));
    world.feed(Event::Override(Some(WLAN)));

    assert_eq!(world.holds(), [old, old], "held under suspicion, and now to move");
}

#[test]
fn the_older_of_two_crossing_answers_is_not_a_loss_nor_sent_again() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.outcome(id, old, Outcome::Sent(MIB));
    world.unplug(ETH);
    let asks = world.asks();

    world.outcome(id, asks[1].1, Outcome::Offset(MIB / 2 + 800));
    world.outcome(id, asks[0].1, Outcome::Offset(MIB / 2 + 400));

    assert_eq!(world.verdicts(), []);
    assert_eq!(world.appends(), [(WLAN, asks[0].1, MIB / 2 + 800)]);
}

#[test]
fn a_conflict_older_than_an_acknowledgement_is_not_a_loss_nor_sent_again() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.actions.clear();

    world.outcome(id, old, Outcome::Acked(MIB / 2 + 700));
    world.outcome(id, new, Outcome::Failed(Failure::Conflict { offset: MIB / 2 + 300 }));

    assert_eq!(world.verdicts(), []);
    assert_eq!(world.appends(), [(WLAN, new, MIB / 2 + 700)]);
}

#[test]
fn all_uploads_that_run_elsewhere_come_back_to_a_link_that_failed_and_answers_again() {
    let mut world = World::new();
    let uploads = [world.half_way(Resume::Fenced), world.half_way(Resume::Fenced)];
    world.silence();
    for ((id, _), (_, ask)) in uploads
        .into_iter()
        .zip(world.asks().into_iter().filter(|(link, _)| *link == WLAN).collect::<Vec<_>>())
    {
        world.outcome(id, ask, Outcome::Offset(MIB / 2));
        world.outcome(id, ask, Outcome::Acked(MIB / 2 + 1000));
    }
    world.observe(WLAN, Observation::Proof);
    world.pass_with(Duration::from_secs(1), |link| link != ETH);
    assert_eq!(world.agent.links().active(), Some(WLAN));
    world.observe(ETH, Observation::InFlight(false));
    world.actions.clear();

    world.pass(Duration::from_secs(20));
    assert_eq!(world.agent.links().active(), Some(ETH));
    assert_eq!(world.holds().len(), 2);
}

#[test]
fn a_tunnel_is_not_asked_for_what_the_link_under_it_may_have() {
    let mut world = World::new();
    let spec = LinkSpec {
        class: Class::Vpn,
        priority: 15,
        metric: 100,
        metered: false,
        roaming: Roaming::Allow,
        tariff: Tariff::FREE,
        key: LinkKey(0),
    };
    world.observe(WLAN, Observation::Appeared(spec));
    world.half_way(Resume::Fenced);

    world.silence();

    let asked: Vec<LinkId> = world.asks().into_iter().map(|(link, _)| link).collect();
    assert_eq!(asked, [LTE]);
}

#[test]
fn the_late_refusal_of_what_was_taken_over_meanwhile_is_asked_about_and_no_loss() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 700));
    world.outcome(id, new, Outcome::Failed(Failure::Cut));
    world.actions.clear();

    // The old link goes on, and has not heard yet that its append was cut short.
    world.outcome(id, old, Outcome::Failed(Failure::Conflict { offset: MIB / 2 }));

    assert_eq!(world.verdicts(), []);
    assert_eq!(world.drops(), [old]);
    let (_, again) = world.asks()[0];
    world.outcome(id, again, Outcome::Offset(MIB / 2));
    let lost = Verdict::Lost { acked: MIB / 2 + 700, offset: Some(MIB / 2) };
    assert_eq!(world.verdicts(), [lost], "what it says when it is asked counts");
}
