use super::*;

/// An up-delay of 2 s, a hold-down of 5 s.
const POLICY: &LinkPolicy = &LinkPolicy::DEFAULT;

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

/// A link that came up at `second` and was proved at once.
fn risen(second: u64) -> Health {
    let mut health = Health::new();
    health.on_appeared();
    health.on_facts(at(second), POLICY, None);
    health.on_life(at(second), POLICY);
    health
}

fn healthy(second: u64) -> Health {
    let mut health = risen(second - 2);
    health.on_timeout(at(second), POLICY);
    assert_eq!(health.state(), State::Healthy);
    health
}

#[test]
fn a_link_that_was_never_heard_does_not_become_healthy() {
    let mut health = Health::new();
    health.on_appeared();
    health.on_facts(at(10), POLICY, None);

    health.on_timeout(at(100), POLICY);
    assert_eq!(health.state(), State::Settling { until: at(12) });
    assert_eq!(health.timeout(), None, "time alone changes nothing");

    health.on_life(at(101), POLICY);
    assert_eq!(health.state(), State::Healthy);
}

#[test]
fn the_first_thing_that_a_link_lacks_is_named() {
    let mut health = healthy(10);

    health.on_facts(at(11), POLICY, Some(Fact::Route));
    assert_eq!(health.state(), State::Down { lost: Fact::Route });
    health.on_facts(at(12), POLICY, Some(Fact::Carrier));
    assert_eq!(health.state(), State::Down { lost: Fact::Carrier });
    assert_eq!(health.failures(), 1, "one trouble");
}

#[test]
fn a_failed_link_comes_back_through_hold_down_and_settling() {
    let mut health = healthy(10);

    health.on_fault(at(20), POLICY, Fault::Unreachable);
    assert_eq!(health.state(), State::Failed { since: at(20), fault: Fault::Unreachable });
    health.on_life(at(21), POLICY);
    assert_eq!(health.state(), State::HoldDown { until: at(25) });
    health.on_timeout(at(25), POLICY);
    assert_eq!(health.state(), State::Settling { until: at(27) });
    health.on_timeout(at(27), POLICY);
    assert_eq!(health.state(), State::Healthy);
}

#[test]
fn a_late_timeout_skips_what_is_over() {
    let mut health = healthy(10);
    health.on_fault(at(20), POLICY, Fault::Unreachable);
    health.on_life(at(21), POLICY);

    health.on_timeout(at(60), POLICY);

    assert_eq!(health.state(), State::Healthy);
}

#[test]
fn a_failure_that_lasts_longer_than_hold_down_is_followed_by_settling_at_once() {
    let mut health = healthy(10);
    health.on_facts(at(20), POLICY, Some(Fact::Carrier));

    health.on_facts(at(40), POLICY, None);

    assert_eq!(health.state(), State::Settling { until: at(42) });
}

#[test]
fn a_false_alarm_costs_a_healthy_link_nothing() {
    let mut health = healthy(10);

    health.on_doubt(at(20), POLICY);
    health.on_life(at(20), POLICY);

    assert_eq!(health.state(), State::Healthy);
    assert_eq!((health.false_alarms(), health.failures()), (1, 0));
}

#[test]
fn a_false_alarm_does_not_shorten_the_up_delay() {
    let mut health = risen(10);

    health.on_doubt(at(11), POLICY);
    health.on_life(at(12), POLICY);

    assert_eq!(health.state(), State::Settling { until: at(13) }, "it starts over");
}

#[test]
fn a_false_alarm_does_not_shorten_hold_down() {
    let mut health = healthy(10);
    health.on_fault(at(20), POLICY, Fault::Impostor);
    health.on_life(at(21), POLICY);

    health.on_doubt(at(22), POLICY);
    health.on_life(at(23), POLICY);
    assert_eq!(health.state(), State::HoldDown { until: at(25) });

    health.on_doubt(at(24), POLICY);
    health.on_life(at(26), POLICY);
    assert_eq!(health.state(), State::Settling { until: at(27) });
}

#[test]
fn the_third_quick_failure_suppresses_until_the_penalty_decayed() {
    let mut health = risen(10);
    for second in [11, 12, 13] {
        health.on_facts(at(second), POLICY, Some(Fact::Carrier));
        health.on_facts(at(second), POLICY, None);
        health.on_life(at(second), POLICY);
    }

    let State::Suppressed { until } = health.state() else { panic!("{:?}", health.state()) };
    assert!((at(55)..at(75)).contains(&until), "{until:?}");
    health.on_timeout(until, POLICY);
    assert_eq!(health.state(), State::Settling { until: until + POLICY.up_delay });
    health.on_timeout(until + POLICY.up_delay, POLICY);
    assert_eq!(health.state(), State::Healthy);
}

#[test]
fn an_interface_that_is_plugged_in_again_is_still_suppressed() {
    let mut health = healthy(10);
    for second in [11, 12, 13] {
        health.on_vanished(at(second), POLICY);
        health.on_appeared();
        health.on_facts(at(second), POLICY, None);
    }

    assert_eq!(health.state().kind(), StateKind::Suppressed);
}

#[test]
fn a_new_fault_replaces_the_old_one_and_counts_once() {
    let mut health = healthy(10);

    health.on_fault(at(20), POLICY, Fault::Unreachable);
    health.on_fault(at(21), POLICY, Fault::Impostor);

    assert_eq!(health.state(), State::Failed { since: at(20), fault: Fault::Impostor });
    health.on_facts(at(22), POLICY, Some(Fact::Carrier));
    assert_eq!(health.failures(), 1, "nor does its end");
}
