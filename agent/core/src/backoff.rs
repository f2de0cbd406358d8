//! How long to wait before trying again.

use crate::{Duration, time::micros};

/// Delays that double from `base` up to `cap`. Each is spread over the upper half of its step,
/// so that gateways which lost the same upstream don't return to it together.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    attempt: u32,
    rng: SplitMix64,
}

impl Backoff {
    /// Starts at `base`. Equal seeds give equal delays.
    pub const fn new(base: Duration, cap: Duration, seed: u64) -> Self {
        Self { base, cap, attempt: 0, rng: SplitMix64(seed) }
    }

    /// The delay before the next attempt: at least half of its step, at most all of it.
    pub fn next_delay(&mut self) -> Duration {
        let growth = 1u64.checked_shl(self.attempt).unwrap_or(u64::MAX);
        let step = micros(self.base).saturating_mul(growth).min(micros(self.cap));
        self.attempt = self.attempt.saturating_add(1);
        Duration::from_micros(step - self.rng.below(step / 2 + 1))
    }

    /// As [`Self::next_delay`], but no shorter than the peer asked for (Retry-After), be that
    /// more than `cap`: how long to go on waiting at all is for the caller.
    pub fn next_delay_of_at_least(&mut self, minimum: Duration) -> Duration {
        self.next_delay().max(minimum)
    }

    /// Delays taken since the last [`Self::reset`].
    pub const fn attempts(&self) -> u32 {
        self.attempt
    }

    /// It worked: the next delay starts at `base` again.
    pub const fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Clone, Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Multiply-shift: the bias, bound / 2^64, does not matter to a delay.
        ((u128::from(mixed ^ mixed >> 31) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: Duration = Duration::from_millis(200);
    const CAP: Duration = Duration::from_secs(10);

    #[test]
    fn steps_double_until_the_cap() {
        let mut backoff = Backoff::new(BASE, CAP, 1);

        for step_ms in [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            let delay = backoff.next_delay().as_millis();
            assert!((step_ms / 2..=step_ms).contains(&delay), "{delay} of {step_ms}");
        }
    }

    #[test]
    fn success_starts_over() {
        let mut backoff = Backoff::new(BASE, CAP, 1);
        for _ in 0..5 {
            backoff.next_delay();
        }

        backoff.reset();

        assert_eq!(backoff.attempts(), 0);
        assert!(backoff.next_delay() <= BASE);
        assert_eq!(backoff.attempts(), 1);
    }

    #[test]
    fn a_longer_retry_after_wins_even_over_the_cap() {
        let mut backoff = Backoff::new(BASE, CAP, 1);

        assert_eq!(backoff.next_delay_of_at_least(CAP * 3), CAP * 3);
        assert!(backoff.next_delay_of_at_least(Duration::ZERO) >= BASE);
    }

    #[test]
    fn seeds_spread_the_first_delay_over_its_whole_range() {
        let delays = (0..1000).map(|seed| Backoff::new(BASE, CAP, seed).next_delay().as_millis());

        let mut tenths = [0; 10];
        delays.for_each(|delay| tenths[((delay - 100) / 10).min(9) as usize] += 1);

        assert!(tenths.iter().all(|&count| (60..=140).contains(&count)), "{tenths:?}");
    }

    #[test]
    fn random_numbers_are_those_of_the_reference() {
        let mut rng = SplitMix64(1_234_567);

        // The reference's first two outputs for this seed, by their upper 32 bits.
        assert_eq!(rng.below(1 << 32), 6_457_827_717_110_365_317 >> 32);
        assert_eq!(rng.below(1 << 32), 3_203_168_211_198_807_973 >> 32);
    }

    proptest! {
        #[test]
        fn every_delay_keeps_its_bounds(
            base_us in 0..10_000_000_000u64,
            cap_us in 0..100_000_000_000u64,
            seed: u64,
            minimum_us in 0..1_000_000_000u64,
        ) {
            let micros = Duration::from_micros;
            let mut backoff = Backoff::new(micros(base_us), micros(cap_us), seed);
            let mut step = u128::from(base_us);
            for _ in 0..70 {
                let bound = step.min(u128::from(cap_us));
                let delay = backoff.clone().next_delay();
                prop_assert!(delay.as_micros() <= bound);
                prop_assert!(delay.as_micros() >= bound / 2);
                let at_least = backoff.next_delay_of_at_least(micros(minimum_us));
                prop_assert_eq!(at_least, delay.max(micros(minimum_us)));
                step = step.saturating_mul(2);
            }
        }

        #[test]
        fn extreme_settings_never_overflow(seed: u64, attempts in 0..80u32) {
            let mut backoff = Backoff::new(Duration::MAX, Duration::MAX, seed);
            for _ in 0..attempts {
                backoff.next_delay();
            }
            prop_assert_eq!(backoff.attempts(), attempts);
        }
    }
}
