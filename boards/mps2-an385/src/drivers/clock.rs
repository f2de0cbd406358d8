//! Time: embassy's driver on two of the CMSDK timers, which count down at 25 MHz.
//!
//! Timer 1 runs freely and tells the time, timer 0 interrupts when the next task is due. Arm DDI 0479B
//! section 4.4 has the registers.

use super::mmio::Registers;
use core::cell::{Cell, RefCell};
use core::task::Waker;
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

// SAFETY: Arm DAI 0385D table 3-2.
const ALARM: Registers = unsafe { Registers::at(0x4000_0000) };
// SAFETY: as above.
const FREE: Registers = unsafe { Registers::at(0x4000_1000) };

const CTRL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
/// Reads whether it interrupts; a one written ends that.
const INTERRUPT: usize = 0xc;

const ENABLE: u32 = 1 << 0;
const INTERRUPTS: u32 = 1 << 3;

/// Cycles of the board's clock in one tick of embassy's.
const CYCLES_A_TICK: u64 = 25_000_000 / TICK_HZ;

struct Clock {
    /// How often the free timer came around: each 172 s.
    wraps: Mutex<Cell<u32>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock {
    wraps: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

/// Starts time at zero.
pub(crate) fn start() {
    FREE.write(RELOAD, u32::MAX);
    FREE.write(VALUE, u32::MAX);
    FREE.write(CTRL, ENABLE | INTERRUPTS);
}

/// Nanoseconds since then, for measurements: 40 a cycle.
pub(crate) fn nanos() -> u64 {
    CLOCK.cycles() * 40
}

pub(super) fn on_wrap() {
    critical_section::with(|cs| CLOCK.count_wrap(cs));
}

pub(super) fn on_alarm() {
    ALARM.write(CTRL, 0);
    ALARM.write(INTERRUPT, 1);
    critical_section::with(|cs| CLOCK.wake_due(cs, &mut CLOCK.queue.borrow(cs).borrow_mut()));
}

impl Clock {
    fn count_wrap(&self, cs: CriticalSection<'_>) {
        if FREE.read(INTERRUPT) != 0 {
            FREE.write(INTERRUPT, 1);
            let wraps = self.wraps.borrow(cs);
            wraps.set(wraps.get() + 1);
        }
    }

    fn cycles(&self) -> u64 {
        critical_section::with(|cs| {
            let mut left = FREE.read(VALUE);
            if FREE.read(INTERRUPT) != 0 {
                // It came around, perhaps since it was read.
                self.count_wrap(cs);
                left = FREE.read(VALUE);
            }
            u64::from(self.wraps.borrow(cs).get()) << 32 | u64::from(u32::MAX - left)
        })
    }

    /// Wakes whoever is due, and sets the alarm for whoever is next.
    fn wake_due(&self, _: CriticalSection<'_>, queue: &mut Queue) {
        let next = queue.next_expiration(self.now());
        if next == u64::MAX {
            return;
        }
        let due = next.saturating_mul(CYCLES_A_TICK);
        // An alarm that is farther away than the timer reaches finds nobody due, and is set again.
        let cycles = u32::try_from(due.saturating_sub(self.cycles())).unwrap_or(u32::MAX).max(1);
        ALARM.write(CTRL, 0);
        ALARM.write(INTERRUPT, 1);
        ALARM.write(RELOAD, cycles);
        ALARM.write(VALUE, cycles);
        ALARM.write(CTRL, ENABLE | INTERRUPTS);
    }
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        self.cycles() / CYCLES_A_TICK
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut queue = self.queue.borrow(cs).borrow_mut();
            if queue.schedule_wake(at, waker) {
                self.wake_due(cs, &mut queue);
            }
        });
    }
}
