use super::*;
use crate::{
    http::{self, Eof, NotSent, Peer},
    tus::Extension,
    upload::{Client, Protocol},
    url::LocationError,
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

type Small = Client<512, 3>;

type Ask<'a> = &'a dyn Fn(&mut Small, &mut [u8]) -> Result<usize, NotSent>;

fn text(out: &[u8], length: Result<usize, NotSent>) -> &str {
    core::str::from_utf8(&out[..length.unwrap()]).unwrap()
}

/// The answer to the request that `ask` makes.
fn answer(ask: impl Fn(&mut Small, &mut [u8]) -> Result<usize, NotSent>, answer: &str) -> String {
    let (mut client, mut out) = (Small::new(Protocol::Tus), [0; 512]);
    ask(&mut client, &mut out).unwrap();
    client.wrote_body(client.body_left());
    let (used, answer) = client.handle_input(answer.as_bytes()).unwrap();
    assert!(used > 0);
    format!("{:?}", answer.expect("a whole head"))
}

fn told(answer: Answer<'_>) -> String {
    format!("{answer:?}")
}

fn append(client: &mut Small, out: &mut [u8]) -> Result<usize, NotSent> {
    client.append(out, &PEER, &APPEND)
}

fn head(client: &mut Small, out: &mut [u8]) -> Result<usize, NotSent> {
    client.head(out, &PEER, "/files/1")
}

fn create(client: &mut Small, out: &mut [u8]) -> Result<usize, NotSent> {
    let new =
        Create { target: "/files/", length: Some(9), filename: "a", filetype: None, content: 5 };
    client.create(out, &PEER, &new)
}

#[test]
fn requests_carry_what_they_need_and_nothing_else() {
    let (mut client, mut out) = (Client::<512, 8>::new(Protocol::Tus), [0; 512]);
    let with_token = Peer { authorization: Some("Bearer x"), ..PEER };

    let length = client.options(&mut out, &PEER, "/files/");
    assert_eq!(text(&out, length), "OPTIONS /files/ HTTP/1.1\r\nHost: h:1080\r\n\r\n");

    let new = Create {
        target: "/files/?v3=x",
        length: Some(7),
        filename: "a/b.jpg",
        filetype: Some("image/jpeg"),
        content: 0,
    };
    let length = client.create(&mut out, &with_token, &new);
    assert_eq!(
        text(&out, length),
        "POST /files/?v3=x HTTP/1.1\r\nHost: h:1080\r\nAuthorization: Bearer x\r\nTus-Resumable: 1.0.0\r\n\
         Upload-Length: 7\r\nUpload-Metadata: filename YS9iLmpwZw==,filetype aW1hZ2UvanBlZw==\r\n\
         Content-Length: 0\r\n\r\n"
    );

    let new = Create { length: None, filetype: None, content: 3, ..new };
    let length = client.create(&mut out, &PEER, &new);
    assert_eq!(
        text(&out, length),
        "POST /files/?v3=x HTTP/1.1\r\nHost: h:1080\r\nTus-Resumable: 1.0.0\r\nUpload-Defer-Length: 1\r\n\
         Upload-Metadata: filename YS9iLmpwZw==\r\nContent-Type: application/offset+octet-stream\r\n\
         Content-Length: 3\r\n\r\n"
    );
    client.wrote_body(3);

    let length = client.head(&mut out, &PEER, "/files/1");
    assert_eq!(
        text(&out, length),
        "HEAD /files/1 HTTP/1.1\r\nHost: h:1080\r\nTus-Resumable: 1.0.0\r\n\r\n"
    );

    let length = client.append(&mut out, &PEER, &Append { declare_length: Some(150), ..APPEND });
    assert_eq!(
        text(&out, length),
        "PATCH /files/1 HTTP/1.1\r\nHost: h:1080\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 100\r\n\
         Upload-Length: 150\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 50\r\n\r\n"
    );
    client.wrote_body(50);

    let length = client.delete(&mut out, &PEER, "/files/1");
    assert_eq!(
        text(&out, length),
        "DELETE /files/1 HTTP/1.1\r\nHost: h:1080\r\nTus-Resumable: 1.0.0\r\n\r\n"
    );
}

#[test]
fn an_append_may_ask_the_server_to_wait_for_its_offset() {
    let (mut client, mut out) = (Small::new(Protocol::Tus), [0; 512]);

    let length = client.append(&mut out, &PEER, &Append { awaits: true, ..APPEND });

    assert!(text(&out, length).contains("\r\nUpload-Offset: 100\r\nUpload-Await: 1\r\n"));
}

#[test]
fn an_append_costs_little() {
    let (mut client, mut out) = (Small::new(Protocol::Tus), [0; 512]);
    let target = format!("/files/{}", "0".repeat(32));
    let peer = Peer { authority: "uploads.example.org", ..PEER };

    let head =
        client.append(&mut out, &peer, &Append { target: &target, offset: 1 << 30, ..APPEND });

    // 1.3 % of the smallest append worth sending, 16 KiB.
    assert!(head.unwrap() <= 215);
}

#[test]
fn success_needs_the_servers_own_proof() {
    let tus = "Tus-Resumable: 1.0.0\r\n";
    let told_created = told(Answer::Created {
        location: Location::new("/files/1"),
        offset: 5,
        limits: Limits::NONE,
    });
    let created =
        format!("HTTP/1.1 201 Created\r\n{tus}Location: /files/1\r\nUpload-Offset: 5\r\n\r\n");
    assert_eq!(answer(create, &created), told_created);

    let found = format!("HTTP/1.1 204 \r\n{tus}Upload-Offset: 7\r\nUpload-Length: 9\r\n\r\n");
    assert_eq!(
        answer(head, &found),
        told(Answer::Offset { offset: 7, length: Some(9), done: Some(false) })
    );
    let deferred =
        format!("HTTP/1.1 200 OK\r\n{tus}Upload-Offset: 7\r\nUpload-Defer-Length: 1\r\n\r\n");
    assert_eq!(
        answer(head, &deferred),
        told(Answer::Offset { offset: 7, length: None, done: None })
    );

    // @tus/server sends no reason phrase.
    let appended = format!("HTTP/1.1 204 \r\n{tus}Upload-Offset: 150\r\n\r\n");
    assert_eq!(answer(append, &appended), told(Answer::Appended { offset: 150, done: None }));
    let in_part = format!("HTTP/1.1 204 \r\n{tus}Upload-Offset: 101\r\n\r\n");
    assert_eq!(answer(append, &in_part), told(Answer::Appended { offset: 101, done: None }));

    let delete = |client: &mut Small, out: &mut [u8]| client.delete(out, &PEER, "/files/1");
    assert_eq!(answer(delete, &format!("HTTP/1.1 204 \r\n{tus}\r\n")), told(Answer::Deleted));
}

#[test]
fn an_impostor_is_never_believed() {
    let tus = "Tus-Resumable: 1.0.0\r\n";
    let options = |client: &mut Small, out: &mut [u8]| client.options(out, &PEER, "/");
    let cases: [(Ask<'_>, String); 15] = [
        (&append, "200 OK\r\nContent-Type: text/html\r\n".into()),
        (&append, "204 No Content\r\nUpload-Offset: 150\r\n".into()),
        (&append, "302 Found\r\nLocation: http://portal/\r\n".into()),
        (&append, "511 Network Authentication Required\r\n".into()),
        (&append, format!("204 No Content\r\n{tus}")),
        (&append, format!("204 No Content\r\n{tus}Upload-Offset: 99\r\n")),
        (&append, format!("204 No Content\r\n{tus}Upload-Offset: 151\r\n")),
        (&append, format!("204 No Content\r\n{tus}Upload-Offset: x\r\n")),
        (&append, "204 No Content\r\nTus-Resumable: 0.2.2\r\nUpload-Offset: 150\r\n".into()),
        (&head, "200 OK\r\n".into()),
        (&head, format!("200 OK\r\n{tus}Upload-Offset: 10\r\nUpload-Length: 9\r\n")),
        (&create, format!("201 Created\r\n{tus}")),
        (&create, format!("201 Created\r\n{tus}Location: /1\r\nUpload-Offset: 6\r\n")),
        (&create, "201 Created\r\nLocation: /1\r\n".into()),
        (&options, "200 OK\r\nTus-Version: 0.2.2\r\n".into()),
    ];

    for (ask, head) in cases {
        let told = answer(ask, &format!("HTTP/1.1 {head}Content-Length: 0\r\n\r\n"));
        assert!(told.starts_with("Impostor"), "{head}: {told}");
    }
}

#[test]
fn a_refusal_says_whether_the_server_itself_speaks() {
    let verb = Verb::Append { offset: 100, length: 50 };
    let told = |status, genuine, offset, retry_after_s| {
        told(Answer::Refused(Refused {
            verb,
            status,
            genuine,
            offset,
            retry_after_s,
            done: false,
            interop: None,
        }))
    };

    let conflict = "HTTP/1.1 409 Conflict\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 120\r\n\r\n";
    assert_eq!(answer(append, conflict), told(409, true, Some(120), None));

    let portal = "HTTP/1.1 404 Not Found\r\nUpload-Offset: 0\r\n\r\n";
    assert_eq!(answer(append, portal), told(404, false, None, None));

    let busy = "HTTP/1.1 503 \r\nRetry-After: 30\r\n\r\n";
    assert_eq!(answer(append, busy), told(503, false, None, Some(30)));
}

#[test]
fn options_tell_extensions_and_the_largest_upload() {
    let (mut client, mut out) = (Small::new(Protocol::Tus), [0; 512]);
    client.options(&mut out, &PEER, "/files/").unwrap();

    let (_, answer) = client
        .handle_input(
            b"HTTP/1.1 204 No Content\r\nTus-Version: 1.0.0,0.2.2\r\nTus-Max-Size: 1073741824\r\n\
              Tus-Extension: creation, creation-defer-length,baton-fencing\r\n\r\n",
        )
        .unwrap();

    let Some(Answer::Options { extensions, limits }) = answer else { panic!("{answer:?}") };
    assert_eq!(limits, Limits { max_size: Some(1 << 30), ..Limits::NONE });
    let announced = Extension::ALL.into_iter().filter(|&extension| extensions.has(extension));
    let expected = [Extension::Creation, Extension::CreationDeferLength, Extension::Fencing];
    assert!(announced.eq(expected));
}

#[test]
fn appends_are_pipelined_and_answered_in_order() {
    let (mut client, mut out) = (Small::new(Protocol::Tus), [0; 512]);
    for offset in [100, 150, 200] {
        client.append(&mut out, &PEER, &Append { offset, ..APPEND }).unwrap();
        assert_eq!(head(&mut client, &mut out), Err(NotSent::BodyPending));
        client.wrote_body(20);
        client.wrote_body(30);
        assert_eq!(client.body_left(), 0);
    }
    assert_eq!(head(&mut client, &mut out), Err(NotSent::PipelineFull));

    let mut input = &b"HTTP/1.1 204 \r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 150\r\n\r\n\
        HTTP/1.1 409 Conflict\r\nContent-Length: 8\r\nTus-Resumable: 1.0.0\r\n\r\nmismatch\
        HTTP/1.1 204 \r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 250\r\n\r\n"[..];
    let mut answers = Vec::new();
    loop {
        let (used, answer) = client.handle_input(input).unwrap();
        input = &input[used..];
        let Some(answer) = answer else { break };
        answers.push(told(answer));
    }

    let refused = Refused {
        verb: Verb::Append { offset: 150, length: 50 },
        status: 409,
        genuine: true,
        offset: None,
        retry_after_s: None,
        done: false,
        interop: None,
    };
    let expected = [
        Answer::Appended { offset: 150, done: None },
        Answer::Refused(refused),
        Answer::Appended { offset: 250, done: None },
    ];
    assert_eq!(answers, expected.map(told));
    assert_eq!((client.outstanding().len(), client.eof()), (0, Eof::Idle));
}

#[test]
fn what_can_not_be_written_is_not_counted_as_sent() {
    let (mut client, mut out) = (Small::new(Protocol::Tus), [0; 512]);
    assert_eq!(append(&mut client, &mut out[..100]), Err(NotSent::Unfit(http::Unfit::Full)));
    let evil = client.head(&mut out, &PEER, "/1\r\nX: y");
    assert_eq!(evil, Err(NotSent::Unfit(http::Unfit::Forbidden)));

    assert_eq!((client.outstanding().len(), client.body_left()), (0, 0));
}

#[test]
fn locations_are_resolved_against_the_request_and_hidden_from_logs() {
    let location = Location::new("http://h:1080/files/s3cret");

    assert_eq!(location.resolve(&PEER, "/files/?v2=x").as_deref(), Ok("/files/s3cret"));
    assert_eq!(
        Location::new("s3cret").resolve(&PEER, "/files/?v2=x").as_deref(),
        Ok("/files/s3cret")
    );
    assert_eq!(
        Location::new("http://evil/1").resolve(&PEER, "/files/"),
        Err(LocationError::Foreign)
    );
    assert_eq!(format!("{location:?}"), "Location");
}
