//! Upstreams that misbehave.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::Sandbox;
use baton_tests::{Scene, Script, Setup, Upstream};

baton_lab::tests![a_slow_upstream];
const MIB: u64 = 1 << 20;

fn a_slow_upstream(sandbox: &Sandbox) {
    let scene = Scene::new(
        sandbox,
        Setup { upstream: Upstream::Scripted(Script::default()), ..Setup::default() },
    );
    let file = scene.file("a.bin", 8 * MIB);
    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));
    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
}
