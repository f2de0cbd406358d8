//! What the agent has in memory at rest and while it relays; `ci/size` runs it.

use baton_lab::{Rate, Sandbox, now};
use baton_tests::{Footprint, Scene, Setup};
use core::time::Duration;
use std::process::ExitCode;
use std::thread::sleep;

const KIB: u64 = 1 << 10;

/// `[relay] pool_size`; half of it is blocks, which are touched at start.
const POOL: u64 = 2 << 20;

fn main() -> ExitCode {
    baton_lab::main(&[("resident", resident)], 1)
}

fn resident(sandbox: &Sandbox) {
    let setup = Setup {
        rate: Rate::Bps(200_000_000),
        config: "relay.pool_size = \"2MB\"\n".to_owned(),
        ..Setup::default()
    };
    let scene = Scene::new(sandbox, setup);
    // A link's class, its first round trips and the first probes are known by then.
    sleep(Duration::from_secs(3));
    let rest = scene.footprint();
    let file = scene.file("a.bin", 48 << 20);
    let mut curl = scene.curl(&file, "a.bin", &[]);
    let mut peak = Footprint::default();
    let end = now() + Duration::from_secs(60);
    while now() < end && matches!(curl.try_wait(), Ok(None)) {
        peak = peak.max(scene.footprint());
        sleep(Duration::from_millis(20));
    }
    let (status, text) = scene.finish(curl);
    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    println!("resident: {} {} {}", rest.resident / KIB, peak.resident / KIB, POOL / 2 / KIB);
}
