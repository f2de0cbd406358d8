use crate::support::*;
use baton_core::token::jwt::{self, Slot};
use baton_core::token::{self, Claim, Scheme};
use core::time::Duration;
use std::time::Instant;

#[test]
fn a_put_is_stored_under_its_name_and_given_back() {
    let server = Server::start();
    let mut client = server.client();
    let bytes = noise(300_000);

    let put = client.request(&put_line("a/b.jpg", bytes.len()), &[], &bytes);
    let got = client.ask("GET /a/b.jpg", &[]);
    let head = client.ask("HEAD /a/b.jpg", &[]);

    assert_eq!((put.status, put.body.len()), (201, 0));
    assert_eq!((got.status, &got.body), (200, &bytes));
    assert_eq!(got.header("Content-Type"), Some("image/jpeg"));
    assert_eq!(head.header("Content-Length"), Some("300000"));
    for name in ["ETag", "Last-Modified", "Accept-Ranges", "Date"] {
        assert!(head.header(name).is_some(), "{name}");
    }
    assert_eq!(head.header("ETag"), got.header("ETag"));
    assert_eq!(server.stored("a/b.jpg"), Some(bytes));
    assert!(server.work_files().is_empty());
}

#[test]
fn every_token_scheme_lets_a_put_in() {
    let server = Server::start();
    let mut client = server.client();
    let typed = |path| Claim { content_type: "image/jpeg", ..claim(path, 5) };
    let token = |scheme, path| token::make(SECRET, scheme, &typed(path)).as_str().to_owned();
    let lines = [
        format!("PUT /v?v={}", token(Scheme::V, "v")),
        format!("PUT /v2?v2={}", token(Scheme::V2, "v2")),
        format!("PUT /token?token={}", token(Scheme::Token, "token")),
        format!("PUT /v3?v3={}&expires={LATER}", token(Scheme::V3, "v3")),
    ];

    for line in lines {
        let put = client.request(&line, &[("Content-Type", "image/jpeg")], b"hello");
        assert_eq!(put.status, 201, "{line}");
    }
}

#[test]
fn an_encoded_name_is_stored_decoded() {
    let server = Server::start();
    let line = put_line("ä b/c.txt", 2).replace("/ä b/", "/%C3%A4%20b/");

    assert_eq!(server.client().request(&line, &[], b"hi").status, 201);

    assert_eq!(server.stored("ä b/c.txt").as_deref(), Some(&b"hi"[..]));
    assert_eq!(server.client().ask("GET /%c3%a4%20b/c.txt", &[]).text(), "hi");
}

#[test]
fn a_body_without_a_length_needs_v3_and_is_stored() {
    let server = Server::start();
    let mut client = server.client();
    let v3 = token::make(SECRET, Scheme::V3, &claim("f", 0));
    let chunked = [("Transfer-Encoding", "chunked")];

    let line = format!("PUT /f?v3={}&expires={LATER}", v3.as_str());
    client.send(head(&line, &chunked)).send("3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n");
    assert_eq!(client.response().status, 201);
    assert_eq!(server.stored("f").as_deref(), Some(&b"hello"[..]));

    client.send(head(&put_line("g", 0), &chunked)).send("0\r\n\r\n");
    client.response().assert_refused(403);
}

#[test]
fn a_client_that_waits_is_invited_only_when_its_body_is_wanted() {
    let server = Server::start();
    let mut client = server.client();
    let wait = [("Expect", "100-continue"), ("Content-Length", "5")];

    client.send(head(&put_line("f", 5), &wait));
    assert_eq!(client.response().status, 100);
    client.send("hello");
    assert_eq!(client.response().status, 201);

    client.send(head("PUT /g?v2=00", &wait));
    let refused = client.response();
    refused.assert_refused(403);
    assert_eq!(refused.header("Connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn the_same_content_again_is_success_and_other_content_is_a_conflict() {
    let server = Server::start();
    let mut client = server.client();
    let line = put_line("f", 5);

    assert_eq!(client.request(&line, &[], b"hello").status, 201);
    assert_eq!(client.request(&line, &[], b"hello").status, 201);
    client.request(&line, &[], b"jello").assert_refused(409);
    client.request(&put_line("f", 6), &[], b"hello!").assert_refused(409);
    client.request(&put_line("f/g", 5), &[], b"hello").assert_refused(409);

    assert_eq!(server.stored("f").as_deref(), Some(&b"hello"[..]));
    assert!(server.work_files().is_empty());
}

#[test]
fn a_cut_put_leaves_nothing_and_may_be_tried_again() {
    let server = Server::start();
    let bytes = noise(200_000);
    let line = put_line("f", bytes.len());
    let length = bytes.len().to_string();
    let mut client = server.client();
    client.send(head(&line, &[("Content-Length", &length)])).send(&bytes[..150_000]);
    until("the body arrives", || !server.work_files().is_empty());

    drop(client);

    until("it is cleared away", || server.work_files().is_empty());
    assert_eq!(server.stored("f"), None);
    assert_eq!(server.client().ask("HEAD /f", &[]).status, 404);
    assert_eq!(server.client().request(&line, &[], &bytes).status, 201);
    assert_eq!(server.stored("f"), Some(bytes));
}

#[test]
fn a_get_takes_a_range() {
    let server = Server::start();
    let mut client = server.client();
    client.request(&put_line("f", 10), &[], b"0123456789");
    let tag = client.ask("HEAD /f", &[]).header("ETag").unwrap().to_owned();
    let cases = [
        ("bytes=2-5", 206, "2345", Some("bytes 2-5/10")),
        ("bytes=7-", 206, "789", Some("bytes 7-9/10")),
        ("bytes=-2", 206, "89", Some("bytes 8-9/10")),
        ("bytes=4-400", 206, "456789", Some("bytes 4-9/10")),
        ("bytes=1-2,4-5", 200, "0123456789", None),
        ("lines=1-2", 200, "0123456789", None),
    ];

    for (range, status, body, content_range) in cases {
        let got = client.ask("GET /f", &[("Range", range)]);
        assert_eq!((got.status, got.text()), (status, body), "{range}");
        assert_eq!(got.header("Content-Range"), content_range, "{range}");
    }
    let beyond = client.ask("GET /f", &[("Range", "bytes=10-")]);
    beyond.assert_refused(416);
    assert_eq!(beyond.header("Content-Range"), Some("bytes */10"));
    let same = client.ask("GET /f", &[("Range", "bytes=9-"), ("If-Range", &tag)]);
    assert_eq!((same.status, same.text()), (206, "9"));
    let other = client.ask("GET /f", &[("Range", "bytes=9-"), ("If-Range", "\"x\"")]);
    assert_eq!((other.status, other.text()), (200, "0123456789"));
}

#[test]
fn a_digest_is_told_to_those_who_ask_and_where_it_is_known() {
    let server = Server::start();
    let mut client = server.client();
    std::fs::write(server.dir().join("f"), b"hello").unwrap();
    let told = |client: &mut Client, path: &str| {
        client.ask(&format!("HEAD {path}"), &[]).header("Repr-Digest").map(str::to_owned)
    };
    assert_eq!(told(&mut client, "/f"), None, "nobody has read it yet");
    let digest = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";

    for want in ["sha-256=10", "sha-512=9, sha-256=1", "sha-256"] {
        let head = client.ask("HEAD /f", &[("Want-Repr-Digest", want)]);
        assert_eq!(head.header("Repr-Digest"), Some(digest), "{want}");
    }
    let part = client.ask("GET /f", &[("Want-Repr-Digest", "sha-256=1"), ("Range", "bytes=0-0")]);
    assert_eq!(part.header("Repr-Digest"), Some(digest), "of the whole file");
    for want in ["sha-512=9", "sha-256=0"] {
        let head = client.ask("HEAD /f", &[("Want-Repr-Digest", want)]);
        assert_eq!(head.header("Repr-Digest"), None, "{want}");
    }
    assert_eq!(told(&mut client, "/f").as_deref(), Some(digest));
    std::fs::write(server.dir().join("f"), b"hello there").unwrap();
    assert_eq!(told(&mut client, "/f"), None, "it is another now");
    client.request(&put_line("g", 5), &[], b"hello");
    assert_eq!(told(&mut client, "/g").as_deref(), Some(digest));
}

#[test]
fn connections_beyond_the_limit_wait_until_one_ends() {
    let server = Server::start_with(|options| options.max_connections = 2);
    let mut first = server.client();
    let mut second = server.client();
    for client in [&mut first, &mut second] {
        assert_eq!(client.ask("HEAD /f", &[]).status, 404);
    }
    let mut third = server.client();
    third.send(head("GET /f", &[]));

    assert!(!third.has_answer_within(Duration::from_millis(300)));
    drop(first);
    third.response().assert_refused(404);
    assert_eq!(second.ask("HEAD /f", &[]).status, 404);
}

#[test]
fn a_client_that_goes_silent_is_let_go_of() {
    let server = Server::start_with(|options| options.idle_timeout = Duration::from_millis(200));
    let start = Instant::now();
    let mut silent = server.client();
    assert!(silent.is_closed(), "no request at all");
    let mut in_head = server.client();
    in_head.send("PUT /f HTT");
    in_head.response().assert_refused(408);
    let mut in_body = server.client();
    in_body.send(head(&put_line("f", 5), &[("Content-Length", "5")])).send("hel");
    in_body.response().assert_refused(408);

    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(in_body.is_closed());
    until("nothing is left", || server.work_files().is_empty());
}

#[test]
fn a_download_that_stalls_is_cut_and_nothing_is_said_in_the_middle_of_it() {
    let server = Server::start_with(|options| options.idle_timeout = Duration::from_millis(200));
    // More than the socket buffers hold.
    let bytes = noise(32 << 20);
    std::fs::write(server.dir().join("f"), &bytes).unwrap();
    let mut client = server.client();

    client.send(head("GET /f", &[]));
    std::thread::sleep(Duration::from_millis(1000));

    let got = client.rest();
    let start = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = &got[start..];
    assert!(body.len() < bytes.len(), "it did not stall");
    assert!(bytes.starts_with(body));
}

#[test]
fn a_shutdown_lets_a_request_end_and_then_stops() {
    let mut server = Server::start_with(|options| options.drain = Duration::from_secs(5));
    let mut busy = server.client();
    busy.send(head(&put_line("f", 5), &[("Content-Length", "5")])).send("hel");
    let mut idle = server.client();
    assert_eq!(idle.ask("HEAD /f", &[]).status, 404);
    until("the body arrives", || !server.work_files().is_empty());

    server.shut_down();

    assert!(idle.is_closed());
    busy.send("lo");
    let stored = busy.response();
    assert_eq!((stored.status, stored.header("Connection")), (201, Some("close")));
    assert!(busy.is_closed());
    until("it has stopped", || server.is_stopped());
    assert_eq!(server.stored("f").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn a_shutdown_waits_no_longer_than_allowed() {
    let mut server = Server::start_with(|options| options.drain = Duration::from_millis(200));
    let mut stuck = server.client();
    stuck.send(head(&put_line("f", 5), &[("Content-Length", "5")])).send("hel");
    until("the body arrives", || !server.work_files().is_empty());

    server.shut_down();

    assert!(stuck.is_closed());
    until("it has stopped", || server.is_stopped());
    assert!(server.work_files().is_empty());
}

#[test]
fn a_slot_of_prosody_lets_its_put_in_and_names_the_user() {
    let server = Server::start_with(|options| options.quota_per_user = Some(10));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let slot = Slot {
        subject: "ann@example.org",
        issued_at: now,
        slot: "x7f",
        filename: "ö b.jpg",
        filesize: 5,
        filetype: "image/jpeg",
        expires: None,
    };
    let put = |slot: &Slot<'_>, path: &str, bytes: &[u8]| {
        let bearer = format!("Bearer {}", jwt::make(SECRET, slot));
        let headers = [("Authorization", bearer.as_str())];
        server.client().request(&format!("PUT /{path}"), &headers, bytes)
    };

    assert_eq!(put(&slot, "x7f/%C3%B6%20b.jpg", b"hello").status, 201);
    assert_eq!(server.stored("x7f/ö b.jpg").unwrap(), b"hello");
    put(&slot, "x7f/other", b"hello").assert_refused(403);
    put(&slot, "x7f/%C3%B6%20b.jpg", b"hello!").assert_refused(403);
    let late = Slot { issued_at: now - 1000, ..slot };
    put(&late, "x7f/%C3%B6%20b.jpg", b"hello").assert_refused(403);
    let other = Slot { slot: "y", filesize: 6, ..slot };
    put(&other, "y/%C3%B6%20b.jpg", b"hello!").assert_refused(507);
    let in_query = Slot { slot: "z", ..slot };
    let line = format!("PUT /z/%C3%B6%20b.jpg?token={}", jwt::make(SECRET, &in_query));
    assert_eq!(server.client().request(&line, &[], b"hello").status, 201);
}
