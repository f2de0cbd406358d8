//! Which interrupt is whose.

use super::{clock, lan9118, uart};
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;

/// Arm DAI 0385D table 3-4.
#[derive(Clone, Copy)]
#[repr(u16)]
enum Line {
    UartReceive = 2,
    UartTransmit = 3,
    Alarm = 8,
    Wrap = 9,
    Ethernet = 13,
}

const LINES: [Line; 5] =
    [Line::UartReceive, Line::UartTransmit, Line::Alarm, Line::Wrap, Line::Ethernet];

// SAFETY: the numbers are those of the board's lines, and below the 32 that it has.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Lets the devices interrupt from here on.
pub(crate) fn enable() {
    for line in LINES {
        // SAFETY: no critical section of this program relies on masked lines: they disable interrupts
        // altogether.
        unsafe { NVIC::unmask(line) };
    }
}

// SAFETY: it is called by the hardware alone, and what it calls takes critical sections where it shares.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match LINES.into_iter().find(|line| *line as i16 == number) {
        Some(Line::UartReceive) => uart::on_receive(),
        Some(Line::UartTransmit) => uart::on_transmit(),
        Some(Line::Alarm) => clock::on_alarm(),
        Some(Line::Wrap) => clock::on_wrap(),
        Some(Line::Ethernet) => lan9118::on_interrupt(),
        None => panic!("nobody expects interrupt {}", number),
    }
}
