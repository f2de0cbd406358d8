//! The operator's months: when a budget begins anew. In UTC: what a provider calls midnight differs
//! by less than what is billed late.

/// The month that a moment belongs to, of those that begin on `reset_day`; they count up by one.
/// `None`: the clock was never set, as on a box without a battery before it has heard the time.
pub(crate) fn month(unix_s: u64, reset_day: u8) -> Option<u32> {
    if unix_s < CLOCK_SET {
        return None;
    }
    let (year, month, day) = date(unix_s / DAY_S);
    let first = u32::from(reset_day).clamp(1, days_in(year, month));
    let count = year * 12 + month - 1;
    Some(if day < first { count - 1 } else { count })
}

/// Year, month and day, of days since 1970: Howard Hinnant's `civil_from_days`, for years in which
/// nothing is negative.
fn date(days: u64) -> (u32, u32, u32) {
    // From 0000-03-01 on, so that a leap day comes last; eras of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

fn days_in(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    }
}

const DAY_S: u64 = 24 * 3600;

/// 2025-01-01: no clock that was set is earlier.
pub(crate) const CLOCK_SET: u64 = 1_735_689_600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_s, expected) in [
            (1_735_689_600, (2025, 1, 1)),
            (1_740_700_800, (2025, 2, 28)),
            (1_740_787_200, (2025, 3, 1)),
            (1_835_395_199, (2028, 2, 28)),
            (1_835_395_200, (2028, 2, 29)),
            (4_107_542_400, (2100, 3, 1)),
        ] {
            assert_eq!(date(unix_s / DAY_S), expected, "{unix_s}");
        }
    }

    #[test]
    fn a_month_begins_on_its_day_or_on_the_last_one_that_there_is() {
        let month_on = |unix_s, reset_day| month(unix_s, reset_day).unwrap() - (2025 * 12);
        // 2025-02-27, 2025-02-28, 2025-03-30, 2025-03-31.
        let days = [1_740_614_400, 1_740_700_800, 1_743_292_800, 1_743_379_200];

        assert_eq!(days.map(|day| month_on(day, 31)), [0, 1, 1, 2]);
        assert_eq!(days.map(|day| month_on(day, 1)), [1, 1, 2, 2]);
        assert_eq!(days.map(|day| month_on(day, 28)), [0, 1, 2, 2]);
    }

    #[test]
    fn a_clock_that_was_never_set_tells_no_month() {
        assert_eq!(month(0, 1), None);
        assert_eq!(month(CLOCK_SET - 1, 1), None);
        assert!(month(CLOCK_SET, 1).is_some());
    }
}
