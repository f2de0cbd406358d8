//! The UART that the modem hangs on: CMSDK, interrupts for each byte, and pipes behind them.
//!
//! Arm DDI 0479B section 4.3 has the registers. The device holds one byte each way.

use super::mmio::Registers;
use core::convert::Infallible;
use core::ops::Range;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::{Pipe, TryReadError};
use embedded_io_async::{BufRead, ErrorType, Read, Write};

// SAFETY: Arm DAI 0385D table 3-2: UART 1.
const UART: Registers = unsafe { Registers::at(0x4000_5000) };

const DATA: usize = 0x0;
const STATE: usize = 0x4;
const CTRL: usize = 0x8;
const INTERRUPT: usize = 0xc;
const BAUD: usize = 0x10;

const TX_FULL: u32 = 1 << 0;
const RX_FULL: u32 = 1 << 1;
const TX_INTERRUPT: u32 = 1 << 0;
const RX_INTERRUPT: u32 = 1 << 1;
/// Both directions, and their interrupts.
const ALL_ON: u32 = 0b1111;

/// 25 MHz by 921 600 Bd, the fastest rate that SIM7600 and EC25 have in common.
const DIVISOR: u32 = 27;

/// 22 ms at that rate: longer than any task holds the processor.
const HELD: usize = 2048;

type Bytes = Pipe<CriticalSectionRawMutex, HELD>;

static RECEIVED: Bytes = Bytes::new();
static WAITING: Bytes = Bytes::new();

/// The line. There is one.
pub(crate) struct Uart {
    held: [u8; 128],
    unread: Range<usize>,
}

/// Starts the UART.
pub(crate) fn start() -> Uart {
    UART.write(BAUD, DIVISOR);
    UART.write(CTRL, ALL_ON);
    Uart { held: [0; 128], unread: 0..0 }
}

/// A byte came. With no room for it, it stays in the device, which then loses the next one unless the
/// modem heeds RTS; the protocols above survive that.
pub(super) fn on_receive() {
    UART.write(INTERRUPT, RX_INTERRUPT);
    while UART.read(STATE) & RX_FULL != 0 && RECEIVED.free_capacity() > 0 {
        let byte = UART.read(DATA) as u8;
        // There is room, and nobody else writes.
        let _ = RECEIVED.try_write(&[byte]);
    }
}

pub(super) fn on_transmit() {
    UART.write(INTERRUPT, TX_INTERRUPT);
    send_waiting();
}

/// Has the device send what waits, as far as it takes it.
fn send_waiting() {
    critical_section::with(|_| {
        let mut byte = [0];
        while UART.read(STATE) & TX_FULL == 0 {
            match WAITING.try_read(&mut byte) {
                Ok(_) => UART.write(DATA, u32::from(byte[0])),
                Err(TryReadError::Empty) => return,
            }
        }
    });
}

impl Uart {
    /// Whether the next bytes are new.
    pub(crate) fn is_empty(&self) -> bool {
        self.unread.is_empty()
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let bytes = self.fill_buf().await?;
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Uart {
    async fn fill_buf(&mut self) -> Result<&[u8], Infallible> {
        if self.unread.is_empty() {
            self.unread = 0..RECEIVED.read(&mut self.held).await;
            // What had no room before has some now.
            critical_section::with(|_| on_receive());
        }
        Ok(&self.held[self.unread.clone()])
    }

    fn consume(&mut self, count: usize) {
        self.unread.start += count;
    }
}

impl Write for Uart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let count = WAITING.write(bytes).await;
        send_waiting();
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
