//! What an agent for another processor must do in its emulator, too (`ci/cross --test`); run like any other
//! test, it is this machine's, from whose kernel TCP_INFO is taken away.
//!
//! qemu-user passes neither TCP_INFO nor IP_PKTOPTIONS on. So nothing here expects a silence to be
//! noticed in a certain time; and as the agent can't tell by which interface a client came, it
//! believes no client without a token.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::Sandbox;
use baton_tests::{Scene, Setup, baton, forget_tcp_info};
use std::process::Command;

baton_lab::tests![an_upload_with_a_token_survives_a_pulled_cable_and_a_silent_link];

const MIB: u64 = 1 << 20;

fn an_upload_with_a_token_survives_a_pulled_cable_and_a_silent_link(sandbox: &Sandbox) {
    forget_tcp_info();
    let scene = Scene::new(
        sandbox,
        Setup { config: "relay.auth = \"token\"\n".to_owned(), ..Setup::default() },
    );
    assert!(scene.agent.log().contains("no tcp-info"), "{}", scene.agent.log());
    let size = 32 * MIB;
    let file = scene.file("a.bin", size);

    let curl = scene.curl(&file, &format!("a.bin?{}", token(&scene, "a.bin", size)), &[]);
    scene.wait_for_bytes(size / 4);
    scene.lab.link("eth0").carrier(false).unwrap();
    scene.wait_for_bytes(size / 2);
    scene.lab.link("wlan0").black_hole(true);
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    let switches = scene.logged_switches();
    let crossed = |from: &str, to: &str| switches.iter().any(|it| it.from == from && it.to == to);
    assert!(crossed("eth0", "wlan0") && crossed("wlan0", "wwan0"), "{switches:#?}");
}

/// What lets one file be uploaded: its query.
fn token(scene: &Scene, name: &str, size: u64) -> String {
    let mut command = Command::new(baton());
    command.args(["token", "make", "--path", name, "--size", &size.to_string(), "--secret-file"]);
    let out = command.arg(scene.dir().join("secret")).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}
