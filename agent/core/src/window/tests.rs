use super::*;
use proptest::prelude::*;

const SPAN: Duration = Duration::from_secs(2);

fn sum(window: &Window<u32, 5>) -> u32 {
    window.buckets().sum()
}

#[test]
fn the_oldest_bucket_falls_out_whole() {
    let mut window = Window::<u32, 5>::new(SPAN);
    *window.newest(Instant::from_millis(0)) += 1;
    *window.newest(Instant::from_millis(1999)) += 1;
    *window.newest(Instant::from_millis(2000)) += 1;

    window.advance(Instant::from_millis(9_999));
    assert_eq!(sum(&window), 3);
    window.advance(Instant::from_millis(10_000));
    assert_eq!(sum(&window), 1);
}

#[test]
fn a_long_silence_empties_it() {
    let mut window = Window::<u32, 5>::new(SPAN);
    (0..10).for_each(|second| *window.newest(Instant::from_millis(second * 1000)) += 1);

    window.advance(Instant::from_millis(3_600_000));

    assert_eq!(sum(&window), 0);
}

proptest! {
    #[test]
    fn it_holds_what_a_list_of_stamps_holds(
        steps_ms in prop::collection::vec((0..9_000u64, 0..100u32), 0..200)
    ) {
        let (mut window, mut stamps) = (Window::<u32, 5>::new(SPAN), vec![]);
        let mut now_ms = 0;
        for (step, amount) in steps_ms {
            now_ms += step;
            *window.newest(Instant::from_millis(now_ms)) += amount;
            stamps.push((now_ms / 2000, amount));

            let recent = stamps.iter().filter(|(span, _)| span + 5 > now_ms / 2000);
            prop_assert_eq!(sum(&window), recent.map(|(_, amount)| amount).sum::<u32>());
        }
    }

    #[test]
    fn any_span_and_any_time_are_survived(span: Duration, times: Vec<u64>) {
        let mut window = Window::<u32, 5>::new(span);
        times.into_iter().for_each(|us| *window.newest(Instant::from_micros(us)) = 1);
    }
}
