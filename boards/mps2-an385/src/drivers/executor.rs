//! Runs the tasks, and sleeps while none is due.
//!
//! embassy's own loop for Cortex-M sleeps by WFE, which an emulator takes for nothing: it would keep a
//! core of the host busy. This one sleeps by WFI.

use core::sync::atomic::{AtomicBool, Ordering};
use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();

/// A task was woken since the last poll.
static WOKEN: AtomicBool = AtomicBool::new(false);

// SAFETY: the name and signature are those that embassy-executor's documentation asks for.
#[unsafe(export_name = "__pender")]
fn pender(_: *mut ()) {
    WOKEN.store(true, Ordering::Relaxed);
}

/// Spawns what `init` spawns, and runs it for good.
pub(crate) fn run(init: impl FnOnce(Spawner)) -> ! {
    let executor: &'static raw::Executor = EXECUTOR.init(raw::Executor::new(core::ptr::null_mut()));
    init(executor.spawner());
    loop {
        WOKEN.store(false, Ordering::Relaxed);
        // SAFETY: this is the only place that polls, on the only thread, and no task calls it.
        unsafe { executor.poll() };
        cortex_m::interrupt::free(|_| {
            // An interrupt that comes from here on is not taken, but ends the sleep.
            if !WOKEN.load(Ordering::Relaxed) {
                cortex_m::asm::wfi();
            }
        });
    }
}
