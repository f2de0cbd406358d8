//! Disks that are full, and spools that are too small.

use crate::clients::assert_no_partials;
use crate::{MIB, quick, slow, wait_for_uploads};
use baton_lab::Sandbox;
use baton_tests::{Scene, Setup, Tmpfs, temp_dir};

pub(crate) fn a_full_disk_upstream_is_said_to_be_full(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let mut scene = Scene::new(sandbox, Setup { protocol, ..quick() });
        scene.kill_upstream();
        let disk = Tmpfs::mount(&scene.dir().join("store"), 4 * MIB);
        scene.start_upstream();
        let before = scene.holdings();
        let file = scene.file("a.bin", 6 * MIB);

        let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));

        assert_eq!(status, 507, "{protocol}: {text}\n{}", scene.agent.log());
        assert!(text.contains("upstream's disk is full"), "{text}");
        assert!(!scene.stored("a.bin").exists());
        // What was refused does not keep the disk full.
        assert_no_partials(&scene);
        scene.assert_goes_on(before);
        drop((disk, scene));
    }
}

pub(crate) fn a_full_disk_under_the_spool_costs_the_replay_and_not_the_upload(sandbox: &Sandbox) {
    let folder = temp_dir("spool");
    let disk = Tmpfs::mount(folder.path(), 4 * MIB);
    disk.fill(MIB as usize);
    let config = format!("relay.spool_dir = \"{}\"\n", folder.path().display());
    let scene = Scene::new(sandbox, Setup { protocol: "put", config, ..quick() });
    let before = scene.holdings();
    let file = scene.file("a.bin", 2 * MIB);

    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));
    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    scene.wait_for_log("without replay");

    // Without a length it can only go through the spool.
    let chunked = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"];
    let (status, text) = scene.finish(scene.curl(&file, "b.bin", &chunked));
    assert_eq!(status, 507, "{text}\n{}", scene.agent.log());
    assert!(text.contains("No space left") && text.contains("spool_dir"), "{text}");
    assert!(!scene.stored("b.bin").exists());
    scene.assert_goes_on(before);
}

pub(crate) fn a_file_larger_than_the_spool_survives_until_a_cut_and_then_names_the_key(
    sandbox: &Sandbox,
) {
    let config = "relay.spool_size = \"1MB\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { protocol: "put", config, ..slow() });
    let before = scene.holdings();
    let file = scene.file("a.bin", 4 * MIB);

    let (status, text) = scene.finish(scene.curl(&file, "whole.bin", &[]));
    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "whole.bin");

    let curl = scene.curl(&file, "cut.bin", &[]);
    wait_for_uploads(&scene, 1, MIB);
    scene.lab.link("eth0").carrier(false).unwrap();
    let (status, text) = scene.finish(curl);
    assert_eq!(status, 502, "{text}\n{}", scene.agent.log());
    assert!(text.contains("spool_size") && text.contains("4194304"), "{text}");
    assert!(!scene.stored("cut.bin").exists());
    scene.lab.link("eth0").carrier(true).unwrap();
    scene.assert_goes_on(before);
}

pub(crate) fn a_spool_folder_that_can_not_be_is_told_at_start(sandbox: &Sandbox) {
    let config = "relay.spool_dir = \"/proc/none\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { protocol: "put", config, ..quick() });

    let warnings = scene.status()["warnings"].to_string();
    assert!(warnings.contains("no spool") && warnings.contains("spool_dir"), "{warnings}");
    assert!(scene.agent.log().contains("spool_dir"), "{}", scene.agent.log());

    scene.assert_goes_on(scene.holdings());
}
