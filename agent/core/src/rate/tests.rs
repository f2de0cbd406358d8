use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_millis(100_000 + millis)
}

/// Delivers `rate` bytes a second from `from` to `to`, told every 50 ms.
fn deliver(rate: &mut Rate, from: u64, to: u64, bytes_per_s: u32, limited: bool) {
    for millis in (from + 50..=to).step_by(50) {
        rate.on_delivered(at(millis), bytes_per_s / 20, limited);
    }
}

/// A link that delivered a million bytes a second for ten seconds, and still does.
fn busy() -> Rate {
    let mut rate = Rate::new();
    rate.on_in_flight(at(0), true);
    deliver(&mut rate, 0, 10_000, 1_000_000, false);
    rate
}

#[test]
fn what_is_delivered_steadily_is_the_rate() {
    assert_eq!(busy().mean(), Some(1_000_000));
}

#[test]
fn a_sender_with_little_to_send_never_lowers_the_rate() {
    let mut rate = busy();

    deliver(&mut rate, 10_000, 60_000, 10_000, true);

    assert_eq!(rate.mean(), Some(1_000_000));
    assert_eq!(rate.at_limit(at(60_000)), None, "nor does it say what the link can do now");
    rate.review(at(60_000), Duration::from_secs(60));
    assert_eq!(rate.mean(), Some(1_000_000));
    rate.review(at(90_000), Duration::from_secs(60));
    assert_eq!(rate.mean(), None, "what was a minute ago");
}

#[test]
fn but_it_may_raise_it() {
    let mut rate = busy();

    deliver(&mut rate, 10_000, 20_000, 4_000_000, true);

    assert!(rate.mean() > Some(3_900_000), "{rate:?}");
}

#[test]
fn a_slower_link_shows_within_a_few_seconds() {
    let mut rate = busy();

    deliver(&mut rate, 10_000, 15_000, 100_000, false);

    assert!(rate.mean() < Some(170_000), "{rate:?}");
    assert_eq!(rate.at_limit(at(15_000)), rate.mean());
}

#[test]
fn the_begin_of_a_flight_is_a_lower_bound() {
    let mut rate = busy();
    rate.on_in_flight(at(10_000), false);

    for flight in 0..20 {
        let begin = 20_000 + flight * 5000;
        rate.on_in_flight(at(begin), true);
        deliver(&mut rate, begin, begin + 900, 50_000, false);
        rate.on_in_flight(at(begin + 900), false);
    }

    assert_eq!(rate.mean(), Some(1_000_000), "slow start is not the link");
}

#[test]
fn what_came_while_nothing_was_in_flight_is_not_counted() {
    let mut rate = Rate::new();

    deliver(&mut rate, 0, 10_000, 1_000_000, false);

    assert_eq!(rate.mean(), None);
}

#[test]
fn a_window_that_is_answered_whole_each_time_shows_how_fast_the_link_is_at_least() {
    let mut rate = Rate::new();

    for round in 0..500 {
        let begin = round * 20;
        rate.on_in_flight(at(begin), true);
        rate.on_delivered(at(begin + 10), 10_000, true);
        rate.on_in_flight(at(begin + 10), false);
    }

    assert_eq!(rate.mean(), Some(1_000_000), "over its busy time");
    assert_eq!(rate.at_limit(at(10_000)), None);
}

#[test]
fn points_go_by_halvings_below_a_megabyte() {
    let points = |bytes_per_s| {
        let rate = Rate { mean: Some(bytes_per_s), ..Rate::new() };
        100 - rate.demerit()
    };

    assert_eq!(
        [u32::MAX, 1 << 20, 1 << 19, 100 << 10, 10 << 10].map(points),
        [100, 100, 90, 68, 35]
    );
    assert_eq!([1024, 100, 0].map(points), [0, 0, 0]);
    assert_eq!(Rate::new().demerit(), 0, "unknown");
}
