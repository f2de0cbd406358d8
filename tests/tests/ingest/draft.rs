//! The IETF's resumable uploads from a client.

use crate::{MIB, ask, assert_stored, file, quick, send, settled};
use baton_lab::Sandbox;
use baton_tests::{Said, Scene, Setup};

const COMPLETE: &str = "Upload-Complete: ?1\r\n";
const INCOMPLETE: &str = "Upload-Complete: ?0\r\n";

pub(crate) fn a_draft_client_of_every_version_is_told_where_to_resume(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, Setup::default());
    let (path, bytes) = file(&scene, 4 * MIB);

    for version in [3, 5, 6, 8] {
        let name = format!("v{version}.bin");
        let (complete, version) = match version {
            3 => ("Upload-Incomplete: ?0\r\n", "Upload-Draft-Interop-Version: 3\r\n".to_owned()),
            _ => (COMPLETE, format!("Upload-Draft-Interop-Version: {version}\r\n")),
        };
        let mut client = scene.raw();
        let fields = format!("{version}{complete}");
        send(&mut client, format!("PUT /{name}"), &fields, bytes.len(), &bytes[..3_000_000]);
        let hint = client.any_answer();
        assert_eq!(hint.status, 104, "{hint:?}");
        let location = hint.field("location").unwrap().to_owned();
        if !version.contains('3') {
            let progress = client.any_answer();
            assert_eq!(progress.status, 104, "{progress:?}");
            let told: u64 = progress.field("upload-offset").unwrap().parse().unwrap();
            assert!(told > 0 && told <= 3_000_000, "{told}");
        }
        scene.lab.link("eth0").black_hole(true);
        drop(client);
        let told = settled(|| offset(&head(&scene, &location, &version)));
        assert!(told <= 3_000_000, "{told}");
        let rest = &bytes[told as usize..];
        let fields = format!("{version}{complete}{}", append_fields(told));
        let said = ask(&mut scene.raw(), format!("PATCH {location}"), &fields, rest);
        scene.lab.link("eth0").black_hole(false);

        assert_eq!(said.status, 201, "{said:?}\n{}", scene.agent.log());
        let done = head(&scene, &location, &version);
        let word = if version.contains('3') { "upload-incomplete" } else { "upload-complete" };
        let is = if version.contains('3') { "?0" } else { "?1" };
        assert_eq!((offset(&done), done.field(word)), (4 * MIB, Some(is)), "{done:?}");
        assert_stored(&scene, &path, &name);
    }
}

pub(crate) fn a_draft_client_creates_carefully_and_ends_later(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let scene = Scene::new(sandbox, Setup { protocol, ..quick() });
        let (path, bytes) = file(&scene, 2 * MIB);
        let named = "Content-Disposition: attachment; filename=\"a.bin\"\r\n";

        let said = ask(&mut scene.raw(), "POST /files/", &format!("{INCOMPLETE}{named}"), &[]);
        assert_eq!(said.status, 201, "{said:?}");
        assert_eq!(said.field("upload-complete"), Some("?0"), "{said:?}");
        let location = said.field("location").unwrap().to_owned();
        let (first, second) = bytes.split_at(700_000);
        let fields = format!("{INCOMPLETE}{}", append_fields(0));
        let said = ask(&mut scene.raw(), format!("PATCH {location}"), &fields, first);
        assert_eq!((said.status, offset(&said)), (204, 700_000), "{said:?}");
        let fields = format!("{COMPLETE}{}", append_fields(700_000));
        let said = ask(&mut scene.raw(), format!("PATCH {location}"), &fields, second);

        assert_eq!(said.status, 201, "{said:?}\n{}", scene.agent.log());
        assert_eq!(said.field("upload-complete"), Some("?1"), "{said:?}");
        assert_stored(&scene, &path, "a.bin");
    }
}

pub(crate) fn what_draft_clients_get_wrong_is_refused(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, quick());
    let before = scene.holdings();
    let fields = format!("{INCOMPLETE}Upload-Length: 10\r\n");
    let said = ask(&mut scene.raw(), "POST /a.bin", &fields, b"01234");
    assert_eq!((said.status, offset(&said)), (201, 5), "{said:?}");
    let location = said.field("location").unwrap().to_owned();
    let append = |fields: &str, bytes: &[u8]| {
        ask(&mut scene.raw(), format!("PATCH {location}"), fields, bytes)
    };

    for wrong in [0, 4, 6, 11] {
        let said = append(&format!("{INCOMPLETE}{}", append_fields(wrong)), b"x");
        assert_eq!((said.status, offset(&said)), (409, 5), "{wrong}: {said:?}");
        assert!(said.text.contains("mismatching-upload-offset"), "{said:?}");
    }
    let cases = [
        (format!("{COMPLETE}{}", append_fields(5)), &b"5"[..], 400),
        (format!("{INCOMPLETE}{}", append_fields(5)), b"567890", 413),
        (append_fields(5), b"5", 400),
        (format!("{INCOMPLETE}Upload-Offset: 5\r\n"), b"5", 415),
    ];
    for (fields, bytes, status) in cases {
        let said = append(&fields, bytes);
        assert_eq!(said.status, status, "{fields}: {said:?}");
    }
    for line in ["POST /../x", "PUT /a%2fb", "POST /files/", "POST /upload"] {
        let said = ask(&mut scene.raw(), line, COMPLETE, b"hello");
        assert_eq!(said.status, 400, "{line}: {said:?}");
    }
    let said = append(&format!("{COMPLETE}{}", append_fields(5)), b"56789");
    assert_eq!(said.status, 201, "{said:?}");
    let said = append(&format!("{COMPLETE}{}", append_fields(10)), b"");
    assert_eq!(said.status, 400, "{said:?}");
    assert_eq!(std::fs::read(scene.stored("a.bin")).unwrap(), b"0123456789");
    assert_eq!(ask(&mut scene.raw(), format!("DELETE {location}"), "", &[]).status, 204);
    assert_eq!(ask(&mut scene.raw(), format!("DELETE {location}"), "", &[]).status, 404);
    scene.assert_goes_on(before);
}

fn append_fields(offset: u64) -> String {
    format!("Content-Type: application/partial-upload\r\nUpload-Offset: {offset}\r\n")
}

fn head(scene: &Scene, location: &str, version: &str) -> Said {
    let said = ask(&mut scene.raw(), format!("HEAD {location}"), version, &[]);
    assert_eq!(said.status, 204, "{said:?}");
    said
}

fn offset(said: &Said) -> u64 {
    said.field("upload-offset").unwrap_or_else(|| panic!("{said:?}")).parse().unwrap()
}
