use super::*;
use proptest::prelude::*;

#[test]
fn loss_is_lost_of_sent_over_the_window() {
    let mut loss = Loss::new();

    loss.record(Instant::from_millis(0), 500, 0);
    loss.record(Instant::from_millis(5000), 500, 80);

    assert_eq!(loss.ppm(), Some(80_000));
    loss.advance(Instant::from_millis(10_000));
    assert_eq!(loss.ppm(), Some(160_000), "the first half is forgotten");
    loss.advance(Instant::from_millis(20_000));
    assert_eq!(loss.ppm(), None);
}

#[test]
fn a_few_segments_tell_nothing() {
    let mut loss = Loss::new();

    loss.record(Instant::ZERO, 99, 50);
    assert_eq!(loss.ppm(), None);
    loss.record(Instant::ZERO, 1, 0);
    assert_eq!(loss.ppm(), Some(500_000));
}

#[test]
fn segments_sent_in_an_earlier_bucket_may_be_lost_in_this_one() {
    let mut loss = Loss::new();

    loss.record(Instant::ZERO, 100, 0);
    loss.record(Instant::from_millis(2000), 0, 300);

    assert_eq!(loss.ppm(), Some(1_000_000));
}

proptest! {
    #[test]
    fn any_report_is_survived(reports: Vec<(u64, u32, u32)>) {
        let mut loss = Loss::new();
        for (at, sent, lost) in reports {
            loss.record(Instant::from_micros(at), sent, lost);
            prop_assert!(loss.ppm().is_none_or(|ppm| ppm <= 1_000_000));
        }
    }
}
