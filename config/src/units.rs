//! Numbers with units, in integers: microcontrollers and the core have no floats.

use core::time::Duration;

/// A size, written `512KB` or `64MiB`; every unit is 1024-based, as in the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A share in millionths, written in percent: `5.0` is 50 000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ppm(pub u32);

/// A factor in thousandths, written as a decimal: `1.5` is 1500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permille(pub u32);

impl Bytes {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return None,
        };
        number.checked_mul(1 << shift).map(Self)
    }
}

impl Ppm {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let percent = text.strip_suffix('%').unwrap_or(text).trim_end();
        // A percent is 10^4 ppm.
        decimal(percent, 4).filter(|ppm| *ppm <= 1_000_000).map(Self)
    }
}

impl Permille {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        decimal(text, 3).map(Self)
    }

    /// `duration` times this factor.
    pub fn of(self, duration: Duration) -> Duration {
        duration.saturating_mul(self.0) / 1000
    }
}

/// `500ms`, `2s`, `5m`, `24h`, `7d`, or several in a row: `1h30m`. A number without a unit is
/// refused: nobody remembers which it would be.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, tail) = split(rest)?;
        let unit_len = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 3600 * 1000,
            "d" => 24 * 3600 * 1000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(unit_ms)?))?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// The leading digits as a number, and what follows.
fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

/// A decimal with at most `places` digits after its point, times ten to the `places`.
fn decimal(text: &str, places: usize) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits_only = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits_only(whole) || !digits_only(fraction) || fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_count_in_1024_whatever_the_spelling() {
        for text in ["512KB", "512KiB", "512k", "512 kb", "524288", "524288B"] {
            assert_eq!(Bytes::parse(text), Some(Bytes(512 << 10)), "{text}");
        }
        assert_eq!(Bytes::parse("10GB"), Some(Bytes(10 << 30)));
        assert_eq!(Bytes::parse("0"), Some(Bytes(0)));
    }

    #[test]
    fn sizes_that_say_nothing_are_refused() {
        for text in ["", "KB", "-1KB", "1.5MB", "1XB", "1KBs", "99999999999TB", "0x10", "٣KB"] {
            assert_eq!(Bytes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        for (text, ms) in
            [("500ms", 500), ("2s", 2000), ("5m", 300_000), ("1h30m", 5_400_000), ("0s", 0)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(duration("7d"), Some(Duration::from_secs(7 * 86_400)));
        for text in ["", "5", "s", "1h30", "-1s", "1.5s", "1 s", "5min", "99999999999999999d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn percent_keeps_four_decimals_and_no_float() {
        for (text, ppm) in [("5.0", 50_000), ("0.0001", 1), ("100", 1_000_000), ("2.5%", 25_000)] {
            assert_eq!(Ppm::parse(text), Some(Ppm(ppm)), "{text}");
        }
        for text in ["", "100.1", "-1", "5.", ".5", "1e1", "0.00001", "nan"] {
            assert_eq!(Ppm::parse(text), None, "{text}");
        }
    }

    #[test]
    fn factors_stretch_durations() {
        let second = Duration::from_secs(1);

        assert_eq!(Permille::parse("1.2").map(|f| f.of(second)), Some(Duration::from_millis(1200)));
        assert_eq!(Permille::parse("3"), Some(Permille(3000)));
        assert_eq!(Permille(u32::MAX).of(Duration::MAX), Duration::MAX / 1000);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,12}|[0-9.]{0,25}[kmgtshdKMGB%]{0,3}") {
            let _ = (Bytes::parse(&text), Ppm::parse(&text), Permille::parse(&text));
            let _ = duration(&text);
        }

        #[test]
        fn whole_milliseconds_survive(ms in 0u64..u64::MAX / 2) {
            prop_assert_eq!(duration(&format!("{ms}ms")), Some(Duration::from_millis(ms)));
        }
    }
}
