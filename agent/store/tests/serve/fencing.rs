use crate::support::*;
use core::time::Duration;
use std::time::Instant;

/// An append of `length` bytes of which only `sent` come.
fn stalled(server: &Server, upload: &str, offset: usize, sent: &[u8], length: usize) -> Client {
    let mut client = server.client();
    let (at, length) = (offset.to_string(), length.to_string());
    let headers = [TUS, OFFSET_STREAM, ("Upload-Offset", &at), ("Content-Length", &length)];
    client.send(head(&format!("PATCH {upload}"), &headers)).send(sent);
    until("what was sent arrives", || offset_of(server, upload) == offset + sent.len());
    client
}

fn offset_of(server: &Server, upload: &str) -> usize {
    offset(&mut server.client(), upload) as usize
}

#[test]
fn a_new_append_takes_over_at_once_and_the_old_connection_stays_usable() {
    // The best of a few: how long a busy test machine lets threads wait is not at issue.
    let quickest = (0..5).map(|_| take_over_once()).min().unwrap();

    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
}

/// How long until both sides are told.
fn take_over_once() -> Duration {
    let server = Server::start();
    let bytes = noise(200_000);
    let upload = create(&mut server.client(), "f", Some(bytes.len()));
    let mut old = stalled(&server, &upload, 0, &bytes[..100_000], 150_000);
    let mut new = server.client();

    let start = Instant::now();
    let taken = append(&mut new, &upload, 100_000, &bytes[100_000..150_000]);
    let fenced = old.response();
    let told_after = start.elapsed();

    assert_eq!((taken.status, taken.offset()), (204, Some(150_000)));
    fenced.assert_refused(409);
    assert_eq!(fenced.offset(), Some(100_000), "what the old one delivered stays");
    assert_eq!(fenced.header("Connection"), None);
    // The rest of the fenced body is at most 64 KiB, and dropped.
    old.send(&bytes[100_000..150_000]);
    let state = old.ask(&format!("HEAD {upload}"), &[TUS]);
    assert_eq!(state.offset(), Some(150_000), "and its connection serves on");
    assert_eq!(append(&mut old, &upload, 150_000, &bytes[150_000..]).status, 204);
    assert_eq!(server.stored("f"), Some(bytes));
    told_after
}

#[test]
fn an_append_elsewhere_or_a_head_disturbs_nobody() {
    let server = Server::start();
    let upload = create(&mut server.client(), "f", Some(10));
    let mut old = stalled(&server, &upload, 0, b"0123", 10);
    let mut other = server.client();

    for wrong in [0, 2, 9] {
        let refused = append(&mut other, &upload, wrong, b"x");
        refused.assert_refused(409);
        assert_eq!(refused.offset(), Some(4));
    }
    assert_eq!(offset(&mut other, &upload), 4);
    old.send("456789");

    let done = old.response();
    assert_eq!((done.status, done.offset()), (204, Some(10)));
    assert_eq!(server.stored("f").as_deref(), Some(&b"0123456789"[..]));
}

#[test]
fn a_fenced_body_that_is_too_long_to_drop_ends_its_connection() {
    let server = Server::start();
    let bytes = noise(1_000_000);
    let upload = create(&mut server.client(), "f", Some(bytes.len()));
    let mut old = stalled(&server, &upload, 0, &bytes[..1000], 1_000_000);

    let taken = append(&mut server.client(), &upload, 1000, &bytes[1000..]);
    let fenced = old.response();

    assert_eq!(taken.status, 204);
    fenced.assert_refused(409);
    assert_eq!((fenced.offset(), fenced.header("Connection")), (Some(1000), Some("close")));
    assert!(old.is_closed());
    assert_eq!(server.stored("f"), Some(bytes));
}

#[test]
fn appends_pipelined_behind_a_fenced_one_are_each_told_the_offset() {
    let server = Server::start();
    let bytes = noise(40_000);
    let upload = create(&mut server.client(), "f", Some(bytes.len()));
    let mut old = stalled(&server, &upload, 0, &bytes[..5000], 10_000);

    assert_eq!(append(&mut server.client(), &upload, 5000, &bytes[5000..6000]).status, 204);
    old.send(&bytes[5000..10_000]);
    for at in [10_000, 20_000] {
        let at_text = at.to_string();
        let headers =
            [TUS, OFFSET_STREAM, ("Upload-Offset", &at_text), ("Content-Length", "10000")];
        old.send(head(&format!("PATCH {upload}"), &headers)).send(&bytes[at..at + 10_000]);
    }

    for offset in [5000, 6000, 6000] {
        let answer = old.response();
        assert_eq!((answer.status, answer.offset()), (409, Some(offset)));
    }
    assert_eq!(append(&mut old, &upload, 6000, &bytes[6000..]).status, 204);
    assert_eq!(server.stored("f"), Some(bytes));
}

#[test]
fn of_two_that_go_on_at_the_same_offset_the_later_wins_and_nothing_is_mixed() {
    let server = Server::start();
    let bytes = noise(3_000_000);
    let upload = create(&mut server.client(), "f", Some(bytes.len()));

    // Everybody appends wherever the upload is, and is cut off by everybody else.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = server.client();
                loop {
                    let at = offset(&mut client, &upload) as usize;
                    let end = bytes.len().min(at + 30_000);
                    if at == end {
                        break;
                    }
                    let answer = append(&mut client, &upload, at, &bytes[at..end]);
                    assert!(matches!(answer.status, 204 | 409), "{answer:?}");
                }
            });
        }
    });

    assert_eq!(server.stored("f"), Some(bytes));
}

#[test]
fn a_terminated_upload_tells_the_one_who_appends() {
    let server = Server::start();
    let mut client = server.client();
    let upload = create(&mut client, "f", Some(10));
    let mut old = stalled(&server, &upload, 0, b"0123", 10);

    assert_eq!(client.ask(&format!("DELETE {upload}"), &[TUS]).status, 204);

    old.response().assert_refused(410);
    old.send("456789");
    assert_eq!(old.ask("HEAD /f", &[]).status, 404);
}

#[test]
fn the_old_connection_may_vanish_without_a_word() {
    let server = Server::start();
    let upload = create(&mut server.client(), "f", Some(10));
    let old = stalled(&server, &upload, 0, b"0123", 10);
    drop(old);

    assert_eq!(append(&mut server.client(), &upload, 4, b"456789").status, 204);
    assert_eq!(server.stored("f").as_deref(), Some(&b"0123456789"[..]));
}
