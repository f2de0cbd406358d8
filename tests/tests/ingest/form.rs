//! Forms from browsers, and from who knows hmac-file-server's `/upload`.

use crate::{MIB, ask, assert_stored, file, quick};
use baton_lab::Sandbox;
use baton_tests::{Scene, Setup};
use serde_json::Value;
use std::process::Stdio;

pub(crate) fn a_form_brings_a_file_over_a_lost_link(sandbox: &Sandbox) {
    for protocol in ["tus", "put"] {
        let scene = Scene::new(sandbox, Setup { protocol, ..Setup::default() });
        let (path, bytes) = file(&scene, 6 * MIB);

        let field = format!("file=@{};filename=a b.bin;type=image/jpeg", path.display());
        let mut curl = scene.lab.lan.command("curl");
        curl.args(["--silent", "--max-time", "60", "-F", "note=a word", "-F"]).arg(field);
        let curl = curl.arg("http://192.168.1.1:8080/upload").stdout(Stdio::piped());
        let curl = curl.spawn().unwrap();
        scene.wait_for_bytes(2 * MIB);
        scene.lab.link("eth0").carrier(false).unwrap();
        let said = curl.wait_with_output().unwrap().stdout;

        let receipt: Value = serde_json::from_slice(&said).unwrap_or_else(|error| {
            panic!("{error}: {}\n{}", String::from_utf8_lossy(&said), scene.agent.log())
        });
        let told = (&receipt["success"], &receipt["filename"], &receipt["size"]);
        assert_eq!(told, (&true.into(), &"a b.bin".into(), &bytes.len().into()), "{receipt}");
        assert!(receipt["duration"].is_string(), "{receipt}");
        assert_stored(&scene, &path, "a b.bin");
    }
}

pub(crate) fn who_knows_the_secret_may_post_where_tokens_are_wanted(sandbox: &Sandbox) {
    let config = "relay.auth = \"token\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let signature = baton_core::token::signature(b"a secret of the lab", "/upload");

    let body = form(&[("file", Some("a.bin"), "hello")]);
    let wrong = "0".repeat(64);
    for (signature, status) in [(wrong.as_str(), 403), (signature.as_str(), 200)] {
        let fields = format!("{TYPE}X-Signature: {signature}\r\n");
        let said = ask(&mut scene.raw(), "POST /upload", &fields, &body);
        assert_eq!(said.status, status, "{said:?}");
    }
    assert_eq!(ask(&mut scene.raw(), "POST /upload", TYPE, &body).status, 403);

    assert_eq!(std::fs::read(scene.stored("a.bin")).unwrap(), b"hello");
}

pub(crate) fn what_is_wrong_with_a_form_is_said(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, quick());
    let before = scene.holdings();
    let whole = form(&[("file", Some("a.bin"), "hello")]);
    let named = |name| form(&[("file", Some(name), "hello")]);
    let cases = [
        ("Content-Type: text/plain\r\n", whole.clone(), 415, "multipart"),
        ("Content-Type: multipart/form-data\r\n", whole.clone(), 415, "boundary"),
        ("", whole.clone(), 415, "multipart"),
        (TYPE, whole[..whole.len() - 8].to_vec(), 400, "early"),
        (TYPE, Vec::new(), 400, "early"),
        (TYPE, form(&[("other", Some("a.bin"), "hello")]), 400, "file"),
        (TYPE, form(&[("file", None, "hello")]), 400, "name"),
        (TYPE, form(&[("file", Some("a"), "1"), ("file", Some("b"), "2")]), 400, "itself"),
        (TYPE, named("../../x"), 400, "dot"),
        (TYPE, named("/etc/x"), 400, "empty"),
        (TYPE, named(""), 400, "empty"),
    ];
    for (fields, body, status, text) in cases {
        let said = ask(&mut scene.raw(), "POST /upload", fields, &body);
        assert_eq!(said.status, status, "{}: {said:?}", String::from_utf8_lossy(&body));
        assert!(said.text.contains(text), "{said:?}");
    }
    assert!(!scene.stored("a.bin").exists());
    assert_eq!(ask(&mut scene.raw(), "POST /upload", TYPE, &whole).status, 200);
    scene.assert_goes_on(before);
}

const TYPE: &str = "Content-Type: multipart/form-data; boundary=xyz\r\n";

fn form(parts: &[(&str, Option<&str>, &str)]) -> Vec<u8> {
    let part = |(name, filename, text): &(&str, Option<&str>, &str)| {
        let filename = filename.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n{text}\r\n"
        )
    };
    let parts: String = parts.iter().map(part).collect();
    (parts + "--xyz--\r\n").into_bytes()
}
