//! The reference tus server as the upstream: it keeps an upload locked for a connection that is
//! gone, and does not fence.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Link, Sandbox};
use baton_tests::{Scene, Setup, Upstream, sha256_of};
use core::time::Duration;

baton_lab::tests_side_by_side![
    a_file_arrives_undisturbed,
    a_file_crosses_a_lost_carrier,
    a_file_crosses_a_black_hole,
    a_file_crosses_a_lost_carrier_and_a_black_hole,
    a_file_survives_a_killed_server,
];

const MIB: u64 = 1 << 20;
const SIZE: u64 = 16 * MIB;

fn a_file_arrives_undisturbed(sandbox: &Sandbox) {
    assert_crosses(sandbox, &[]);
}

fn a_file_crosses_a_lost_carrier(sandbox: &Sandbox) {
    assert_crosses(sandbox, &[CABLE]);
}

fn a_file_crosses_a_black_hole(sandbox: &Sandbox) {
    assert_crosses(sandbox, &[HOLE]);
}

fn a_file_crosses_a_lost_carrier_and_a_black_hole(sandbox: &Sandbox) {
    assert_crosses(sandbox, &[CABLE, HOLE]);
}

/// What happens to the link that carries the upload.
type Fault = fn(&Link);

const CABLE: Fault = |link| link.carrier(false).unwrap();
const HOLE: Fault = |link| link.black_hole(true);

fn a_file_survives_a_killed_server(sandbox: &Sandbox) {
    let mut scene = scene(sandbox);
    let file = scene.file("a.bin", SIZE);
    let curl = scene.curl(&file, "a.bin", &[]);

    scene.wait_for_bytes(SIZE / 2);
    scene.kill_upstream();
    std::thread::sleep(Duration::from_secs(1));
    scene.start_upstream();
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    assert_whole(&scene);
}

fn scene(sandbox: &Sandbox) -> Scene {
    Scene::new(sandbox, Setup { upstream: Upstream::tus_server(), ..Setup::default() })
}

/// An upload arrives whole though all of these befall it, spread evenly over its bytes, and at
/// most a window crosses again for each.
fn assert_crosses(sandbox: &Sandbox, faults: &[Fault]) {
    let scene = scene(sandbox);
    let file = scene.file("a.bin", SIZE);
    let curl = scene.curl(&file, "a.bin", &[]);

    for (nth, fault) in (1..).zip(faults) {
        scene.wait_for_bytes(SIZE * nth / (faults.len() as u64 + 1));
        let uploads = scene.command_json(&["uploads"]).unwrap();
        fault(scene.lab.link(uploads[0]["link"].as_str().unwrap()));
    }
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    assert_whole(&scene);
    let allowed = SIZE + SIZE / 32 + MIB * faults.len() as u64;
    assert!(scene.payload_up() <= allowed, "{} of {allowed}", scene.payload_up());
}

/// The server stores by a name of its own.
fn assert_whole(scene: &Scene) {
    let stored = std::fs::read_dir(scene.dir().join("store")).unwrap().flatten();
    let whole =
        stored.map(|entry| entry.path()).filter(|path| path.metadata().unwrap().len() == SIZE);
    let digests: Vec<String> = whole.map(|path| sha256_of(&path)).collect();
    assert_eq!(digests, [sha256_of(&scene.dir().join("a.bin"))], "{}", scene.agent.log());
}
