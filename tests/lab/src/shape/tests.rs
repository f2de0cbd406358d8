use super::*;
use std::collections::BTreeSet;

const MS: Duration = Duration::from_millis(1);
const T0: Duration = Duration::from_secs(1000);

/// A direction in virtual time. Frames carry a number, to be told apart.
struct Line {
    shaper: Shaper,
    now: Duration,
    offered: u32,
}

impl Line {
    fn new(shape: Shape) -> Self {
        Self::seeded(shape, 1)
    }

    fn seeded(shape: Shape, seed: u64) -> Self {
        Self { shaper: Shaper::new(shape, seed, 0, T0), now: T0, offered: 0 }
    }

    fn offer(&mut self, bytes: usize) {
        let mut frame = vec![0; bytes];
        frame[..4].copy_from_slice(&self.offered.to_ne_bytes());
        self.offered += 1;
        self.shaper.offer(self.now, frame.into());
    }

    fn offer_many(&mut self, frames: u32, bytes: usize) {
        (0..frames).for_each(|_| self.offer(bytes));
    }

    /// Steps from wake to wake; gives the time and the number of each frame that left.
    fn run_for(&mut self, span: Duration) -> Vec<(Duration, u32)> {
        let end = self.now + span;
        let mut left = Vec::new();
        while let Some(at) = self.shaper.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            while let Some(frame) = self.shaper.poll_frame(self.now) {
                self.shaper.sent(self.now, &frame, true);
                left.push((self.now - T0, u32::from_ne_bytes(frame[..4].try_into().unwrap())));
            }
        }
        self.now = end;
        left
    }
}

fn times(left: &[(Duration, u32)]) -> Vec<Duration> {
    left.iter().map(|(at, _)| *at).collect()
}

fn numbers(left: &[(Duration, u32)]) -> Vec<u32> {
    left.iter().map(|(_, number)| *number).collect()
}

#[test]
fn a_perfect_line_passes_everything_at_once() {
    let mut line = Line::new(Shape::default());

    line.offer_many(1000, 1514);

    assert_eq!(line.run_for(Duration::ZERO).len(), 1000);
    assert_eq!(line.shaper.stats.passed, Traffic { frames: 1000, bytes: 1_514_000 });
}

#[test]
fn delay_is_exact() {
    let mut line = Line::new(Shape { delay: 25 * MS, ..Shape::default() });

    line.offer(100);

    assert_eq!(times(&line.run_for(100 * MS)), [25 * MS]);
    assert_eq!(line.shaper.stats.last_passed, Some(T0 + 25 * MS));
}

#[test]
fn frames_are_served_one_after_another_at_the_rate() {
    let mut line =
        Line::new(Shape { rate: Rate::Bps(10_000_000), delay: 5 * MS, ..Shape::default() });

    line.offer_many(3, 1250);
    let burst = line.run_for(20 * MS);
    line.offer(1250);
    let later = line.run_for(20 * MS);

    assert_eq!(times(&burst), [6 * MS, 7 * MS, 8 * MS]);
    assert_eq!(times(&later), [26 * MS], "an idle line saves nothing up");
}

#[test]
fn the_queue_drops_its_tail_at_its_limit() {
    let shape = Shape { rate: Rate::Bps(8_000_000), queue_bytes: 3000, ..Shape::default() };
    let mut line = Line::new(shape);

    line.offer_many(5, 1000);
    let left = line.run_for(10 * MS);

    assert_eq!(numbers(&left), [0, 1, 2]);
    assert_eq!(line.shaper.stats.overflowed, Traffic { frames: 2, bytes: 2000 });
}

#[test]
fn an_empty_queue_takes_a_frame_of_any_size() {
    let mut line = Line::new(Shape { queue_bytes: 0, ..Shape::default() });

    line.offer(1514);

    assert_eq!(line.run_for(MS).len(), 1);
}

#[test]
fn a_new_rate_holds_for_what_waits_already() {
    let mut line = Line::new(Shape { rate: Rate::Bps(0), ..Shape::default() });

    line.offer_many(10, 1000);
    let while_dead = line.run_for(1000 * MS);
    line.shaper.shape.rate = Rate::Bps(80_000_000);
    line.shaper.shape.delay = MS;
    let after = line.run_for(3 * MS);

    assert_eq!(while_dead, []);
    assert_eq!(numbers(&after), (0..10).collect::<Vec<_>>());
}

#[test]
fn jitter_stays_in_its_bounds_and_reorders_only_if_told() {
    for reorder in [false, true] {
        let (delay, jitter) = (20 * MS, 5 * MS);
        let mut line = Line::new(Shape { delay, jitter, reorder, ..Shape::default() });
        let mut left = Vec::new();
        for _ in 0..1000 {
            line.offer(100);
            left.extend(line.run_for(MS));
        }
        left.extend(line.run_for(30 * MS));

        let delays = left.iter().map(|(at, number)| *at - *number * MS);
        assert_eq!(left.len(), 1000);
        assert!(delays.clone().all(|delay| (15 * MS..=25 * MS).contains(&delay)));
        assert!(delays.clone().min().unwrap() < 16 * MS && delays.max().unwrap() > 24 * MS);
        assert_eq!(numbers(&left).is_sorted(), !reorder);
    }
}

#[test]
fn loss_is_as_often_as_told() {
    let mut line = Line::new(Shape { loss_ppm: 100_000, ..Shape::default() });

    line.offer_many(100_000, 100);

    // Six standard deviations of a binomial distribution: 6 * sqrt(100 000 * 0.1 * 0.9).
    assert!((9430..=10_570).contains(&line.shaper.stats.lost.frames), "{:?}", line.shaper.stats);
}

#[test]
fn loss_in_bursts_comes_in_bursts() {
    let bursts = Bursts { enter_ppm: 10_000, leave_ppm: 200_000, loss_ppm: 1_000_000 };
    let mut line =
        Line::new(Shape { bursts: Some(bursts), queue_bytes: usize::MAX, ..Shape::default() });

    line.offer_many(100_000, 100);
    let passed: BTreeSet<u32> =
        line.run_for(Duration::ZERO).into_iter().map(|(_, number)| number).collect();
    let lost = |number: &u32| !passed.contains(number);
    let runs = (0..99_999).filter(|number| lost(number) && !lost(&(number + 1))).count();
    let mean_run = line.shaper.stats.lost.frames as usize * 10 / runs;

    // enter / (enter + leave) = 4.8 %, in runs of 1 / leave = 5 frames.
    assert!((4000..=5600).contains(&line.shaper.stats.lost.frames), "{:?}", line.shaper.stats);
    assert!((45..=55).contains(&mean_run), "mean run of {mean_run} tenths of a frame");
}

#[test]
fn a_seed_decides_which_frames_are_lost_and_nothing_else_does() {
    let pattern = |seed, shape: Shape| {
        let mut line = Line::seeded(Shape { loss_ppm: 300_000, ..shape }, seed);
        line.offer_many(200, 100);
        let mut passed = numbers(&line.run_for(1000 * MS));
        passed.sort_unstable();
        passed
    };
    let rate = Rate::Bps(50_000_000);
    let other = Shape { delay: 9 * MS, jitter: 3 * MS, reorder: true, rate, ..Shape::default() };

    assert_eq!(pattern(7, Shape::default()), pattern(7, other));
    assert_ne!(pattern(7, Shape::default()), pattern(8, Shape::default()));
}

#[test]
fn streams_of_a_seed_are_independent() {
    let pattern = |stream| {
        let mut shaper: Shaper =
            Shaper::new(Shape { loss_ppm: 500_000, ..Shape::default() }, 7, stream, T0);
        let mut lost = || {
            let before = shaper.stats.lost.frames;
            shaper.offer(T0, [0; 60].into());
            shaper.stats.lost.frames > before
        };
        core::array::from_fn::<bool, 200, _>(|_| lost())
    };
    let same = pattern(0).iter().zip(&pattern(1)).filter(|(one, other)| one == other).count();

    assert!((60..=140).contains(&same), "{same} of 200 alike");
}

#[test]
fn a_stall_holds_everything_then_lets_it_go_in_order() {
    let mut line = Line::new(Shape { delay: 10 * MS, ..Shape::default() });

    line.offer(100);
    line.run_for(5 * MS);
    line.shaper.stall_until(T0 + 305 * MS);
    line.offer(100);
    let held = line.run_for(299 * MS);
    let released = line.run_for(20 * MS);

    assert_eq!(held, []);
    assert_eq!(released, [(305 * MS, 0), (315 * MS, 1)]);
}

#[test]
fn stalls_come_again_and_again() {
    let stalls = Stalls { every: 100 * MS, lasts: 30 * MS };
    let mut line = Line::new(Shape { stalls: Some(stalls), ..Shape::default() });
    let mut left = Vec::new();
    for _ in 0..25 {
        line.offer(100);
        left.extend(line.run_for(10 * MS));
    }

    let delayed: Vec<u128> =
        left.iter().map(|(at, number)| at.as_millis() - u128::from(*number) * 10).collect();
    let pause = [30, 20, 10];
    assert_eq!(delayed[..10], [0; 10], "none at the start");
    assert_eq!(delayed[10..13], pause);
    assert_eq!(delayed[13..20], [0; 7]);
    assert_eq!(delayed[20..23], pause);
}

#[test]
fn a_black_hole_swallows_what_is_on_the_way_too() {
    let mut line = Line::new(Shape { delay: 10 * MS, ..Shape::default() });

    line.offer(100);
    line.run_for(5 * MS);
    line.shaper.shape.black_hole = true;
    line.offer(100);
    let left = line.run_for(100 * MS);
    line.shaper.shape.black_hole = false;
    line.offer(100);
    let after = line.run_for(100 * MS);

    assert_eq!(left, []);
    assert_eq!(numbers(&after), [2]);
    assert_eq!(line.shaper.stats.black_holed.frames, 2);
}

#[test]
fn only_larger_packets_fall_into_an_mtu_hole() {
    let mut line = Line::new(Shape { largest_packet: Some(1400), ..Shape::default() });

    line.offer(1400 + ETHERNET_HEADER);
    line.offer(1401 + ETHERNET_HEADER);
    line.offer(100);

    assert_eq!(numbers(&line.run_for(MS)), [0, 2]);
    assert_eq!(line.shaper.stats.oversized.frames, 1);
}

#[test]
fn a_trace_serves_its_bytes_slot_by_slot_and_over_again() {
    let slots = [0, 1000, 4000];
    let mut line = Line::new(Shape { rate: Rate::Trace(slots.into()), ..Shape::default() });

    line.offer_many(15, 1000);
    let left = line.run_for(900 * MS);

    let passed: Vec<usize> = (0..9u32)
        .map(|slot| {
            times(&left)
                .iter()
                .filter(|at| **at > slot * 100 * MS && **at <= (slot + 1) * 100 * MS)
                .count()
        })
        .collect();
    assert_eq!(passed, [0, 1, 4, 0, 1, 4, 0, 1, 4]);
}

#[test]
fn a_trace_of_nothing_passes_nothing() {
    for slots in [&[][..], &[0, 0]] {
        let mut line = Line::new(Shape { rate: Rate::Trace(slots.into()), ..Shape::default() });

        line.offer(100);

        assert_eq!(line.shaper.poll_timeout(), None);
        assert_eq!(line.run_for(10_000 * MS), []);
    }
}

#[test]
fn a_late_driver_does_not_slow_the_line() {
    let mut line = Line::new(Shape { rate: Rate::Bps(8_000_000), ..Shape::default() });

    line.offer_many(10, 1000);
    line.now += 5 * MS;
    let late = line.run_for(Duration::ZERO);
    let rest = line.run_for(5 * MS);

    assert_eq!(numbers(&late), [0, 1, 2, 3, 4]);
    assert_eq!(times(&rest), [6 * MS, 7 * MS, 8 * MS, 9 * MS, 10 * MS]);
}

#[test]
fn every_frame_is_accounted_for_whatever_changes() {
    for seed in 0..50 {
        let mut dice = Rng::new(seed, 99);
        let mut line = Line::seeded(Shape::default(), seed);
        let mut left = Vec::new();
        for _ in 0..500 {
            line.offer(60 + dice.below(1455) as usize);
            let shape = &mut line.shaper.shape;
            match dice.below(12) {
                0 => shape.rate = Rate::Bps(1_000_000 * (1 + dice.below(50))),
                1 => shape.rate = Rate::Trace([0, 20_000, 3_000].into()),
                2 => shape.delay = MS * dice.below(50) as u32,
                3 => shape.jitter = MS * dice.below(20) as u32,
                4 => shape.loss_ppm = dice.below(500_000) as u32,
                5 => shape.black_hole = dice.chance(300_000),
                6 => shape.queue_bytes = dice.below(20_000) as usize,
                7 => shape.largest_packet = dice.chance(300_000).then_some(1000),
                8 => line.shaper.stall_until(line.now + MS * dice.below(100) as u32),
                _ => {}
            }
            left.extend(line.run_for(MS * dice.below(8) as u32));
        }
        left.extend(line.run_for(3000 * MS));

        let Stats { passed, lost, overflowed, black_holed, oversized, .. } = line.shaper.stats;
        let counted =
            [passed, lost, overflowed, black_holed, oversized].map(|traffic| traffic.frames);
        assert_eq!(counted.iter().sum::<u64>(), 500, "seed {seed}: {:?}", line.shaper.stats);
        assert_eq!(left.len() as u64, passed.frames);
        assert!(numbers(&left).is_sorted(), "seed {seed} reordered");
        assert_eq!((line.shaper.waiting_bytes, line.shaper.poll_timeout()), (0, None));
    }
}
