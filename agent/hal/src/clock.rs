//! The one clock.

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

    /// Time since [`Self::start`], plus one second so that "a while ago" is representable.
    pub fn now(&self) -> Instant {
        Instant::from_millis(1000) + self.epoch.elapsed()
    }

    /// The same point on the standard library's clock, for a runtime's timers.
    pub fn to_std(&self, at: Instant) -> std::time::Instant {
        self.epoch + at.saturating_since(Instant::from_millis(1000))
    }
}
