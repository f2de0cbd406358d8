//! The board's devices. All that is `unsafe` in this firmware is in here.

pub(crate) mod clock;
pub(crate) mod executor;
pub(crate) mod interrupts;
pub(crate) mod lan9118;
mod mmio;
pub(crate) mod nor;
pub(crate) mod power;
pub(crate) mod stack;
pub(crate) mod uart;
