use crate::support::*;
use baton_core::token::{self, Claim, Scheme};
use core::time::Duration;

#[test]
fn an_upload_arrives_over_several_connections() {
    let server = Server::start();
    let bytes = noise(300_000);
    let upload = create(&mut server.client(), "a/b.jpg", Some(bytes.len()));

    let mut first = server.client();
    let length = bytes.len().to_string();
    first.send(head(
        &format!("PATCH {upload}"),
        &[TUS, OFFSET_STREAM, ("Upload-Offset", "0"), ("Content-Length", &length)],
    ));
    first.send(&bytes[..100_000]);
    until("a HEAD sees what came so far", || offset(&mut server.client(), &upload) == 100_000);
    drop(first);
    let mut second = server.client();
    let part = append(&mut second, &upload, 100_000, &bytes[100_000..200_000]);
    assert_eq!((part.status, part.offset()), (204, Some(200_000)));
    assert!(part.header("Upload-Expires").is_some());
    let rest = append(&mut second, &upload, 200_000, &bytes[200_000..]);

    assert_eq!((rest.status, rest.offset()), (204, Some(300_000)));
    assert_eq!(server.stored("a/b.jpg"), Some(bytes));
    let state = second.ask(&format!("HEAD {upload}"), &[TUS]);
    assert_eq!((state.status, state.offset()), (200, Some(300_000)), "the end is remembered");
}

#[test]
fn appends_may_be_pipelined() {
    let server = Server::start();
    let mut client = server.client();
    let bytes = noise(50_000);
    let upload = create(&mut client, "f", Some(bytes.len()));

    for (index, part) in bytes.chunks(10_000).enumerate() {
        let (offset, length) = ((index * 10_000).to_string(), part.len().to_string());
        let headers = [TUS, OFFSET_STREAM, ("Upload-Offset", &offset), ("Content-Length", &length)];
        client.send(head(&format!("PATCH {upload}"), &headers)).send(part);
    }

    for offset in [10_000, 20_000, 30_000, 40_000, 50_000] {
        let answer = client.response();
        assert_eq!((answer.status, answer.offset()), (204, Some(offset)));
    }
    assert_eq!(server.stored("f"), Some(bytes));
}

#[test]
fn a_wrong_offset_is_told_the_right_one() {
    let server = Server::start();
    let mut client = server.client();
    let upload = create(&mut client, "f", Some(10));
    append(&mut client, &upload, 0, b"0123");

    for wrong in [0, 3, 5, 1000] {
        let answer = append(&mut client, &upload, wrong, b"xxxx");
        answer.assert_refused(409);
        assert_eq!(answer.offset(), Some(4), "{wrong}");
        assert_eq!(answer.header("Tus-Resumable"), Some("1.0.0"));
    }
    assert_eq!(append(&mut client, &upload, 4, b"456789").status, 204);
    let repeated = append(&mut client, &upload, 4, b"456789");
    assert_eq!((repeated.status, repeated.offset()), (409, Some(10)));
    assert_eq!(server.stored("f").as_deref(), Some(&b"0123456789"[..]));
}

#[test]
fn the_server_says_what_it_can() {
    let server = Server::start_with(|options| options.max_upload_size = 12_345);

    let options = server.client().ask("OPTIONS /files/", &[]);

    assert_eq!((options.status, options.header("Tus-Max-Size")), (204, Some("12345")));
    assert_eq!(options.header("Tus-Version"), Some("1.0.0"));
    let extensions: Vec<_> = options.header("Tus-Extension").unwrap().split(',').collect();
    for extension in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "termination",
        "expiration",
        "baton-fencing",
    ] {
        assert!(extensions.contains(&extension), "{extension}");
    }
}

#[test]
fn a_creation_may_bring_bytes_all_or_some() {
    let server = Server::start();
    let mut client = server.client();
    let create = |client: &mut Client, name, body: &[u8]| {
        let headers =
            [TUS, OFFSET_STREAM, ("Upload-Length", "5"), ("Upload-Metadata", &metadata(name))];
        client.request(&create_line(name, 5), &headers, body)
    };

    let whole = create(&mut client, "whole", b"hello");
    let some = create(&mut client, "some", b"he");

    assert_eq!((whole.status, whole.offset()), (201, Some(5)));
    assert_eq!(server.stored("whole").as_deref(), Some(&b"hello"[..]));
    assert_eq!((some.status, some.offset()), (201, Some(2)));
    assert_eq!(append(&mut client, some.header("Location").unwrap(), 2, b"llo").status, 204);
    assert_eq!(server.stored("some").as_deref(), Some(&b"hello"[..]));
    create(&mut client, "more", b"hello!").assert_refused(413);
    assert_eq!(server.stored("more"), None);
}

#[test]
fn an_empty_file_is_there_at_its_creation() {
    let server = Server::start();
    let upload = create(&mut server.client(), "empty", Some(0));

    assert_eq!(server.stored("empty").as_deref(), Some(&b""[..]));
    assert_eq!(offset(&mut server.client(), &upload), 0);
}

#[test]
fn a_deferred_length_needs_v3_or_bearer_and_is_declared_later() {
    let server = Server::start();
    let mut client = server.client();
    let described = metadata("f");
    let deferred = [TUS, ("Upload-Defer-Length", "1"), ("Upload-Metadata", &described)];
    client.request(&create_line("f", 0), &deferred, b"").assert_refused(403);
    let upload = create(&mut client, "f", None);

    assert_eq!(append(&mut client, &upload, 0, b"hel").status, 204);
    let state = client.ask(&format!("HEAD {upload}"), &[TUS]);
    assert_eq!((state.offset(), state.header("Upload-Length")), (Some(3), None));
    assert_eq!(state.header("Upload-Defer-Length"), Some("1"));
    let declare = [TUS, OFFSET_STREAM, ("Upload-Offset", "3"), ("Upload-Length", "5")];
    let rest = client.request(&format!("PATCH {upload}"), &declare, b"lo");

    assert_eq!((rest.status, rest.offset()), (204, Some(5)));
    assert_eq!(server.stored("f").as_deref(), Some(&b"hello"[..]));
    let empty = create(&mut client, "g", None);
    append(&mut client, &empty, 0, b"hello");
    let declare = [TUS, OFFSET_STREAM, ("Upload-Offset", "5"), ("Upload-Length", "5")];
    assert_eq!(client.request(&format!("PATCH {empty}"), &declare, b"").status, 204);
    assert_eq!(server.stored("g").as_deref(), Some(&b"hello"[..]), "ended by the length alone");
}

#[test]
fn the_token_may_come_as_bearer_and_binds_name_length_and_type() {
    let server = Server::start();
    let mut client = server.client();
    let typed = Claim { content_type: "image/jpeg", ..claim("a/b.jpg", 7) };
    let token = token::make(SECRET, Scheme::V2, &typed);
    let bearer = format!("Bearer {}", token.as_str());
    let described = format!("{},filetype aW1hZ2UvanBlZw==", metadata("a/b.jpg"));
    let mut create = |length: &str, metadata: &str| {
        let headers = [
            TUS,
            ("Upload-Length", length),
            ("Upload-Metadata", metadata),
            ("Authorization", bearer.as_str()),
        ];
        client.request("POST /files/", &headers, b"")
    };

    assert_eq!(create("7", &described).status, 201);
    create("8", &described).assert_refused(403);
    create("7", &metadata("a/b.jpg")).assert_refused(403);
    create("7", &described.replace("YS9i", "YS9j")).assert_refused(403);
}

#[test]
fn a_name_in_use_is_409_by_length_and_422_by_content() {
    let server = Server::start();
    let mut client = server.client();
    client.request(&put_line("f", 5), &[], b"hello");

    let refused = try_create(&mut client, "f", 6);
    refused.assert_refused(409);
    let same = create(&mut client, "f", Some(5));
    assert_eq!(append(&mut client, &same, 0, b"hello").status, 204);
    let other = create(&mut client, "f", Some(5));
    append(&mut client, &other, 0, b"jello").assert_refused(422);

    let state = client.ask(&format!("HEAD {other}"), &[TUS]);
    assert_eq!((state.status, state.offset()), (422, None), "never looks like success");
    assert_eq!(server.stored("f").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn a_terminated_upload_is_gone() {
    let server = Server::start();
    let mut client = server.client();
    let upload = create(&mut client, "f", Some(10));
    append(&mut client, &upload, 0, b"0123");

    assert_eq!(client.ask(&format!("DELETE {upload}"), &[TUS]).status, 204);

    assert_eq!(client.ask(&format!("HEAD {upload}"), &[TUS]).status, 404);
    append(&mut client, &upload, 4, b"45").assert_refused(404);
    assert!(server.work_files().is_empty());
}

#[test]
fn an_upload_that_stays_away_expires() {
    let server = Server::start_with(|options| options.expire_after = Duration::from_millis(500));
    let mut client = server.client();
    let upload = create(&mut client, "f", Some(10));
    append(&mut client, &upload, 0, b"0123");
    let line = format!("HEAD {upload}");
    assert_eq!(client.ask(&line, &[TUS]).status, 200);

    until("it is given up", || client.ask(&line, &[TUS]).status == 410);

    append(&mut client, &upload, 4, b"45").assert_refused(410);
    until("it is forgotten", || client.ask(&line, &[TUS]).status == 404);
    until("its files are gone", || server.work_files().is_empty());
}

#[test]
fn another_version_method_or_type_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    let upload = create(&mut client, "f", Some(10));
    let patch = format!("PATCH {upload}");

    for version in [&[("Tus-Resumable", "0.2.2")][..], &[]] {
        let refused = client.request(&patch, version, b"");
        refused.assert_refused(412);
        assert_eq!(refused.header("Tus-Version"), Some("1.0.0"));
    }
    client.request(&patch, &[TUS, ("Upload-Offset", "0")], b"x").assert_refused(415);
    client.request(&patch, &[TUS, OFFSET_STREAM], b"x").assert_refused(400);
    let refused = client.request(&format!("PUT {upload}"), &[TUS], b"x");
    refused.assert_refused(405);
    assert!(refused.header("Allow").unwrap().contains("PATCH"));
    client.ask("DELETE /files/", &[TUS]).assert_refused(405);
    client
        .request(&format!("POST {upload}"), &[TUS, ("Upload-Length", "1")], b"")
        .assert_refused(405);

    let overridden =
        [TUS, OFFSET_STREAM, ("Upload-Offset", "0"), ("X-HTTP-Method-Override", "PATCH")];
    assert_eq!(client.request(&format!("POST {upload}"), &overridden, b"x").status, 204);
}

#[test]
fn the_path_of_uploads_can_be_chosen() {
    let server = Server::start_with(|options| options.tus_path = "/up/load/".to_owned());
    let mut client = server.client();
    let line = create_line("f", 2).replace("/files/", "/up/load/");
    let headers = [TUS, ("Upload-Length", "2"), ("Upload-Metadata", &metadata("f"))];

    let created = client.request(&line, &headers, b"");

    let upload = created.header("Location").unwrap();
    assert!(upload.starts_with("/up/load/"));
    assert_eq!(append(&mut client, upload, 0, b"hi").status, 204);
    assert_eq!(client.request(&put_line("files/x", 2), &[], b"hi").status, 201);
}
