//! The core on this board's processor: fed with what the core of another driver was told, it must want the same.
#![no_std]
#![no_main]

use baton_mps2_an385::Core;
use baton_replay::{POLICY, RECORDED, SEED, replay};
use defmt::{Display2Format, error, info};
// Its critical section.
use cortex_m as _;
use defmt_semihosting as _;

#[cortex_m_rt::entry]
fn main() -> ! {
    let replayed = replay(&mut Core::new(POLICY, SEED), RECORDED);
    match replayed {
        Ok(replayed) => info!("{} inputs, {} actions", replayed.inputs, replayed.actions),
        Err(ref difference) => error!("{}", Display2Format(difference)),
    }
    semihosting::process::exit(i32::from(replayed.is_err()))
}

defmt::timestamp!("replay");

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    error!("{}", Display2Format(panic));
    semihosting::process::exit(101)
}
