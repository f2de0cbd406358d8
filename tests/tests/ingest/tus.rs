//! tus 1.0 from a client.

use crate::{MIB, ask, assert_stored, file, quick, send, settled};
use baton_lab::Sandbox;
use baton_tests::{Raw, Said, Scene, Setup, wait_until};
use core::time::Duration;

const TUS: &str = "Tus-Resumable: 1.0.0\r\n";

/// `filename` and `a.bin`, as tus has them.
const NAMED: &str = "Upload-Metadata: filename YS5iaW4=\r\n";

pub(crate) fn a_tus_client_that_was_cut_goes_on_over_a_lost_link(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup::default());
    let (path, bytes) = file(&scene, 8 * MIB);
    let location = create(&mut scene.raw(), &format!("Upload-Length: {}\r\n{NAMED}", bytes.len()));

    let mut client = scene.raw();
    start_patch(&mut client, &location, 0, &bytes, bytes.len() / 2);
    scene.wait_for_bytes(2 * MIB);
    scene.lab.link("eth0").carrier(false).unwrap();
    scene.wait_for_bytes(3 * MIB);
    drop(client);
    let offset = settled(|| offset(&scene, &location));
    assert!((3 * MIB..=4 * MIB).contains(&offset), "{offset}");
    let said = patch(&mut scene.raw(), &location, offset, &bytes[offset as usize..]);

    assert_eq!(said.status, 204, "{said:?}\n{}", scene.agent.log());
    assert_eq!(said.field("upload-offset"), Some(bytes.len().to_string().as_str()));
    assert_eq!(self::offset(&scene, &location), 8 * MIB);
    assert_stored(&scene, &path, "a.bin");
}

pub(crate) fn a_tus_upload_is_whole_only_once_the_upstream_has_it(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, quick());
    let (path, bytes) = file(&scene, 100_000);
    let location = create(&mut scene.raw(), &format!("Upload-Length: 100000\r\n{NAMED}"));

    // Nobody answers, and the agent holds all of it.
    for name in ["eth0", "wlan0", "wwan0"] {
        scene.lab.link(name).black_hole(true);
    }
    let mut first = scene.raw();
    start_patch(&mut first, &location, 0, &bytes, bytes.len());
    wait_until("all of it is held", Duration::from_secs(5), || {
        (offset(&scene, &location) == 99_999).then_some(())
    });
    drop(first);
    let mut second = scene.raw();
    start_patch(&mut second, &location, 99_999, &bytes[99_999..], 1);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(offset(&scene, &location), 99_999);
    assert!(!scene.stored("a.bin").exists());
    for name in ["eth0", "wlan0", "wwan0"] {
        scene.lab.link(name).black_hole(false);
    }

    let said = second.answer();
    assert_eq!(said.status, 204, "{said:?}\n{}", scene.agent.log());
    assert_eq!(offset(&scene, &location), 100_000);
    assert_stored(&scene, &path, "a.bin");
}

pub(crate) fn a_tus_length_may_come_late_and_not_be_too_small(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let scene = Scene::new(sandbox, Setup { protocol, ..quick() });
        let (path, bytes) = file(&scene, 3 * MIB);
        let (head, tail) = bytes.split_at(2_000_000);
        let mut client = scene.raw();
        let location = create(&mut client, &format!("Upload-Defer-Length: 1\r\n{NAMED}"));

        let said = patch(&mut client, &location, 0, head);
        assert_eq!(said.status, 204, "{said:?}");
        let head = ask(&mut client, format!("HEAD {location}"), TUS, &[]);
        assert_eq!(head.field("upload-offset"), Some("2000000"), "{head:?}");
        assert_eq!(head.field("upload-defer-length"), Some("1"), "{head:?}");
        let declare = |length: u64, more: &[u8]| {
            let fields = format!("{}Upload-Length: {length}\r\n", patch_fields(2_000_000));
            ask(&mut scene.raw(), format!("PATCH {location}"), &fields, more)
        };
        for small in [0, 1_999_999] {
            let said = declare(small, &[]);
            assert_eq!(said.status, 400, "{small}: {said:?}");
        }
        let said = declare(3 * MIB, tail);
        assert_eq!(said.status, 204, "{said:?}\n{}", scene.agent.log());
        assert_stored(&scene, &path, "a.bin");
    }
}

pub(crate) fn a_tus_upload_is_given_up_here_and_upstream(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, quick());
    let (_, bytes) = file(&scene, MIB);
    let before = scene.holdings();
    let mut client = scene.raw();
    let location = create(&mut client, &format!("Upload-Length: {MIB}\r\n{NAMED}"));
    assert_eq!(patch(&mut client, &location, 0, &bytes[..500_000]).status, 204);
    wait_until("the upstream has it", Duration::from_secs(5), || {
        (scene.stored_bytes() == 500_000).then_some(())
    });

    assert_eq!(ask(&mut client, format!("DELETE {location}"), TUS, &[]).status, 204);

    assert_eq!(ask(&mut client, format!("HEAD {location}"), TUS, &[]).status, 404);
    assert_eq!(patch(&mut client, &location, 500_000, &bytes[500_000..]).status, 404);
    wait_until("the upstream forgets it", Duration::from_secs(5), || {
        (scene.stored_bytes() < 500_000).then_some(())
    });
    drop(client);
    scene.assert_nothing_leaked(before);
}

pub(crate) fn a_tus_upload_is_forgotten_by_a_restart_and_begun_again(sandbox: &Sandbox) {
    let mut scene = Scene::new(sandbox, quick());
    let (path, bytes) = file(&scene, MIB);
    let fields = format!("Upload-Length: {MIB}\r\n{NAMED}");
    let location = create(&mut scene.raw(), &fields);
    assert_eq!(patch(&mut scene.raw(), &location, 0, &bytes[..500_000]).status, 204);

    scene.restart_agent();

    assert_eq!(ask(&mut scene.raw(), format!("HEAD {location}"), TUS, &[]).status, 404);
    let location = create(&mut scene.raw(), &fields);
    assert_eq!(patch(&mut scene.raw(), &location, 0, &bytes).status, 204);
    assert_stored(&scene, &path, "a.bin");
}

pub(crate) fn a_tus_upload_that_nobody_comes_back_to_expires(sandbox: &Sandbox) {
    let config = "uploads.sessiontimeout = \"1s\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let (_, bytes) = file(&scene, MIB);
    let before = scene.holdings();
    for fields in ["Upload-Length: 1048576\r\n", "Upload-Defer-Length: 1\r\n"] {
        let location = create(&mut scene.raw(), &format!("{fields}{NAMED}"));
        assert_eq!(patch(&mut scene.raw(), &location, 0, &bytes[..500_000]).status, 204);

        std::thread::sleep(Duration::from_secs(4));

        assert_eq!(ask(&mut scene.raw(), format!("HEAD {location}"), TUS, &[]).status, 404);
    }
    scene.assert_nothing_leaked(before);
}

pub(crate) fn what_tus_clients_get_wrong_is_refused(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, quick());
    let before = scene.holdings();
    let mut client = scene.raw();
    let location = create(&mut client, &format!("Upload-Length: 10\r\n{NAMED}"));
    assert_eq!(patch(&mut client, &location, 0, b"01234").status, 204);

    for wrong in [0, 4, 6, 10, 11, u64::MAX] {
        let said = patch(&mut scene.raw(), &location, wrong, b"x");
        assert_eq!(said.status, 409, "{wrong}: {said:?}");
        assert_eq!(said.field("upload-offset"), Some("5"), "{wrong}: {said:?}");
    }
    assert_eq!(patch(&mut scene.raw(), &location, 5, b"567890").status, 413);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n6\r\n567890\r\n0\r\n\r\n";
    let mut long = scene.raw();
    long.say(format!("PATCH {location} HTTP/1.1\r\nHost: agent\r\n{}{chunked}", patch_fields(5)));
    assert_eq!(long.answer().status, 413);
    let later = format!("{}Upload-Length: 11\r\n", patch_fields(5));
    assert_eq!(ask(&mut scene.raw(), format!("PATCH {location}"), &later, b"5").status, 400);

    let named = |name: &str| format!("Upload-Length: 5\r\nUpload-Metadata: filename {name}\r\n");
    // ../../x, /etc/x, "", a//b
    for name in ["Li4vLi4veA==", "L2V0Yy94", "", "YS8vYg=="] {
        let said = post(&mut scene.raw(), &named(name));
        assert_eq!(said.status, 400, "{name}: {said:?}");
    }
    let cases = [
        ("POST /files/", "Upload-Length: 5\r\n", 412),
        ("POST /files/", "Tus-Resumable: 0.2.2\r\nUpload-Length: 5\r\n", 412),
        ("POST /files/", "Tus-Resumable: 1.0.0\r\nUpload-Length: 5\r\n", 400),
        ("POST /files/", "Tus-Resumable: 1.0.0\r\nUpload-Length: -5\r\n", 400),
        ("HEAD /files/0123456789abcdef0123456789abcdef", TUS, 404),
        ("HEAD /files/../x", TUS, 404),
        ("DELETE /files/0123456789abcdef0123456789abcdef", TUS, 404),
    ];
    for (line, fields, status) in cases {
        let said = ask(&mut scene.raw(), line, fields, &[]);
        assert_eq!(said.status, status, "{line} {fields}: {said:?}");
    }

    assert_eq!(patch(&mut client, &location, 5, b"56789").status, 204);
    assert_eq!(std::fs::read(scene.stored("a.bin")).unwrap(), b"0123456789");
    drop(client);
    scene.assert_goes_on(before);
}

fn post(client: &mut Raw, fields: &str) -> Said {
    ask(client, "POST /files/", &format!("{TUS}{fields}"), &[])
}

/// The address of a new upload.
fn create(client: &mut Raw, fields: &str) -> String {
    let said = post(client, fields);
    assert_eq!(said.status, 201, "{said:?}");
    said.field("location").unwrap().to_owned()
}

fn patch_fields(offset: u64) -> String {
    format!("{TUS}Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n")
}

fn patch(client: &mut Raw, location: &str, offset: u64, bytes: &[u8]) -> Said {
    ask(client, format!("PATCH {location}"), &patch_fields(offset), bytes)
}

/// Sends the first `count` of the bytes that it announces.
fn start_patch(client: &mut Raw, location: &str, offset: u64, bytes: &[u8], count: usize) {
    let fields = patch_fields(offset);
    send(client, format!("PATCH {location}"), &fields, bytes.len(), &bytes[..count]);
}

fn offset(scene: &Scene, location: &str) -> u64 {
    let said = ask(&mut scene.raw(), format!("HEAD {location}"), TUS, &[]);
    assert_eq!(said.status, 200, "{said:?}");
    said.field("upload-offset").unwrap().parse().unwrap()
}
