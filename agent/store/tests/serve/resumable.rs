//! The IETF's resumable uploads, in the words of each version in use.

use crate::{support::*, temp::TempDir};
use baton_core::token::{self, Scheme};
use baton_store::Sync;
use std::thread;

type Field = (&'static str, &'static str);

/// Versions with what they call an upload that is whole, and one that is not.
const VERSIONS: [(&str, Field, Field); 6] = [
    ("3", ("Upload-Incomplete", "?0"), ("Upload-Incomplete", "?1")),
    ("4", ("Upload-Complete", "?1"), ("Upload-Complete", "?0")),
    ("5", ("Upload-Complete", "?1"), ("Upload-Complete", "?0")),
    ("6", ("Upload-Complete", "?1"), ("Upload-Complete", "?0")),
    ("7", ("Upload-Complete", "?1"), ("Upload-Complete", "?0")),
    ("8", ("Upload-Complete", "?1"), ("Upload-Complete", "?0")),
];

const V8: (&str, &str) = ("Upload-Draft-Interop-Version", "8");
const WHOLE: (&str, &str) = ("Upload-Complete", "?1");
const PART: (&str, &str) = ("Upload-Complete", "?0");
const PARTIAL: (&str, &str) = ("Content-Type", "application/partial-upload");

/// An upload of `length` bytes, created carefully; where it lives.
fn create_part(client: &mut Client, name: &str, length: usize) -> String {
    let said = ("Upload-Length", length.to_string());
    let headers = [V8, PART, (said.0, said.1.as_str())];
    let created = client.request(&put_line(name, length), &headers, b"");
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!((created.offset(), created.header("Upload-Complete")), (Some(0), Some("?0")));
    created.header("Location").unwrap().to_owned()
}

fn append_part(
    client: &mut Client,
    upload: &str,
    offset: usize,
    bytes: &[u8],
    end: (&str, &str),
) -> Response {
    let offset = offset.to_string();
    let headers = [V8, PARTIAL, end, ("Upload-Offset", &offset)];
    client.request(&format!("PATCH {upload}"), &headers, bytes)
}

/// The answer behind those that only tell progress.
fn last(mut answer: Response, client: &mut Client) -> Response {
    while answer.status == 104 {
        answer = client.response();
    }
    answer
}

/// Offset and completeness as a HEAD tells them.
fn state(client: &mut Client, upload: &str) -> (u64, bool) {
    let told = client.ask(&format!("HEAD {upload}"), &[V8]);
    assert_eq!(told.status, 204, "{told:?}");
    assert_eq!(told.header("Cache-Control"), Some("no-store"));
    (told.offset().unwrap(), told.header("Upload-Complete") == Some("?1"))
}

#[test]
fn an_upload_arrives_in_the_words_of_every_version() {
    let server = Server::start();
    let bytes = noise(100_000);
    for (number, whole, part) in VERSIONS {
        let version = ("Upload-Draft-Interop-Version", number);
        let name = format!("v{number}/f");
        let mut client = server.client();

        let v3 = token::make(SECRET, Scheme::V3, &claim(&name, 0));
        let line = format!("POST /{name}?v3={}&expires={LATER}", v3.as_str());
        let line = line.replace("POST", "PUT");
        let created = client.request(&line, &[version, part], b"");
        assert_eq!(created.status, 201, "version {number}: {created:?}");
        assert_eq!(created.header("Upload-Draft-Interop-Version"), Some(number));
        let upload = created.header("Location").unwrap().to_owned();
        let patch = format!("PATCH {upload}");
        let first = [version, part, PARTIAL, ("Upload-Offset", "0")];
        let taken = client.request(&patch, &first, &bytes[..60_000]);
        assert!(matches!(taken.status, 201 | 204), "version {number}: {taken:?}");
        let told = client.ask(&format!("HEAD {upload}"), &[version]);
        assert_eq!((told.offset(), told.header(part.0)), (Some(60_000), Some(part.1)));
        assert_eq!(server.stored(&name), None);
        let last = [version, whole, PARTIAL, ("Upload-Offset", "60000")];
        let done = client.request(&patch, &last, &bytes[60_000..]);
        assert_eq!((done.status, done.header(whole.0)), (201, Some(whole.1)), "{number}: {done:?}");

        assert_eq!(server.stored(&name).unwrap(), bytes);
        let told = client.ask(&format!("HEAD {upload}"), &[version]);
        assert_eq!((told.offset(), told.header(whole.0)), (Some(100_000), Some(whole.1)));
    }
}

#[test]
fn a_creation_may_bring_everything_and_is_told_where_to_resume_before() {
    let server = Server::start();
    let bytes = noise(300_000);
    let mut client = server.client();
    let headers = [V8, WHOLE, ("Content-Length", "300000")];

    client.send(head(&put_line("a/f", bytes.len()), &headers)).send(&bytes);

    let supported = client.response();
    assert_eq!(supported.status, 104);
    let upload = supported.header("Location").unwrap().to_owned();
    let mut told = 0;
    let done = loop {
        let answer = client.response();
        if answer.status != 104 {
            break answer;
        }
        let offset = answer.offset().unwrap();
        assert!(offset > told && offset < 300_000, "{offset} after {told}");
        told = offset;
    };
    assert!(told > 0, "progress was told");
    assert_eq!((done.status, done.offset()), (201, Some(300_000)));
    assert_eq!(done.header("Upload-Complete"), Some("?1"));
    assert_eq!(server.stored("a/f").unwrap(), bytes);
    assert_eq!(state(&mut client, &upload), (300_000, true));
}

#[test]
fn what_was_told_as_progress_is_there_when_the_connection_is_cut() {
    for sync in [Sync::Completion, Sync::Always] {
        let server = Server::start_with(|options| options.sync = sync);
        let bytes = noise(3_000_000);
        let mut client = server.client();
        let headers = [V8, WHOLE, ("Content-Length", "3000000")];
        client.send(head(&put_line("f", bytes.len()), &headers)).send(&bytes[..2_500_000]);
        let upload = client.response().header("Location").unwrap().to_owned();
        let told = client.response().offset().unwrap();
        drop(client);

        // What the network still held may go on arriving for a moment.
        until("it is whole", || {
            let mut client = server.client();
            let (at, complete) = state(&mut client, &upload);
            assert!(at >= told && !complete, "{at} of {told}");
            let at = at as usize;
            let answer = append_part(&mut client, &upload, at, &bytes[at..], WHOLE);
            last(answer, &mut client).status == 201
        });
        assert_eq!(server.stored("f").unwrap(), bytes);
    }
}

#[test]
fn nobody_hears_interim_answers_who_did_not_ask() {
    let server = Server::start();
    let bytes = noise(300_000);
    let headers = [WHOLE];

    let done = server.client().request(&put_line("f", bytes.len()), &headers, &bytes);

    assert_eq!(done.status, 201, "the first answer is the last");
    assert_eq!(server.stored("f").unwrap(), bytes);
}

#[test]
fn an_append_elsewhere_is_told_the_offset_and_disturbs_nobody() {
    let server = Server::start();
    let bytes = noise(100_000);
    let mut old = server.client();
    let upload = create_part(&mut old, "f", bytes.len());
    let headers = [V8, PARTIAL, WHOLE, ("Upload-Offset", "0"), ("Content-Length", "100000")];
    old.send(head(&format!("PATCH {upload}"), &headers)).send(&bytes[..30_000]);
    let mut client = server.client();
    until("it arrives", || state(&mut client, &upload).0 == 30_000);

    for offset in [0, 29_999, 30_001] {
        let mut elsewhere = server.client();
        let refused = append_part(&mut elsewhere, &upload, offset, &bytes[..10], PART);
        assert_eq!((refused.status, refused.offset()), (409, Some(30_000)));
        assert_eq!(refused.header("Upload-Complete"), Some("?0"));
        assert!(refused.text().contains("mismatching-upload-offset"), "{}", refused.text());
    }

    old.send(&bytes[30_000..]);
    let answer = old.response();
    assert_eq!(last(answer, &mut old).status, 201);
    assert_eq!(server.stored("f").unwrap(), bytes);
}

#[test]
fn an_append_at_the_stored_offset_takes_over() {
    let server = Server::start();
    let bytes = noise(100_000);
    let mut old = server.client();
    let upload = create_part(&mut old, "f", bytes.len());
    let headers = [PARTIAL, WHOLE, ("Upload-Offset", "0"), ("Content-Length", "100000")];
    old.send(head(&format!("PATCH {upload}"), &headers)).send(&bytes[..30_000]);
    let mut new = server.client();
    until("it arrives", || state(&mut new, &upload).0 == 30_000);

    let done = append_part(&mut new, &upload, 30_000, &bytes[30_000..], WHOLE);
    let lost = old.response();

    assert!(matches!(done.status, 104 | 201), "{done:?}");
    assert_eq!((lost.status, lost.header("Upload-Complete")), (409, Some("?0")));
    assert!(lost.offset().unwrap() >= 30_000);
    until("it is whole", || server.stored("f").as_ref() == Some(&bytes));
}

#[test]
fn an_upload_of_unknown_length_ends_where_the_client_says() {
    let server = Server::start();
    let v3 = token::make(SECRET, Scheme::V3, &claim("f", 0));
    let line = format!("PUT /f?v3={}&expires={LATER}", v3.as_str());
    let mut client = server.client();
    let created = client.request(&line, &[V8, PART], b"hello");
    assert_eq!(created.status, 104);
    let created = client.response();
    assert_eq!((created.status, created.offset()), (201, Some(5)));
    let upload = created.header("Location").unwrap().to_owned();

    let headers = [V8, PARTIAL, WHOLE, ("Upload-Offset", "5"), ("Transfer-Encoding", "chunked")];
    client.send(head(&format!("PATCH {upload}"), &headers));
    client.send("6\r\n there\r\n0\r\n\r\n");

    let done = client.response();
    assert_eq!((done.status, done.offset()), (201, Some(11)));
    assert_eq!(server.stored("f").unwrap(), b"hello there");
}

#[test]
fn an_empty_append_may_end_an_upload_and_nothing_goes_into_a_whole_one() {
    let server = Server::start();
    let mut client = server.client();
    let upload = create_part(&mut client, "f", 5);

    assert_eq!(append_part(&mut client, &upload, 0, b"hello", PART).offset(), Some(5));
    for _ in 0..2 {
        let done = append_part(&mut client, &upload, 5, b"", WHOLE);
        assert_eq!((done.status, done.offset()), (201, Some(5)), "also when it is repeated");
    }
    let refused = append_part(&mut client, &upload, 5, b"x", WHOLE);
    assert_eq!((refused.status, refused.header("Upload-Complete")), (400, Some("?1")));
    assert!(refused.text().contains("completed-upload"));
    assert_eq!(server.stored("f").unwrap(), b"hello");
}

#[test]
fn an_empty_file_is_there_at_its_creation() {
    let server = Server::start();

    let done = server.client().request(&put_line("f", 0), &[V8, WHOLE], b"");

    assert_eq!((done.status, done.header("Upload-Complete")), (201, Some("?1")));
    assert_eq!(server.stored("f").unwrap(), b"");
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    let upload = create_part(&mut client, "f", 10);

    append_part(&mut client, &upload, 0, b"hello", WHOLE).assert_refused(400);
    let mut client = server.client();
    let declares = [V8, PARTIAL, PART, ("Upload-Offset", "0"), ("Upload-Length", "11")];
    client.request(&format!("PATCH {upload}"), &declares, b"x").assert_refused(400);
    let mut client = server.client();
    append_part(&mut client, &upload, 0, &noise(11), PART).assert_refused(413);
    let over = [V8, WHOLE, ("Upload-Length", "4")];
    let refused = server.client().request(&put_line("g", 5), &over, b"hello");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("inconsistent-upload-length"));
    assert_eq!(state(&mut server.client(), &upload), (0, false));
}

#[test]
fn a_name_may_come_in_content_disposition() {
    let server = Server::start();
    let line = format!("POST /files/?{}", v2("a/ö", 5));
    let named = ("Content-Disposition", "inline; filename*=UTF-8''a%2F%C3%B6");

    let done = server.client().request(&line, &[WHOLE, named], b"hello");

    assert_eq!(done.status, 201, "{done:?}");
    assert_eq!(server.stored("a/ö").unwrap(), b"hello");
    let line = format!("POST /files/?{}", v2("", 5));
    server.client().request(&line, &[WHOLE], b"hello").assert_refused(400);
    let escaping = ("Content-Disposition", "inline; filename=\"../../x\"");
    server.client().request(&line, &[WHOLE, escaping], b"hello").assert_refused(400);
}

#[test]
fn a_creation_needs_a_token_for_name_and_length() {
    let server = Server::start();
    let headers = [V8, PART, ("Upload-Length", "5")];
    for line in ["PUT /f".to_owned(), put_line("f", 4), put_line("g", 5).replace("/g", "/f")] {
        server.client().request(&line, &headers, b"").assert_refused(403);
    }
    let unknown = server.client().request(&put_line("f", 5), &[V8, PART], b"");
    unknown.assert_refused(403);
    assert!(server.work_files().is_empty());
}

#[test]
fn what_is_no_upload_is_404_and_a_cancelled_one_is_gone() {
    let server = Server::start();
    let mut client = server.client();
    let upload = create_part(&mut client, "f", 5);
    let other = upload.replace(|char: char| char.is_ascii_digit(), "0");
    for path in ["/files/resumable/", "/files/resumable/../x", &other] {
        assert_eq!(client.ask(&format!("HEAD {path}"), &[V8]).status, 404, "{path}");
        append_part(&mut server.client(), path, 0, b"x", PART).assert_refused(404);
    }

    assert_eq!(client.ask(&format!("DELETE {upload}"), &[V8]).status, 204);

    assert_eq!(client.ask(&format!("HEAD {upload}"), &[V8]).status, 404);
    assert!(server.work_files().is_empty());
}

#[test]
fn options_tell_what_is_taken() {
    let server = Server::start_with(|options| options.max_upload_size = 1000);
    let mut client = server.client();

    let told = client.ask("OPTIONS /files/", &[V8]);

    assert_eq!(told.status, 200);
    assert_eq!(told.header("Accept-Patch"), Some("application/partial-upload"));
    assert_eq!(told.header("Upload-Limit"), Some("max-size=1000"));
    assert_eq!(told.header("Tus-Version"), None);
    let created = client.request(&put_line("f", 1001), &[V8, PART, ("Upload-Length", "1001")], b"");
    created.assert_refused(413);
    let upload = create_part(&mut client, "f", 1000);
    let limit = client.ask(&format!("HEAD {upload}"), &[V8]);
    assert!(limit.header("Upload-Limit").unwrap().contains("max-age="), "{limit:?}");
}

#[test]
fn an_upload_goes_on_after_a_restart() {
    let temp = TempDir::new();
    let bytes = noise(50_000);
    let server = Server::serve(options(temp.path()));
    let upload = create_part(&mut server.client(), "f", bytes.len());
    append_part(&mut server.client(), &upload, 0, &bytes[..20_000], PART);
    drop(server);

    let server = Server::serve(options(temp.path()));
    let mut client = server.client();

    assert_eq!(state(&mut client, &upload), (20_000, false));
    let done = append_part(&mut client, &upload, 20_000, &bytes[20_000..], WHOLE);
    assert_eq!(done.status, 201);
    assert_eq!(server.stored("f").unwrap(), bytes);
}

#[test]
fn of_two_that_end_the_same_upload_both_learn_the_truth() {
    let server = Server::start();
    let upload = create_part(&mut server.client(), "f", 5);

    let answers: Vec<u16> = thread::scope(|scope| {
        let both: Vec<_> = (0..2)
            .map(|_| {
                let (server, upload) = (&server, &upload);
                scope.spawn(move || {
                    append_part(&mut server.client(), upload, 0, b"hello", WHOLE).status
                })
            })
            .collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });

    assert!(answers.contains(&201), "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status, 201 | 400 | 409)), "{answers:?}");
    assert_eq!(server.stored("f").unwrap(), b"hello");
}
