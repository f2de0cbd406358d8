//! Uploads that go from server to server.

use crate::{
    s3,
    servers::{Server, Start},
    support::*,
};
use core::time::Duration;

/// Two servers in front of a fresh bucket.
fn two() -> (String, Server, Server) {
    let bucket = s3::bucket();
    let (one, other) = (Start::new(&bucket).go(), Start::new(&bucket).go());
    (bucket, one, other)
}

fn stored(bucket: &str, name: &str) -> Option<Vec<u8>> {
    s3::object(bucket, &format!("pre/fix/{name}"))
}

/// An append of which only `sent` come.
fn cut_append(server: &Server, upload: &str, at: usize, sent: &[u8], length: usize) -> Client {
    let mut client = server.client();
    let (at, length) = (at.to_string(), length.to_string());
    let headers = [TUS, OFFSET_STREAM, ("Upload-Offset", &at), ("Content-Length", &length)];
    client.send(head(&format!("PATCH {upload}"), &headers)).send(sent);
    client
}

/// What is read, once it stays as it is.
fn settled(mut read: impl FnMut() -> u64) -> u64 {
    loop {
        let before = read();
        std::thread::sleep(Duration::from_millis(500));
        if read() == before {
            return before;
        }
    }
}

#[test]
fn an_upload_begun_at_one_server_is_ended_at_another() {
    let (bucket, one, other) = two();
    let bytes = noise(20_000_000);
    let upload = create(&mut one.client(), "a/ö b.bin", Some(bytes.len()));
    assert_eq!(append(&mut one.client(), &upload, 0, &bytes[..3_000_000]).status, 204);
    // SIGKILL in the middle of the next.
    let cut = cut_append(&one, &upload, 3_000_000, &bytes[3_000_000..9_000_000], 10_000_000);
    until("a part of it is safe", || offset(&mut other.client(), &upload) > 5_000_000);
    drop(one);
    drop(cut);

    // The last request of the dead may still be on its way to the object store.
    let at = settled(|| offset(&mut other.client(), &upload)) as usize;
    assert!((5_000_000..=9_000_000).contains(&at), "{at}");
    let middle = append(&mut other.client(), &upload, at, &bytes[at..12_000_000]);
    assert_eq!((middle.status, middle.offset()), (204, Some(12_000_000)));
    let third = Start::new(&bucket).go();
    let last = append(&mut third.client(), &upload, 12_000_000, &bytes[12_000_000..]);

    assert_eq!((last.status, last.offset()), (204, Some(20_000_000)));
    for server in [&other, &third] {
        assert_eq!(offset(&mut server.client(), &upload), 20_000_000);
        let got = server.client().ask("GET /a/%C3%B6%20b.bin", &[]);
        assert!(got.status == 200 && got.body == bytes);
    }
    assert!(stored(&bucket, "a/%C3%B6%20b.bin") == Some(bytes));
    assert_eq!(s3::open_parts(&bucket), 0);
    until("the pieces are gone", || !s3::keys(&bucket).iter().any(|key| key.contains("/p00")));
}

#[test]
fn of_two_appends_at_one_offset_exactly_one_wins() {
    let (bucket, one, other) = two();
    let mut clients = [one.client(), other.client()];
    let upload = create(&mut clients[0], "f", Some(100_000));
    let mut expected = Vec::new();

    for round in 0..10u8 {
        let at = expected.len();
        let pieces = [vec![2 * round; 10_000], vec![2 * round + 1; 10_000]];
        let answers = std::thread::scope(|scope| {
            let appends = clients.each_mut().map(|client| client).into_iter().zip(&pieces);
            let running: Vec<_> = appends
                .map(|(client, piece)| scope.spawn(|| append(client, &upload, at, piece)))
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });

        let winners: Vec<_> = (0..2).filter(|&who| answers[who].status == 204).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        let loser = &answers[1 - winners[0]];
        assert_eq!((loser.status, loser.offset()), (409, Some(at as u64 + 10_000)), "{loser:?}");
        expected.extend(&pieces[winners[0]]);
    }
    assert_eq!(stored(&bucket, "f"), Some(expected));
}

#[test]
fn an_append_where_another_server_left_off_is_taken_without_asking_first() {
    let (bucket, one, other) = two();
    let bytes = noise(50_000);
    let upload = create(&mut one.client(), "f", Some(bytes.len()));
    // Both know the upload from now on, and each learns what the other did.
    for at in (0..50_000).step_by(5000) {
        let server = if at % 10_000 == 0 { &one } else { &other };
        let taken = append(&mut server.client(), &upload, at, &bytes[at..at + 5000]);
        assert_eq!((taken.status, taken.offset()), (204, Some(at as u64 + 5000)));
    }

    assert_eq!(stored(&bucket, "f"), Some(bytes));
    for server in [&one, &other] {
        assert_eq!(offset(&mut server.client(), &upload), 50_000);
        let again = append(&mut server.client(), &upload, 0, b"x");
        assert_eq!((again.status, again.offset()), (409, Some(50_000)));
    }
}

#[test]
fn one_that_stalls_is_fenced_by_an_append_at_another_server() {
    let (bucket, one, other) = two();
    let bytes = noise(3_000_000);
    let upload = create(&mut one.client(), "f", Some(bytes.len()));
    let mut stalled = cut_append(&one, &upload, 0, &bytes[..1_500_000], 3_000_000);
    until("a part of it is safe", || offset(&mut other.client(), &upload) > 1_000_000);
    let at = offset(&mut other.client(), &upload) as usize;

    assert_eq!(append(&mut other.client(), &upload, at, &bytes[at..2_900_000]).status, 204);
    stalled.send(&bytes[1_500_000..]);

    let fenced = stalled.response();
    fenced.assert_refused(409);
    assert_eq!(fenced.offset(), Some(2_900_000));
    assert_eq!(append(&mut one.client(), &upload, 2_900_000, &bytes[2_900_000..]).status, 204);
    assert_eq!(stored(&bucket, "f"), Some(bytes));
}

#[test]
fn a_length_is_declared_once_for_all_servers() {
    let (bucket, one, other) = two();
    let upload = create(&mut one.client(), "f", None);
    assert_eq!(append(&mut other.client(), &upload, 0, b"0123").status, 204);
    let declare = |server: &Server, at: &str, length: &str, bytes: &[u8]| {
        let headers = [TUS, OFFSET_STREAM, ("Upload-Offset", at), ("Upload-Length", length)];
        server.client().request(&format!("PATCH {upload}"), &headers, bytes)
    };

    assert_eq!(declare(&one, "4", "9", b"45").status, 204);
    assert_eq!(declare(&other, "6", "8", b"67").status, 400);
    assert_eq!(declare(&other, "6", "9", b"678").status, 204);

    assert_eq!(stored(&bucket, "f").as_deref(), Some(&b"012345678"[..]));
}

#[test]
fn of_two_contents_for_one_name_the_first_stays() {
    let (bucket, one, other) = two();
    for length in [30_000, 9_000_000] {
        let name = format!("f{length}");
        let contents = [vec![1; length], vec![2; length]];
        let uploads =
            [&one, &other].map(|server| create(&mut server.client(), &name, Some(length)));
        let halves = |which: usize, server: &Server, from: usize, to: usize| {
            append(&mut server.client(), &uploads[which], from, &contents[which][from..to]).status
        };
        assert_eq!([halves(0, &one, 0, length / 2), halves(1, &other, 0, length / 2)], [204, 204]);

        let end = |which: usize, server: &Server| halves(which, server, length / 2, length);
        // LocalStack looks before it completes parts: of two at one instant it lets both pass.
        let ends = if length > 5_000_000 {
            [end(0, &one), end(1, &other)]
        } else {
            std::thread::scope(|scope| {
                let first = scope.spawn(|| end(0, &one));
                let second = scope.spawn(|| end(1, &other));
                [first.join().unwrap(), second.join().unwrap()]
            })
        };

        let winner = ends.iter().position(|&status| status == 204).expect("one of them is stored");
        assert_eq!(ends[1 - winner], 422, "{ends:?}");
        assert!(stored(&bucket, &name).as_ref() == Some(&contents[winner]));
        let same = create(&mut other.client(), &name, Some(length));
        assert_eq!(append(&mut one.client(), &same, 0, &contents[winner]).status, 204);
        try_create(&mut one.client(), &name, length + 1).assert_refused(409);
    }
    assert_eq!(s3::open_parts(&bucket), 0);
}

#[test]
fn a_terminated_upload_is_gone_at_every_server() {
    let (bucket, one, other) = two();
    let upload = create(&mut one.client(), "f", Some(10));
    assert_eq!(append(&mut other.client(), &upload, 0, b"0123").status, 204);

    assert_eq!(one.client().ask(&format!("DELETE {upload}"), &[TUS]).status, 204);

    for server in [&one, &other] {
        assert_eq!(server.client().ask(&format!("HEAD {upload}"), &[TUS]).status, 410);
    }
    let unknown = format!("/files/{}", "0".repeat(32));
    assert_eq!(one.client().ask(&format!("HEAD {unknown}"), &[TUS]).status, 404);
    assert_eq!(stored(&bucket, "f"), None);
    until("the pieces are gone", || !s3::keys(&bucket).iter().any(|key| key.contains("/p00")));
}

#[test]
fn uploads_that_nobody_continues_expire_and_leave_nothing() {
    let bucket = s3::bucket();
    let expiry = Duration::from_secs(3);
    let one = Start { expiry, ..Start::new(&bucket) }.go();
    let partial = create(&mut one.client(), "partial", Some(10));
    let whole = create(&mut one.client(), "whole", Some(4));
    assert_eq!(append(&mut one.client(), &partial, 0, b"0123").status, 204);
    assert_eq!(append(&mut one.client(), &whole, 0, b"0123").status, 204);
    drop(one);

    let other = Start { expiry, ..Start::new(&bucket) }.go();

    let gone = |upload: &str| other.client().ask(&format!("HEAD {upload}"), &[TUS]).status;
    let patience = std::time::Instant::now();
    while s3::keys(&bucket) != ["pre/fix/.baton/probe", "pre/fix/whole"] {
        assert!(patience.elapsed() < Duration::from_secs(30), "{:?}", s3::keys(&bucket));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!([404, 410].contains(&gone(&partial)), "{}", gone(&partial));
}
