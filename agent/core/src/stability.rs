//! How much of its time a link gives no cause for suspicion.

use crate::{Duration, Instant, StateKind, time::micros, window::Window};

/// Time in service, and time of it under suspicion, over a sliding window.
///
/// Time out of service is neither: hold-down and dampening answer for failures. What is measured
/// here is the link that never fails and always stalls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stability {
    window: Window<Service, BUCKETS>,
    /// Up to when time was booked.
    booked: Instant,
    /// What the suspicion under way was charged.
    charged: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Service {
    total_ms: u32,
    suspect_ms: u32,
}

impl Stability {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window: Window::new(window / BUCKETS as u32),
            booked: Instant::ZERO,
            charged: Duration::ZERO,
        }
    }

    /// Books the time up to `now`, which the link spent in `state`.
    pub(crate) fn book(&mut self, now: Instant, state: StateKind) {
        let passed = now.saturating_since(self.booked);
        self.booked = now;
        let suspect = match state {
            StateKind::Suspect => passed.min(LONGEST.saturating_sub(self.charged)),
            StateKind::Settling
            | StateKind::Healthy
            | StateKind::HoldDown
            | StateKind::Suppressed => Duration::ZERO,
            StateKind::Absent | StateKind::Down | StateKind::Failed => {
                self.charged = Duration::ZERO;
                return;
            }
        };
        self.charged =
            if state == StateKind::Suspect { self.charged + suspect } else { Duration::ZERO };
        let service = self.window.newest(now);
        service.total_ms = service.total_ms.saturating_add(millis(passed));
        service.suspect_ms = service.suspect_ms.saturating_add(millis(suspect));
    }

    /// Looks at another length of time from here on.
    pub(crate) fn set_window(&mut self, window: Duration) {
        self.window.set_span(window / BUCKETS as u32);
    }

    /// The share of its time without suspicion; `None` if it served too short to tell.
    pub(crate) fn permille(&self) -> Option<u16> {
        let sum = |field: fn(&Service) -> u32| {
            self.window.buckets().map(|service| u64::from(field(service))).sum::<u64>()
        };
        let (total, suspect) = (sum(|service| service.total_ms), sum(|service| service.suspect_ms));
        (total >= LEAST_MS).then(|| (total.saturating_sub(suspect) * 1000 / total) as u16)
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(micros(duration) / 1000).unwrap_or(u32::MAX)
}

/// A tenth of the window falls out at a time.
const BUCKETS: usize = 10;

/// A suspicion that lasts longer found no link that delivers: it may be the upstream's, and one
/// link's score must not pay for it because it happened to carry the upload.
const LONGEST: Duration = Duration::from_secs(5);

/// One stall at the begin would look like a habit before.
const LEAST_MS: u64 = 30_000;

#[cfg(test)]
mod tests {
    use super::*;
    use StateKind::{Down, Failed, Healthy, Suspect};

    const WINDOW: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn a_link_that_stalls_a_second_in_four_is_three_quarters_stable() {
        let mut stability = Stability::new(WINDOW);
        stability.book(at(1000), Down);

        for round in 0..60 {
            stability.book(at(1003 + 4 * round), Healthy);
            stability.book(at(1004 + 4 * round), Suspect);
        }

        assert_eq!(stability.permille(), Some(750));
    }

    #[test]
    fn nothing_is_said_of_a_link_before_it_served_half_a_minute() {
        let mut stability = Stability::new(WINDOW);
        stability.book(at(1000), Down);

        stability.book(at(1025), Healthy);
        stability.book(at(1029), Suspect);
        assert_eq!(stability.permille(), None);
        stability.book(at(1040), Healthy);

        assert_eq!(stability.permille(), Some(900));
    }

    #[test]
    fn a_suspicion_without_end_is_charged_once() {
        let mut stability = Stability::new(WINDOW);
        stability.book(at(1000), Down);
        stability.book(at(1100), Healthy);

        for second in 1100..1200 {
            stability.book(at(second), Suspect);
        }

        assert_eq!(stability.permille(), Some(974), "5 s of 199");
        stability.book(at(1201), Healthy);
        stability.book(at(1204), Suspect);
        assert_eq!(stability.permille(), Some(960), "the next one counts again: 8 s of 203");
    }

    #[test]
    fn time_out_of_service_does_not_count_and_old_time_is_forgotten() {
        let mut stability = Stability::new(WINDOW);
        stability.book(at(1000), Down);
        stability.book(at(1050), Healthy);
        stability.book(at(1055), Suspect);
        stability.book(at(1200), Failed);
        assert_eq!(stability.permille(), Some(909));

        for second in 1200..1500 {
            stability.book(at(second), Healthy);
        }

        assert_eq!(stability.permille(), Some(1000));
    }
}
