use super::*;

const POLICY: LinkPolicy = LinkPolicy::DEFAULT;
const LOSS: Evidence = Evidence::Loss { ppm: 100_000 };

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn one_bad_look_is_no_verdict_and_two_are() {
    let mut quality = Quality::new();

    quality.on_segments(at(0), 1000, 100);
    quality.review(at(1), &POLICY);
    assert_eq!(quality.degraded(), None);

    quality.on_segments(at(6), 1000, 100);
    quality.review(at(6), &POLICY);
    assert_eq!(quality.degraded(), Some(LOSS));

    quality.review(at(30), &POLICY);
    assert_eq!(quality.degraded(), None, "the window is empty");
}

#[test]
fn a_queue_of_our_own_is_not_held_against_a_link() {
    let mut quality = Quality::new();

    for second in 0..20 {
        quality.on_rtt(at(second), ms(if second % 10 == 0 { 60 } else { 1500 }));
        quality.review(at(second), &POLICY);
    }

    assert_eq!(quality.rtt_min(), Some(ms(60)));
    assert_eq!(quality.degraded(), None);
}

#[test]
fn a_path_that_is_too_long_shows_after_the_window() {
    let mut quality = Quality::new();
    quality.on_rtt(at(0), ms(60));

    for second in 0..45 {
        quality.on_rtt(at(second), ms(700));
        if second % 5 == 0 {
            quality.review(at(second), &POLICY);
        }
    }

    assert_eq!(quality.degraded(), Some(Evidence::Latency { rtt: ms(700) }));
}

#[test]
fn what_was_measured_long_ago_counts_no_more() {
    let mut quality = Quality::new();
    quality.on_rtt(at(0), ms(700));

    quality.review(at(31), &POLICY);
    quality.review(at(36), &POLICY);

    assert_eq!(quality.degraded(), None);
}

#[test]
fn a_link_at_a_limit_scores_seventy() {
    let mut at_limit = Quality::new();
    at_limit.on_segments(at(0), 1000, 50);
    let mut slow = Quality::new();
    slow.on_rtt(at(0), ms(500));
    let mut hopeless = Quality::new();
    hopeless.on_segments(at(0), 1000, 900);

    assert_eq!(Quality::new().score(&POLICY), 100);
    assert_eq!(at_limit.score(&POLICY), 70);
    assert_eq!(slow.score(&POLICY), 70);
    assert_eq!(hopeless.score(&POLICY), 0);
}

#[test]
fn a_link_that_was_left_is_passed_over_until_the_time_is_over() {
    let mut quality = Quality::new();

    quality.on_left(at(100), &POLICY, LOSS);

    quality.review(at(159), &POLICY);
    assert_eq!(quality.degraded(), Some(LOSS), "although nothing is measured");
    quality.reset();
    assert_eq!(quality.degraded(), Some(LOSS), "nor does pulling the cable help");
    quality.review(at(160), &POLICY);
    assert_eq!(quality.degraded(), None);
}

#[test]
fn a_link_that_is_still_bad_when_its_time_is_over_is_not_good_before_it_is() {
    let mut quality = Quality::new();
    quality.on_left(at(100), &POLICY, LOSS);

    quality.on_rtt(at(159), ms(800));
    quality.review(at(160), &POLICY);

    assert_eq!(quality.degraded(), Some(Evidence::Latency { rtt: ms(800) }));
}

#[test]
fn a_link_that_is_left_again_and_again_is_tried_ever_more_rarely() {
    let mut quality = Quality::new();
    let mut now = at(100);
    let mut tries = 0;

    while now < at(100 + 6 * 3600) {
        quality.on_left(now, &POLICY, LOSS);
        while quality.degraded().is_some() {
            now += POLICY.quality_interval;
            quality.review(now, &POLICY);
        }
        now += ms(15_000);
        tries += 1;
    }

    assert!((15..20).contains(&tries), "{tries} in six hours");
}

#[test]
fn a_link_that_served_for_long_is_forgiven() {
    let mut quality = Quality::new();
    quality.on_left(at(100), &POLICY, LOSS);
    quality.on_left(at(170), &POLICY, LOSS);
    assert_eq!(quality.penance, ms(120_000));

    quality.on_left(at(1000), &POLICY, LOSS);

    assert_eq!(quality.penance, POLICY.cooldown * 2);
}

#[test]
fn extreme_limits_are_survived() {
    let policy = LinkPolicy {
        latency_max: Duration::ZERO,
        loss_max_ppm: 0,
        cooldown: Duration::MAX,
        ..POLICY
    };
    let mut quality = Quality::new();

    quality.on_rtt(at(0), Duration::MAX);
    quality.on_segments(at(0), u32::MAX, u32::MAX);
    quality.review(at(1), &policy);
    quality.on_left(at(1), &policy, LOSS);
    quality.on_left(at(2), &policy, LOSS);

    assert_eq!(quality.score(&policy), 0);
}
