//! The best link pauses again and again: nothing is given up for it, and next to nothing is sent
//! twice. And where nothing pauses, nothing is suspected.

use baton_lab::{Rate, Sandbox, Stalls, now};
use baton_tests::{Scene, Setup};
use core::time::Duration;

baton_lab::tests![
    stalls_cost_neither_switches_nor_bytes_nor_time,
    an_undisturbed_transfer_is_hardly_ever_suspected,
];

/// What the links serve.
const RATE_BPS: u64 = 20_000_000;

/// How long a stall lasts: as a handover between cells does.
const STALL: Duration = Duration::from_millis(300);

/// Stalls, and in which time: 17 in 220 s with `BATON_FULL=1`, else as many a minute for less long.
fn stalls() -> (u32, Duration) {
    if is_full() { (17, Duration::from_secs(220)) } else { (3, Duration::from_secs(36)) }
}

fn is_full() -> bool {
    std::env::var_os("BATON_FULL").is_some_and(|value| value == "1")
}

fn stalls_cost_neither_switches_nor_bytes_nor_time(sandbox: &Sandbox) {
    let hedged = stalled_transfer(sandbox, "");
    let patient = stalled_transfer(sandbox, "network_resilience.fast_detection = false\n");

    for (name, cost) in [("hedged", &hedged), ("patient", &patient)] {
        println!(
            "{name}: {} bytes in {:.1} s; {} hedged, {} resent, {} switches",
            cost.bytes,
            cost.took.as_secs_f32(),
            cost.hedged,
            cost.resent,
            cost.switches
        );
        assert_eq!(cost.switches, 0, "{name}: a stall is no failure\n{}", cost.log);
        assert!(cost.resent * 100 < cost.bytes, "{name}: {} bytes resent", cost.resent);
    }
    assert_eq!(patient.hedged, 0, "nothing is hedged with fast detection off");
    // Two runs of the same transfer differ by some percent on a busy machine.
    assert!(hedged.took < patient.took.mul_f32(1.1), "{:?}, {:?}", hedged.took, patient.took);
}

/// What a transfer cost.
struct Cost {
    took: Duration,
    bytes: u64,
    hedged: u64,
    resent: u64,
    /// Changes of the active link, the first choice not counted.
    switches: usize,
    log: String,
}

fn stalled_transfer(sandbox: &Sandbox, config: &str) -> Cost {
    let (stalls, span) = stalls();
    let scene = scene(sandbox, Duration::from_millis(30), config);
    // Headers, and what stalls take, leave nine tenths of the rate.
    let bytes = RATE_BPS / 8 * span.as_secs() * 9 / 10;
    // The first comes one period after the start, so the last must fit before the end.
    let every = span * 11 / 12 / stalls;
    scene.lab.link("eth0").set(|shape| shape.stalls = Some(Stalls { every, lasts: STALL }));

    let took = transfer(&scene, bytes);

    let log = scene.agent.log();
    let suspicions = log.lines().filter(|line| line.contains("to=\"suspect\"")).count();
    assert!(suspicions >= stalls as usize, "{suspicions} of {stalls} stalls were met\n{log}");

    let status = scene.status();
    let number = |name: &str| status[name].as_u64().expect("a number");
    let switches = status["switches"].as_array().expect("a list").iter();
    Cost {
        took,
        bytes,
        hedged: number("hedged_bytes"),
        resent: number("resent_bytes"),
        switches: switches.filter(|switch| !switch["from"].is_null()).count(),
        log,
    }
}

fn an_undisturbed_transfer_is_hardly_ever_suspected(sandbox: &Sandbox) {
    let span = Duration::from_secs(if is_full() { 60 } else { 15 });
    for rtt_ms in [10, 50, 100] {
        let scene = scene(sandbox, Duration::from_millis(rtt_ms), "");

        let took = transfer(&scene, RATE_BPS / 8 * span.as_secs() * 9 / 10);

        let log = scene.agent.log();
        let suspicions = log.lines().filter(|line| line.contains("to=\"suspect\"")).count();
        println!("RTT {rtt_ms} ms: {suspicions} suspicions in {:.1} s", took.as_secs_f32());
        // A machine that does not run the emulator for 60 ms looks like a link that stalls.
        assert!(suspicions <= 2, "RTT {rtt_ms} ms: {suspicions} suspicions\n{log}");
        assert_eq!(
            scene.logged_switches().iter().filter(|switch| switch.from != "none").count(),
            0
        );
    }
}

/// Links of that round trip, which jitters by 5 %, each way.
fn scene(sandbox: &Sandbox, rtt: Duration, config: &str) -> Scene {
    let setup = Setup {
        delay: rtt / 2,
        jitter: rtt / 20,
        rate: Rate::Bps(RATE_BPS),
        config: config.into(),
        ..Setup::default()
    };
    Scene::new(sandbox, setup)
}

/// Uploads a file of that size; how long that took.
fn transfer(scene: &Scene, bytes: u64) -> Duration {
    let file = scene.file("a.bin", bytes);
    let start = now();
    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &["--max-time", "560"]));
    let took = now() - start;
    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    took
}
