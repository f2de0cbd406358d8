//! One upload, links that die on the way, one file at the far end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Rate, Sandbox};
use baton_tests::{Host, Scene, Setup, wall_ms};
use serde_json::Value;
use std::path::PathBuf;

baton_lab::tests![
    an_upload_crosses_undisturbed_links,
    an_upload_survives_cable_hole_and_return,
    a_put_is_replayed_after_cable_and_hole_and_not_for_the_return,
    an_upload_survives_as_the_draft_has_it,
    an_upload_in_chunks_survives_cable_and_hole,
    an_upload_survives_over_ipv6,
    an_upload_survives_under_bbr,
    an_upload_survives_where_the_upstream_has_a_name,
];

const MIB: u64 = 1 << 20;

/// What an upload on a link of its class may have unacknowledged: eth0, wlan0, wwan0.
const WINDOWS: [(&str, u64); 3] = [("eth0", MIB), ("wlan0", MIB / 2), ("wwan0", MIB / 4)];

fn an_upload_crosses_undisturbed_links(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup::default());
    let file = scene.file("a.bin", 8 * MIB);

    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    assert!(scene.payload_up() <= with_overhead(8 * MIB), "{}", scene.payload_up());
}

fn an_upload_survives_cable_hole_and_return(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup::default());

    let crossing = Crossing::of(&scene, 64 * MIB);

    crossing.assert_whole(&scene);
    crossing.assert_told(&scene);
    assert_frugal(&scene, 64 * MIB);
}

fn a_put_is_replayed_after_cable_and_hole_and_not_for_the_return(sandbox: &Sandbox) {
    let setup = Setup { protocol: "put", rate: Rate::Bps(64_000_000), ..Setup::default() };
    let scene = Scene::new(sandbox, setup);

    let crossing = Crossing::of(&scene, 64 * MIB);

    crossing.assert_whole(&scene);
    crossing.assert_told(&scene);
    let status = scene.status();
    let [eth0, wlan0, wwan0] = WINDOWS.map(|(name, _)| scene.payload_up_on(scene.lab.link(name)));
    // What eth0 carried before its cable was cut, and wlan0 before the hole, crossed again.
    assert!(resent(&status, 1) <= eth0 + IN_FLIGHT, "{eth0} over eth0\n{status:#}");
    assert!(resent(&status, 2) <= wlan0 + IN_FLIGHT, "{wlan0} over wlan0\n{status:#}");
    assert!(eth0 <= with_overhead(16 * MIB) + MIB, "{eth0} over eth0");
    assert!(wlan0 <= with_overhead(32 * MIB) + MIB, "{wlan0} over wlan0");
    // The third try is the last, though the link for new work is another again.
    assert!(wwan0 >= 64 * MIB && wwan0 <= with_overhead(64 * MIB), "{wwan0} over wwan0");
    assert_eq!((resent(&status, 3), &status["active_link"]), (0, &Value::from("eth0")));
}

fn an_upload_survives_as_the_draft_has_it(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup { protocol: "resumable", ..Setup::default() });

    let crossing = Crossing::of(&scene, 48 * MIB);

    crossing.assert_whole(&scene);
    crossing.assert_told(&scene);
    assert_frugal(&scene, 48 * MIB);
}

fn an_upload_in_chunks_survives_cable_and_hole(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup { protocol: "hmac-chunked", ..Setup::default() });

    let crossing = Crossing::of(&scene, 48 * MIB);

    crossing.assert_whole(&scene);
    crossing.assert_told(&scene);
}

fn an_upload_survives_over_ipv6(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup { host: Host::V6, ..Setup::default() });

    let crossing = Crossing::of(&scene, 48 * MIB);

    crossing.assert_whole(&scene);
    crossing.assert_told(&scene);
    assert_frugal(&scene, 48 * MIB);
}

fn an_upload_survives_under_bbr(sandbox: &Sandbox) {
    let known = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    if !known.unwrap().contains("bbr") {
        println!("this kernel has no BBR");
        return;
    }
    let scene = Scene::new(sandbox, Setup { congestion_control: "bbr", ..Setup::default() });

    let crossing = Crossing::of(&scene, 48 * MIB);

    crossing.assert_whole(&scene);
    crossing.assert_told(&scene);
    assert_frugal(&scene, 48 * MIB);
}

fn an_upload_survives_where_the_upstream_has_a_name(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup { host: Host::Name, ..Setup::default() });

    let crossing = Crossing::of(&scene, 48 * MIB);

    crossing.assert_whole(&scene);
    crossing.assert_told(&scene);
    assert_frugal(&scene, 48 * MIB);
}

/// An upload from which eth0's cable is pulled at a quarter, before which wlan0 becomes a silent
/// hole at half, and to which eth0 comes back at three quarters.
struct Crossing {
    file: PathBuf,
    status: u16,
    text: String,
    /// When each happened, as [`wall_ms`] has it.
    cable: u64,
    hole: u64,
    back: u64,
}

impl Crossing {
    fn of(scene: &Scene, size: u64) -> Self {
        let file = scene.file("a.bin", size);
        let curl = scene.curl(&file, "a.bin", &[]);
        scene.wait_for_bytes(size / 4);
        let cable = wall_ms();
        scene.lab.link("eth0").carrier(false).unwrap();
        scene.wait_for_bytes(size / 2);
        let hole = wall_ms();
        scene.lab.link("wlan0").black_hole(true);
        scene.wait_for_bytes(size * 3 / 4);
        let back = wall_ms();
        scene.lab.link("eth0").carrier(true).unwrap();
        let (status, text) = scene.finish(curl);
        Self { file, status, text, cable, hole, back }
    }

    fn assert_whole(&self, scene: &Scene) {
        assert_eq!(self.status, 201, "{}\n{}", self.text, scene.agent.log());
        scene.assert_stored(&self.file, "a.bin");
    }

    /// The agent's log and its status name each switch, its evidence and its time.
    fn assert_told(&self, scene: &Scene) {
        let expected = [
            ("eth0", "wlan0", "interface_down", "carrier_lost", self.cable..self.cable + 200),
            // Silence is certain after half a second of it.
            ("wlan0", "wwan0", "timeout", "silent", self.hole + 300..self.hole + 1500),
            // The up-delay is two seconds.
            (
                "wwan0",
                "eth0",
                "better_alternative",
                "outranked",
                self.back + 1900..self.back + 3000,
            ),
        ];
        let (logged, status) = (scene.logged_switches(), scene.status());
        let told = status["switches"].as_array().unwrap();
        assert_eq!((logged.len(), told.len()), (4, 4), "{}", scene.agent.log());
        for (at, (from, to, reason, evidence, when)) in (1..).zip(expected) {
            let log = &logged[at];
            let said = [&log.from, &log.to, &log.reason, &log.evidence];
            assert_eq!(said, [from, to, reason, evidence], "{logged:#?}");
            let fields = ["from", "to", "reason", "evidence"].map(|name| &told[at][name]);
            assert_eq!(fields, [from, to, reason, evidence], "{status:#}");
            assert!(log.ms_after(when.start) < when.end - when.start, "{log:?} not in {when:?}");
            assert!(when.contains(&told[at]["at"].as_u64().unwrap()), "{status:#} not in {when:?}");
        }
    }
}

/// Bytes that crossed twice: at most one window a switch, by the agent's account and by what the
/// links carried.
fn assert_frugal(scene: &Scene, size: u64) {
    let status = scene.status();
    let mut allowed = 0;
    for (at, (_, window)) in (1..).zip(WINDOWS) {
        assert!(resent(&status, at) <= window, "{status:#}");
        allowed += window;
    }
    let crossed = scene.payload_up();
    println!(
        "{crossed} bytes crossed for {size}, {} by the agent's account",
        status["resent_bytes"]
    );
    assert!(crossed >= size && crossed <= with_overhead(size) + allowed, "{crossed}\n{status:#}");
}

fn resent(status: &Value, switch: usize) -> u64 {
    status["switches"][switch]["resent_bytes"].as_u64().unwrap()
}

/// A request head for every 64 KiB, a probe now and then, and what TCP repeats.
fn with_overhead(bytes: u64) -> u64 {
    bytes + bytes / 64 + MIB / 4
}

/// What has left and may not have arrived when a link breaks: its queue, 64 Mbit/s for 20 ms, and
/// what waits in the gateway.
const IN_FLIGHT: u64 = 512 * 1024;
