//! Firmware for Arm's MPS2 board with a Cortex-M3 (AN385): wiring and nothing else.
#![no_std]
#![no_main]

mod cellular;
mod clock;
mod courier;
#[expect(unsafe_code, reason = "registers, vectors, and memory that is no static")]
mod drivers;
mod figures;
mod hub;
mod lane;
mod links;
mod probe;
mod serial;
mod settings;
mod sockets;

use baton_core::LinkId;
use baton_core::modem::Modem;
use baton_mps2_an385::LINKS;
use baton_mps2_an385::journal::Journal;
use cellular::Cellular;
use defmt::{info, unwrap};
use defmt_semihosting as _;
use drivers::{executor, interrupts, lan9118, nor, power, uart};
use embassy_executor::Spawner;
use embassy_net::{Config, Runner, StackResources};
use hub::{ETHERNET, Hub, MODEM, Port};
use links::Stacks;
use serial::Serial;
use settings::{CONTENT_TYPE, FOLDER, Settings};
use sockets::{Place, Sockets};
use static_cell::{ConstStaticCell, StaticCell};

/// Sockets of a link's stack: a lane's, a prober's, DHCP's.
const STACK_SOCKETS: usize = 3;

static HUB: StaticCell<Hub> = StaticCell::new();
// What is large is made in its place: on its way there it would be on the stack.
static PPP: ConstStaticCell<embassy_net_ppp::State<2, 2>> =
    ConstStaticCell::new(embassy_net_ppp::State::new());
static STACKS: [ConstStaticCell<StackResources<STACK_SOCKETS>>; 2] =
    [const { ConstStaticCell::new(StackResources::new()) }; 2];
static LANES: [ConstStaticCell<lane::Buffers>; LINKS] =
    [const { ConstStaticCell::new(lane::Buffers::new()) }; LINKS];
static PROBES: [ConstStaticCell<probe::Buffers>; LINKS] =
    [const { ConstStaticCell::new(probe::Buffers::new()) }; LINKS];
static PLACES: [StaticCell<[Place; LINKS]>; 2] = [const { StaticCell::new() }; 2];

#[cortex_m_rt::entry]
fn main() -> ! {
    figures::paint();
    drivers::clock::start();
    let devices = (lan9118::start(), uart::start(), power::start(), nor::start());
    interrupts::enable();
    executor::run(|spawner| start(spawner, devices))
}

fn start(
    spawner: Spawner,
    (ethernet, uart, supply, flash): (Option<lan9118::Lan9118>, uart::Uart, power::Power, nor::Nor),
) {
    info!("starts");
    let settings = Settings::read();
    if settings.measure {
        figures::measure();
        semihosting::process::exit(0)
    }
    let ethernet = unwrap!(ethernet, "the board has an Ethernet controller");
    // The board has no source of randomness: units differ by their address, starts by their number.
    let seed = ethernet.seed();
    let journal = Journal::recover(flash, FOLDER, CONTENT_TYPE, seed);
    let journal = unwrap!(journal.map_err(|_| "the flash can't be read"));

    let resources = STACKS[0].take();
    let dhcp = Config::dhcpv4(Default::default());
    let (wired, runner) = embassy_net::new(ethernet, dhcp, resources, seed);
    spawner.spawn(unwrap!(run_ethernet(runner)));

    let (device, ppp) = embassy_net_ppp::new(PPP.take());
    let resources = STACKS[1].take();
    let (cellular, runner) = embassy_net::new(device, Config::default(), resources, seed + 1);
    spawner.spawn(unwrap!(run_ppp(runner)));

    let stacks = [wired, cellular];
    let [lanes, probes] = [
        [0, 1].map(|place| Place::new(stacks[place], LANES[place].take())),
        [0, 1].map(|place| Place::new(stacks[place], PROBES[place].take())),
    ];
    let upstream = settings.upstream;
    let lanes = Sockets::new(PLACES[0].init(lanes), upstream);
    let probes = Sockets::new(PLACES[1].init(probes), upstream);
    let ports = stacks.map(Port::new);
    let hub = HUB.init_with(|| Hub::new(settings, ports, journal, seed));
    spawner.spawn(unwrap!(run_timers(hub)));
    for link in [ETHERNET, MODEM] {
        spawner.spawn(unwrap!(run_lane(hub, link, lanes)));
        spawner.spawn(unwrap!(run_probe(hub, link, probes)));
    }
    spawner.spawn(unwrap!(run_links(hub, Stacks::new(stacks))));
    let modem = Modem::new(settings::modem(), seed);
    spawner.spawn(unwrap!(run_modem(Cellular {
        hub,
        modem,
        uart: Serial::new(uart),
        supply,
        ppp
    })));
    spawner.spawn(unwrap!(run_sensor(hub)));
    spawner.spawn(unwrap!(run_courier(hub)));
}

#[embassy_executor::task]
async fn run_ethernet(mut runner: Runner<'static, lan9118::Lan9118>) {
    runner.run().await
}

#[embassy_executor::task]
async fn run_ppp(mut runner: Runner<'static, embassy_net_ppp::Device<'static>>) {
    runner.run().await
}

#[embassy_executor::task]
async fn run_timers(hub: &'static Hub) {
    hub.run_timers().await
}

#[embassy_executor::task(pool_size = 2)]
async fn run_lane(hub: &'static Hub, link: LinkId, sockets: Sockets) {
    lane::run(hub, link, sockets).await
}

#[embassy_executor::task(pool_size = 2)]
async fn run_probe(hub: &'static Hub, link: LinkId, sockets: Sockets) {
    probe::run(hub, link, sockets).await
}

#[embassy_executor::task]
async fn run_links(hub: &'static Hub, stacks: Stacks) {
    links::follow(hub, stacks).await
}

#[embassy_executor::task]
async fn run_modem(mut cellular: Cellular<uart::Uart>) {
    cellular.run().await
}

#[embassy_executor::task]
async fn run_sensor(hub: &'static Hub) {
    courier::sample(hub).await
}

#[embassy_executor::task]
async fn run_courier(hub: &'static Hub) {
    courier::deliver(hub, |delivered| {
        if delivered == hub.settings.logs {
            figures::show();
            semihosting::process::exit(0)
        }
    })
    .await
}

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(panic));
    semihosting::process::exit(101)
}
