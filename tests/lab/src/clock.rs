//! The clock of everything here.

use core::time::Duration;
use nix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC: comparable with what any other process of this machine reads from it.
pub fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has CLOCK_MONOTONIC").into()
}
