//! How deep the stack went: it is painted at start, and what lost its colour was used.

use core::ptr::{addr_of, read_volatile, write_volatile};

// SAFETY: cortex-m-rt's linker script defines both; nothing but their addresses is used.
unsafe extern "C" {
    /// cortex-m-rt: where static memory ends, and the stack may.
    static __sheap: u32;
    /// cortex-m-rt: where it begins.
    static _stack_start: u32;
}

/// No value that programs use much.
const COLOUR: u32 = 0xb5b5_0a0a;

/// What the caller's own frames may take of it already.
const MARGIN: usize = 1024;

// Of the symbols only the addresses are taken.
fn bottom() -> usize {
    addr_of!(__sheap) as usize
}

fn top() -> usize {
    addr_of!(_stack_start) as usize
}

/// Paints what is below the caller.
pub(crate) fn paint() {
    let here = cortex_m::register::msp::read() as usize;
    for address in (bottom()..here - MARGIN).step_by(4) {
        // SAFETY: below the stack pointer and above static memory there is memory that nobody uses yet.
        unsafe { write_volatile(address as *mut u32, COLOUR) };
    }
}

/// Bytes that were used since, at the worst moment.
pub(crate) fn used() -> usize {
    let mut address = bottom();
    // SAFETY: as above: it is memory, whoever uses it.
    while unsafe { read_volatile(address as *const u32) } == COLOUR {
        address += 4;
    }
    top() - address
}
