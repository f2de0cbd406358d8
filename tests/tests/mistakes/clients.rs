//! Clients that stop, dawdle or vanish.

use crate::{MIB, put, quick, slow, wait_for_uploads};
use baton_lab::{Sandbox, now};
use baton_tests::{Scene, Setup};
use core::time::Duration;
use std::thread::sleep;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn a_client_that_stops_in_the_middle_is_told_so(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let config = "timeouts.readtimeout = \"1s\"\n".to_owned();
        let scene = Scene::new(sandbox, Setup { protocol, config, ..quick() });
        let before = scene.holdings();

        let head = "PUT /half HTTP/1.1\r\nHost: agent\r\nContent-Length: 1000000\r\n\r\n";
        let mut clients: Vec<_> = (0..16).map(|_| scene.raw()).collect();
        for client in &mut clients {
            client.say(head).say(vec![7; 200_000]);
        }
        for client in &mut clients {
            let said = client.answer();
            assert_eq!(said.status, 408, "{said:?}\n{}", scene.agent.log());
            assert!(said.text.contains("send it again"), "{said:?}");
            assert!(client.is_closed());
        }

        assert!(!scene.stored("half").exists());
        assert_no_partials(&scene);
        scene.assert_goes_on(before);
    }
}

pub(crate) fn a_byte_a_second_is_served_and_holds_up_nobody(sandbox: &Sandbox) {
    let config = "timeouts.readtimeout = \"2s\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();
    let mut slow: Vec<_> = (0..8).map(|_| scene.raw()).collect();
    for (index, client) in slow.iter_mut().enumerate() {
        client
            .say(format!("PUT /slow{index} HTTP/1.1\r\nHost: agent\r\nContent-Length: 6\r\n\r\n"));
    }

    let file = scene.file("a.bin", 8 * MIB);
    let (begun, curl) = (now(), scene.curl(&file, "a.bin", &[]));
    for byte in ["s", "l", "o", "w"] {
        for client in &mut slow {
            client.say(byte);
        }
        sleep(SECOND);
    }
    let (status, text) = scene.finish(curl);
    assert_eq!(status, 201, "{text}");
    assert!(now() - begun < 5 * SECOND, "held up for {:?}", now() - begun);
    scene.assert_stored(&file, "a.bin");
    for byte in ["l", "y"] {
        for client in &mut slow {
            client.say(byte);
        }
        sleep(SECOND);
    }

    for (index, client) in slow.iter_mut().enumerate() {
        let said = client.answer();
        assert_eq!(said.status, 201, "{said:?}\n{}", scene.agent.log());
        assert_eq!(std::fs::read(scene.stored(&format!("slow{index}"))).unwrap(), b"slowly");
    }
    drop(slow);
    scene.assert_goes_on(before);
}

pub(crate) fn a_head_that_trickles_in_does_not_keep_a_seat(sandbox: &Sandbox) {
    let config = "timeouts.readtimeout = \"2s\"\nrelay.max_clients = 4\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();
    let mut seats: Vec<_> = (0..4).map(|_| scene.raw()).collect();
    for client in &mut seats {
        client.say("PUT /never HTTP/1.1\r\nX-Slow: ");
    }

    let file = scene.file("a.bin", MIB);
    let (begun, curl) = (now(), scene.curl(&file, "a.bin", &[]));
    for _ in 0..8 {
        sleep(SECOND / 2);
        for client in &mut seats {
            client.say("x");
        }
    }
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    assert!(now() - begun < 6 * SECOND, "waited {:?}", now() - begun);
    let said = seats[0].answer();
    assert_eq!(said.status, 408, "{said:?}");
    assert!(said.text.contains("readtimeout"), "{said:?}");
    drop(seats);
    scene.assert_goes_on(before);
}

pub(crate) fn a_client_that_vanishes_leaves_nothing_behind(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let scene = Scene::new(sandbox, Setup { protocol, ..slow() });
        let before = scene.holdings();
        let file = scene.file("a.bin", 8 * MIB);

        for round in 0..3 {
            let mut curls: Vec<_> =
                (0..4).map(|n| scene.curl(&file, &format!("{round}-{n}.bin"), &[])).collect();
            wait_for_uploads(&scene, 4, 100_000);
            for curl in &mut curls {
                curl.kill().unwrap();
                curl.wait().unwrap();
            }
        }

        scene.assert_nothing_leaked(before);
        assert_no_partials(&scene);
        scene.assert_goes_on(before);
    }
}

/// What will never be finished does not fill the upstream's disk: its bytes are in `ID.data`. An
/// upload whose creation was not answered yet has none, and is left to expire.
pub(crate) fn assert_no_partials(scene: &Scene) {
    let end = now() + 10 * SECOND;
    loop {
        let entries = std::fs::read_dir(scene.stored(".baton")).unwrap().flatten();
        let left: Vec<_> = entries
            .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len())))
            .filter(|(path, size)| *size > 0 && path.extension() == Some("data".as_ref()))
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(now() < end, "left upstream: {left:?}\n{}", scene.agent.log());
        sleep(SECOND / 20);
    }
}

pub(crate) fn a_client_that_takes_nothing_of_its_answer_is_let_go(sandbox: &Sandbox) {
    let config = "timeouts.readtimeout = \"1s\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();
    let file = scene.file("large.bin", 16 * MIB);
    std::fs::copy(&file, scene.stored("large.bin")).unwrap();

    let mut clients: Vec<_> = (0..8).map(|_| scene.raw()).collect();
    for client in &mut clients {
        client.say("GET /large.bin HTTP/1.1\r\nHost: agent\r\n\r\n");
    }

    scene.assert_nothing_leaked(before);
    assert_eq!(put(&mut scene.raw(), "/a", "hello").status, 201);
    drop(clients);
    scene.assert_goes_on(before);
}
