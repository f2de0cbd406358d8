//! The reference tus server as the upstream: it keeps an upload locked for a connection that is
//! gone, and does not fence.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Link, Sandbox};
use baton_tests::{Scene, Setup, Upstream};
use core::time::Duration;

baton_lab::tests_side_by_side![
    a_file_arrives_undisturbed,
    a_file_crosses_a_lost_carrier,
    a_file_crosses_a_black_hole,
    a_file_crosses_a_lost_carrier_and_a_black_hole,
    a_file_survives_reset_connections,
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

fn a_file_survives_reset_connections(sandbox: &Sandbox) {
    assert_crosses(sandbox, &[RESET, RESET]);
}

/// What happens to the link that carries the upload, or to all of them.
type Fault = fn(&Scene, &Link);

const CABLE: Fault = |_, link| link.carrier(false).unwrap();
const HOLE: Fault = |_, link| link.black_hole(true);
const RESET: Fault = |scene, _| scene.reset_connections();

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
    scene.assert_stored_somewhere(&file);
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
        fault(&scene, scene.lab.link(uploads[0]["link"].as_str().unwrap()));
    }
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored_somewhere(&file);
    let allowed = SIZE + SIZE / 32 + MIB * faults.len() as u64;
    assert!(scene.payload_up() <= allowed, "{} of {allowed}", scene.payload_up());
}
