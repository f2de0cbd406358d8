//! The one clock of an operating system.

use crate::Time;
use baton_core::Instant;

/// Monotonic time since the agent started. The only place that reads a clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    /// Starts counting now.
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn start() -> Self {
        Self { epoch: std::time::Instant::now() }
    }

    /// Time since [`Self::start`], plus one second.
    pub fn now(&self) -> Instant {
        START + self.epoch.elapsed()
    }
}

/// Waits by tokio's timers.
impl Time for Clock {
    fn now(&self) -> Instant {
        self.now()
    }

    async fn until(&self, at: Instant) {
        tokio::time::sleep_until((self.epoch + at.saturating_since(START)).into()).await;
    }
}

/// What it shows first.
const START: Instant = Instant::from_millis(1000);
