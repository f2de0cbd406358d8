//! A straight line through the last few seconds of a measurement.

use crate::{Duration, Instant, time::micros};

/// The last samples, evenly spaced at best.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trend {
    samples: [Sample; KEPT],
    len: u8,
    next: u8,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// In 1/16 s of the driver's clock.
    at: u32,
    value: i16,
}

/// The line of least squares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it is now.
    pub(crate) level: i32,
    /// By how much it changes in a second.
    pub(crate) slope: i32,
    /// How much of it was seen, in 1/16 s.
    span: i32,
    /// Whether its slope is more than the samples' scatter would make of none.
    pub(crate) is_sure: bool,
}

impl Trend {
    pub(crate) const fn new() -> Self {
        Self { samples: [Sample { at: 0, value: 0 }; KEPT], len: 0, next: 0 }
    }

    /// Takes a value in units of 1/[`ONE`]; one that comes right after the last is passed over.
    pub(crate) fn push(&mut self, now: Instant, value: i32) {
        let at = ticks(now);
        let last = self.samples[(usize::from(self.next) + KEPT - 1) % KEPT];
        if self.len > 0 && at.wrapping_sub(last.at) < SPACING {
            return;
        }
        let value = value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        self.samples[usize::from(self.next)] = Sample { at, value };
        self.next = (self.next + 1) % KEPT as u8;
        self.len = (self.len + 1).min(KEPT as u8);
    }

    /// The line through what is recent; `None` if that is too little.
    pub(crate) fn line(&self, now: Instant) -> Option<Line> {
        let now = ticks(now);
        let recent = || {
            let age = move |sample: &Sample| i64::from(now.wrapping_sub(sample.at));
            let samples = self.samples.iter().take(usize::from(self.len));
            // Time runs backwards from now, so that the level is the value at zero.
            samples
                .map(move |sample| (-age(sample), i64::from(sample.value)))
                .filter(|(at, _)| *at >= -WINDOW)
        };
        let n = recent().count() as i64;
        let newest = recent().map(|(at, _)| at).max()?;
        let oldest = recent().map(|(at, _)| at).min()?;
        if n < LEAST || newest < -STALE {
            return None;
        }
        let sum = |term: fn((i64, i64)) -> i64| recent().map(term).sum::<i64>();
        let (t, v) = (sum(|(t, _)| t), sum(|(_, v)| v));
        let (tt, tv, vv) = (sum(|(t, _)| t * t), sum(|(t, v)| t * v), sum(|(_, v)| v * v));
        // All of these are n times what the textbook has.
        let (along, across, total) = (n * tt - t * t, n * tv - t * v, n * vv - v * v);
        let explained = across * across / along.max(1);
        Some(Line {
            level: ((v * along - across * t) / (n * along).max(1)) as i32,
            slope: (across * TICKS / along.max(1)) as i32,
            span: (newest - oldest) as i32,
            is_sure: explained * (n - 2) > SURE * (total - explained),
        })
    }
}

impl Line {
    /// Where it will be.
    pub(crate) fn after(&self, delay: Duration) -> i32 {
        let seconds = delay.as_secs().min(60) as i32;
        self.level.saturating_add(self.slope.saturating_mul(seconds))
    }

    /// How much it rose while it was seen.
    pub(crate) fn rise(&self) -> i32 {
        self.slope.saturating_mul(self.span) / TICKS as i32
    }
}

/// Binary logarithm, straight between powers of two: at most 0.09 off.
pub(crate) fn log2(value: u32) -> i32 {
    let value = value.max(1);
    let whole = value.ilog2();
    let part = ((u64::from(value) << 4) >> whole) as i32 - ONE;
    whole as i32 * ONE + part
}

fn ticks(now: Instant) -> u32 {
    // It wraps after eight years; differences stay right.
    (micros(now.saturating_since(Instant::ZERO)) / (1_000_000 / TICKS as u64)) as u32
}

/// Values are in sixteenths: of a decibel, or of a doubling.
pub(crate) const ONE: i32 = 16;

/// In a second.
const TICKS: i64 = 16;

/// Eight samples make a line whose slope stands out; more would look back further than what a car
/// or a walker does lasts.
const KEPT: usize = 8;

/// Half a second: what comes faster says little new.
const SPACING: u32 = 8;

/// Ten seconds hold five readings of a radio that is read every other second.
const WINDOW: i64 = 10 * TICKS;
const LEAST: i64 = 5;

/// Nothing for three seconds: whatever it was, it may have changed.
const STALE: i64 = 3 * TICKS;

/// Student's t of 4, squared: by chance alone, five samples show that in one window of 70, and eight
/// in one of 280.
const SURE: i64 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(1_000_000 + millis)
    }

    fn through(values: &[i32]) -> Option<Line> {
        let mut trend = Trend::new();
        let times = (0u64..).map(|second| second * 1000);
        times.clone().zip(values).for_each(|(time, value)| trend.push(at(time), value * ONE));
        trend.line(at(1000 * (values.len() as u64 - 1)))
    }

    #[test]
    fn a_straight_fall_is_sure() {
        let line = through(&[30, 28, 26, 24, 22, 20, 18, 16]).unwrap();

        assert_eq!((line.level, line.slope, line.is_sure), (16 * ONE, -2 * ONE, true));
        assert_eq!(line.after(Duration::from_secs(3)), 10 * ONE);
        assert_eq!(line.rise(), -14 * ONE);
    }

    #[test]
    fn scatter_without_a_slope_is_not_sure_and_a_slope_in_scatter_is() {
        assert!(!through(&[20, 16, 21, 17, 19, 16, 20, 18]).unwrap().is_sure);
        assert!(!through(&[20, 20, 20, 20, 20, 20, 20, 20]).unwrap().is_sure);
        assert!(through(&[30, 25, 27, 21, 19, 17, 11, 12]).unwrap().is_sure);
    }

    #[test]
    fn too_few_or_too_old_samples_are_no_line() {
        assert_eq!(through(&[30, 28, 26, 24]), None);
        let mut trend = Trend::new();
        (0..8).for_each(|second| trend.push(at(second * 1000), 0));

        assert!(trend.line(at(9000)).is_some());
        assert_eq!(trend.line(at(10_500)), None);
    }

    #[test]
    fn what_comes_right_after_the_last_is_passed_over() {
        let mut trend = Trend::new();
        (0..1000).for_each(|millis| trend.push(at(millis), 0));

        assert_eq!(trend.len, 2);
    }

    #[test]
    fn doublings_are_one_apart() {
        assert_eq!([1, 2, 1 << 20, 3, 0].map(log2), [0, ONE, 20 * ONE, ONE + ONE / 2, 0]);
    }

    proptest! {
        #[test]
        fn no_samples_overflow(
            samples in prop::collection::vec((0..5000u64, any::<i32>()), 0..20),
            later in 0..20_000u64,
        ) {
            let (mut trend, mut now) = (Trend::new(), Instant::from_millis(0));
            for (step, value) in samples {
                now += Duration::from_millis(step);
                trend.push(now, value);
            }
            if let Some(line) = trend.line(now + Duration::from_millis(later)) {
                line.after(Duration::MAX);
                line.rise();
            }
        }

        #[test]
        fn a_line_without_scatter_is_found(level in -900..900i32, slope in -60..60i32) {
            let mut trend = Trend::new();
            (0..8).for_each(|second| trend.push(at(1000 * second), level + slope * second as i32));

            let line = trend.line(at(7000)).unwrap();

            prop_assert_eq!((line.level, line.slope), (level + 7 * slope, slope));
            prop_assert_eq!(line.is_sure, slope != 0);
        }
    }
}
