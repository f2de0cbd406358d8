//! Operators: configurations, a second agent, kernel settings, the wrong side of the gateway.

use crate::{MIB, put, quick, slow, wait_for_uploads};
use baton_lab::{Change, Lab, Namespace, Route, Sandbox};
use baton_tests::{Raw, Scene, Setup, baton, temp_dir, wait_until};
use core::net::SocketAddr;
use core::time::Duration;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// One of every kind, and what is said of it.
const MISTAKES: &str = r#"
relay.listen = "lan"
relay.hold = "five minutes"
relay.hodl = "5m"
relay.max_clients = 0
relay.pool_size = "4KB"
upstream.url = "ftp://files.example.org"
upstream.protocol = "ftp"
upstream.tus_path = "files"
upstrem.token = "v2"
security.secret = "your-hmac-secret-key-here"
control = "/run/baton.sock"
network_resilience.enabled = "perhaps"
network_resilience.switch_threshold_packet_loss = 200
links.wwan0.class = "4g"
links.wwan0.priority = -1
uploads.min_chunk_size = "20MB"
uploads.max_chunk_size = "10MB"
logging.level = "loud"
handoff.pause_transfers_on_switch = true
experimental.http3_support = true
"#;

/// Words that tell what is wrong, and words that tell what is right.
const VERDICTS: [[&str; 2]; 18] = [
    ["relay.listen = lan", "192.168.1.1:8080"],
    ["relay.hold = five minutes", "hold = \"5m\""],
    ["relay.hodl", "did you mean relay.hold?"],
    ["relay.max_clients = 0", "takes 1 to 1024"],
    ["relay.pool_size = 4KB", "takes 256KB to 1GB"],
    ["upstream.url", "http://"],
    ["upstream.protocol = ftp", "tus"],
    ["upstream.tus_path = files", "/files/"],
    ["[upstrem]", "did you mean [upstream]?"],
    ["security.secret = (hidden)", "put your own"],
    ["control", "is a section"],
    ["network_resilience.enabled = perhaps", "true"],
    ["network_resilience.switch_threshold_packet_loss = 200", "100"],
    ["links.wwan0.class = 4g", "lte"],
    ["links.wwan0.priority = -1", "whole number"],
    ["uploads.min_chunk_size = 20MB", "more than max_chunk_size"],
    ["logging.level = loud", "info"],
    ["handoff.pause_transfers_on_switch", "pause_transfers_on_switch = false"],
];

pub(crate) fn every_kind_of_mistake_in_a_configuration_is_named(sandbox: &Sandbox) {
    // Where a machine has no address at all, it may bind to any.
    let machine = &Lab::new(sandbox, &[], 1).unwrap().gateway;
    let folder = temp_dir("mistakes");
    let path = folder.path().join("baton.toml");
    std::fs::write(&path, MISTAKES).unwrap();

    let check = text(&command(&["check", "--config"]).arg(&path).output().unwrap());
    let run = text(&run_briefly(machine, &path));
    for [wrong, right] in VERDICTS {
        let line = check.lines().find(|line| line.contains(wrong)).unwrap_or_default();
        assert!(line.contains(right), "{wrong}: {right} is not in {line:?} of\n{check}");
        // The one who starts it sees the same, in a log that may be all there is.
        assert!(run.contains(line), "{line} is not in\n{run}");
    }
    assert!(check.contains("exit status: 1") && run.contains("exit status: 1"), "{check}\n{run}");
    assert!(!check.contains("your-hmac") && !run.contains("your-hmac"), "{check}\n{run}");
    assert!(check.contains("experimental.http3_support"), "{check}");

    let taken = machine.run(|| TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = taken.local_addr().unwrap();
    for Wrong { what, content, status, says } in wrong_at_start(folder.path(), address) {
        std::fs::write(&path, content).unwrap();
        let said = text(&run_briefly(machine, &path));
        assert!(said.contains(&format!("exit status: {status}")), "{what}: {said}");
        for words in says {
            assert!(said.contains(words), "{what}: {words} is not in {said}");
        }
    }
    let missing = text(&run_briefly(machine, Path::new("/nonexistent/baton.toml")));
    assert!(missing.contains("exit status: 2") && missing.contains("/nonexistent"), "{missing}");
}

/// A configuration of which every key is right, and which can't work here.
struct Wrong {
    what: &'static str,
    content: Vec<u8>,
    status: u8,
    says: &'static [&'static str],
}

fn wrong_at_start(folder: &Path, taken: SocketAddr) -> Vec<Wrong> {
    let empty = folder.join("empty-secret");
    std::fs::write(&empty, "\n").unwrap();
    let dir = folder.display();
    let base = format!("control.socket = \"{dir}/control.sock\"\n");
    let upstream = format!("{base}upstream.url = \"http://203.0.113.10:9000\"\n");
    let local = format!("{upstream}relay.listen = \"127.0.0.1:0\"\n");
    let secret = |path: String| format!("{local}security.secret_file = \"{path}\"\n");
    let wrong = |what, content: String, status, says| {
        let content = content.into_bytes();
        Wrong { what, content, status, says }
    };
    vec![
        wrong("no upstream", base, 1, &["[upstream] url", "http://HOST:PORT"]),
        wrong("no secret file", secret(format!("{dir}/none")), 1, &["/none", "No such file"]),
        wrong("an empty secret", secret(empty.display().to_string()), 1, &["is empty", "urandom"]),
        wrong("a folder for a secret", secret(dir.to_string()), 1, &["secret file", "directory"]),
        wrong(
            "an address of another machine",
            format!("{upstream}relay.listen = \"192.0.2.1:8080\"\n"),
            1,
            &["192.0.2.1:8080", "not an address of this machine", "[relay] listen"],
        ),
        wrong(
            "an address that is taken",
            format!("{upstream}relay.listen = \"{taken}\"\n"),
            1,
            &["another program has it", "[relay] listen"],
        ),
        wrong(
            "a socket where none can be",
            "control.socket = \"/proc/none/control.sock\"\nupstream.url = \"http://h:1\"\n".into(),
            1,
            &["/proc/none/control.sock", "--socket"],
        ),
        wrong("not TOML", "<xml/>\n".into(), 1, &["baton.toml"]),
        Wrong {
            what: "no text",
            content: vec![0xff, 0xfe, 0],
            status: 2,
            says: &["baton.toml", "UTF-8"],
        },
    ]
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(baton());
    command.args(args).stdin(Stdio::null());
    command
}

/// An agent that should end by itself, at once.
fn run_briefly(machine: &Namespace, config: &Path) -> Output {
    let mut command = machine.command("timeout");
    command.arg("5").arg(baton()).args(["run", "--config"]).arg(config).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(out: &Output) -> String {
    let said = [&out.stdout[..], &out.stderr[..]].concat();
    format!("{}{}", String::from_utf8_lossy(&said), out.status)
}

pub(crate) fn a_second_agent_is_told_so_and_harms_nothing(sandbox: &Sandbox) {
    let mut scene = Scene::new(sandbox, slow());
    let before = scene.holdings();
    let file = scene.file("a.bin", 8 * MIB);
    let curl = scene.curl(&file, "a.bin", &[]);
    wait_for_uploads(&scene, 1, MIB);
    let second = |more: &[&str]| {
        let mut command = scene.lab.gateway.command(baton().to_str().unwrap());
        command.args(["run", "--config"]).arg(scene.dir().join("baton.toml")).args(more);
        text(&command.stdin(Stdio::null()).output().unwrap())
    };

    let same = second(&[]);
    assert!(same.contains("another agent runs on") && same.contains("--socket"), "{same}");
    assert!(same.contains("exit status: 1"), "{same}");
    let other = scene.dir().join("other.sock");
    let listening = second(&["--socket", other.to_str().unwrap()]);
    assert!(listening.contains("192.168.1.1:8080"), "{listening}");
    assert!(listening.contains("another program has it"), "{listening}");
    assert!(listening.contains("exit status: 1"), "{listening}");
    assert!(!other.exists());

    let (status, said) = scene.finish(curl);
    assert_eq!(status, 201, "{said}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    scene.assert_goes_on(before);
    // A socket that a killed agent left behind is nobody's.
    scene.restart_agent();
    scene.assert_goes_on(scene.holdings());
}

pub(crate) fn a_strict_return_path_filter_is_reported_with_its_cure(sandbox: &Sandbox) {
    let mut scene = Scene::new(sandbox, slow());
    scene.lab.gateway.sysctl("net/ipv4/conf/all/rp_filter", "1").unwrap();
    scene.restart_agent();
    let before = scene.holdings();

    let trouble = |name: &str| {
        let links = scene.links();
        let found = links.as_array().unwrap().iter().find(|link| link["name"] == name).cloned();
        found.and_then(|link| link["trouble"].as_str().map(str::to_owned))
    };
    let cure = trouble("wlan0").unwrap_or_default();
    assert!(cure.contains("rp_filter=1 drops what returns by wlan0"), "{cure}");
    assert!(cure.contains("sysctl -w net/ipv4/conf/wlan0/rp_filter=2"), "{cure}");
    assert_eq!(trouble("eth0"), None);
    assert!(scene.agent.log().contains(&cure), "{}", scene.agent.log());
    scene.assert_goes_on(before);

    scene.lab.gateway.sysctl("net/ipv4/conf/wlan0/rp_filter", "2").unwrap();
    wait_until("the cure to be noticed", Duration::from_secs(10), || {
        trouble("wlan0").is_none().then_some(())
    });
    let file = scene.file("a.bin", 4 * MIB);
    let curl = scene.curl(&file, "a.bin", &[]);
    wait_for_uploads(&scene, 1, MIB);
    scene.lab.link("eth0").carrier(false).unwrap();
    let (status, said) = scene.finish(curl);
    assert_eq!(status, 201, "{said}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
}

pub(crate) fn a_request_that_comes_in_by_a_wan_is_refused(sandbox: &Sandbox) {
    let config = "relay.listen = \"0.0.0.0:8080\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();
    let Scene { lab, .. } = &scene;
    route_to_lan(&lab.upstream);

    // Linux answers for the LAN's address on every interface.
    for address in [[10, 0, 1, 2], [10, 0, 2, 2], [192, 168, 1, 1]] {
        let mut stranger = Raw::connect(&lab.upstream, (address, 8080).into());
        let said = put(&mut stranger, "/stranger", "hello");
        assert_eq!(said.status, 403, "{address:?}: {said:?}");
        assert!(said.text.contains("uplink") && said.text.contains("[relay] auth"), "{said:?}");
        stranger.say("GET /stranger HTTP/1.1\r\nHost: agent\r\n\r\n");
        assert_eq!(stranger.answer().status, 403);
    }
    // Nor does it sign for strangers while that interface leads nowhere.
    let (eth0, gateway) = ("eth0", [10, 0, 1, 1].into());
    let route = Route {
        to: ([0, 0, 0, 0].into(), 0),
        via: Some(gateway),
        interface: eth0,
        metric: 100,
        congestion_control: None,
    };
    lab.gateway.route(Change::Remove, &route).unwrap();
    wait_until("the route to be missed", Duration::from_secs(5), || {
        let links = scene.links();
        links[0]["metric"].is_null().then_some(())
    });
    let mut stranger = Raw::connect(&lab.upstream, ([10, 0, 1, 2], 8080).into());
    assert_eq!(put(&mut stranger, "/stranger", "hello").status, 403);

    assert!(!scene.stored("stranger").exists());
    scene.wait_for_log("request from a link refused");
    scene.assert_goes_on(before);
}

pub(crate) fn a_token_lets_uploads_in_by_a_wan_and_opens_no_proxy(sandbox: &Sandbox) {
    let config = "relay.listen = \"0.0.0.0:8080\"\nrelay.auth = \"token\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();
    std::fs::write(scene.stored("secret.txt"), "hello").unwrap();

    let stranger = || Raw::connect(&scene.lab.upstream, ([10, 0, 1, 2], 8080).into());
    let mut reader = stranger();
    reader.say("GET /secret.txt HTTP/1.1\r\nHost: agent\r\n\r\n");
    assert_eq!(reader.answer().status, 403);
    let said = put(&mut stranger(), "/stranger", "hello");
    assert_eq!(said.status, 403, "{said:?}");
    assert!(said.text.contains("a token is needed"), "{said:?}");

    scene.assert_nothing_leaked(before);
}

fn route_to_lan(upstream: &Namespace) {
    let (to, via) = (([192, 168, 1, 0].into(), 24), Some([10, 0, 1, 2].into()));
    let route = Route { to, via, interface: "eth0", metric: 1, congestion_control: None };
    upstream.route(Change::Add, &route).unwrap();
}
