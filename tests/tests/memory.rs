//! What the agent costs: flat in the size of files, 64 KiB a client.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Rate, Sandbox, now};
use baton_tests::{Footprint, Scene, Setup};
use core::time::Duration;
use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;

baton_lab::tests![
    resident_size_does_not_follow_the_size_of_the_file,
    a_client_costs_at_most_64_kib_socket_buffers_and_all,
];

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

fn resident_size_does_not_follow_the_size_of_the_file(sandbox: &Sandbox) {
    println!("protocol      file  seconds  resident  of which heap and stack  (peak, KiB)");
    for protocol in ["tus", "put"] {
        let peaks = [16 * MIB, 1024 * MIB].map(|size| {
            let rate = Rate::Unlimited;
            let scene = Scene::new(
                sandbox,
                Setup { delay: Duration::ZERO, rate, protocol, ..Setup::default() },
            );
            let file = zeroes(&scene, size);
            let begun = now();
            let mut curl = scene.curl(&file, "a.bin", &[]);
            let peak = watch(&scene, || curl.try_wait().unwrap().is_none());
            let (status, text) = scene.finish(curl);
            assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
            assert_eq!(scene.stored("a.bin").metadata().unwrap().len(), size);
            println!(
                "{protocol:8}{:6} MiB  {:7.1}  {:8}  {:23}",
                size / MIB,
                (now() - begun).as_secs_f32(),
                peak.resident / KIB,
                peak.anonymous / KIB
            );
            peak.resident
        });
        assert!(peaks[1] <= peaks[0] + MIB, "{protocol}: {peaks:?}");
    }
}

/// A file of that size which takes no room.
fn zeroes(scene: &Scene, size: u64) -> PathBuf {
    let path = scene.dir().join("zeroes");
    File::create(&path).unwrap().set_len(size).unwrap();
    path
}

/// The largest of each figure for as long as something goes on.
fn watch(scene: &Scene, mut goes_on: impl FnMut() -> bool) -> Footprint {
    let mut peak = scene.footprint();
    while goes_on() {
        peak = peak.max(scene.footprint());
        sleep(Duration::from_millis(20));
    }
    peak
}

fn a_client_costs_at_most_64_kib_socket_buffers_and_all(sandbox: &Sandbox) {
    println!("protocol  clients  resident  sockets  together  allowed  heap a client  (peak, KiB)");
    for protocol in ["tus", "put"] {
        for clients in [1, 16, 64] {
            let scene = Scene::new(sandbox, crowded(protocol));
            let file = zeroes(&scene, KIB);
            // Code that never ran is not resident.
            assert_eq!(scene.finish(scene.curl(&file, "first", &[])).0, 201);
            let idle = scene.footprint();
            let peak = crowd(&scene, clients);

            let blocks = scene.status()["pools"][0]["size_bytes"].as_u64().unwrap();
            assert_eq!(blocks, POOL / 2);
            let allowed = idle.resident - blocks + POOL + clients * 64 * KIB;
            let heap = peak.anonymous.saturating_sub(idle.anonymous);
            println!(
                "{protocol:8}  {clients:7}  {:8}  {:7}  {:8}  {:7}  {:13}",
                peak.resident / KIB,
                peak.sockets / KIB,
                peak.together / KIB,
                allowed / KIB,
                heap / KIB / clients
            );
            assert!(peak.together <= allowed, "{protocol}, {clients}: {peak:?} over {allowed}");
            assert!(heap <= clients * 64 * KIB, "{protocol}, {clients}: {peak:?} from {idle:?}");
        }
    }
}

/// `[relay] pool_size`: half of it is blocks, touched at start; half is for what the kernel holds
/// of the same bytes.
const POOL: u64 = 8 * MIB;

/// Links so far and slow that every buffer fills.
fn crowded(protocol: &'static str) -> Setup {
    Setup {
        delay: Duration::from_millis(50),
        rate: Rate::Bps(40_000_000),
        protocol,
        config: "relay.pool_size = \"8MB\"\n".to_owned(),
        ..Setup::default()
    }
}

/// What so many uploads at once cost, none of which ends.
fn crowd(scene: &Scene, clients: u64) -> Footprint {
    let file = zeroes(scene, 256 * MIB);
    let mut curls: Vec<Child> =
        (0..clients).map(|n| scene.curl(&file, &format!("{n}.bin"), &[])).collect();
    let mut peak = Footprint::default();
    let mut watch_for = |seconds| {
        let end = now() + Duration::from_secs(seconds);
        peak = peak.max(watch(scene, || now() < end));
    };
    watch_for(2);
    // The last of them wait until the first hold no more than their share.
    let patience = now() + Duration::from_secs(30);
    while scene.status()["uploads_active"].as_u64() != Some(clients) {
        assert!(now() < patience, "not all of {clients} are served");
        watch_for(1);
    }
    watch_for(3);
    for curl in &mut curls {
        curl.kill().unwrap();
        curl.wait().unwrap();
    }
    peak
}
