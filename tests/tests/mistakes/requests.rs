//! Requests that are wrong: tokens, names, lengths.

use crate::{put, quick};
use baton_lab::{Sandbox, UPSTREAM_V4};
use baton_tests::{Raw, Said, Scene, Setup, baton};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

pub(crate) fn tokens_that_do_not_fit_are_refused_and_say_what_to_do(sandbox: &Sandbox) {
    let config = "logging.level = \"trace\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();

    for Bad { what, query, server } in bad_tokens(&scene) {
        let target = format!("/a.txt?{query}");

        let agent = put(&mut scene.raw(), &target, "hello");
        assert_eq!(agent.status, 403, "{what}: {agent:?}\n{}", scene.agent.log());
        assert!(agent.text.contains("the token that came with it"), "{what}: {agent:?}");

        let direct = put(&mut to_server(&scene), &target, "hello");
        assert_eq!(direct.status, 403, "{what}: {direct:?}");
        assert!(direct.text.contains(server), "{what}: {direct:?}");
    }
    assert!(!scene.stored("a.txt").exists());

    let good = good_tokens(&scene);
    for (index, query) in good.iter().enumerate() {
        let said = put(&mut scene.raw(), &format!("/good{index}.txt?{query}"), "hello");
        assert_eq!(said.status, 201, "{said:?}");
    }
    let logs = scene.agent.log() + &scene.upstream.as_ref().unwrap().log();
    for token in good.iter().map(|query| token_of(query)).chain(["a secret of the lab"]) {
        assert!(!logs.contains(token), "{token} is in a log");
    }
    scene.assert_goes_on(before);
}

pub(crate) fn an_agent_that_wants_tokens_refuses_bad_ones_itself(sandbox: &Sandbox) {
    let config = "relay.auth = \"token\"\nrelay.listen = \"0.0.0.0:8080\"\n".to_owned();
    let mut scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();
    let (bad, good) = (bad_tokens(&scene), good_tokens(&scene));
    scene.kill_upstream();

    for Bad { what, query, .. } in bad {
        let said = put(&mut scene.raw(), &format!("/a.txt?{query}"), "hello");
        assert_eq!(said.status, 403, "{what}: {said:?}");
        assert!(said.text.contains("token"), "{what}: {said:?}");
    }
    let bare = put(&mut scene.raw(), "/a.txt", "hello");
    assert_eq!(bare.status, 403, "{bare:?}");
    assert!(bare.text.contains("auth"), "{bare:?}");

    scene.start_upstream();
    for (index, query) in good.iter().enumerate() {
        let said = put(&mut scene.raw(), &format!("/good{index}.txt?{query}"), "hello");
        assert_eq!(said.status, 201, "{said:?}");
    }
    // A token is what lets a stranger in, who comes from a WAN.
    let stranger = || Raw::connect(&scene.lab.upstream, ([10, 0, 1, 2], 8080).into());
    assert_eq!(put(&mut stranger(), "/good0.txt", "hello").status, 403);
    assert_eq!(put(&mut stranger(), &format!("/good0.txt?{}", good[0]), "hello").status, 201);
    // What does not say its length is taken on the word of the one token that signs none.
    for (index, (query, status)) in good.iter().zip([411, 411, 411, 201]).enumerate() {
        let said = put_chunked(&mut scene.raw(), &format!("/good{index}.txt?{query}"), "hello");
        assert_eq!(said.status, status, "{said:?}");
    }
    scene.assert_nothing_leaked(before);
}

/// A PUT that does not say how long it is.
fn put_chunked(client: &mut Raw, target: &str, body: &str) -> Said {
    let length = body.len();
    client.say(format!(
        "PUT {target} HTTP/1.1\r\nHost: agent\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    ));
    client.answer()
}

/// A token that is no good.
struct Bad {
    what: &'static str,
    query: String,
    /// What the server says of it.
    server: &'static str,
}

fn bad_tokens(scene: &Scene) -> Vec<Bad> {
    let other = scene.dir().join("other-secret");
    std::fs::write(&other, "another secret\n").unwrap();
    let own = &scene.dir().join("secret");
    let v2 = token(own, &["--scheme", "v2", "--path", "a.txt", "--size", "5"]);
    let v3 = token(own, &["--scheme", "v3", "--path", "a.txt", "--expires", "+300"]);
    let cut = |text: &str, by: usize| text[..text.len() - by].to_owned();
    let (wrong, expired) = ("does not match", "has expired");
    let bad = |what, query, server| Bad { what, query, server };
    vec![
        bad("another secret", token(&other, &["--path", "a.txt", "--size", "5"]), wrong),
        bad("another name", token(own, &["--path", "b.txt", "--size", "5"]), wrong),
        bad("another length", token(own, &["--path", "a.txt", "--size", "6"]), wrong),
        bad(
            "another type",
            token(own, &["--path", "a.txt", "--size", "5", "--type", "a/b"]),
            wrong,
        ),
        bad("half a token", cut(&v2, 32), wrong),
        bad("a token but for one digit", cut(&v2, 1), wrong),
        bad("an empty token", "v2=".into(), wrong),
        bad("no digits", format!("v2={}", "g".repeat(64)), wrong),
        bad("a token of another scheme", v2.replace("v2=", "v="), wrong),
        bad(
            "expired",
            token(own, &["--scheme", "v3", "--path", "a.txt", "--expires", "1000000000"]),
            expired,
        ),
        bad("a later end than was signed", format!("{v3}0"), wrong),
        bad("no end", v3.split('&').next().unwrap().to_owned(), wrong),
        bad("an end that is no number", format!("{}&expires=soon", token_pair(&v3)), wrong),
    ]
}

/// Tokens of every scheme, for five bytes as `good0.txt` and so on.
fn good_tokens(scene: &Scene) -> Vec<String> {
    let own = &scene.dir().join("secret");
    let more = [&["--size", "5"][..], &["--size", "5"], &["--size", "5"], &["--expires", "+300"]];
    let schemes = ["v", "v2", "token", "v3"].into_iter().zip(more);
    let make = |(index, (scheme, more)): (usize, (&str, &[&str]))| {
        let path = format!("good{index}.txt");
        token(own, &[&["--scheme", scheme, "--path", &path], more].concat())
    };
    schemes.enumerate().map(make).collect()
}

fn token(secret: &Path, args: &[&str]) -> String {
    let mut command = Command::new(baton());
    command.args(["token", "make", "--secret-file"]).arg(secret).args(args);
    if !args.contains(&"--type") {
        command.args(["--type", "application/octet-stream"]);
    }
    let out = command.output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn token_pair(query: &str) -> &str {
    query.split('&').next().unwrap()
}

fn token_of(query: &str) -> &str {
    token_pair(query).split_once('=').unwrap().1
}

pub(crate) fn names_that_play_tricks_reach_no_file(sandbox: &Sandbox) {
    let scene = Scene::new(sandbox, quick());
    let before = scene.holdings();
    let files = files_below(scene.dir());
    let (long_name, long_part) = ("x/".repeat(512) + "x", "x".repeat(256));
    let (longer_head, longest) = ("x".repeat(5000), "x".repeat(9000));
    let tricks = [
        ("/..", 400),
        ("/../escaped", 400),
        ("/a/../../escaped", 400),
        ("/./escaped", 400),
        ("/%2e%2e/escaped", 400),
        ("/%2E./escaped", 400),
        ("/..%2fescaped", 400),
        ("/..%5cescaped/../x", 400),
        ("/a%2Fb", 400),
        ("/%c0%ae%c0%ae/escaped", 400),
        ("/%ff", 400),
        ("/a%", 400),
        ("/a%00.jpg", 400),
        ("/a%0d%0aX-Injected:%20yes", 400),
        ("//etc/escaped", 400),
        ("/a//b", 400),
        ("/a/", 400),
        ("*", 400),
        (&*format!("/{long_name}"), 414),
        (&*format!("/{long_part}"), 400),
        (&*format!("/{longer_head}"), 414),
        (&*format!("/{longest}"), 414),
    ];

    for (path, status) in tricks {
        let said = put(&mut scene.raw(), path, "hello");
        assert_eq!(said.status, status, "PUT {path:.80}: {said:?}\n{}", scene.agent.log());
        let names_it = ["path", "name", "target", "http"].map(|word| said.text.contains(word));
        assert!(names_it.contains(&true), "PUT {path:.80}: {said:?}");
        assert!(said.field("X-Injected").is_none(), "PUT {path:.80}: {said:?}");

        let mut client = scene.raw();
        client.say(format!("GET {path} HTTP/1.1\r\nHost: agent\r\n\r\n"));
        let said = client.answer();
        assert!((400..500).contains(&said.status), "GET {path:.80}: {said:?}");

        let query = "v2=00";
        let said = put(&mut to_server(&scene), &format!("{path}?{query}"), "hello");
        assert!((400..500).contains(&said.status), "direct {path:.80}: {said:?}");
    }
    // Baton's own folder in the store.
    let said = put(&mut scene.raw(), "/.baton/lock", "hello");
    assert!((400..500).contains(&said.status), "{said:?}");

    assert_eq!(files_below(scene.dir()), files);
    assert!(!Path::new("/etc/escaped").exists() && !Path::new("/tmp/escaped").exists());
    // What only looks like a trick is a name.
    let said = put(&mut scene.raw(), "/..a/b..%20%C3%A4", "hello");
    assert_eq!(said.status, 201, "{said:?}");
    assert_eq!(std::fs::read(scene.stored("..a/b.. ä")).unwrap(), b"hello");
    scene.assert_goes_on(before);
}

fn files_below(dir: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        names.insert(path.display().to_string());
        if path.is_dir() {
            names.extend(files_below(&path));
        }
    }
    names
}

pub(crate) fn bodies_that_are_not_as_long_as_they_claim_are_refused(sandbox: &Sandbox) {
    let config = "timeouts.readtimeout = \"2s\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();
    let put = "PUT /lie HTTP/1.1\r\nHost: agent\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let cases = [
        (format!("{put}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), 400, "length"),
        (format!("{put}Content-Length: 5\r\n{chunked}\r\n5\r\nhello\r\n0\r\n\r\n"), 400, "length"),
        (format!("{put}Content-Length: -5\r\n\r\nhello"), 400, "length"),
        (format!("{put}Content-Length: 5x\r\n\r\nhello"), 400, "length"),
        (format!("{put}Content-Length: +5\r\n\r\nhello"), 400, "length"),
        (format!("{put}Content-Length: 5, 5\r\n\r\nhello"), 400, "length"),
        (format!("{put}Content-Length: 18446744073709551616\r\n\r\nhello"), 400, "length"),
        (format!("{put}Content-Length: 18446744073709551615\r\n\r\nhello"), 413, "larger"),
        (format!("{put}Transfer-Encoding: gzip, chunked\r\n\r\n"), 501, "coding"),
        (format!("{put}{chunked}\r\nfive\r\nhello\r\n0\r\n\r\n"), 400, "chunk"),
        (format!("{put}{chunked}\r\n5\r\nhello, world\r\n0\r\n\r\n"), 400, "chunk"),
        (format!("{put}{chunked}\r\n{}\r\nhello", "F".repeat(17)), 400, "chunk"),
        (format!("{put}{chunked}\r\nFFFFFFFFFFFFFFFF\r\n{}", "x".repeat(50_000)), 408, "again"),
        (format!("{put}Content-Length: 5\r\nExpect: 200-ok\r\n\r\nhello"), 417, "expectation"),
        ("PUT /lie HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello".to_owned(), 400, "http"),
        (format!("{put}X: {}\r\n\r\n", "x".repeat(9000)), 431, "head"),
        ("PUT /lie HTTP/2.0\r\nHost: agent\r\n\r\n".to_owned(), 505, "version"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03".to_owned(), 400, "http"),
        ("DELETE /lie HTTP/1.1\r\nHost: agent\r\n\r\n".to_owned(), 405, "PUT"),
    ];

    for (request, status, text) in cases {
        let mut client = scene.raw();
        let said = client.say(&request).answer();
        assert_eq!(said.status, status, "{request:.120}: {said:?}\n{}", scene.agent.log());
        assert!(said.text.contains(text), "{request:.120}: {said:?}");
    }
    assert!(!scene.stored("lie").exists());

    // More than it claimed is the next request, and none that makes sense.
    let mut client = scene.raw();
    client.say(format!("{put}Content-Length: 5\r\n\r\nhello, and more of it\r\n\r\n"));
    assert_eq!(client.answer().status, 201);
    assert_eq!(client.answer().status, 400);
    assert!(client.is_closed());
    assert_eq!(std::fs::read(scene.stored("lie")).unwrap(), b"hello");
    scene.assert_goes_on(before);
}

pub(crate) fn an_early_no_is_heard_by_a_client_that_is_still_sending(sandbox: &Sandbox) {
    let config = "uploads.allowed_extensions = \"jpg\"\n".to_owned();
    let scene = Scene::new(sandbox, Setup { config, ..quick() });
    let before = scene.holdings();
    let sizes = [100_000, 3_000_000, 30_000_000];
    let lengths = sizes.map(|size| (size, format!("Content-Length: {size}\r\n\r\n"), size));
    let chunks = sizes
        .map(|size| (size, format!("Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n"), size + 2));

    for (size, framing, rest) in lengths.into_iter().chain(chunks) {
        let mut client = scene.raw();
        client.say(format!("PUT /a.exe HTTP/1.1\r\nHost: agent\r\n{framing}"));
        let said = client.say(vec![7; rest]).answer();
        assert_eq!(said.status, 400, "{size}: {said:?}");
        assert!(said.text.contains("allowed_extensions"), "{size}: {said:?}");
        assert!(client.is_closed(), "{size}: a second answer");
    }
    let (file, expect) = (scene.file("a.bin", 20_000_000), ["-H", "Expect:"]);
    let (status, text) = scene.finish(scene.curl(&file, "a.exe", &expect));
    assert_eq!(status, 400, "{text}");
    let said = put(&mut scene.raw(), "/a.jpg", "hello");
    assert_eq!(said.status, 201, "{said:?}");
    scene.assert_nothing_leaked(before);
}

fn to_server(scene: &Scene) -> Raw {
    Raw::connect(&scene.lab.gateway, (UPSTREAM_V4, 9000).into())
}
