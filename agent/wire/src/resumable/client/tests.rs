use crate::{
    http::{NotSent, Peer},
    resumable::{Interop, Limits},
    upload::{Answer, Append, Client, Create, Location, Protocol, Refused, Verb},
};

const PEER: Peer<'_> = Peer { authority: "h:1080", authorization: None };
const APPEND: Append<'_> = Append {
    target: "/files/1",
    offset: 100,
    length: 50,
    declare_length: None,
    awaits: false,
    last: false,
};
const CREATE: Create<'_> = Create {
    target: "/files/",
    length: Some(9),
    filename: "a/b.jpg",
    filetype: Some("image/jpeg"),
    content: 0,
};

type Small = Client<512, 4>;
type Ask<'a> = &'a dyn Fn(&mut Small, &mut [u8]) -> Result<usize, NotSent>;

fn asked(interop: Interop, ask: Ask<'_>) -> (Small, String) {
    let (mut client, mut out) = (Small::new(Protocol::Resumable(interop)), [0; 512]);
    let length = ask(&mut client, &mut out).unwrap();
    client.wrote_body(client.body_left());
    (client, String::from_utf8(out[..length].into()).unwrap())
}

/// What version 8 makes of the answer to the request that `ask` makes.
fn answer(ask: Ask<'_>, answer: &str) -> String {
    told(Interop::V8, ask, answer)
}

fn told(interop: Interop, ask: Ask<'_>, answer: &str) -> String {
    let input = format!("HTTP/1.1 {answer}\r\n");
    let (mut client, _) = asked(interop, ask);
    let (_, answer) = client.handle_input(input.as_bytes()).unwrap();
    answer.map_or_else(|| "nothing".into(), |answer| format!("{answer:?}"))
}

fn append(client: &mut Small, out: &mut [u8]) -> Result<usize, NotSent> {
    client.append(out, &PEER, &APPEND)
}

fn last(client: &mut Small, out: &mut [u8]) -> Result<usize, NotSent> {
    client.append(out, &PEER, &Append { last: true, ..APPEND })
}

fn head(client: &mut Small, out: &mut [u8]) -> Result<usize, NotSent> {
    client.head(out, &PEER, "/files/1")
}

fn create(client: &mut Small, out: &mut [u8]) -> Result<usize, NotSent> {
    client.create(out, &PEER, &CREATE)
}

fn options(client: &mut Small, out: &mut [u8]) -> Result<usize, NotSent> {
    client.options(out, &PEER, "/files/")
}

fn shown(answer: Answer<'_>) -> String {
    format!("{answer:?}")
}

#[test]
fn requests_carry_what_their_version_wants() {
    assert_eq!(
        asked(Interop::V8, &create).1,
        "POST /files/ HTTP/1.1\r\nHost: h:1080\r\nUpload-Draft-Interop-Version: 8\r\nUpload-Complete: ?0\r\n\
         Upload-Length: 9\r\nContent-Disposition: inline; filename=\"a/b.jpg\"\r\nContent-Type: image/jpeg\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(
        asked(Interop::V6, &append).1,
        "PATCH /files/1 HTTP/1.1\r\nHost: h:1080\r\nUpload-Draft-Interop-Version: 6\r\nUpload-Complete: ?0\r\n\
         Upload-Offset: 100\r\nContent-Type: application/partial-upload\r\nContent-Length: 50\r\n\r\n"
    );
    assert!(asked(Interop::V8, &last).1.contains("\r\nUpload-Complete: ?1\r\n"));
    assert!(asked(Interop::V3, &append).1.contains("\r\nUpload-Incomplete: ?1\r\n"));
    assert!(asked(Interop::V3, &last).1.contains("\r\nUpload-Incomplete: ?0\r\n"));
    assert_eq!(
        asked(Interop::V8, &head).1,
        "HEAD /files/1 HTTP/1.1\r\nHost: h:1080\r\nUpload-Draft-Interop-Version: 8\r\n\r\n"
    );
}

#[test]
fn an_offset_that_can_not_be_told_is_not_sent() {
    let (mut client, mut out) = (Small::new(Protocol::Resumable(Interop::V8)), [0; 512]);
    let append = Append { offset: crate::sf::MAX_INTEGER + 1, ..APPEND };

    assert!(matches!(client.append(&mut out, &PEER, &append), Err(NotSent::Unfit(_))));
    assert_eq!(client.outstanding().len(), 0);
}

#[test]
fn done_is_only_what_is_explicitly_so() {
    let appended = |offset, done| shown(Answer::Appended { offset, done: Some(done) });
    let found = |offset, length, done| shown(Answer::Offset { offset, length, done: Some(done) });

    assert_eq!(answer(&last, "200 OK\r\nUpload-Complete: ?1\r\n"), appended(150, true));
    assert_eq!(answer(&last, "200 OK\r\nUpload-Offset: 150\r\n"), appended(150, false));
    assert_eq!(
        answer(&last, "200 OK\r\nUpload-Offset: 150\r\nUpload-Complete: 1\r\n"),
        appended(150, false)
    );
    assert_eq!(answer(&append, "204 \r\nUpload-Complete: ?0\r\n"), appended(150, false));
    assert_eq!(
        answer(&append, "201 \r\nUpload-Complete: ?0\r\nUpload-Offset: 120\r\n"),
        appended(120, false)
    );
    let complete = "Upload-Offset: 9\r\nUpload-Length: 9\r\nUpload-Complete: ?1\r\n";
    assert_eq!(answer(&head, &format!("204 \r\n{complete}")), found(9, Some(9), true));
    // All bytes are there, and still the upload is not whole.
    assert_eq!(
        answer(&head, "204 \r\nUpload-Offset: 9\r\nUpload-Length: 9\r\nUpload-Complete: ?0\r\n"),
        found(9, Some(9), false)
    );
    assert_eq!(
        told(Interop::V3, &head, "204 \r\nUpload-Offset: 9\r\nUpload-Incomplete: ?0\r\n"),
        found(9, None, true)
    );
    assert_eq!(
        told(Interop::V3, &head, "204 \r\nUpload-Offset: 9\r\nUpload-Complete: ?1\r\n"),
        found(9, None, false)
    );
}

#[test]
fn limits_come_with_the_creation() {
    let limits = Limits { max_size: Some(99), max_append_size: Some(5), ..Limits::NONE };

    let created = "201 Created\r\nLocation: /1\r\nUpload-Limit: max-size=99, max-append-size=5\r\n";

    let location = Location::new("/1");
    assert_eq!(answer(&create, created), shown(Answer::Created { location, offset: 0, limits }));
}

#[test]
fn what_is_not_the_uploads_server_is_never_believed() {
    let cases: [(Ask<'_>, &str); 13] = [
        (&append, "200 OK\r\nContent-Type: text/html\r\n"),
        (&append, "204 \r\nUpload-Offset: 99\r\n"),
        (&append, "204 \r\nUpload-Offset: 151\r\n"),
        (&append, "204 \r\nUpload-Offset: \"150\"\r\n"),
        (&append, "308 Permanent Redirect\r\nUpload-Complete: ?1\r\n"),
        (&last, "200 OK\r\nUpload-Offset: 149\r\nUpload-Complete: ?1\r\n"),
        (&last, "511 Network Authentication Required\r\nUpload-Complete: ?1\r\n"),
        (&head, "200 OK\r\n"),
        (&head, "200 OK\r\nUpload-Offset: 10\r\nUpload-Length: 9\r\n"),
        (&create, "201 Created\r\n"),
        (&create, "200 OK\r\nLocation: /1\r\nUpload-Complete: ?1\r\n"),
        (&create, "201 Created\r\nLocation: /1\r\nUpload-Offset: 1\r\n"),
        (&options, "200 OK\r\nAccept-Patch: application/*\r\n"),
    ];

    for (ask, head) in cases {
        let told = answer(ask, &format!("{head}Content-Length: 0\r\n"));
        assert!(told.starts_with("Impostor"), "{head}: {told}");
    }
}

#[test]
fn a_refusal_tells_offset_version_and_whether_going_on_is_of_use() {
    let verb = Verb::Append { offset: 100, length: 50 };
    let refused = Refused {
        verb,
        status: 409,
        genuine: true,
        offset: Some(120),
        retry_after_s: None,
        done: false,
        interop: None,
    };

    let conflict = "409 Conflict\r\nUpload-Offset: 120\r\nUpload-Complete: ?0\r\n";
    assert_eq!(answer(&append, conflict), shown(Answer::Refused(refused)));
    let virus = Refused { status: 422, offset: None, done: true, ..refused };
    assert_eq!(answer(&append, "422 \r\nUpload-Complete: ?1\r\n"), shown(Answer::Refused(virus)));
    let other = Refused { status: 400, offset: None, interop: Some(Interop::V6), ..refused };
    assert_eq!(
        answer(&append, "400 \r\nUpload-Draft-Interop-Version: 6\r\n"),
        shown(Answer::Refused(other))
    );
    let portal = Refused { status: 404, genuine: false, offset: None, ..refused };
    assert_eq!(answer(&append, "404 \r\n"), shown(Answer::Refused(portal)));
}

#[test]
fn progress_is_believed_of_the_same_version_and_within_the_request() {
    let progress = |offset| shown(Answer::Progress { offset });
    let version = "Upload-Draft-Interop-Version: 8\r\n";

    assert_eq!(answer(&append, &format!("104 \r\n{version}Upload-Offset: 120\r\n")), progress(120));
    for head in [
        format!("104 \r\n{version}Upload-Offset: 99\r\n"),
        format!("104 \r\n{version}Upload-Offset: 151\r\n"),
        format!("104 \r\n{version}Location: /1\r\n"),
        format!("103 \r\n{version}Upload-Offset: 120\r\n"),
        "104 \r\nUpload-Offset: 120\r\n".into(),
        "104 \r\nUpload-Draft-Interop-Version: 7\r\nUpload-Offset: 120\r\n".into(),
    ] {
        assert_eq!(answer(&append, &head), "nothing", "{head}");
    }
}

#[test]
fn a_server_is_offered_older_and_older_versions() {
    let tried: Vec<u8> = core::iter::successors(Some(Interop::LATEST), |version| version.older())
        .map(Interop::number)
        .collect();

    assert_eq!(tried, [8, 7, 6, 5, 4, 3]);
    assert_eq!(Interop::from_number(9), None);
}
