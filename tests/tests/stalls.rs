//! The best link pauses again and again: nothing is given up for it, and next to nothing is sent twice.

use baton_lab::{Rate, Sandbox, Stalls, now};
use baton_tests::{Scene, Setup};
use core::time::Duration;

baton_lab::tests![stalls_cost_neither_switches_nor_bytes_nor_time];

/// How much is to be seen: `(stalls, span)`. 17 in 220 s, or with `BATON_FULL=1` unset, as many a second for less long.
fn amount() -> (u32, Duration) {
    let is_full = std::env::var_os("BATON_FULL").is_some_and(|value| value == "1");
    if is_full { (17, Duration::from_secs(220)) } else { (5, Duration::from_secs(60)) }
}

/// What a transfer of `amount` cost.
struct Cost {
    took: Duration,
    bytes: u64,
    hedged: u64,
    resent: u64,
    /// Changes of the active link, without the first choice.
    switches: usize,
}

fn stalls_cost_neither_switches_nor_bytes_nor_time(sandbox: &Sandbox) {
    let hedged = transfer(sandbox, "");
    let patient = transfer(sandbox, "[network_resilience]\nfast_detection = false\n");

    for (name, cost) in [("hedged", &hedged), ("patient", &patient)] {
        println!(
            "{name}: {} bytes in {:.1} s, {} hedged, {} resent, {} switches",
            cost.bytes,
            cost.took.as_secs_f32(),
            cost.hedged,
            cost.resent,
            cost.switches
        );
        assert_eq!(cost.switches, 0, "{name}");
        assert!(cost.resent * 100 < cost.bytes, "{name}: {} bytes resent", cost.resent);
    }
    assert_eq!(patient.hedged, 0, "nothing is hedged with fast detection off");
    // Two runs of the same transfer differ by some percent on a busy machine.
    assert!(hedged.took < patient.took.mul_f32(1.1), "{:?} {:?}", hedged.took, patient.took);
}

/// What the links serve.
const RATE_BPS: u64 = 20_000_000;

/// How long a stall lasts: a handover's.
const STALL: Duration = Duration::from_millis(300);

fn transfer(sandbox: &Sandbox, config: &str) -> Cost {
    let (stalls, span) = amount();
    let setup = Setup {
        delay: Duration::from_millis(15),
        jitter: Duration::from_millis(1),
        rate: Rate::Bps(RATE_BPS),
        config: config.into(),
        ..Setup::default()
    };
    let scene = Scene::new(sandbox, setup);
    // Headers, and what stalls take, leave nine tenths of the rate.
    let size = RATE_BPS / 8 * span.as_secs() * 9 / 10;
    let file = scene.file("a.bin", size);
    // From now on, whatever the lab's age.
    let every = span / stalls;
    scene.lab.link("eth0").set(|shape| shape.stalls = Some(Stalls { every, lasts: STALL }));

    let start = now();
    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &["--max-time", "560"]));
    let took = now() - start;

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    let status = scene.status();
    let number = |name: &str| status[name].as_u64().expect("a number");
    let switches = status["switches"].as_array().expect("a list").iter();
    Cost {
        took,
        bytes: size,
        hedged: number("hedged_bytes"),
        resent: number("resent_bytes"),
        switches: switches.filter(|switch| !switch["from"].is_null()).count(),
    }
}
