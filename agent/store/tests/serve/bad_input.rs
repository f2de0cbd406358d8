use crate::support::*;
use baton_core::token::{self, Claim, Scheme};
use std::os::unix::fs::symlink;

#[test]
fn wrong_truncated_expired_and_missing_tokens_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    let right = v2("f", 5);
    let past = Claim { expires: 1_000_000_000, ..claim("f", 5) };
    let expired = token::make(SECRET, Scheme::V3, &past);
    let other_secret = token::make(b"other", Scheme::V2, &claim("f", 5));
    let queries = [
        String::new(),
        "v2=".to_owned(),
        "v9=00".to_owned(),
        right[..right.len() - 1].to_owned(),
        v2("f", 6),
        v2("g", 5),
        format!("v2={}", other_secret.as_str()),
        format!("v3={}&expires=1000000000", expired.as_str()),
        format!("v3={}&expires={LATER}", expired.as_str()),
    ];

    for query in queries {
        client.request(&format!("PUT /f?{query}"), &[], b"hello").assert_refused(403);
        let headers = [TUS, ("Upload-Length", "5"), ("Upload-Metadata", &metadata("f"))];
        client.request(&format!("POST /files/?{query}"), &headers, b"").assert_refused(403);
    }

    assert_eq!(server.stored("f"), None);
    assert!(server.work_files().is_empty());
    assert_eq!(client.request(&put_line("f", 5), &[], b"hello").status, 201, "it goes on");
}

#[test]
fn names_that_would_leave_the_folder_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    let long = "x".repeat(256);
    let longer = format!("{}x", "x/".repeat(600));
    let names = [
        ("", "", 400),
        ("../x", "../x", 400),
        ("a/../../x", "a/../../x", 400),
        ("%2e%2e/x", "../x", 400),
        ("..%2fx", "../x", 400),
        ("a%2fb", "a/b", 400),
        ("a%00b", "a\0b", 400),
        ("a%0ab", "a\nb", 400),
        ("a//b", "a//b", 400),
        ("a/", "a/", 400),
        ("%ff", "\u{ff}", 400),
        (".baton/x", ".baton/x", 400),
        (".BATON/x", ".BATON/x", 400),
        (long.as_str(), long.as_str(), 400),
        (longer.as_str(), longer.as_str(), 414),
    ];

    for (encoded, name, status) in names {
        let line = format!("PUT /{encoded}?{}", v2(name, 1));
        client.request(&line, &[], b"x").assert_refused(status);
        let got = client.ask(&format!("GET /{encoded}"), &[]);
        got.assert_refused(status);
        // In metadata a slash and any letter are what they are.
        if !["%ff", "a%2fb"].contains(&encoded) {
            try_create(&mut client, name, 1).assert_refused(400);
        }
    }

    let outside: Vec<_> = std::fs::read_dir(server.dir()).unwrap().collect();
    assert_eq!(outside.len(), 1, "nothing but the work folder: {outside:?}");
}

#[test]
fn the_work_folder_can_not_be_reached() {
    let server = Server::start();
    let mut client = server.client();
    let upload = create(&mut client, "f", Some(5));
    let id = upload.strip_prefix("/files/").unwrap();
    assert!(server.work_files().contains(&format!("{id}.info")));

    for path in [
        format!("/.baton/{id}.info"),
        format!("/%2ebaton/{id}.data"),
        format!("/x/../.baton/{id}.data"),
        format!("//.baton/{id}.data"),
    ] {
        client.ask(&format!("GET {path}"), &[]).assert_refused(400);
    }
    for path in ["/files/x", "/files/../f", &format!("/files/{id}.info"), &format!("/files/{id}/")]
    {
        assert_eq!(client.ask(&format!("HEAD {path}"), &[TUS]).status, 404, "{path}");
    }
}

#[test]
fn links_in_the_folder_lead_nowhere() {
    let server = Server::start();
    let mut client = server.client();
    symlink("/etc", server.dir().join("etc")).unwrap();
    symlink("/etc/passwd", server.dir().join("passwd")).unwrap();

    client.ask("GET /etc/passwd", &[]).assert_refused(404);
    client.ask("GET /passwd", &[]).assert_refused(404);
    client.request(&put_line("etc/x", 1), &[], b"x").assert_refused(409);
    client.request(&put_line("passwd", 1), &[], b"x").assert_refused(409);
    try_create(&mut client, "etc/x", 1).assert_refused(409);
}

#[test]
fn a_content_length_that_lies_stores_nothing() {
    let server = Server::start();

    let mut short = server.client();
    short
        .send(head(&put_line("f", 10), &[("Content-Length", "10")]))
        .send("hello")
        .finish_sending();
    assert!(short.is_closed());
    let mut twice = server.client();
    twice.send(head(&put_line("f", 5), &[("Content-Length", "5"), ("Content-Length", "6")]));
    twice.response().assert_refused(400);
    let mut both = server.client();
    both.send(head(
        &put_line("f", 5),
        &[("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
    ));
    both.response().assert_refused(400);
    let mut negative = server.client();
    negative.send(head(&put_line("f", 5), &[("Content-Length", "-5")]));
    negative.response().assert_refused(400);
    // More than it said: the rest is no request.
    let mut long = server.client();
    long.send(head(&put_line("g", 5), &[("Content-Length", "5")])).send("hello, world\r\n\r\n");
    assert_eq!(long.response().status, 201);
    long.response().assert_refused(400);
    assert!(long.is_closed());

    assert_eq!(server.stored("f"), None);
    assert_eq!(server.stored("g").as_deref(), Some(&b"hello"[..]));
    until("nothing is left", || server.work_files().is_empty());
}

#[test]
fn what_is_larger_than_allowed_is_refused_before_it_comes() {
    let server = Server::start_with(|options| options.max_upload_size = 10);
    let mut client = server.client();
    let wait = [("Expect", "100-continue"), ("Content-Length", "11")];

    client.send(head(&put_line("f", 11), &wait));
    client.response().assert_refused(413);
    let mut client = server.client();
    try_create(&mut client, "f", 11).assert_refused(413);
    let deferred = create(&mut client, "f", None);
    append(&mut client, &deferred, 0, b"01234567890").assert_refused(413);
    assert_eq!(append(&mut client, &deferred, 0, b"0123456789").status, 204);
    let chunked = [TUS, OFFSET_STREAM, ("Upload-Offset", "10"), ("Transfer-Encoding", "chunked")];
    client.send(head(&format!("PATCH {deferred}"), &chunked)).send("1\r\nx\r\n0\r\n\r\n");
    client.response().assert_refused(413);
    let v3 = token::make(SECRET, Scheme::V3, &claim("g", 0));
    let line = format!("PUT /g?v3={}&expires={LATER}", v3.as_str());
    client.send(head(&line, &[("Transfer-Encoding", "chunked")]));
    client.send("b\r\nhello world\r\n0\r\n\r\n");
    client.response().assert_refused(413);

    assert_eq!((server.stored("f"), server.stored("g")), (None, None));
    assert_eq!(client.request(&put_line("h", 10), &[], b"0123456789").status, 201);
}

#[test]
fn what_is_not_http_is_told_so_and_closed() {
    let server = Server::start();
    let cases = [
        ("\x16\x03\x01\x02\x00\r\n\r\n".to_owned(), 400),
        ("GET /f HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /f HTTP/2.0\r\nHost: h\r\n\r\n".to_owned(), 505),
        (head("PUT /f", &[("Transfer-Encoding", "gzip, chunked")]), 501),
        (head("PUT /f", &[("Expect", "miracles")]), 417),
        (head(&format!("GET /{}", "x".repeat(10_000)), &[]), 414),
        (head("GET /f", &[("X", &"x".repeat(10_000))]), 431),
    ];

    for (text, status) in cases {
        let mut client = server.client();
        client.send(&text);
        let refused = client.response();
        refused.assert_refused(status);
        assert_eq!(refused.header("Connection"), Some("close"));
        assert!(client.is_closed());
    }
    assert_eq!(server.client().ask("HEAD /f", &[]).status, 404, "it goes on");
}

#[test]
fn other_methods_are_refused_and_the_connection_stays() {
    let server = Server::start();
    let mut client = server.client();

    for method in ["DELETE", "POST", "PATCH", "OPTIONS", "BREW"] {
        let refused = client.request(&format!("{method} /f"), &[], b"body");
        refused.assert_refused(405);
        assert_eq!(refused.header("Allow"), Some("GET, HEAD, PUT"));
    }
    assert_eq!(client.ask("HEAD /f", &[]).status, 404);
    assert_eq!(client.ask("GET /", &[]).status, 400);
}

#[test]
fn a_creation_without_a_name_or_a_length_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    let line = create_line("f", 5);
    let described = metadata("f");
    let cases: [&[(&str, &str)]; 6] = [
        &[TUS, ("Upload-Length", "5")],
        &[TUS, ("Upload-Length", "5"), ("Upload-Metadata", "filename")],
        &[TUS, ("Upload-Length", "5"), ("Upload-Metadata", "filename !!")],
        &[TUS, ("Upload-Metadata", &described)],
        &[TUS, ("Upload-Length", "five"), ("Upload-Metadata", &described)],
        &[
            TUS,
            ("Upload-Length", "5"),
            ("Upload-Concat", "partial"),
            ("Upload-Metadata", &described),
        ],
    ];

    for headers in cases {
        client.request(&line, headers, b"").assert_refused(400);
    }
    assert!(server.work_files().is_empty());
}

#[test]
fn one_byte_a_while_is_slow_and_nothing_else() {
    let server = Server::start();
    let mut slow = server.client();
    slow.send(head(&put_line("f", 20), &[("Content-Length", "20")]));
    for byte in b"01234567890123456789" {
        slow.send([*byte]);
        assert_eq!(server.client().ask("HEAD /f", &[]).status, 404);
    }

    assert_eq!(slow.response().status, 201);
    assert_eq!(server.stored("f").as_deref(), Some(&b"01234567890123456789"[..]));
}
