use super::*;
use crate::{
    http::{self, Peer, Server, ServerEvent},
    tus::{Extension, Fence, fence::Verdict},
    upload::{self, Answer, Client, Protocol},
};

const TUS: &str = "Tus-Resumable: 1.0.0\r\n";
const BYTES: &str = "Content-Type: application/offset+octet-stream\r\n";

/// What `check` makes of a request; heads are only lent.
fn parse<T>(head: &str, check: impl FnOnce(Result<Request<'_>, Refusal>) -> T) -> T {
    let head = head.replacen("\r\n", "\r\nHost: h\r\n", 1) + "\r\n";
    let head = RequestHead::parse(head.as_bytes()).expect("a valid head");
    check(Request::parse(&head))
}

#[test]
fn every_request_is_understood() {
    let create =
        |length, content, metadata| Ok(Request::Create(Create { length, content, metadata }));
    let append = |offset, content, declared_length| {
        Ok(Request::Append(Append { offset, content, declared_length, awaits: false }))
    };
    let awaiting =
        Append { offset: 5, content: Framing::None, declared_length: None, awaits: true };
    let cases: [(String, Result<Request<'_>, Refusal>); 14] = [
        (
            format!("PATCH /1 HTTP/1.1\r\n{TUS}{BYTES}Upload-Offset: 5\r\nUpload-Await: 1\r\n"),
            Ok(Request::Append(awaiting)),
        ),
        ("OPTIONS * HTTP/1.1\r\n".into(), Ok(Request::Options)),
        (format!("HEAD /1 HTTP/1.1\r\n{TUS}"), Ok(Request::Head)),
        (format!("DELETE /1 HTTP/1.1\r\n{TUS}"), Ok(Request::Terminate)),
        (
            format!("POST / HTTP/1.1\r\n{TUS}Upload-Length: 7\r\n"),
            create(Some(7), Framing::None, b""),
        ),
        (
            format!(
                "POST / HTTP/1.1\r\n{TUS}Upload-Defer-Length: 1\r\nUpload-Metadata: a YQ==\r\nContent-Length: 0\r\n"
            ),
            create(None, Framing::None, b"a YQ=="),
        ),
        (
            format!("POST / HTTP/1.1\r\n{TUS}{BYTES}Upload-Length: 7\r\nContent-Length: 3\r\n"),
            create(Some(7), Framing::Length(3), b""),
        ),
        (
            format!("PATCH /1 HTTP/1.1\r\n{TUS}{BYTES}Upload-Offset: 5\r\nContent-Length: 3\r\n"),
            append(5, Framing::Length(3), None),
        ),
        (
            format!(
                "PATCH /1 HTTP/1.1\r\n{TUS}Content-Type: Application/Offset+Octet-Stream; x\r\nUpload-Offset: 5\r\n"
            ),
            append(5, Framing::None, None),
        ),
        (
            format!(
                "PATCH /1 HTTP/1.1\r\n{TUS}{BYTES}Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\nUpload-Length: 9\r\n"
            ),
            append(0, Framing::Chunked, Some(9)),
        ),
        (
            format!(
                "POST /1 HTTP/1.1\r\n{TUS}{BYTES}X-HTTP-Method-Override: PATCH\r\nUpload-Offset: 5\r\n"
            ),
            append(5, Framing::None, None),
        ),
        (
            format!("POST /1 HTTP/1.1\r\n{TUS}X-HTTP-Method-Override: DELETE\r\n"),
            Ok(Request::Terminate),
        ),
        // Only a POST may stand for another method.
        (format!("HEAD /1 HTTP/1.1\r\n{TUS}X-HTTP-Method-Override: DELETE\r\n"), Ok(Request::Head)),
        (format!("GET /1 HTTP/1.1\r\n{TUS}"), Err(Refusal::Method)),
    ];

    for (head, expected) in cases {
        parse(&head, |request| assert_eq!(request, expected, "{head}"));
    }
}

#[test]
fn bad_requests_are_refused_with_their_status() {
    let cases = [
        ("HEAD /1 HTTP/1.1\r\n".into(), 412),
        ("PATCH /1 HTTP/1.1\r\nTus-Resumable: 0.2.2\r\n".into(), 412),
        (format!("PUT /1 HTTP/1.1\r\n{TUS}"), 405),
        (format!("POST /1 HTTP/1.1\r\n{TUS}X-HTTP-Method-Override: BREW\r\n"), 405),
        (format!("POST / HTTP/1.1\r\n{TUS}"), 400),
        (format!("POST / HTTP/1.1\r\n{TUS}Upload-Length: -1\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{TUS}Upload-Length: 1\r\nUpload-Length: 2\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{TUS}Upload-Length: 1\r\nUpload-Defer-Length: 1\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{TUS}Upload-Defer-Length: 2\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{TUS}Upload-Length: 1\r\nUpload-Concat: partial\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{TUS}Upload-Length: 1\r\nContent-Length: 1\r\n"), 415),
        (format!("PATCH /1 HTTP/1.1\r\n{TUS}{BYTES}"), 400),
        (format!("PATCH /1 HTTP/1.1\r\n{TUS}{BYTES}Upload-Offset: 1e3\r\n"), 400),
        (
            format!(
                "PATCH /1 HTTP/1.1\r\n{TUS}{BYTES}Upload-Offset: 1\r\nUpload-Checksum: sha1 x\r\n"
            ),
            400,
        ),
        (format!("PATCH /1 HTTP/1.1\r\n{TUS}Upload-Offset: 1\r\n"), 415),
        (
            format!("PATCH /1 HTTP/1.1\r\n{TUS}Content-Type: text/plain\r\nUpload-Offset: 1\r\n"),
            415,
        ),
    ];

    for (head, status) in cases {
        parse(&head, |request| {
            assert_eq!(request.map_err(Refusal::status), Err(status), "{head}");
        });
    }
}

#[test]
fn bad_metadata_is_refused_where_it_is_read() {
    let head =
        format!("POST / HTTP/1.1\r\n{TUS}Upload-Length: 1\r\nUpload-Metadata: filename !\r\n");
    parse(&head, |request| {
        let Ok(Request::Create(create)) = request else { panic!("{request:?}") };
        assert_eq!(create.metadata().map_err(Refusal::status), Err(400));
    });
}

#[test]
fn answers_are_written_whole() {
    let date = Some(Date { unix_s: 784_111_777 });
    let cases = [
        (
            Outcome::Options { max_size: Some(9) },
            "HTTP/1.1 204 No Content\r\nTus-Resumable: 1.0.0\r\nTus-Version: 1.0.0\r\nTus-Extension: creation,\
             creation-with-upload,creation-defer-length,expiration,termination,baton-fencing\r\nTus-Max-Size: 9\r\n\r\n",
        ),
        (
            Outcome::Created { location: "/files/1", offset: 0, expires: date },
            "HTTP/1.1 201 Created\r\nTus-Resumable: 1.0.0\r\nLocation: /files/1\r\nUpload-Offset: 0\r\n\
             Upload-Expires: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            Outcome::Offset { offset: 5, length: None, expires: None },
            "HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 5\r\nUpload-Defer-Length: 1\r\n\
             Cache-Control: no-store\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            Outcome::Conflict { offset: 5 },
            "HTTP/1.1 409 Conflict\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 5\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            Outcome::Refused(Refusal::Version),
            "HTTP/1.1 412 Precondition Failed\r\nTus-Resumable: 1.0.0\r\nTus-Version: 1.0.0\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            Outcome::Failed { status: 507, retry_after_s: Some(60) },
            "HTTP/1.1 507 Insufficient Storage\r\nTus-Resumable: 1.0.0\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n",
        ),
    ];

    for (outcome, expected) in cases {
        let mut out = [0; 512];
        let length = outcome.write(&mut out, true).unwrap();
        assert_eq!(core::str::from_utf8(&out[..length]), Ok(expected));
    }
}

/// A server of one upload, driven by the codec as a real one is.
struct Store {
    http: Server<1024>,
    fence: Fence<u32>,
    file: Vec<u8>,
    name: String,
    request: u32,
    out: Vec<u8>,
}

impl Store {
    fn feed(&mut self, mut input: &[u8]) {
        loop {
            let (used, event) = self.http.handle_input(input).expect("a valid client");
            input = &input[used..];
            match event {
                ServerEvent::NeedMore => return,
                ServerEvent::Request => self.begin(),
                ServerEvent::Body(bytes) => self.write(bytes),
                ServerEvent::End => self.fence.release(self.request),
            }
        }
    }

    fn begin(&mut self) {
        self.request += 1;
        let head = self.http.head();
        let request = Request::parse(&head);
        let expires = None;
        let offset = self.fence.stored();
        let outcome = match request {
            Ok(Request::Options) => Outcome::Options { max_size: None },
            Ok(Request::Create(create)) => {
                self.name = create.metadata().unwrap().filename.unwrap().as_str().into();
                Outcome::Created { location: "1", offset: 0, expires }
            }
            Ok(Request::Head) => Outcome::Offset { offset, length: None, expires },
            Ok(Request::Append(append)) => match self.fence.append(self.request, append.offset) {
                Verdict::Granted { .. } => {
                    let Framing::Length(length) = append.content else { panic!("not chunked") };
                    // Answered before the bytes are here: the client is told what will be.
                    Outcome::Appended { offset: offset + length, expires }
                }
                Verdict::Conflict { stored } => {
                    self.http.discard(1000);
                    Outcome::Conflict { offset: stored }
                }
                Verdict::Wait => panic!("no write is ever under way here"),
            },
            Ok(Request::Terminate) => Outcome::Terminated,
            Err(refusal) => Outcome::Refused(refusal),
        };
        let mut out = [0; 512];
        let length = outcome.write(&mut out, true).unwrap();
        self.out.extend_from_slice(&out[..length]);
    }

    fn write(&mut self, bytes: &[u8]) {
        assert_eq!(self.fence.write(self.request), Ok(self.file.len() as u64));
        self.file.extend_from_slice(bytes);
        self.fence.wrote(bytes.len() as u64);
    }
}

#[test]
fn client_and_server_understand_each_other_whatever_the_pieces() {
    for size in [1, 2, 7, 100, 10_000] {
        round_trip(size);
    }
}

fn round_trip(piece: usize) {
    let peer = Peer { authority: "h", authorization: None };
    let mut client = Client::<1024, 8>::new(Protocol::Tus);
    let mut store = Store {
        http: Server::new(),
        fence: Fence::new(0),
        file: Vec::new(),
        name: String::new(),
        request: 0,
        out: Vec::new(),
    };
    let (mut sent, mut out) = (Vec::new(), [0; 512]);
    let new = upload::Create {
        target: "/files/",
        length: Some(11),
        filename: "ä/b.txt",
        filetype: Some("text/plain"),
        content: 0,
    };

    let length = client.options(&mut out, &peer, "/files/").unwrap();
    sent.extend_from_slice(&out[..length]);
    let length = client.create(&mut out, &peer, &new).unwrap();
    sent.extend_from_slice(&out[..length]);
    // The third append repeats the second: it must be fenced, and the fourth go through.
    for (offset, bytes) in [(0, "hello"), (5, " wor"), (5, "xxxx"), (9, "ld")] {
        let append = upload::Append {
            target: "/files/1",
            offset,
            length: bytes.len() as u64,
            declare_length: None,
            awaits: false,
            last: false,
        };
        let length = client.append(&mut out, &peer, &append).unwrap();
        sent.extend_from_slice(&out[..length]);
        sent.extend_from_slice(bytes.as_bytes());
        client.wrote_body(bytes.len() as u64);
    }
    let length = client.head(&mut out, &peer, "/files/1").unwrap();
    sent.extend_from_slice(&out[..length]);
    let length = client.delete(&mut out, &peer, "/files/1").unwrap();
    sent.extend_from_slice(&out[..length]);

    sent.chunks(piece).for_each(|piece| store.feed(piece));
    let mut answers = Vec::new();
    for mut input in store.out.chunks(piece) {
        while let (used, Some(answer)) = client.handle_input(input).unwrap() {
            input = &input[used..];
            answers.push(match answer {
                Answer::Options { extensions, .. } => {
                    assert!(
                        extensions.has(Extension::Fencing) && extensions.has(Extension::Creation)
                    );
                    "options".into()
                }
                Answer::Created { location, .. } => {
                    format!("created {}", location.resolve(&peer, "/files/").unwrap())
                }
                Answer::Refused(refused) => format!("{} {:?}", refused.status, refused.offset),
                Answer::Appended { offset, .. } => format!("appended {offset}"),
                Answer::Offset { offset, .. } => format!("offset {offset}"),
                Answer::Deleted => "deleted".into(),
                Answer::Impostor { .. } | Answer::Progress { .. } => format!("{answer:?}"),
            });
        }
    }

    assert_eq!(
        answers,
        [
            "options",
            "created /files/1",
            "appended 5",
            "appended 9",
            "409 Some(9)",
            "appended 11",
            "offset 11",
            "deleted",
        ]
    );
    assert_eq!(store.file, b"hello world");
    assert_eq!(store.name, "ä/b.txt");
    assert_eq!((client.outstanding().len(), client.eof()), (0, http::Eof::Idle));
}
