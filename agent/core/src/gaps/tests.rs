use super::*;
use proptest::prelude::*;

const ROUND: Duration = Duration::from_millis(100);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn after(round: Duration, gaps: impl IntoIterator<Item = Duration>) -> Gaps {
    let mut estimate = Gaps::new();
    gaps.into_iter().for_each(|gap| estimate.record(gap, round));
    estimate
}

#[test]
fn eight_round_trips_are_enough_and_seven_are_not() {
    assert_eq!(after(ROUND, [ms(100); 7]).threshold(), None);
    assert!(after(ROUND, [ms(100); 8]).threshold().is_some());
}

#[test]
fn gaps_shorter_than_a_round_trip_are_counted_together() {
    assert_eq!(after(ROUND, [ms(10); 79]).threshold(), None);
    assert!(after(ROUND, [ms(10); 80]).threshold().is_some());
}

#[test]
fn a_full_pipe_has_a_threshold_of_some_milliseconds() {
    let jittering = (0..1000).map(|i| ms(4 + i * 7 % 5));

    let threshold = after(ROUND, jittering).threshold().unwrap();

    assert!((ms(8)..ms(30)).contains(&threshold), "{threshold:?}");
}

/// The case for smoothing the longest gap of each round trip: with every gap smoothed, the
/// twenty short ones would bring the threshold well below the long one that follows.
#[test]
fn the_pause_of_a_window_limited_transfer_is_no_stall() {
    let mut gaps = Gaps::new();
    for _ in 0..50 {
        (0..20).for_each(|_| gaps.record(ms(5), ms(200)));
        gaps.record(ms(100), ms(200));

        assert!(gaps.threshold().is_none_or(|threshold| threshold > ms(100)), "{gaps:?}");
    }
}

#[test]
fn one_clamped_stall_does_not_blind_it() {
    let mut gaps = after(ms(10), [ms(10); 100]);
    let usual = gaps.threshold().unwrap();

    gaps.record(ms(60), ms(10));
    let shaken = gaps.threshold().unwrap();
    (0..20).for_each(|_| gaps.record(ms(10), ms(10)));

    assert_eq!(usual, ms(20));
    assert!(shaken < ms(70), "{shaken:?}");
    assert!(gaps.threshold().unwrap() <= usual + ms(1));
}

#[test]
fn a_path_that_became_slower_is_learned_within_ten_false_alarms() {
    let mut gaps = after(ms(10), [ms(10); 100]);
    let mut false_alarms = 0;

    for _ in 0..100 {
        let threshold = gaps.threshold().unwrap().max(ms(60));
        false_alarms += u32::from(threshold < ms(500));
        gaps.record(ms(500).min(threshold), ms(10));
    }

    assert!(false_alarms < 10, "{false_alarms}");
}

proptest! {
    /// A plain model: cut the series into round trips, take each one's longest gap, smooth.
    #[test]
    fn it_smooths_the_longest_gap_of_each_round_trip(
        gaps in prop::collection::vec(0..300u64, 0..300),
        round in 1..200u64,
    ) {
        let mut longest = vec![];
        let mut open: Vec<u64> = vec![];
        for &gap in &gaps {
            open.push(gap);
            if open.iter().sum::<u64>() >= round {
                longest.extend(open.drain(..).max());
            }
        }
        let mut model = longest.iter().map(|gap| ms(*gap));
        let smoothed = model.next().map(|first| {
            let mut smoothed = Smoothed::first(first);
            model.for_each(|gap| smoothed.add(gap));
            smoothed
        });

        let estimate = after(ms(round), gaps.into_iter().map(ms));

        prop_assert_eq!(estimate.smoothed, smoothed);
        prop_assert_eq!(estimate.threshold().is_some(), longest.len() >= 8);
    }

    #[test]
    fn any_gap_is_survived(gaps in prop::collection::vec(any::<(Duration, Duration)>(), 0..50)) {
        let mut estimate = Gaps::new();
        gaps.into_iter().for_each(|(gap, round)| estimate.record(gap, round));
        estimate.threshold();
    }
}
