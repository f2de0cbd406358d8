//! What is fetched through the agent while links come and go.

use crate::{MIB, ask, file, quick};
use baton_lab::{Rate, Sandbox};
use baton_tests::{Scene, Setup, sha256_of, wait_until};
use core::time::Duration;
use std::path::Path;
use std::process::{Child, Stdio};

pub(crate) fn a_download_crosses_a_lost_carrier_and_a_black_hole_unbroken(sandbox: &Sandbox) {
    let setup = Setup { rate: Rate::Bps(100_000_000), ..Setup::default() };
    let scene = Scene::new(sandbox, setup);
    let (stored, got) = (stored(&scene, 64 * MIB), scene.dir().join("got"));

    let curl = fetch(&scene, &got, &[]);
    wait_for(&got, 16 * MIB);
    scene.lab.link("eth0").carrier(false).unwrap();
    wait_for(&got, 40 * MIB);
    scene.lab.link("wlan0").black_hole(true);
    let said = String::from_utf8(curl.wait_with_output().unwrap().stdout).unwrap();

    assert_eq!(said, format!("200 {} 1", 64 * MIB), "{}", scene.agent.log());
    assert_eq!(sha256_of(&got), sha256_of(&stored), "{}", scene.agent.log());
    assert_eq!(scene.agent.log().matches("download goes on").count(), 2, "{}", scene.agent.log());
}

pub(crate) fn a_part_of_a_file_stays_that_part_over_a_switch(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup::default());
    let (stored, got) = (stored(&scene, 16 * MIB), scene.dir().join("got"));

    let curl = fetch(&scene, &got, &["--range", "1000000-9999999"]);
    wait_for(&got, 2 * MIB);
    scene.lab.link("eth0").black_hole(true);
    let said = String::from_utf8(curl.wait_with_output().unwrap().stdout).unwrap();

    assert_eq!(said, "206 9000000 1", "{}", scene.agent.log());
    let whole = std::fs::read(stored).unwrap();
    assert!(std::fs::read(got).unwrap() == whole[1_000_000..10_000_000]);
    assert!(scene.agent.log().contains("download goes on"), "{}", scene.agent.log());
}

pub(crate) fn a_file_that_changes_on_the_way_is_never_glued_together(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup::default());
    let (stored, got) = (stored(&scene, 16 * MIB), scene.dir().join("got"));

    let curl = fetch(&scene, &got, &[]);
    wait_for(&got, 2 * MIB);
    let other = scene.file("other", 16 * MIB + 1);
    std::fs::rename(other, stored).unwrap();
    scene.lab.link("eth0").carrier(false).unwrap();
    let out = curl.wait_with_output().unwrap();

    // CURLE_PARTIAL_FILE
    assert_eq!(out.status.code(), Some(18), "{}", scene.agent.log());
    assert!(std::fs::metadata(got).unwrap().len() < 16 * MIB);
}

pub(crate) fn a_download_breaks_off_where_that_is_configured(sandbox: &Sandbox) {
    let config = "downloads.resumable_downloads_enabled = false\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..Setup::default() });
    let (_, got) = (stored(&scene, 16 * MIB), scene.dir().join("got"));

    let curl = fetch(&scene, &got, &[]);
    wait_for(&got, 2 * MIB);
    scene.lab.link("eth0").carrier(false).unwrap();
    let out = curl.wait_with_output().unwrap();

    assert_eq!(out.status.code(), Some(18), "{}", scene.agent.log());
}

pub(crate) fn conditions_of_a_client_are_the_upstreams_to_judge(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, quick());
    let (_, bytes) = file(&scene, 100_000);
    std::fs::write(scene.stored("a.bin"), &bytes).unwrap();
    let get = |fields: &str| ask(&mut scene.raw(), "GET /a.bin", fields, &[]);
    let tag = get("").field("etag").unwrap().to_owned();

    let range = "Range: bytes=10-19\r\n";
    assert_eq!(get(&format!("{range}If-Range: {tag}\r\n")).status, 206);
    assert_eq!(get(&format!("{range}If-Range: \"other\"\r\n")).status, 200);
    let beyond = get("Range: bytes=100000-\r\n");
    assert_eq!((beyond.status, beyond.field("content-range")), (416, Some("bytes */100000")));
}

/// A file at the upstream.
fn stored(scene: &Scene, size: u64) -> std::path::PathBuf {
    let path = scene.stored("a.bin");
    std::fs::rename(scene.file("a.bin", size), &path).unwrap();
    path
}

/// A plain download, begun; it tells its status, its bytes, and how often it asked.
fn fetch(scene: &Scene, to: &Path, more: &[&str]) -> Child {
    let mut curl = scene.lab.lan.command("curl");
    curl.args(["--silent", "--max-time", "60", "--write-out"]);
    curl.arg("%{http_code} %{size_download} %{num_connects}");
    curl.args(more).arg("--output").arg(to).arg("http://192.168.1.1:8080/a.bin");
    curl.stdout(Stdio::piped()).spawn().unwrap()
}

fn wait_for(path: &Path, bytes: u64) {
    wait_until("bytes to be fetched", Duration::from_secs(30), || {
        (std::fs::metadata(path).ok()?.len() >= bytes).then_some(())
    });
}
