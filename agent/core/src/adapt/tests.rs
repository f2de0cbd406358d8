//! Against a link that carries so much, one way after the other, behind a queue.

use super::*;
use proptest::prelude::*;

const CLASS: ClassLimits = ClassLimits {
    window_bytes: 1 << 20,
    chunk_bytes: 10 << 20,
    budget_blocks: 512,
    timeout_percent: 100,
    answer_timeout: Duration::from_secs(30),
};

/// As the pool gives to a lone upload.
const SHARE: u32 = 4 << 20;

fn how(algorithm: Algorithm) -> Adaptation {
    Adaptation { algorithm, ..Adaptation::default() }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A pipe of `rate` bytes a second and an idle round trip, with one sender that keeps its window full.
struct Model {
    rate: u32,
    rtt: Duration,
    pace: Pace,
    how: Adaptation,
    class: ClassLimits,
    now: Instant,
    /// Shortest round trips of the last half minute, a second each.
    trips: std::collections::VecDeque<Duration>,
}

/// What came of a while.
#[derive(Debug)]
struct Outcome {
    /// Bytes a second.
    goodput: u64,
    /// Mean, and at the end.
    window: u64,
    last: u32,
}

impl Model {
    fn new(algorithm: Algorithm, rate: u32, rtt: Duration) -> Self {
        let now = Instant::from_millis(1000);
        let mut pace = Pace::default();
        pace.on_owed(now, true);
        Self { rate, rtt, pace, how: how(algorithm), class: CLASS, now, trips: [rtt].into() }
    }

    fn path(&self) -> Path {
        Path { rtt_min: self.trips.iter().min().copied(), ..Path::default() }
    }

    fn limits(&self) -> ClassLimits {
        self.pace.limits(&self.how, self.class, self.path(), SHARE)
    }

    /// In steps of 50 ms. An upstream that acknowledges by quarters of a window keeps one of them back.
    fn run(&mut self, seconds: u64) -> Outcome {
        let (mut bytes, mut windows) = (0, 0);
        for step in 0..seconds * 20 {
            let window = u64::from(self.limits().window_bytes);
            let by_window = window * 3 / 4 * 1000 / self.rtt.as_millis().max(1) as u64;
            let rate = u64::from(self.rate).min(by_window);
            // Little's law: what the window holds beyond the path waits in its queue.
            let trip = self.rtt.max(Duration::from_micros(window * 1_000_000 / rate));
            if step % 20 == 0 {
                self.trips.push_back(trip);
                if self.trips.len() > 30 {
                    self.trips.pop_front();
                }
            }
            if let Some(last) = self.trips.back_mut() {
                *last = trip.min(*last);
            }
            self.now += ms(50);
            bytes += rate / 20;
            windows += window;
            let rtt_min = self.path().rtt_min;
            self.pace.on_acked(self.now, rate / 20, rtt_min);
        }
        Outcome {
            goodput: bytes / seconds,
            window: windows / (seconds * 20),
            last: self.limits().window_bytes,
        }
    }
}

#[test]
fn a_clean_link_of_any_speed_carries_what_it_does_with_the_class_window() {
    for (mbit, rtt) in [(1, 40), (5, 60), (20, 50), (50, 20), (100, 10), (20, 200), (10, 600)] {
        let rate = mbit * 125_000;
        let fixed = Model::new(Algorithm::Fixed, rate, ms(rtt)).run(900);
        for algorithm in [Algorithm::Adaptive, Algorithm::Predictive] {
            let adapted = Model::new(algorithm, rate, ms(rtt)).run(900);

            assert!(
                adapted.goodput * 1000 >= fixed.goodput * 992,
                "{mbit} Mbit/s, {rtt} ms, {algorithm:?}: {adapted:?} {fixed:?}"
            );
        }
    }
}

#[test]
fn a_slow_link_holds_a_fraction_of_the_class_window_for_as_long_as_it_takes() {
    for (kbyte, rtt, most) in [(20, 300, 112), (625, 60, 224), (1250, 30, 224)] {
        for algorithm in [Algorithm::Adaptive, Algorithm::Predictive] {
            let mut model = Model::new(algorithm, kbyte * 1000, ms(rtt));
            let outcome = model.run(1200);

            assert!(outcome.last <= most * 1024, "{kbyte} KB/s, {algorithm:?}: {outcome:?}");
            assert!(outcome.window <= 224 * 1024, "{kbyte} KB/s, {algorithm:?}: {outcome:?}");
        }
    }
}

#[test]
fn a_path_that_becomes_longer_is_given_its_window_back() {
    let mut model = Model::new(Algorithm::Predictive, 2_500_000, ms(20));
    model.run(30);
    assert!(model.limits().window_bytes < 256 * 1024);

    model.rtt = ms(300);
    model.run(330);
    let later = model.run(30);

    assert!(later.goodput >= 2_400_000, "{later:?}");
}

#[test]
fn prediction_starts_from_history_where_adaptation_starts_from_the_class() {
    let path = Path { rtt_min: Some(ms(60)), ..Path::default() };
    let known = Pace::expecting(Some(625_000));
    let window =
        |algorithm, pace: Pace| pace.limits(&how(algorithm), CLASS, path, SHARE).window_bytes;

    assert_eq!(window(Algorithm::Predictive, known), 160 * 1024, "625 KB/s * 240 ms");
    assert_eq!(window(Algorithm::Adaptive, Pace::default()), CLASS.window_bytes);
    assert_eq!(window(Algorithm::Predictive, Pace::default()), CLASS.window_bytes);
}

#[test]
fn prediction_follows_a_fading_link_and_a_growing_one_before_adaptation_does() {
    let windows = |algorithm, rates: [u32; 2]| {
        let mut model = Model::new(algorithm, rates[0], ms(50));
        model.run(20);
        model.rate = rates[1];
        model.run(1).last
    };
    let [slow, quick] = [400_000, 2_000_000];

    let fading =
        [Algorithm::Predictive, Algorithm::Adaptive].map(|how| windows(how, [quick, slow]));
    let growing =
        [Algorithm::Predictive, Algorithm::Adaptive].map(|how| windows(how, [slow, quick]));

    assert!(fading[0] < fading[1], "{fading:?}");
    assert!(growing[0] > growing[1], "{growing:?}");
}

#[test]
fn chunks_are_what_a_link_does_in_two_seconds_and_half_of_it_where_it_loses() {
    let chunk = |rate, rtt, loss_ppm| {
        let path = Path { rtt_min: Some(ms(rtt)), loss_ppm, ..Path::default() };
        Pace::expecting(Some(rate))
            .limits(&how(Algorithm::Predictive), CLASS, path, SHARE)
            .chunk_bytes
    };

    assert_eq!(chunk(1_000_000, 50, 0), 2_000_000);
    assert_eq!(chunk(1_000_000, 50, 20_000), 1_000_000);
    assert_eq!(chunk(1_000_000, 250, 0), 8_000_000, "32 round trips");
    assert_eq!(chunk(1000, 50, 0), 256 * 1024, "the least that is configured");
    assert_eq!(chunk(100_000_000, 50, 0), CLASS.chunk_bytes, "the most");
}

#[test]
fn loss_keeps_more_on_its_way_and_jitter_too() {
    let window = |rttvar, loss_ppm| {
        let path = Path { rtt_min: Some(ms(50)), rttvar: ms(rttvar), loss_ppm };
        Pace::expecting(Some(500_000))
            .limits(&how(Algorithm::Adaptive), CLASS, path, SHARE)
            .window_bytes
    };

    assert_eq!(window(0, 0), 112 * 1024);
    assert_eq!(window(0, 20_000), 160 * 1024);
    assert_eq!(window(25, 0), 160 * 1024);
}

#[test]
fn a_client_that_sends_little_says_nothing_of_the_link() {
    let mut pace = Pace::default();
    let mut now = Instant::from_millis(1000);

    for _ in 0..100 {
        pace.on_owed(now, true);
        now += ms(50);
        pace.on_acked(now, 40_000, Some(ms(50)));
        pace.on_owed(now, false);
        now += ms(10_000);
    }

    assert_eq!(pace.tally().throughput(), Some(800_000), "40 KB in 50 ms, whatever lies between");
}

proptest! {
    #[test]
    fn every_window_is_within_its_bounds(
        acks in proptest::collection::vec((0..5_000_000u64, 0..10_000u64, 0..2000u64), 0..80),
        window_bytes in 64 * 1024..64u32 << 20,
        share in 64 * 1024..64u32 << 20,
        loss_ppm in 0..1_000_000u32,
        rttvar in 0..100_000u64,
        start in proptest::option::of(any::<u32>()),
    ) {
        let class = ClassLimits { window_bytes, ..CLASS };
        let mut pace = Pace::expecting(start);
        let mut now = Instant::from_millis(1000);
        for (bytes, wait, rtt) in acks {
            pace.on_owed(now, true);
            now += ms(wait);
            pace.on_acked(now, bytes, Some(ms(rtt)));
            for algorithm in [Algorithm::Fixed, Algorithm::Adaptive, Algorithm::Predictive] {
                let path = Path { rtt_min: Some(ms(rtt)), rttvar: ms(rttvar), loss_ppm };
                let limits = pace.limits(&how(algorithm), class, path, share);

                prop_assert!(limits.window_bytes <= window_bytes);
                prop_assert!(limits.window_bytes >= BLOCK);
                prop_assert!(algorithm == Algorithm::Fixed || limits.window_bytes <= share.max(LEAST));
                prop_assert!((256 * 1024..=CLASS.chunk_bytes).contains(&limits.chunk_bytes));
            }
        }
    }
}
