//! The sensor: there is none on this board, so its readings are made up.

use heapless::String;

/// Longest line.
pub const LINE: usize = 48;

/// Readings that follow from the ones before, as temperatures do.
#[derive(Clone, Debug)]
pub struct Sensor {
    count: u32,
    /// Thousandths of a degree.
    temperature: i32,
    /// Thousandths of relative humidity.
    humidity: i32,
    noise: u32,
}

impl Default for Sensor {
    fn default() -> Self {
        Self { count: 0, temperature: 21_000, humidity: 450, noise: 1 }
    }
}

impl Sensor {
    /// The next reading as a line of CSV: number, milliseconds, degrees, humidity.
    pub fn read(&mut self, at_ms: u64) -> String<LINE> {
        self.temperature = (self.temperature + self.step(41)).clamp(-40_000, 85_000);
        self.humidity = (self.humidity + self.step(7)).clamp(0, 1000);
        let mut line = String::new();
        let (degrees, humidity) = (self.temperature, self.humidity);
        core::fmt::write(&mut line, format_args!("{},{at_ms},{degrees},{humidity}\n", self.count))
            .expect("numbers of these ranges fit");
        self.count = self.count.wrapping_add(1);
        line
    }

    /// Up to half of `range` up or down: a linear congruential generator (Numerical Recipes).
    fn step(&mut self, range: u32) -> i32 {
        self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((self.noise >> 16) % range) as i32 - (range / 2) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_numbered_lines_within_the_sensors_range() {
        let mut sensor = Sensor::default();
        for count in 0..10_000u32 {
            let line = sensor.read(u64::from(count) * 100);
            let values: Vec<i64> =
                line.trim_end().split(',').map(|value| value.parse().unwrap()).collect();

            assert!(line.ends_with('\n') && values.len() == 4, "{line}");
            assert_eq!((values[0], values[1]), (i64::from(count), i64::from(count) * 100));
            assert!((-40_000..=85_000).contains(&values[2]) && (0..=1000).contains(&values[3]));
        }
    }

    #[test]
    fn the_longest_line_fits() {
        let mut sensor = Sensor { count: u32::MAX, temperature: -40_000, ..Sensor::default() };

        assert!(sensor.read(u64::MAX).len() < LINE);
    }
}
