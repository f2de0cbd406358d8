//! embassy's time, as the core and its drivers see it.

use baton_core::{Duration, Instant};
use baton_hal::Time;
use embassy_time::Timer;

/// The clock. There is one, and it runs from the reset on.
#[derive(Clone, Copy)]
pub(crate) struct Clock;

impl Time for Clock {
    fn now(&self) -> Instant {
        EPOCH + Duration::from_micros(embassy_time::Instant::now().as_micros())
    }

    async fn until(&self, at: Instant) {
        let micros = at.saturating_since(EPOCH).as_micros();
        // What is too far away for a tick of embassy's is never.
        let ticks = u64::try_from(micros).unwrap_or(u64::MAX);
        Timer::at(embassy_time::Instant::from_micros(ticks)).await;
    }
}

/// What it shows at the reset.
const EPOCH: Instant = Instant::from_millis(1000);
