//! The line that switches the modem's supply.
//!
//! The board would take a pin of its GPIO for it. The emulator has none: what UART 2 sends, `1` or `0`, stands
//! for the level of that pin.

use super::mmio::Registers;

// SAFETY: Arm DAI 0385D table 3-2: UART 2.
const UART: Registers = unsafe { Registers::at(0x4000_6000) };

const DATA: usize = 0x0;
const STATE: usize = 0x4;
const CTRL: usize = 0x8;
const BAUD: usize = 0x10;

const TX_FULL: u32 = 1 << 0;
const TX_ON: u32 = 1 << 0;

/// The pin.
pub(crate) struct Power(());

/// Takes the pin.
pub(crate) fn start() -> Power {
    // The least that the device takes.
    UART.write(BAUD, 16);
    UART.write(CTRL, TX_ON);
    Power(())
}

impl Power {
    /// Switches the supply.
    pub(crate) fn set(&mut self, is_on: bool) {
        while UART.read(STATE) & TX_FULL != 0 {}
        UART.write(DATA, u32::from(if is_on { b'1' } else { b'0' }));
    }
}
