//! Firmware for Arm's MPS2 board with a Cortex-M3 (AN385).
#![no_std]
#![no_main]

mod drivers;

use defmt::info;
use defmt_semihosting as _;
use embassy_executor::Spawner;
use embassy_net::{Config, Runner, Stack, StackResources};
use embassy_time::{Duration, Timer};
use static_cell::StaticCell;

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(panic));
    semihosting::process::exit(101)
}

#[cortex_m_rt::entry]
fn main() -> ! {
    drivers::clock::start();
    let device = drivers::lan9118::start().unwrap();
    drivers::interrupts::enable();
    drivers::executor::run(|spawner| spawner.spawn(start(spawner, device).unwrap()))
}

#[embassy_executor::task]
async fn start(spawner: Spawner, device: drivers::lan9118::Lan9118) {
    info!("boots");
    static RES: StaticCell<StackResources<4>> = StaticCell::new();
    let (stack, runner) =
        embassy_net::new(device, Config::dhcpv4(Default::default()), RES.init(StackResources::new()), 1);
    spawner.spawn(run_net(runner).unwrap());
    info!("waits");
    stack.wait_config_up().await;
    info!("address {}", defmt::Debug2Format(&stack.config_v4()));
    loop {
        Timer::after(Duration::from_secs(1)).await;
        info!("tick {}", embassy_time::Instant::now().as_millis());
    }
}

#[embassy_executor::task]
async fn run_net(mut runner: Runner<'static, drivers::lan9118::Lan9118>) {
    runner.run().await
}
