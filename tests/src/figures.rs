//! What many measurements come to.

/// Times in milliseconds, sorted. What never ended is infinite.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<f64>);

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(times: I) -> Self {
        let mut times: Vec<f64> = times.into_iter().collect();
        times.sort_by(f64::total_cmp);
        Self(times)
    }
}

impl Figures {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The least of them that `percent` of all do not exceed (nearest rank: never a value that
    /// was not measured). Of fewer than 100, the 99th is the greatest.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_values() {
        let figures: Figures = (1..=20).rev().map(f64::from).collect();

        assert_eq!(figures.percentile(50), 10.0);
        assert_eq!(figures.percentile(90), 18.0);
        assert_eq!(figures.percentile(99), 20.0);
        assert_eq!(figures.percentile(100), 20.0);
        assert!(Figures::default().percentile(50).is_nan());
    }
}
