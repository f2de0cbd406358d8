//! Time, as drivers see it.

use baton_core::Instant;

/// A monotonic clock that can be waited for. Its epoch is at least a second before it starts, so that "a while
/// ago" is representable.
#[expect(async_fn_in_trait, reason = "drivers are single-threaded: no Send bound is wanted")]
pub trait Time {
    /// The time. It never goes backwards.
    fn now(&self) -> Instant;

    /// Waits until that time, or somewhat longer: it is not before `at` when this returns. Cancel-safe.
    async fn until(&self, at: Instant);
}
