use super::*;
use proptest::prelude::*;

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn charged(times: &[u64]) -> Dampening {
    let mut dampening = Dampening::new();
    times.iter().for_each(|&second| dampening.charge(at(second)));
    dampening
}

#[test]
fn the_penalty_halves_each_half_life() {
    let dampening = charged(&[100]);

    for (seconds, penalty) in [(100, 1000), (130, 500), (160, 250), (190, 125), (400, 0)] {
        assert_eq!(dampening.penalty(at(seconds)), penalty, "at {seconds} s");
    }
}

#[test]
fn between_half_lives_it_stays_close_above_the_exponential() {
    let dampening = charged(&[0]);

    // 1000 * 2^-(t/30), to the nearest unit.
    for (seconds, exact) in [(5, 891), (10, 794), (15, 707), (20, 630), (25, 561), (45, 354)] {
        let penalty = dampening.penalty(at(seconds));
        assert!((exact..=exact * 107 / 100).contains(&penalty), "{penalty} at {seconds} s");
    }
}

#[test]
fn two_failures_are_forgiven_and_a_third_soon_after_is_not() {
    assert_eq!(charged(&[10, 11]).suppressed_until(at(11)), None);
    assert!(charged(&[10, 11, 12]).suppressed_until(at(12)).is_some());
    assert_eq!(charged(&[10, 70, 130, 190]).suppressed_until(at(190)), None);
}

#[test]
fn three_quick_failures_cost_about_a_minute() {
    let until = charged(&[10, 11, 12]).suppressed_until(at(12)).unwrap();

    let kept_out = until.saturating_since(at(12));
    assert!((50..=65).contains(&kept_out.as_secs()), "{kept_out:?}");
}

#[test]
fn a_suppressed_link_that_fails_again_waits_longer() {
    let mut dampening = charged(&[10, 11, 12]);
    let before = dampening.suppressed_until(at(64)).unwrap();

    dampening.charge(at(64));

    assert!(dampening.penalty(at(64)) < SUPPRESS);
    assert!(dampening.suppressed_until(at(64)).unwrap() > before);
}

#[test]
fn however_long_it_flapped_two_minutes_of_peace_are_enough() {
    let flaps: Vec<u64> = (0..3600).collect();

    let until = charged(&flaps).suppressed_until(at(3599)).unwrap();

    assert_eq!(until.saturating_since(at(3599)), Duration::from_secs(120));
}

proptest! {
    #[test]
    fn the_end_of_suppression_is_when_the_penalty_reaches_reuse(
        steps_ms in prop::collection::vec(0..20_000u64, 1..30)
    ) {
        let mut dampening = Dampening::new();
        let mut now = Instant::ZERO;
        for step in steps_ms {
            now += Duration::from_millis(step);
            let before = dampening.penalty(now);
            dampening.charge(now);

            prop_assert_eq!(dampening.penalty(now), (before + PER_FAILURE).min(CEILING));
            if let Some(until) = dampening.suppressed_until(now) {
                prop_assert!(dampening.penalty(until) <= REUSE);
                prop_assert!(dampening.penalty(until - Duration::from_millis(100)) >= REUSE);
                prop_assert!(until <= now + HALF_LIFE * 4);
            } else {
                prop_assert!(dampening.penalty(now) <= SUPPRESS);
            }
        }
    }

    #[test]
    fn the_penalty_never_grows_by_itself(early in 0..1_000_000_000u64, later in 0..1_000_000_000u64) {
        let dampening = charged(&[0, 1, 2]);
        let now = Instant::from_micros(3_000_000 + early);

        prop_assert!(dampening.penalty(now + Duration::from_micros(later)) <= dampening.penalty(now));
    }
}
