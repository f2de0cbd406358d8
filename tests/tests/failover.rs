//! One upload, links that die on the way, one file at the far end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::Sandbox;
use baton_tests::{Scene, Setup};

baton_lab::tests![an_upload_crosses_undisturbed_links, an_upload_survives_cable_hole_and_return];

const MIB: u64 = 1 << 20;

fn an_upload_crosses_undisturbed_links(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup::default());
    let file = scene.file("a.bin", 8 * MIB);

    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
}

fn an_upload_survives_cable_hole_and_return(sandbox: &Sandbox) {
    let scene = Scene::new(
        sandbox,
        Setup { config: std::env::var("DBG").unwrap_or_default(), ..Setup::default() },
    );
    let size = 64 * MIB;
    let file = scene.file("a.bin", size);
    let curl = scene.curl(&file, "a.bin", &[]);

    scene.wait_for_bytes(size / 4);
    scene.lab.link("eth0").carrier(false).unwrap();
    scene.wait_for_bytes(size / 2);
    scene.lab.link("wlan0").black_hole(true);
    scene.wait_for_bytes(size * 3 / 4);
    scene.lab.link("eth0").carrier(true).unwrap();
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    println!("{:#}\n{}", scene.status()["switches"], scene.agent.log());
}
