//! The UART that the modem hangs on: CMSDK, interrupts for each byte, and pipes behind them.
//!
//! Arm DDI 0479B section 4.3 has the registers. The device holds one byte each way.

use super::mmio::Registers;
use baton_hal::Bytes;
use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::{Pipe, TryReadError};
use embassy_sync::waitqueue::AtomicWaker;

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

type Queue = Pipe<CriticalSectionRawMutex, HELD>;

static RECEIVED: Queue = Queue::new();
static WAITING: Queue = Queue::new();

/// Who waits for bytes that come.
static READER: AtomicWaker = AtomicWaker::new();
/// Who waits for bytes to have left.
static WRITER: AtomicWaker = AtomicWaker::new();

/// The line. There is one.
pub(crate) struct Uart(());

/// Starts the UART.
pub(crate) fn start() -> Uart {
    UART.write(BAUD, DIVISOR);
    UART.write(CTRL, ALL_ON);
    Uart(())
}

/// A byte came. With no room for it, it stays in the device, which then loses the next one unless the
/// modem heeds RTS; the protocols above survive that.
pub(super) fn on_receive() {
    UART.write(INTERRUPT, RX_INTERRUPT);
    let mut is_news = false;
    while UART.read(STATE) & RX_FULL != 0 && RECEIVED.free_capacity() > 0 {
        let byte = UART.read(DATA) as u8;
        // There is room, and nobody else writes.
        let _ = RECEIVED.try_write(&[byte]);
        is_news = true;
    }
    if is_news {
        READER.wake();
    }
}

pub(super) fn on_transmit() {
    UART.write(INTERRUPT, TX_INTERRUPT);
    send_waiting();
    WRITER.wake();
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

impl Bytes for Uart {
    type Error = Infallible;

    async fn readable(&self) {
        poll_fn(|context| {
            READER.register(context.waker());
            if RECEIVED.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    async fn writable(&self) {
        poll_fn(|context| {
            WRITER.register(context.waker());
            if WAITING.is_full() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    fn try_read(&self, buf: &mut [u8]) -> Result<Option<usize>, Infallible> {
        let Ok(count) = RECEIVED.try_read(buf) else { return Ok(None) };
        // What had no room before has some now.
        critical_section::with(|_| on_receive());
        Ok(Some(count))
    }

    fn try_write(&self, bufs: &[&[u8]]) -> Result<Option<usize>, Infallible> {
        let mut taken = 0;
        'all: for buf in bufs {
            let mut rest = *buf;
            while !rest.is_empty() {
                // Room that comes about meanwhile is not for what comes later.
                let Ok(count) = WAITING.try_write(rest) else { break 'all };
                taken += count;
                rest = &rest[count..];
            }
        }
        send_waiting();
        Ok((taken > 0 || bufs.iter().all(|buf| buf.is_empty())).then_some(taken))
    }
}
