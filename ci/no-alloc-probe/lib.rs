//! A library with a panic handler of its own and no allocator.
#![no_std]

use baton_core as _;
use baton_hal as _;
use baton_wire as _;

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[panic_handler]
fn halt(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
