//! The core, as large as this firmware needs it.

use baton_core::{Agent, GUARANTEED};

/// Ethernet and the modem.
pub const LINKS: usize = 2;

/// One upload at a time, which is in the flash: blocks of the pool are not used.
pub type Core = Agent<LINKS, 1, { GUARANTEED as usize }, 1>;
