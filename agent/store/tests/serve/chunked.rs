//! hmac-file-server's chunked sessions.

use crate::{support::*, temp::TempDir};
use baton_core::token;
use baton_store::Options;
use std::thread;

const CHUNK: usize = 1000;

fn small_chunks(options: &mut Options) {
    options.chunk_size = CHUNK as u64;
}

fn signature() -> String {
    token::signature(SECRET, "/chunked-upload").as_str().to_owned()
}

pub(crate) fn open(client: &mut Client, name: &str, size: usize) -> Response {
    let (size, signature) = (size.to_string(), signature());
    let headers =
        [("X-Filename", name), ("X-Total-Size", size.as_str()), ("X-Signature", &signature)];
    client.request("POST /chunked-upload", &headers, b"")
}

pub(crate) fn session(opened: &Response) -> String {
    assert_eq!(opened.status, 201, "{opened:?}");
    let (_, rest) = opened.text().split_once(r#""session_id":""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

pub(crate) fn send(client: &mut Client, session: &str, number: usize, bytes: &[u8]) -> Response {
    let (number, signature) = (number.to_string(), signature());
    let headers = [
        ("X-Upload-Session-ID", session),
        ("X-Chunk-Number", number.as_str()),
        ("X-Signature", &signature),
    ];
    client.request("PUT /chunked-upload", &headers, bytes)
}

fn status(client: &mut Client, session: &str) -> Response {
    client.ask(&format!("GET /upload-status?session_id={session}"), &[])
}

#[test]
fn a_file_arrives_in_chunks_of_any_order() {
    let server = Server::start_with(small_chunks);
    let bytes = noise(2500);
    let mut client = server.client();

    let opened = open(&mut client, "a/f", bytes.len());
    assert!(opened.text().contains(r#""chunk_size":1000,"total_chunks":3"#), "{}", opened.text());
    let id = session(&opened);
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "128 bits: {id}");
    for number in [2, 0] {
        let chunk = &bytes[number * CHUNK..bytes.len().min((number + 1) * CHUNK)];
        let stored = send(&mut client, &id, number, chunk);
        assert_eq!(stored.status, 200);
        assert!(stored.text().contains(r#""success":true"#) && stored.text().contains("false"));
    }
    let told = status(&mut client, &id);
    assert!(told.text().contains(r#""uploaded_bytes":1500"#), "{}", told.text());
    assert!(told.text().contains(r#""chunks":2"#));
    assert_eq!(server.stored("a/f"), None);
    let done = send(&mut client, &id, 1, &bytes[CHUNK..2 * CHUNK]);

    assert!(done.text().contains(r#""size":2500,"completed":true"#), "{}", done.text());
    assert_eq!(server.stored("a/f").unwrap(), bytes);
    assert_eq!(status(&mut client, &id).status, 404, "once complete");
}

#[test]
fn a_repeated_chunk_is_told_to_be_there_and_a_repeated_end_that_the_file_is() {
    let server = Server::start_with(small_chunks);
    let bytes = noise(1500);
    let mut client = server.client();
    let id = session(&open(&mut client, "f", bytes.len()));
    send(&mut client, &id, 0, &bytes[..CHUNK]);

    let again = send(&mut client, &id, 0, &noise(CHUNK));
    assert_eq!(again.status, 200);
    assert!(again.text().contains("Chunk already uploaded"), "{}", again.text());
    for _ in 0..2 {
        let done = send(&mut client, &id, 1, &bytes[CHUNK..]);
        assert!(done.text().contains(r#""completed":true"#), "{}", done.text());
    }
    assert_eq!(server.stored("f").unwrap(), bytes, "the first copy won");
}

#[test]
fn copies_of_a_chunk_at_once_spoil_nothing() {
    let server = Server::start_with(small_chunks);
    let bytes = noise(3 * CHUNK);
    let id = session(&open(&mut server.client(), "f", bytes.len()));

    thread::scope(|scope| {
        for copy in 0..9 {
            let (server, id, number) = (&server, &id, copy % 3);
            let chunk = &bytes[number * CHUNK..(number + 1) * CHUNK];
            scope.spawn(move || {
                assert_eq!(send(&mut server.client(), id, number, chunk).status, 200);
            });
        }
    });

    assert_eq!(server.stored("f").unwrap(), bytes);
}

#[test]
fn a_chunk_of_the_wrong_length_is_refused_and_not_there() {
    let server = Server::start_with(small_chunks);
    let mut client = server.client();
    let id = session(&open(&mut client, "f", 1500));

    for (number, length) in [(0, 999), (0, 1001), (1, 1000), (1, 0), (2, 0), (7, 10)] {
        send(&mut server.client(), &id, number, &noise(length)).assert_refused(400);
    }
    let headers = [
        ("X-Upload-Session-ID", id.as_str()),
        ("X-Chunk-Number", "1"),
        ("Transfer-Encoding", "chunked"),
    ];
    for body in ["3\r\nabc\r\n0\r\n\r\n", &format!("1f5\r\n{}\r\n", "x".repeat(501))] {
        let mut client = server.client();
        client.send(head("PUT /chunked-upload", &headers)).send(body);
        client.response().assert_refused(400);
    }
    assert!(status(&mut client, &id).text().contains(r#""chunks":0"#));
}

#[test]
fn names_that_escape_and_wrong_signatures_are_refused() {
    let server = Server::start_with(small_chunks);
    for name in ["../../x", "/etc/passwd", "a/../b", ".baton/x", "a//b", ""] {
        let refused = open(&mut server.client(), name, 5);
        refused.assert_refused(400);
    }
    let wrong = token::signature(b"another", "/chunked-upload");
    let named = [("X-Filename", "f"), ("X-Total-Size", "5")];
    for shown in [None, Some(wrong.as_str()), Some("")] {
        let signature = shown.map(|shown| ("X-Signature", shown));
        let headers: Vec<_> = named.into_iter().chain(signature).collect();
        server.client().request("POST /chunked-upload", &headers, b"").assert_refused(403);
    }
    assert!(server.work_files().is_empty());
}

#[test]
fn other_tokens_open_a_session_too() {
    let server = Server::start_with(small_chunks);
    let named = [("X-Filename", "ann/f"), ("X-Total-Size", "5")];
    let line = format!("POST /chunked-upload?{}", v2("ann/f", 5));
    session(&server.client().request(&line, &named, b""));
    let bearer = token::bearer(SECRET, "ann", LATER);
    let bearer = format!("Bearer {}", bearer.as_str());
    let line = format!("POST /chunked-upload?user=ann&expiry={LATER}");
    let headers = [named[0], named[1], ("Authorization", &bearer)];
    session(&server.client().request(&line, &headers, b""));
}

#[test]
fn what_is_no_session_is_404_and_what_is_no_request_400() {
    let server = Server::start_with(small_chunks);
    let other = "0".repeat(32);
    for id in ["x", "../x", &other] {
        send(&mut server.client(), id, 0, b"x").assert_refused(404);
        status(&mut server.client(), id).assert_refused(404);
    }
    let signature = signature();
    let signed = ("X-Signature", signature.as_str());
    for headers in [
        vec![signed, ("X-Filename", "f")],
        vec![signed, ("X-Total-Size", "5")],
        vec![signed, ("X-Filename", "f"), ("X-Total-Size", "-5")],
    ] {
        server.client().request("POST /chunked-upload", &headers, b"").assert_refused(400);
    }
    server.client().ask("GET /upload-status", &[]).assert_refused(400);
    server.client().ask("DELETE /chunked-upload", &[]).assert_refused(405);
}

#[test]
fn an_empty_file_needs_its_one_empty_chunk() {
    let server = Server::start();
    let mut client = server.client();
    let id = session(&open(&mut client, "f", 0));

    let done = send(&mut client, &id, 0, b"");

    assert!(done.text().contains(r#""completed":true"#), "{}", done.text());
    assert_eq!(server.stored("f").unwrap(), b"");
}

#[test]
fn a_session_survives_its_server() {
    let temp = TempDir::new();
    let small = || Options { chunk_size: CHUNK as u64, ..options(temp.path()) };
    let bytes = noise(2500);
    let server = Server::serve(small());
    let id = session(&open(&mut server.client(), "f", bytes.len()));
    send(&mut server.client(), &id, 1, &bytes[CHUNK..2 * CHUNK]);
    let mut cut = server.client();
    let headers =
        [("X-Upload-Session-ID", &*id), ("X-Chunk-Number", "0"), ("Content-Length", "1000")];
    cut.send(head("PUT /chunked-upload", &headers)).send(&bytes[..500]);
    drop(server);

    // The plan is that of the beginning, whatever the chunks of new sessions are.
    let server = Server::serve(Options { chunk_size: 77, ..small() });
    let mut client = server.client();
    assert!(status(&mut client, &id).text().contains(r#""chunks":1"#));
    send(&mut client, &id, 0, &bytes[..CHUNK]);
    send(&mut client, &id, 2, &bytes[2 * CHUNK..]);

    assert_eq!(server.stored("f").unwrap(), bytes);
    drop(server);
    let server = Server::serve(small());
    let again = send(&mut server.client(), &id, 2, &bytes[2 * CHUNK..]);
    assert!(again.text().contains(r#""completed":true"#), "the end is remembered");
}

#[test]
fn a_session_counts_towards_the_quotas_from_its_beginning() {
    let server = Server::start_with(|options| {
        small_chunks(options);
        options.quota_total = Some(2000);
        options.max_upload_size = 5000;
    });
    let mut client = server.client();

    session(&open(&mut client, "ann/f", 1500));

    open(&mut client, "ann/g", 501).assert_refused(507);
    open(&mut client, "ann/g", 2001).assert_refused(413);
    open(&mut client, "ann/g", 5001).assert_refused(413);
    session(&open(&mut client, "ann/g", 500));
}

#[test]
fn a_taken_name_is_409_by_length_and_422_by_content() {
    let server = Server::start();
    std::fs::write(server.dir().join("f"), b"there").unwrap();
    let mut client = server.client();

    open(&mut client, "f", 6).assert_refused(409);
    let id = session(&open(&mut client, "f", 5));
    send(&mut client, &id, 0, b"other").assert_refused(422);
    let id = session(&open(&mut client, "f", 5));
    assert_eq!(send(&mut client, &id, 0, b"there").status, 200, "the same is as good");
    assert_eq!(server.stored("f").unwrap(), b"there");
}
