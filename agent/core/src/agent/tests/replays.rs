//! Uploads to servers that do not resume.

use super::world::{ETH, MIB, RTT, WLAN, World, policy};
use super::*;
use crate::{Failure, Resume};

#[test]
fn a_replay_starts_over_on_certain_failure_and_does_not_fail_back() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Replay);
    world.silence();
    assert_eq!((world.appends(), world.drops()), (vec![], vec![]));

    world.unplug(ETH);
    assert_eq!(world.drops(), [old]);
    let appends = world.appends();
    assert_eq!((appends[0].0, appends[0].2), (WLAN, 0));
    assert_eq!(world.agent.totals().resent_bytes, MIB / 2 + 1000);

    world.up(ETH);
    world.observe(ETH, Observation::ProbeAnswered { rtt: RTT });
    world.pass(Duration::from_secs(20));
    assert_eq!(world.agent.links().active(), Some(ETH));
    assert_eq!(world.appends(), []);
    world.outcome(id, appends[0].1, Outcome::Proved);
    assert_eq!(world.verdicts(), [Verdict::Stored]);
}

#[test]
fn each_replay_is_booked_on_the_link_that_it_left() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Replay);

    world.unplug(ETH);
    let second = world.appends()[0].1;
    world.pass(Duration::from_millis(40));
    world.observe(WLAN, Observation::Proof);
    world.outcome(id, second, Outcome::Sent(MIB / 4));
    let first_switch = world.record().dues;
    world.unplug(WLAN);

    assert_eq!(
        (first_switch.resent_bytes, world.record().dues.resent_bytes),
        (MIB / 2 + 1000, MIB / 4)
    );
    assert_eq!(first_switch.gap, Some(Duration::from_millis(40)));
    assert_eq!(world.record().switch.from, Some(WLAN));
}

#[test]
fn a_replay_that_gains_nothing_is_given_up_after_the_configured_time() {
    let mut world = World::new();
    let (id, mut attempt) = world.half_way(Resume::Replay);
    let begun = world.now;

    while world.now.saturating_since(begun) < policy().uploads.hold {
        world.outcome(id, attempt, Outcome::Sent(MIB / 2));
        world.outcome(id, attempt, Outcome::Failed(Failure::Cut));
        world.pass(Duration::from_secs(10));
        let Some((_, next, 0)) = world.appends().pop() else { break };
        attempt = next;
    }

    assert_eq!(world.verdicts(), []);
    world.outcome(id, attempt, Outcome::Failed(Failure::Cut));
    world.pass(Duration::from_secs(10));
    assert_eq!(world.verdicts(), [Verdict::Stalled]);
}

#[test]
fn a_cut_without_replay_is_final() {
    let mut world = World::new();
    let id = world.agent.vacancy().expect("room");
    world.feed(Event::Opened {
        id,
        spec: UploadSpec {
            total: MIB,
            resume: Resume::Replay,
            replayable: false,
            resumes_at: None,
            client: None,
        },
    });
    let (_, attempt, _) = world.appends()[0];
    world.feed(Event::Received { id, offset: 5000 });
    world.outcome(id, attempt, Outcome::Sent(5000));

    world.outcome(id, attempt, Outcome::Failed(Failure::Cut));

    assert_eq!(world.verdicts(), [Verdict::NotReplayable]);
}

#[test]
fn a_replay_passes_over_a_failed_link_even_if_the_operator_wants_it() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Replay);
    world.silence();
    world.pass_with(Duration::from_secs(1), |link| link != ETH);
    assert_eq!(world.agent.links().active(), Some(WLAN));
    let (_, attempt, _) = world.appends()[0];

    world.feed(Event::Override(Some(ETH)));
    world.outcome(id, attempt, Outcome::Failed(Failure::Cut));

    assert_eq!(world.agent.links().active(), Some(ETH));
    assert_eq!(world.appends().iter().map(|append| append.0).collect::<Vec<_>>(), [WLAN]);
}

#[test]
fn a_link_that_cuts_every_try_lets_the_next_one_have_a_turn() {
    let mut world = World::new();
    let (id, first) = world.half_way(Resume::Replay);

    world.outcome(id, first, Outcome::Failed(Failure::Cut));
    let (link, second, _) = world.appends()[0];
    assert_eq!(link, ETH, "one cut says nothing of the link");
    world.outcome(id, second, Outcome::Failed(Failure::Cut));

    assert_eq!(world.appends()[0].0, WLAN);
}

#[test]
fn a_slow_replay_survives_blips_however_long_it_takes() {
    let mut world = World::new();
    let (id, mut attempt) = world.half_way(Resume::Replay);

    for _ in 0..3 {
        world.outcome(id, attempt, Outcome::Failed(Failure::Cut));
        world.pass(Duration::from_secs(20));
        attempt = world.appends()[0].1;
        for step in 1..60 {
            world.outcome(id, attempt, Outcome::Sent(step * 1000));
            world.pass(Duration::from_secs(20));
        }
    }

    assert_eq!((world.drops(), world.verdicts()), (vec![], vec![]));
}

#[test]
fn a_replay_that_gets_further_than_ever_is_retried_at_once() {
    let mut world = World::new();
    let (id, mut attempt) = world.half_way(Resume::Replay);
    for _ in 0..4 {
        world.outcome(id, attempt, Outcome::Failed(Failure::Cut));
        world.pass(Duration::from_secs(10));
        attempt = world.appends()[0].1;
    }

    world.outcome(id, attempt, Outcome::Sent(MIB / 2 + 1001));
    world.outcome(id, attempt, Outcome::Failed(Failure::Cut));

    assert_eq!(world.appends().len(), 1);
}

#[test]
fn a_replay_waits_for_a_client_that_has_not_begun() {
    let mut world = World::new();
    world.open(MIB, Resume::Replay);

    world.pass(Duration::from_secs(3600));

    assert_eq!((world.drops(), world.verdicts()), (vec![], vec![]));
}

#[test]
fn a_server_that_hangs_up_on_a_pausing_client_may_replay_when_it_goes_on() {
    let mut world = World::new();
    let id = world.open(MIB, Resume::Replay);
    world.feed(Event::Received { id, offset: 1000 });
    for _ in 0..20 {
        let (_, attempt, _) = world.appends()[0];
        world.outcome(id, attempt, Outcome::Sent(1000));
        world.pass(Duration::from_secs(60));
        world.outcome(id, attempt, Outcome::Failed(Failure::Cut));
        world.pass(Duration::from_secs(10));
    }
    let (_, attempt, _) = world.appends()[0];
    world.outcome(id, attempt, Outcome::Sent(1000));
    world.outcome(id, attempt, Outcome::Failed(Failure::Cut));

    world.feed(Event::Received { id, offset: 2000 });
    world.pass(Duration::from_secs(10));

    assert_eq!(world.verdicts(), []);
    assert_eq!(world.appends().len(), 1);
}
