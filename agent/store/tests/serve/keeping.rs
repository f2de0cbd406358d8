//! What becomes of stored files: contents stored once, a time for files, quotas.

use crate::{support::*, temp::TempDir};
use baton_core::token;
use baton_store::Options;
use core::time::Duration;
use std::{fs, os::unix::fs::MetadataExt, thread};

fn inode(server: &Server, name: &str) -> u64 {
    fs::metadata(server.dir().join(name)).unwrap().ino()
}

fn put(server: &Server, name: &str, bytes: &[u8]) -> Response {
    server.client().request(&put_line(name, bytes.len()), &[], bytes)
}

#[test]
fn a_content_is_stored_once_whichever_way_it_comes() {
    let server = Server::start();
    let bytes = noise(200_000);

    assert_eq!(put(&server, "ann/1/f", &bytes).status, 201);
    let mut client = server.client();
    let upload = create(&mut client, "bob/2/g", Some(bytes.len()));
    assert_eq!(append(&mut client, &upload, 0, &bytes).status, 204);

    assert_eq!(inode(&server, "ann/1/f"), inode(&server, "bob/2/g"));
    assert_eq!(client.ask("GET /bob/2/g", &[]).body, bytes);
    until("nothing is left", || server.work_files().len() == 1);
}

#[test]
fn many_clients_that_bring_the_same_content_at_once_all_have_it_stored() {
    let server = Server::start();
    let bytes = noise(100_000);

    thread::scope(|scope| {
        for number in 0..16 {
            let (server, bytes) = (&server, &bytes);
            scope.spawn(move || {
                assert_eq!(put(server, &format!("u{number}/f"), bytes).status, 201);
            });
        }
    });

    for number in 0..16 {
        assert_eq!(server.stored(&format!("u{number}/f")).unwrap(), bytes);
    }
    // They may all have come before the first was known; the next one finds it.
    put(&server, "late/f", &bytes);
    assert!(fs::metadata(server.dir().join("late/f")).unwrap().nlink() >= 3);
}

#[test]
fn a_restart_clears_what_sharing_left_when_it_was_killed() {
    let temp = TempDir::new();
    let server = Server::serve(options(temp.path()));
    put(&server, "f", b"hello");
    drop(server);
    let work = temp.path().join(".baton");
    let id = "0123456789abcdef0123456789abcdef";
    fs::hard_link(temp.path().join("f"), work.join(format!("{id}.put.twin"))).unwrap();

    let server = Server::serve(options(temp.path()));

    assert!(server.work_files().is_empty());
    put(&server, "g", b"hello");
    assert_eq!(inode(&server, "f"), inode(&server, "g"));
}

#[test]
fn a_stored_file_goes_when_its_time_is_over_and_its_space_with_it() {
    let server = Server::start_with(|options| {
        options.file_ttl = Some(Duration::from_secs(1));
        options.quota_total = Some(10);
    });
    fs::write(server.dir().join("theirs"), b"x").unwrap();

    assert_eq!(put(&server, "ann/1/f", b"0123456789").status, 201);
    put(&server, "ann/1/g", b"x").assert_refused(507);

    until("the file goes", || !server.dir().join("ann").exists());
    until("there is room", || put(&server, "ann/1/g", b"x").status == 201);
    assert_eq!(server.stored("theirs").unwrap(), b"x", "it was not stored by the server");
}

#[test]
fn the_time_of_a_file_goes_on_while_nobody_serves() {
    let temp = TempDir::new();
    let with_ttl = |ttl| Options { file_ttl: Some(ttl), ..options(temp.path()) };
    let server = Server::serve(with_ttl(Duration::from_secs(3600)));
    put(&server, "f", b"hello");
    drop(server);
    thread::sleep(Duration::from_millis(2100));

    let server = Server::serve(with_ttl(Duration::from_secs(1)));

    until("it goes at once", || server.stored("f").is_none());
}

#[test]
fn a_quota_is_for_the_user_whom_path_or_token_names() {
    let server = Server::start_with(|options| options.quota_per_user = Some(10));

    assert_eq!(put(&server, "ann/1/f", b"0123456").status, 201);
    put(&server, "ann/2/g", b"0123").assert_refused(507);
    assert_eq!(put(&server, "bob/2/g", b"0123").status, 201, "bob has his own");
    assert_eq!(put(&server, "ann/2/h", b"012").status, 201);
    put(&server, "bob/3/f", b"0123456789a").assert_refused(413);

    let bearer = token::bearer(SECRET, "cid@example.org", LATER);
    let bearer = [("Authorization", format!("Bearer {}", bearer.as_str()))];
    let headers: Vec<_> = bearer.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let line = |slot| format!("PUT /slot{slot}/f?user=cid@example.org&expiry={LATER}");
    let mut client = server.client();
    assert_eq!(client.request(&line(1), &headers, b"01234567").status, 201);
    let refused = client.request(&line(2), &headers, b"012");
    refused.assert_refused(507);
    assert!(refused.text().contains("server.quota_per_user"), "{}", refused.text());
}

#[test]
fn each_name_of_a_shared_content_counts() {
    let server = Server::start_with(|options| options.quota_per_user = Some(10));

    assert_eq!(put(&server, "ann/f", b"012345").status, 201);
    put(&server, "ann/g", b"012345").assert_refused(507);
    assert_eq!(put(&server, "ann/f", b"012345").status, 201, "what is there already does not");
    assert_eq!(put(&server, "ann/h", b"0123").status, 201);
}

#[test]
fn an_upload_has_its_room_from_creation_to_its_end() {
    let server = Server::start_with(|options| options.quota_total = Some(100));
    let mut client = server.client();

    let upload = create(&mut client, "ann/f", Some(60));
    try_create(&mut client, "bob/f", 41).assert_refused(507);
    put(&server, "bob/f", &noise(41)).assert_refused(507);
    let other = create(&mut client, "bob/f", Some(40));
    assert_eq!(client.ask(&format!("DELETE {upload}"), &[TUS]).status, 204);
    assert_eq!(try_create(&mut client, "cid/f", 60).status, 201);

    assert_eq!(append(&mut client, &other, 0, &noise(40)).status, 204);
    put(&server, "bob/g", b"x").assert_refused(507);
}

#[test]
fn quotas_hold_however_many_come_at_once() {
    let server = Server::start_with(|options| options.quota_total = Some(10 * 1000));

    let stored: usize = thread::scope(|scope| {
        let tries: Vec<_> = (0..30)
            .map(|number| {
                let server = &server;
                scope.spawn(move || {
                    let answer = put(server, &format!("u/{number}"), &noise(1000 + number));
                    assert!(matches!(answer.status, 201 | 507), "{answer:?}");
                    usize::from(answer.status == 201)
                })
            })
            .collect();
        tries.into_iter().map(|tried| tried.join().unwrap()).sum()
    });

    let bytes: u64 = (0..30)
        .filter_map(|number| fs::metadata(server.dir().join(format!("u/{number}"))).ok())
        .map(|meta| meta.len())
        .sum();
    assert!(bytes <= 10_000 && stored >= 1, "{bytes} bytes in {stored} files");
}

#[test]
fn a_body_of_unknown_length_takes_room_as_it_comes() {
    let server = Server::start_with(|options| options.quota_total = Some(100_000));
    let bearer = token::bearer(SECRET, "ann", LATER);
    let bearer = format!("Bearer {}", bearer.as_str());
    let line = |name| format!("PUT /{name}?user=ann&expiry={LATER}");
    let headers = [("Authorization", bearer.as_str()), ("Transfer-Encoding", "chunked")];
    let mut client = server.client();

    client.send(head(&line("f"), &headers));
    for _ in 0..3 {
        client.send(b"ea60\r\n").send(noise(60_000)).send(b"\r\n");
        if client.has_answer_within(Duration::from_millis(50)) {
            break;
        }
    }

    client.response().assert_refused(413);
    until("nothing is left", || server.work_files().is_empty());
    let mut client = server.client();
    client.send(head(&line("f"), &headers)).send(b"ea60\r\n").send(noise(60_000));
    client.send(b"\r\n0\r\n\r\n");
    assert_eq!(client.response().status, 201, "the room was given back");
}

#[test]
fn a_taken_name_is_no_way_around_a_quota() {
    let server = Server::start_with(|options| options.quota_total = Some(100_000));
    put(&server, "ann/f", b"hello");
    let bearer = token::bearer(SECRET, "ann", LATER);
    let bearer = format!("Bearer {}", bearer.as_str());
    let line = format!("PUT /ann/f?user=ann&expiry={LATER}");
    let headers = [("Authorization", bearer.as_str()), ("Transfer-Encoding", "chunked")];
    let mut client = server.client();

    client.send(head(&line, &headers)).send(b"186a0\r\n").send(noise(100_000));

    client.response().assert_refused(507);
}

#[test]
fn a_deferred_length_is_held_to_the_quota_when_it_is_declared_and_before() {
    let server = Server::start_with(|options| options.quota_total = Some(100));
    let mut client = server.client();
    let upload = create(&mut client, "ann/f", None);

    let declares = |length: &'static str| {
        [TUS, OFFSET_STREAM, ("Upload-Offset", "0"), ("Upload-Length", length)]
    };
    let line = format!("PATCH {upload}");
    client.request(&line, &declares("101"), b"x").assert_refused(413);
    let over = append(&mut client, &upload, 0, &noise(101));
    over.assert_refused(413);
    let mut client = server.client();
    let at = offset(&mut client, &upload) as usize;
    assert!(at <= 100);
    assert_eq!(append(&mut client, &upload, at, &noise(100 - at)).status, 204);
    put(&server, "bob/f", b"x").assert_refused(507);
}

#[test]
fn what_counts_is_counted_again_at_the_start() {
    let temp = TempDir::new();
    let limited = || Options { quota_total: Some(100), ..options(temp.path()) };
    let server = Server::serve(limited());
    put(&server, "ann/f", &noise(30));
    put(&server, "ann/g", &noise(20));
    let upload = create(&mut server.client(), "ann/h", Some(40));
    append(&mut server.client(), &upload, 0, &noise(10));
    drop(server);
    fs::remove_file(temp.path().join("ann/g")).unwrap();
    fs::write(temp.path().join("theirs"), noise(500)).unwrap();

    let server = Server::serve(limited());

    put(&server, "bob/f", &noise(31)).assert_refused(507);
    assert_eq!(put(&server, "bob/f", &noise(30)).status, 201, "30 stored and 40 on their way");
}
