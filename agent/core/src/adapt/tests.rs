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

fn expecting(rate: u32) -> Pace {
    Pace::expecting(Instant::from_millis(1000), Some(Expectation { rate, window_bytes: LEAST }))
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A pipe of `rate` bytes a second and an idle round trip, with one sender that keeps its window full, and a
/// server that takes its time.
struct Model {
    rate: u32,
    rtt: Duration,
    server: Duration,
    pace: Pace,
    how: Adaptation,
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
        let mut pace = Pace::expecting(now, None);
        pace.on_owed(now, true);
        let (server, how) = (Duration::ZERO, how(algorithm));
        Self { rate, rtt, server, pace, how, now, trips: [rtt].into() }
    }

    fn path(&self) -> Path {
        Path { rtt_min: self.trips.iter().min().copied(), ..Path::default() }
    }

    fn limits(&self) -> ClassLimits {
        self.pace.limits(&self.how, CLASS, self.path(), SHARE)
    }

    /// In steps of 50 ms. An upstream that acknowledges by quarters of a window keeps one of them back.
    fn run(&mut self, seconds: u64) -> Outcome {
        let (mut bytes, mut windows) = (0, 0);
        for step in 0..seconds * 20 {
            let window = u64::from(self.limits().window_bytes);
            let latency = (self.rtt + self.server).as_micros().max(1) as u64;
            let rate = u64::from(self.rate).min(window * 3 / 4 * 1_000_000 / latency);
            // Little's law: what the window holds beyond the path waits in its queue.
            let loaded = Duration::from_micros(window * 1_000_000 / rate);
            let trip = self.rtt.max(loaded.saturating_sub(self.server));
            if step % 20 == 0 {
                self.trips.push_back(trip);
                if self.trips.len() > 30 {
                    self.trips.pop_front();
                }
            }
            self.now += ms(50);
            bytes += rate / 20;
            windows += window;
            let path = self.path();
            self.pace.on_acked(self.now, rate / 20, &self.how, path, CLASS.window_bytes);
        }
        Outcome {
            goodput: bytes / seconds,
            window: windows / (seconds * 20),
            last: self.pace.need().unwrap_or(CLASS.window_bytes),
        }
    }
}

/// `a` is at least `promille` of `b`.
fn assert_no_less(a: &Outcome, promille: u64, b: &Outcome, of: &str) {
    assert!(a.goodput * 1000 >= b.goodput * promille, "{of}: {a:?} {b:?}");
}

const BOTH: [Algorithm; 2] = [Algorithm::Adaptive, Algorithm::Predictive];

#[test]
fn a_clean_link_of_any_speed_carries_what_it_does_with_the_class_window() {
    for (mbit, rtt) in [(1, 40), (5, 60), (20, 50), (50, 20), (100, 10), (20, 200), (10, 600)] {
        let rate = mbit * 125_000;
        let fixed = Model::new(Algorithm::Fixed, rate, ms(rtt)).run(120);
        for algorithm in BOTH {
            let adapted = Model::new(algorithm, rate, ms(rtt)).run(120);

            assert_no_less(
                &adapted,
                1000,
                &fixed,
                &format!("{mbit} Mbit/s, {rtt} ms, {algorithm:?}"),
            );
        }
    }
}

#[test]
fn a_server_that_takes_its_time_costs_next_to_nothing_though_no_round_trip_shows_it() {
    for (mbit, server) in [(5, 100), (20, 100), (50, 50), (20, 300)] {
        let run = |algorithm| {
            let mut model = Model::new(algorithm, mbit * 125_000, ms(5));
            model.server = ms(server);
            model.run(120)
        };
        let fixed = run(Algorithm::Fixed);
        for algorithm in BOTH {
            assert_no_less(
                &run(algorithm),
                990,
                &fixed,
                &format!("{mbit} Mbit/s, {server} ms, {algorithm:?}"),
            );
        }
    }
}

#[test]
fn a_slow_link_holds_a_fraction_of_the_class_window_for_as_long_as_it_takes() {
    for (kbyte, rtt, most) in [(20, 300, 64), (625, 60, 160), (1250, 30, 160)] {
        for algorithm in BOTH {
            let mut model = Model::new(algorithm, kbyte * 1000, ms(rtt));
            let outcome = model.run(1200);

            assert!(outcome.last <= most * 1024, "{kbyte} KB/s, {algorithm:?}: {outcome:?}");
            assert!(outcome.window <= 190 * 1024, "{kbyte} KB/s, {algorithm:?}: {outcome:?}");
        }
    }
}

#[test]
fn a_path_that_becomes_longer_is_given_its_window_back() {
    for algorithm in BOTH {
        let mut model = Model::new(algorithm, 2_500_000, ms(20));
        model.run(30);
        assert!(model.limits().window_bytes < 256 * 1024);

        model.rtt = ms(300);
        model.run(20);
        let later = model.run(60);
        let fixed = {
            model.how = how(Algorithm::Fixed);
            model.run(60)
        };

        assert_no_less(&later, 990, &fixed, &format!("{algorithm:?}"));
    }
}

#[test]
fn what_history_had_wrong_is_mended_by_trial() {
    let mut model = Model::new(Algorithm::Predictive, 2_500_000, ms(5));
    model.server = ms(100);
    let expectation = Expectation { rate: 400_000, window_bytes: LEAST };
    model.pace = Pace::expecting(model.now, Some(expectation));
    model.pace.on_owed(model.now, true);

    model.run(30);
    let later = model.run(60);

    assert!(later.goodput >= 2_400_000, "{later:?}");
}

#[test]
fn prediction_starts_from_history_where_adaptation_starts_from_the_class() {
    let now = Instant::from_millis(1000);
    let known = Pace::expecting(now, Some(Expectation { rate: 625_000, window_bytes: 163_840 }));
    let window = |algorithm, pace: Pace| {
        pace.limits(&how(algorithm), CLASS, Path::default(), SHARE).window_bytes
    };

    assert_eq!(window(Algorithm::Predictive, known), 163_840);
    for algorithm in BOTH {
        assert_eq!(window(algorithm, Pace::expecting(now, None)), CLASS.window_bytes);
    }
}

#[test]
fn prediction_follows_a_fading_link_and_a_growing_one_before_adaptation_does() {
    let windows = |algorithm, rates: [u32; 2], seconds| {
        let mut model = Model::new(algorithm, rates[0], ms(50));
        model.run(19);
        model.rate = rates[1];
        model.run(seconds).last
    };
    let [slow, quick] = [400_000, 2_000_000];

    let fading =
        [Algorithm::Predictive, Algorithm::Adaptive].map(|how| windows(how, [quick, slow], 4));
    let growing =
        [Algorithm::Predictive, Algorithm::Adaptive].map(|how| windows(how, [slow, quick], 1));

    assert!(fading[0] < fading[1], "{fading:?}");
    assert!(growing[0] > growing[1], "{growing:?}");
}

#[test]
fn chunks_are_what_a_link_does_in_two_seconds_and_half_of_it_where_it_loses() {
    let chunk = |rate, rtt, loss_ppm| {
        let path = Path { rtt_min: Some(ms(rtt)), loss_ppm, ..Path::default() };
        expecting(rate).limits(&how(Algorithm::Predictive), CLASS, path, SHARE).chunk_bytes
    };

    assert_eq!(chunk(1_000_000, 50, 0), 2_000_000);
    assert_eq!(chunk(1_000_000, 50, 20_000), 1_000_000);
    assert_eq!(chunk(1_000_000, 250, 0), 8_000_000, "32 round trips");
    assert_eq!(chunk(1000, 50, 0), 256 * 1024, "the least that is configured");
    assert_eq!(chunk(100_000_000, 50, 0), CLASS.chunk_bytes, "the most");
}

#[test]
fn loss_keeps_more_on_its_way_and_jitter_too() {
    let needed = |rttvar, loss_ppm| {
        let path = Path { rtt_min: Some(ms(50)), rttvar: ms(rttvar), loss_ppm };
        let pace = Pace { rtt: path.rtt_min, ..expecting(500_000) };
        pace.product(&how(Algorithm::Adaptive), path).unwrap()
    };

    assert_eq!(needed(0, 0), 112 * 1024);
    assert_eq!(needed(0, 20_000), 160 * 1024);
    assert_eq!(needed(25, 0), 160 * 1024);
}

#[test]
fn a_client_that_sends_little_says_nothing_of_the_link() {
    let mut pace = Pace::default();
    let mut now = Instant::from_millis(1000);

    for _ in 0..100 {
        pace.on_owed(now, true);
        now += ms(50);
        pace.on_acked(now, 40_000, &how(Algorithm::Adaptive), Path::default(), CLASS.window_bytes);
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
        start in any::<Option<(u32, u32)>>(),
        algorithm in proptest::sample::select(&[Algorithm::Fixed, Algorithm::Adaptive, Algorithm::Predictive][..]),
    ) {
        let class = ClassLimits { window_bytes, ..CLASS };
        let how = how(algorithm);
        let mut now = Instant::from_millis(1000);
        let start = start.map(|(rate, window_bytes)| Expectation { rate, window_bytes });
        let mut pace = Pace::expecting(now, start);
        for (bytes, wait, rtt) in acks {
            let path = Path { rtt_min: Some(ms(rtt)), rttvar: ms(rttvar), loss_ppm };
            pace.on_owed(now, true);
            now += ms(wait);
            pace.on_acked(now, bytes, &how, path, window_bytes.min(share));
            let limits = pace.limits(&how, class, path, share);

            prop_assert!(limits.window_bytes <= window_bytes);
            prop_assert!(limits.window_bytes >= LEAST.min(window_bytes));
            prop_assert!(algorithm == Algorithm::Fixed || limits.window_bytes <= share.max(LEAST));
            prop_assert!((256 * 1024..=CLASS.chunk_bytes).contains(&limits.chunk_bytes));
        }
    }
}
