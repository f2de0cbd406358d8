//! Far ends that can't be reached, don't answer, or are somebody else.

use crate::{MIB, put, quick, slow, wait_for_uploads};
use baton_lab::{Lab, Sandbox, UPSTREAM_V4, now};
use baton_tests::{Holdings, Process, Scene, Setup, Upstream, baton, wait_until};
use core::net::IpAddr;
use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{sleep, spawn};

const SECOND: Duration = Duration::from_secs(1);

/// How long the agents of these tests hold a client.
const HOLD: &str = "relay.hold = \"2s\"\n";
const HELD: Duration = Duration::from_secs(2);

pub(crate) fn links_down_for_longer_than_hold_are_a_503_and_shorter_are_not_noticed(
    sandbox: &Sandbox,
) {
    for protocol in ["tus", "put"] {
        let scene = Scene::new(sandbox, Setup { protocol, config: HOLD.into(), ..slow() });
        let before = scene.holdings();
        let file = scene.file("a.bin", 8 * MIB);

        let curl = scene.curl(&file, "held.bin", &[]);
        wait_for_uploads(&scene, 1, MIB);
        set_links(&scene.lab, false);
        sleep(SECOND);
        set_links(&scene.lab, true);
        let (status, text) = scene.finish(curl);
        assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
        scene.assert_stored(&file, "held.bin");

        let curl = scene.curl(&file, "down.bin", &["-D", "-"]);
        wait_for_uploads(&scene, 1, MIB);
        set_links(&scene.lab, false);
        let (begun, second) = (now(), scene.curl(&file, "later.bin", &["-D", "-"]));
        for curl in [curl, second] {
            let (status, text) = scene.finish(curl);
            assert_eq!(status, 503, "{text}\n{}", scene.agent.log());
            assert!(text.contains("Retry-After: 30") && text.contains("try later"), "{text}");
        }
        assert!(now() - begun < 3 * HELD, "{:?}", now() - begun);
        assert!(!scene.stored("down.bin").exists() && !scene.stored("later.bin").exists());

        set_links(&scene.lab, true);
        wait_for_link(&scene);
        scene.assert_goes_on(Holdings { descriptors: before.descriptors + 3, ..before });
    }
}

fn set_links(lab: &Lab, up: bool) {
    lab.links().iter().for_each(|link| link.carrier(up).unwrap());
}

fn wait_for_link(scene: &Scene) {
    wait_until("a link", 10 * SECOND, || (!scene.status()["active_link"].is_null()).then_some(()));
}

pub(crate) fn an_upstream_that_never_answers_is_a_503(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let config = format!("{HOLD}{SOON}");
        let mut scene =
            Scene::new(sandbox, Setup { protocol, config, upstream: Upstream::None, ..quick() });
        let mute = scene.lab.upstream.run(|| TcpListener::bind((UPSTREAM_V4, 9000))).unwrap();
        wait_until("a connection", 10 * SECOND, || mute.accept().ok());
        let taken = spawn(move || mute.incoming().flatten().take(100).collect::<Vec<_>>());
        let before = scene.holdings();

        let file = scene.file("a.bin", MIB);
        for name in ["a.bin", "b.bin"] {
            let begun = now();
            let (status, text) = scene.finish(scene.curl(&file, name, &["-D", "-"]));
            assert_eq!(status, 503, "{text}\n{}", scene.agent.log());
            assert!(text.contains("Retry-After") && text.contains("try later"), "{text}");
            assert!(now() - begun < 4 * HELD, "{:?}", now() - begun);
        }
        scene.assert_nothing_leaked(before);
        assert!(scene.agent.is_running() && !taken.is_finished());
    }
}

/// A server is given up on as soon as the configuration allows.
const SOON: &str = "upstream.answer_timeout = \"1s\"\ntimeouts.min_timeout = \"1s\"\n";

pub(crate) fn an_upstream_that_stops_answering_in_the_middle_is_a_503(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let config = format!("{HOLD}{SOON}");
        let scene = Scene::new(sandbox, Setup { protocol, config, ..slow() });
        let before = scene.holdings();
        let file = scene.file("a.bin", 8 * MIB);
        let server = Pid::from_raw(scene.upstream.as_ref().unwrap().id().cast_signed());

        let curl = scene.curl(&file, "a.bin", &["-D", "-"]);
        wait_for_uploads(&scene, 1, MIB);
        kill(server, Signal::SIGSTOP).unwrap();
        let (status, text) = scene.finish(curl);
        kill(server, Signal::SIGCONT).unwrap();

        assert_eq!(status, 503, "{text}\n{}", scene.agent.log());
        assert!(text.contains("Retry-After") && text.contains("try later"), "{text}");
        assert!(!scene.stored("a.bin").exists());
        wait_for_link(&scene);
        scene.assert_goes_on(before);
    }
}

pub(crate) fn a_captive_portal_on_one_link_is_left_for_another(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let setup = Setup { protocol, upstream: Upstream::None, ..slow() };
        let scene = Scene::new(sandbox, setup);
        let (_server, captive) = serve_behind_portals(&scene);
        captive.store(1 << 1, Ordering::SeqCst);
        wait_for_link(&scene);
        let before = scene.holdings();
        let file = scene.file("a.bin", 4 * MIB);

        // From the start.
        let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));
        assert_eq!(status, 201, "{protocol}: {text}\n{}", scene.agent.log());
        scene.assert_stored(&file, "a.bin");
        let empty = put(&mut scene.raw(), "/empty", "");
        assert_eq!(empty.status, 201, "{empty:?}\n{}", scene.agent.log());
        assert!(scene.stored("empty").exists(), "success was told of a file that is not there");

        // The next link's session runs out in the middle.
        let curl = scene.curl(&file, "b.bin", &[]);
        wait_for_uploads(&scene, 1, MIB);
        captive.store(1 << 1 | 1 << 2, Ordering::SeqCst);
        let (status, text) = scene.finish(curl);
        assert_eq!(status, 201, "{protocol}: {text}\n{}", scene.agent.log());
        scene.assert_stored(&file, "b.bin");
        captive.store(0, Ordering::SeqCst);
        scene.assert_goes_on(before);
    }
}

pub(crate) fn a_captive_portal_on_every_link_never_counts_as_stored(sandbox: &Sandbox) {
    for protocol in ["tus", "put", "auto"] {
        let setup = Setup { protocol, config: HOLD.into(), upstream: Upstream::None, ..quick() };
        let scene = Scene::new(sandbox, setup);
        let (_server, captive) = serve_behind_portals(&scene);
        captive.store(0b1110, Ordering::SeqCst);
        let before = scene.holdings();

        for size in [0, 5, 100_000] {
            let body = "x".repeat(size);
            let said = put(&mut scene.raw(), &format!("/{size}"), &body);
            assert!(
                matches!(said.status, 502 | 503),
                "{protocol} {size}: {said:?}\n{}",
                scene.agent.log()
            );
            assert!(said.text.len() > 20, "{said:?}");
            assert!(!scene.stored(&size.to_string()).exists());
        }
        scene.assert_nothing_leaked(before);

        // The user logs in at the portal.
        captive.store(0, Ordering::SeqCst);
        wait_until("the upstream to be believed", 20 * SECOND, || {
            (put(&mut scene.raw(), "/in", "hello").status == 201).then_some(())
        });
        scene.assert_goes_on(before);
    }
}

/// `baton serve`, behind a portal on each link whose bit is set: it answers 200 to everything.
fn serve_behind_portals(scene: &Scene) -> (Process, Arc<AtomicU8>) {
    let mut command = scene.lab.upstream.command(baton().to_str().unwrap());
    command
        .args(["serve", "--listen", "203.0.113.10:9001", "--dir"])
        .arg(scene.dir().join("store"));
    command.arg("--secret-file").arg(scene.dir().join("secret"));
    let server = Process::start(&mut command, scene.dir().join("upstream.log")).unwrap();
    let upstream = &scene.lab.upstream;
    wait_until("the server", 10 * SECOND, || {
        upstream.run(|| TcpStream::connect((UPSTREAM_V4, 9001))).ok()
    });
    let captive = Arc::new(AtomicU8::new(0));
    let listener = upstream.run(|| TcpListener::bind((UPSTREAM_V4, 9000))).unwrap();
    let links = captive.clone();
    upstream.spawn_thread(move || {
        for client in listener.incoming().flatten() {
            let links = links.clone();
            spawn(move || cross_portal(client, &links));
        }
    });
    (server, captive)
}

/// One connection: to the server, for as long as its link is free.
fn cross_portal(client: TcpStream, captive: &AtomicU8) {
    let IpAddr::V4(from) = client.peer_addr().unwrap().ip() else { return };
    let is_captive = || captive.load(Ordering::SeqCst) & 1 << from.octets()[2] != 0;
    client.set_read_timeout(Some(SECOND / 20)).unwrap();
    if is_captive() {
        return welcome(client);
    }
    let Ok(server) = TcpStream::connect((UPSTREAM_V4, 9001)) else { return };
    server.set_read_timeout(Some(SECOND / 20)).unwrap();
    let (client, server) = (&client, &server);
    std::thread::scope(|scope| {
        scope.spawn(|| carry(client, server, is_captive));
        carry(server, client, is_captive);
    });
}

/// Carries bytes one way until an end, or until the link is captive: then both are cut.
fn carry(mut from: &TcpStream, mut to: &TcpStream, is_captive: impl Fn() -> bool) {
    let mut bytes = [0; 16 * 1024];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(n) if !is_captive() && to.write_all(&bytes[..n]).is_ok() => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && !is_captive() => {}
            Ok(_) | Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// 200 to every request, whatever it is; the page of a HEAD as long as an empty file.
fn welcome(mut client: TcpStream) {
    let (mut seen, mut bytes) = (Vec::new(), [0; 16 * 1024]);
    while let Ok(n @ 1..) = client.read(&mut bytes) {
        seen.extend_from_slice(&bytes[..n]);
        if seen.windows(4).any(|end| end == b"\r\n\r\n") {
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n";
            let _ = client.write_all(answer.as_bytes());
            seen.clear();
        }
    }
}
