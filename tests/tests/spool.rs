//! `mode = "spool"`: clients are told of success before the upstream has their files.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Rate, Sandbox};
use baton_tests::{
    Dialect, Scene, Script, Setup, Tmpfs, Upstream, sha256_of, temp_dir, wait_until,
};
use core::time::Duration;
use serde_json::Value;

baton_lab::tests![
    files_are_taken_without_any_link_and_arrive_by_urgency_and_age,
    what_the_upstream_has_is_not_sent_again_after_a_crash,
    a_put_that_a_crash_left_unanswered_is_recognised,
    what_the_upstream_refuses_is_kept_until_an_operator_decides,
    a_full_spool_says_so_or_evicts_and_tells,
    memory_is_refused_unless_it_is_wanted,
    a_client_with_a_token_that_expires_is_signed_for,
];

const MIB: u64 = 1 << 20;

/// The sandbox's own disk may be in memory.
const SPOOL: &str = "relay.mode = \"spool\"\nrelay.spool_volatile = true\n";

fn spooling(more: &str) -> Setup {
    Setup { config: format!("{SPOOL}{more}"), ..Setup::default() }
}

fn cut_everything(scene: &Scene, cut: bool) {
    for link in scene.lab.links() {
        link.carrier(!cut).unwrap();
    }
}

fn upload(scene: &Scene, size: u64, name: &str, more: &[&str]) -> u16 {
    let file = scene.file(name, size);
    scene.finish(scene.curl(&file, name, more)).0
}

fn spool(scene: &Scene) -> Value {
    scene.status()["spool"].clone()
}

fn wait_for_drain(scene: &Scene) {
    wait_until("everything is delivered", Duration::from_secs(60), || {
        let spool = spool(scene);
        (spool["kept"] == 0).then_some(())
    });
}

fn uploads(scene: &Scene) -> Vec<Value> {
    let uploads = scene.command_json(&["uploads"]).unwrap();
    uploads.as_array().unwrap().clone()
}

fn files_are_taken_without_any_link_and_arrive_by_urgency_and_age(sandbox: &Sandbox) {
    let mut scene = Scene::new(sandbox, spooling(""));
    cut_everything(&scene, true);
    let priority = |urgency: u8| format!("Priority: u={urgency}");

    for (name, urgency) in
        [("a", 3), ("b", 5), ("c", 1), ("d", 3), ("e", 0), ("f", 7), ("g", 3), ("h", 1)]
    {
        let more = ["-H", &priority(urgency)];
        assert_eq!(upload(&scene, 300_000, name, &more), 201, "{}", scene.agent.log());
    }
    assert_eq!(upload(&scene, 70_000, "chunked", &["-H", "Transfer-Encoding: chunked"]), 201);
    let listed = uploads(&scene);
    assert!(listed.iter().all(|upload| upload["state"] == "spooled"), "{listed:?}");
    assert_eq!((listed.len(), &spool(&scene)["kept"]), (9, &Value::from(9)));
    assert!(spool(&scene)["flushes"].as_u64() >= Some(9));

    // A restart changes nothing of that.
    scene.agent.kill();
    cut_everything(&scene, false);
    scene.restart_agent();
    wait_for_drain(&scene);

    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "chunked"] {
        scene.assert_stored(&scene.dir().join(name), name);
    }
    let log = scene.agent.log();
    let begun = log.lines().filter(|line| line.contains("protocol="));
    let order: Vec<&str> =
        begun.filter_map(|line| line.split_once("upload=\"")?.1.split('"').next()).collect();
    assert_eq!(order, ["e", "c", "h", "a", "d", "g", "chunked", "b", "f"], "{log}");
    assert_eq!(uploads(&scene), Vec::<Value>::new());
}

fn what_the_upstream_has_is_not_sent_again_after_a_crash(sandbox: &Sandbox) {
    let setup = Setup { rate: Rate::Bps(16_000_000), ..spooling("") };
    let mut scene = Scene::new(sandbox, setup);

    assert_eq!(upload(&scene, 8 * MIB, "a.bin", &[]), 201, "{}", scene.agent.log());
    scene.wait_for_bytes(4 * MIB);
    scene.restart_agent();
    wait_for_drain(&scene);

    scene.assert_stored(&scene.dir().join("a.bin"), "a.bin");
    let sent = scene.payload_up();
    // What was in flight, and headers.
    assert!(sent < 8 * MIB + 2 * MIB, "{sent} bytes crossed for 8 MiB\n{}", scene.agent.log());
}

fn a_put_that_a_crash_left_unanswered_is_recognised(sandbox: &Sandbox) {
    // It has the file, and its answer is lost; then the agent is, too. It refuses what it has.
    let script = Script {
        dialect: Dialect::Put,
        loses_answer: true,
        keeps_broken: true,
        ..Script::default()
    };
    let setup = Setup { upstream: Upstream::Scripted(script), protocol: "put", ..spooling("") };
    let mut scene = Scene::new(sandbox, setup);
    assert_eq!(upload(&scene, MIB, "a.bin", &[]), 201, "{}", scene.agent.log());
    scene.wait_for_bytes(MIB);
    scene.restart_agent();
    wait_for_drain(&scene);

    scene.assert_stored(&scene.dir().join("a.bin"), "a.bin");
    assert_eq!(spool(&scene)["failed"], 0, "{}", scene.agent.log());
}

fn what_the_upstream_refuses_is_kept_until_an_operator_decides(sandbox: &Sandbox) {
    let mut scene = Scene::new(sandbox, spooling(""));
    std::fs::write(scene.stored("a.bin"), "somebody else's").unwrap();
    std::fs::write(scene.stored("b.bin"), "somebody else's").unwrap();

    for name in ["a.bin", "b.bin"] {
        assert_eq!(upload(&scene, MIB, name, &[]), 201, "{}", scene.agent.log());
    }
    wait_until("both are refused", Duration::from_secs(30), || {
        (spool(&scene)["failed"] == 2).then_some(())
    });

    scene.restart_agent();
    let listed = uploads(&scene);
    assert_eq!(listed.len(), 2, "{listed:?}");
    for upload in &listed {
        assert_eq!(upload["state"], "failed");
        assert!(
            upload["reason"].as_str().unwrap().contains("another file of this name"),
            "{upload}"
        );
    }
    let text = scene.command(&["status"]).output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&text).contains("2 refused upstream"), "{text:?}");

    // The operator makes way for one, and gives the other up.
    std::fs::remove_file(scene.stored("a.bin")).unwrap();
    let id = |path: &str| {
        let upload = listed.iter().find(|upload| upload["path"] == path).unwrap();
        upload["id"].as_str().unwrap().to_owned()
    };
    assert!(scene.command_json(&["uploads", "--retry", &id("a.bin")]).is_some());
    wait_for_drain(&scene);
    scene.assert_stored(&scene.dir().join("a.bin"), "a.bin");
    assert!(scene.command_json(&["uploads", "--drop", &id("a.bin")]).is_none(), "it is gone");
    assert!(scene.command_json(&["uploads", "--drop", &id("b.bin")]).is_some());

    let spool = spool(&scene);
    assert_eq!((&spool["failed"], &spool["dropped"]), (&Value::from(0), &Value::from(1)));
    assert_eq!(spool["losses"][0]["path"], "b.bin");
    assert_eq!(spool["losses"][0]["cause"], "dropped");
}

fn a_full_spool_says_so_or_evicts_and_tells(sandbox: &Sandbox) {
    let small = "relay.spool_size = \"4MB\"\n";
    let mut scene = Scene::new(sandbox, spooling(small));
    cut_everything(&scene, true);
    assert_eq!(upload(&scene, 3 * MIB, "a.bin", &[]), 201);

    let file = scene.file("b.bin", 2 * MIB);
    let (status, text) = scene.finish(scene.curl(&file, "b.bin", &[]));
    assert_eq!(status, 507, "{text}");
    assert!(text.contains("spool_size"), "{text}");
    let (status, text) =
        scene.finish(scene.curl(&file, "b.bin", &["-H", "Transfer-Encoding: chunked"]));
    assert_eq!(status, 507, "{text}");
    assert_eq!(spool(&scene)["evicted"], 0);

    scene.agent.kill();
    drop(scene);
    let evicting = format!("{small}relay.spool_eviction = \"evict_oldest\"\n");
    let scene = Scene::new(sandbox, spooling(&evicting));
    cut_everything(&scene, true);
    assert_eq!(upload(&scene, 3 * MIB, "a.bin", &[]), 201);
    assert_eq!(upload(&scene, 2 * MIB, "b.bin", &[]), 201, "{}", scene.agent.log());
    cut_everything(&scene, false);
    wait_for_drain(&scene);

    scene.assert_stored(&scene.dir().join("b.bin"), "b.bin");
    assert!(!scene.stored("a.bin").exists());
    let spool = spool(&scene);
    assert_eq!((&spool["evicted"], &spool["losses"][0]["path"]), (&1.into(), &"a.bin".into()));
}

fn memory_is_refused_unless_it_is_wanted(sandbox: &Sandbox) {
    let folder = temp_dir("volatile");
    let disk = Tmpfs::mount(folder.path(), 16 * MIB);
    let config = format!("relay.spool_dir = \"{}\"\n", disk.path().display());
    let mut scene = Scene::new(sandbox, spooling(&config));
    assert_eq!(upload(&scene, MIB, "a.bin", &[]), 201);
    wait_for_drain(&scene);

    scene.agent.kill();
    let path = scene.dir().join("refused.toml");
    let config = format!(
        "relay.mode = \"spool\"\nrelay.listen = \"127.0.0.1:0\"\nupstream.url = \"http://192.0.2.1\"\n\
         relay.spool_dir = \"{}\"\nsecurity.secret = \"s\"\n",
        disk.path().display()
    );
    std::fs::write(&path, config).unwrap();
    let out = scene.command(&["run", "--config", path.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("tmpfs") && said.contains("spool_volatile"), "{said}");
}

fn a_client_with_a_token_that_expires_is_signed_for(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, spooling(""));
    cut_everything(&scene, true);
    let secret = scene.dir().join("secret");
    let make =
        ["token", "make", "--scheme", "v3", "--path", "a.bin", "--expires", "+2", "--secret-file"];
    let out = scene.command(&make).arg(secret).output().unwrap();
    let token = String::from_utf8(out.stdout).unwrap();

    let file = scene.file("a.bin", MIB);
    let target = format!("a.bin?{}", token.trim());
    let (status, text) = scene.finish(scene.curl(&file, &target, &[]));
    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    std::thread::sleep(Duration::from_secs(3));
    cut_everything(&scene, false);
    wait_for_drain(&scene);

    assert_eq!(sha256_of(&scene.stored("a.bin")), sha256_of(&file), "{}", scene.agent.log());
}
