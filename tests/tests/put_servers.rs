//! Servers of XEP-0363 uploads that people run: they take one PUT a file, and none of it again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Link, Sandbox};
use baton_tests::{Process, Scene, Setup, Upstream};
use core::time::Duration;
use std::thread;

baton_lab::tests_side_by_side![
    prosody_gets_a_file,
    prosody_gets_a_file_whose_connection_was_reset,
    prosody_gets_a_file_whose_link_fell_silent,
    prosody_refuses_a_slot_that_was_signed_otherwise,
    prosody_gets_no_file_twice,
    xmpp_http_upload_gets_a_file,
    xmpp_http_upload_gets_a_file_whose_link_stalled,
    xmpp_http_upload_keeps_what_was_reset_and_takes_the_file_in_another_slot,
    xmpp_http_upload_waits_for_a_silent_link_and_takes_the_file_in_another_slot,
];

const MIB: u64 = 1 << 20;
const SIZE: u64 = 8 * MIB;

/// A slot, and the file in it.
const PATH: &str = "2f1d6f0e-slot/a%20b.jpg";

fn prosody(sandbox: &Sandbox) -> Scene {
    let (upstream, config) = (Upstream::prosody(), "upstream.token = \"jwt\"\n".into());
    Scene::new(sandbox, Setup { upstream, protocol: "put", config, ..Setup::default() })
}

fn prosody_gets_a_file(sandbox: &Sandbox) {
    assert_arrives(&mut prosody(sandbox), |_| {});
}

fn prosody_gets_a_file_whose_connection_was_reset(sandbox: &Sandbox) {
    assert_arrives(&mut prosody(sandbox), |scene| scene.reset_connections());
}

fn prosody_gets_a_file_whose_link_fell_silent(sandbox: &Sandbox) {
    assert_arrives(&mut prosody(sandbox), |scene| silence(scene));
}

fn prosody_refuses_a_slot_that_was_signed_otherwise(sandbox: &Sandbox) {
    let scene = prosody(sandbox);
    let file = scene.file("a.bin", MIB);

    let wrong = "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.AAAA";
    let curl = scene.curl(&file, PATH, &["-H", wrong]);
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 401, "{text}\n{}", scene.agent.log());
}

fn prosody_gets_no_file_twice(sandbox: &Sandbox) {
    let scene = prosody(sandbox);
    let first = scene.file("a.bin", MIB);
    let longer = scene.file("b.bin", MIB + 1);
    assert_eq!(scene.finish(scene.curl(&first, PATH, &[])).0, 201);

    let (status, text) = scene.finish(scene.curl(&longer, PATH, &[]));

    assert_eq!(status, 409, "{text}\n{}", scene.agent.log());
    scene.assert_stored_somewhere(&first);
}

fn xmpp_http_upload(sandbox: &Sandbox) -> Scene {
    let upstream = Upstream::xmpp_http_upload();
    Scene::new(sandbox, Setup { upstream, protocol: "put", ..Setup::default() })
}

fn xmpp_http_upload_gets_a_file(sandbox: &Sandbox) {
    assert_arrives(&mut xmpp_http_upload(sandbox), |_| {});
}

fn xmpp_http_upload_gets_a_file_whose_link_stalled(sandbox: &Sandbox) {
    assert_arrives(&mut xmpp_http_upload(sandbox), |scene| {
        carrying(scene).stall(Duration::from_millis(300));
    });
}

/// It never lets go of a name: what is left of a broken upload is refused as there already, and
/// HEAD answers 200.
fn xmpp_http_upload_keeps_what_was_reset_and_takes_the_file_in_another_slot(sandbox: &Sandbox) {
    assert_is_in_the_way(&mut xmpp_http_upload(sandbox), |scene| scene.reset_connections());
}

/// It serves one connection at a time, and waits for ever for what a dead one still owes it.
fn xmpp_http_upload_waits_for_a_silent_link_and_takes_the_file_in_another_slot(sandbox: &Sandbox) {
    assert_is_in_the_way(&mut xmpp_http_upload(sandbox), |scene| {
        silence(scene);
        thread::sleep(Duration::from_secs(3));
        assert!(scene.command_json(&["uploads"]).unwrap()[0].is_object(), "the client is held");
        scene.kill_upstream();
        scene.start_upstream();
    });
}

/// The link that carries the upload.
fn carrying(scene: &Scene) -> &Link {
    let uploads = scene.command_json(&["uploads"]).unwrap();
    scene.lab.link(uploads[0]["link"].as_str().unwrap())
}

fn silence(scene: &Scene) {
    carrying(scene).black_hole(true);
}

/// A file arrives whole though that befalls it in the middle.
fn assert_arrives(scene: &mut Scene, befalls: impl FnOnce(&mut Scene)) {
    let (status, text) = upload(scene, PATH, befalls);

    assert_eq!(status, 201, "{text}\n{}", logs(scene));
    scene.assert_stored_somewhere(&scene.dir().join("a.bin"));
}

/// What befalls an upload leaves a broken file that keeps its name; the client is told so, and the
/// file arrives under another.
fn assert_is_in_the_way(scene: &mut Scene, befalls: impl FnOnce(&mut Scene)) {
    let (status, text) = upload(scene, PATH, befalls);
    assert_eq!(status, 409, "{text}\n{}", logs(scene));
    assert!(text.contains("a broken part"), "{text}");

    let other = PATH.replace("slot", "other");
    let (status, text) = upload(scene, &other, |_| {});
    assert_eq!(status, 201, "{text}\n{}", logs(scene));
    scene.assert_stored_somewhere(&scene.dir().join("a.bin"));
}

fn upload(scene: &mut Scene, path: &str, befalls: impl FnOnce(&mut Scene)) -> (u16, String) {
    let file = scene.file("a.bin", SIZE);
    let curl = scene.curl(&file, path, &[]);
    scene.wait_for_bytes(SIZE / 2);
    befalls(scene);
    scene.finish(curl)
}

fn logs(scene: &Scene) -> String {
    let upstream = scene.upstream.as_ref().map(Process::log);
    scene.agent.log() + &upstream.unwrap_or_default()
}
