use super::*;

const POLICY: LinkPolicy = LinkPolicy::DEFAULT;
const LOSS: Evidence = Evidence::Loss { ppm: 100_000 };
const CLASS: Class = Class::Ethernet;

fn why(quality: &Quality) -> Option<Evidence> {
    quality.degraded().map(|degraded| degraded.why)
}

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
    quality.review(at(1), &POLICY, CLASS);
    assert_eq!(why(&quality), None);

    quality.on_segments(at(6), 1000, 100);
    quality.review(at(6), &POLICY, CLASS);
    assert_eq!(why(&quality), Some(LOSS));

    quality.review(at(30), &POLICY, CLASS);
    assert_eq!(why(&quality), None, "the window is empty");
}

#[test]
fn a_queue_of_our_own_is_not_held_against_a_link() {
    let mut quality = Quality::new();

    for second in 0..20 {
        quality.on_rtt(at(second), ms(if second % 10 == 0 { 60 } else { 1500 }));
        quality.review(at(second), &POLICY, CLASS);
    }

    assert_eq!(quality.rtt_min(), Some(ms(60)));
    assert_eq!(why(&quality), None);
}

#[test]
fn a_path_that_is_too_long_shows_after_the_window() {
    let mut quality = Quality::new();
    quality.on_rtt(at(0), ms(60));

    for second in 0..45 {
        quality.on_rtt(at(second), ms(700));
        if second % 5 == 0 {
            quality.review(at(second), &POLICY, CLASS);
        }
    }

    assert_eq!(why(&quality), Some(Evidence::Latency { rtt: ms(700) }));
}

#[test]
fn what_was_measured_long_ago_counts_no_more() {
    let mut quality = Quality::new();
    quality.on_rtt(at(0), ms(700));

    quality.review(at(31), &POLICY, CLASS);
    quality.review(at(36), &POLICY, CLASS);

    assert_eq!(why(&quality), None);
}

#[test]
fn a_link_at_a_limit_scores_seventy() {
    let mut at_limit = Quality::new();
    at_limit.on_segments(at(0), 1000, 50);
    let mut slow = Quality::new();
    slow.on_rtt(at(0), ms(500));
    let mut hopeless = Quality::new();
    hopeless.on_segments(at(0), 1000, 900);

    assert_eq!(Quality::new().score(&POLICY, CLASS).total(), 100);
    assert_eq!(at_limit.score(&POLICY, CLASS).total(), 70);
    assert_eq!(slow.score(&POLICY, CLASS).total(), 70);
    assert_eq!(hopeless.score(&POLICY, CLASS).total(), 0);
}

#[test]
fn a_link_that_was_left_is_passed_over_until_the_time_is_over() {
    let mut quality = Quality::new();

    quality.on_left(at(100), &POLICY, LOSS);

    quality.review(at(159), &POLICY, CLASS);
    assert_eq!(why(&quality), Some(LOSS), "although nothing is measured");
    quality.reset();
    assert_eq!(why(&quality), Some(LOSS), "nor does pulling the cable help");
    quality.review(at(160), &POLICY, CLASS);
    assert_eq!(why(&quality), None);
}

#[test]
fn a_link_that_is_still_bad_when_its_time_is_over_is_not_good_before_it_is() {
    let mut quality = Quality::new();
    quality.on_left(at(100), &POLICY, LOSS);

    quality.on_rtt(at(159), ms(800));
    quality.review(at(160), &POLICY, CLASS);

    assert_eq!(why(&quality), Some(Evidence::Latency { rtt: ms(800) }));
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
            quality.review(now, &POLICY, CLASS);
        }
        quality.on_taken(now);
        now += ms(15_000);
        tries += 1;
    }

    assert!((15..20).contains(&tries), "{tries} in six hours");
}

#[test]
fn a_link_that_served_for_long_is_forgiven() {
    let mut quality = Quality::new();
    quality.on_left(at(100), &POLICY, LOSS);
    quality.on_taken(at(160));
    quality.on_left(at(170), &POLICY, LOSS);
    assert_eq!(quality.penance, ms(120_000));

    quality.on_taken(at(290));
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
    quality.review(at(1), &policy, CLASS);
    quality.on_left(at(1), &policy, LOSS);
    quality.on_left(at(2), &policy, LOSS);

    assert_eq!(quality.score(&policy, CLASS).total(), 0);
}

/// Looks once with that much loss, in a window of its own.
fn look(quality: &mut Quality, second: u64, lost: u32) -> Option<Evidence> {
    quality.on_segments(at(second), 1000, lost);
    quality.review(at(second), &POLICY, CLASS);
    why(quality)
}

#[test]
fn loss_beyond_all_measure_is_a_verdict_at_the_first_look() {
    let mut quality = Quality::new();

    for second in [0, 2, 4, 6] {
        quality.on_segments(at(second), 1000, 101);
    }
    quality.review(at(6), &POLICY, CLASS);

    let why = Evidence::Loss { ppm: 101_000 };
    assert_eq!(quality.degraded(), Some(Degraded { why, is_critical: true }));
}

#[test]
fn what_a_sender_loses_as_it_begins_is_no_verdict_at_first_sight() {
    let mut quality = Quality::new();

    quality.on_segments(at(0), 1000, 300);
    quality.review(at(1), &POLICY, CLASS);
    assert_eq!(quality.degraded(), None);

    for second in [2, 4, 6] {
        quality.on_segments(at(second), 1000, 0);
    }
    quality.review(at(6), &POLICY, CLASS);
    quality.review(at(11), &POLICY, CLASS);
    assert_eq!(quality.degraded(), None);
}

#[test]
fn a_warning_makes_the_next_bad_look_the_second_and_keeps_what_is_bad() {
    let mut quality = Quality::new();

    assert_eq!(look(&mut quality, 0, 30), None);
    assert_eq!(look(&mut quality, 60, 30), None, "a warning alone is no verdict");
    assert_eq!(look(&mut quality, 120, 60), Some(Evidence::Loss { ppm: 60_000 }));
    assert!(look(&mut quality, 180, 30).is_some(), "near its limit");
    assert_eq!(look(&mut quality, 240, 10), None);
}

#[test]
fn a_score_that_falls_from_its_usual_height_is_a_verdict_although_no_limit_is_passed() {
    let lenient = LinkPolicy { score_min: 0, stability_min_permille: 0, ..POLICY };
    let weak = Signal { rssi_dbm: Some(-82), ..Signal::default() };
    let mut quality = Quality::new();
    for look in 0..20 {
        quality.on_rtt(at(5 * look), ms(20));
        quality.review(at(5 * look), &lenient, CLASS);
    }

    for look in 20..22 {
        quality.on_rtt(at(5 * look), ms(20));
        quality.on_signal(at(5 * look), weak);
        quality.on_segments(at(5 * look), 1000, 10);
        quality.review(at(5 * look), &lenient, CLASS);
    }

    assert_eq!(why(&quality), Some(Evidence::Dropped { from: 99, to: 64 }));
}

#[test]
fn several_small_things_add_up() {
    let weak = Signal { rssi_dbm: Some(-82), ..Signal::default() };
    let mut quality = Quality::new();

    for second in [0, 5] {
        quality.on_signal(at(second), weak);
        quality.on_segments(at(second), 1000, 15);
        quality.review(at(second), &POLICY, CLASS);
    }

    assert_eq!(why(&quality), Some(Evidence::LowScore { score: 63 }));
}

#[test]
fn a_satellites_round_trip_is_no_fault() {
    let mut quality = Quality::new();
    quality.on_rtt(at(0), ms(620));

    quality.review(at(1), &POLICY, Class::Satellite);
    quality.review(at(2), &POLICY, Class::Satellite);
    assert_eq!((why(&quality), quality.grade), (None, Grade::Good));
    quality.review(at(3), &POLICY, Class::Lte);
    quality.review(at(4), &POLICY, Class::Lte);

    assert_eq!(why(&quality), Some(Evidence::Latency { rtt: ms(620) }));
}

#[test]
fn a_radio_that_is_not_read_any_more_says_nothing() {
    let mut quality = Quality::new();
    quality.on_signal(at(0), Signal { rssi_dbm: Some(-90), ..Signal::default() });
    assert_eq!(quality.score(&POLICY, CLASS).total(), 70);

    quality.review(at(30), &POLICY, CLASS);

    assert_eq!(quality.score(&POLICY, CLASS).total(), 100);
}
