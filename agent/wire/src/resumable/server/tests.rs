use super::*;
use crate::{
    http::{Eof, Peer, Server, ServerEvent},
    resumable::Limits,
    upload::{self, Answer, Client, Protocol},
};

const BYTES: &str = "Content-Type: application/partial-upload\r\n";
const V8: &str = "Upload-Draft-Interop-Version: 8\r\n";

/// What `check` makes of a request; heads are only lent.
fn with<T>(head: &str, check: impl FnOnce(RequestHead<'_>) -> T) -> T {
    let head = head.replacen("\r\n", "\r\nHost: h\r\n", 1) + "\r\n";
    check(RequestHead::parse(head.as_bytes()).expect("a valid head"))
}

fn append(text: &str) -> Result<Append, Refusal> {
    with(text, |head| match Request::parse(&head)? {
        Request::Append(append) => Ok(append),
        other @ (Request::Options | Request::Create(_) | Request::Head | Request::Cancel) => {
            panic!("{other:?}")
        }
    })
}

#[test]
fn a_creation_tells_all_that_it_knows() {
    let text = format!(
        "POST /files HTTP/1.1\r\n{V8}Upload-Complete: ?1\r\nUpload-Length: 9\r\nContent-Length: 9\r\n\
         Content-Type: image/jpeg\r\nContent-Disposition: inline; filename=\"a b.jpg\"\r\n"
    );

    with(&text, |head| {
        assert!(is_meant(&head));
        assert_eq!(hears_interim(&head), Some(Interop::V8));
        let Ok(Request::Create(create)) = Request::parse(&head) else { panic!("not understood") };
        assert_eq!((create.length, create.content), (Some(9), Framing::Length(9)));
        assert_eq!((create.complete, create.filetype), (true, Some("image/jpeg")));
        assert_eq!(create.filename().as_deref(), Some("a b.jpg"));
    });
}

#[test]
fn each_version_has_its_own_words() {
    let create = |fields: &str| {
        with(&format!("PUT /a HTTP/1.1\r\n{fields}Transfer-Encoding: chunked\r\n"), |head| {
            match Request::parse(&head)? {
                Request::Create(create) => Ok(create.complete),
                other @ (Request::Options
                | Request::Head
                | Request::Append(_)
                | Request::Cancel) => {
                    panic!("{other:?}")
                }
            }
        })
    };

    assert_eq!(create("Upload-Draft-Interop-Version: 3\r\nUpload-Incomplete: ?0\r\n"), Ok(true));
    assert_eq!(create("Upload-Draft-Interop-Version: 3\r\nUpload-Incomplete: ?1\r\n"), Ok(false));
    assert_eq!(create("Upload-Draft-Interop-Version: 5\r\nUpload-Complete: ?1\r\n"), Ok(true));
    // The RFC to come, and versions yet unknown.
    assert_eq!(create("Upload-Complete: ?0\r\n"), Ok(false));
    assert_eq!(create("Upload-Draft-Interop-Version: 77\r\nUpload-Complete: ?0\r\n"), Ok(false));
    assert_eq!(
        create("Upload-Draft-Interop-Version: 3\r\nUpload-Complete: ?1\r\n"),
        Err(Refusal::Completeness)
    );
    assert_eq!(create(""), Err(Refusal::Completeness));
    with("PUT /a HTTP/1.1\r\nUpload-Complete: true\r\n", |head| assert!(!is_meant(&head)));
    with("PUT /a HTTP/1.1\r\nUpload-Draft-Interop-Version: 77\r\n", |head| {
        assert_eq!(hears_interim(&head), None)
    });
    with(&format!("PUT /a HTTP/1.0\r\n{V8}"), |head| assert_eq!(hears_interim(&head), None));
}

#[test]
fn an_append_says_where_and_whether_it_is_the_last() {
    let expected =
        Append { offset: 5, content: Framing::Length(3), complete: true, declared_length: Some(8) };
    let last = format!(
        "PATCH /1 HTTP/1.1\r\n{V8}{BYTES}Upload-Offset: 5\r\nUpload-Complete: ?1\r\nContent-Length: 3\r\n"
    );
    assert_eq!(append(&last), Ok(expected));

    let more = Append { complete: false, declared_length: None, ..expected };
    assert_eq!(append(&last.replace("?1", "?0")), Ok(more));
    let empty = Append { content: Framing::None, declared_length: Some(5), ..expected };
    assert_eq!(append(&last.replace("Length: 3", "Length: 0")), Ok(empty));
    // iOS 18.0 sends no media type, and both 17 and 18.0 may leave out what is the default.
    let early = "PATCH /1 HTTP/1.1\r\nUpload-Draft-Interop-Version: 5\r\nUpload-Offset: 5\r\nContent-Length: 3\r\n";
    assert_eq!(append(early), Ok(expected));
}

#[test]
fn bad_appends_are_refused() {
    let good = format!(
        "PATCH /1 HTTP/1.1\r\n{V8}{BYTES}Upload-Offset: 5\r\nUpload-Complete: ?1\r\nContent-Length: 3\r\n"
    );
    let cases = [
        (BYTES, "", Refusal::ContentType),
        ("Upload-Complete: ?1", "X: y", Refusal::Completeness),
        ("Upload-Complete: ?1", "Upload-Complete: 1", Refusal::Completeness),
        ("Upload-Offset: 5", "Upload-Offset: -5", Refusal::Number),
        ("Upload-Offset: 5", "Upload-Offset: 5.0", Refusal::Number),
        ("Upload-Offset: 5", "Upload-Offset: 5\r\nUpload-Offset: 5", Refusal::Number),
        ("Upload-Offset: 5", "Upload-Offset: 5\r\nUpload-Length: 9", Refusal::Length),
        ("Upload-Complete: ?1", "Upload-Complete: ?0\r\nUpload-Length: 7", Refusal::Length),
        ("Content-Length: 3", "Content-Length: 18446744073709551615", Refusal::Length),
    ];

    for (from, to, refusal) in cases {
        assert_eq!(append(&good.replace(from, to)), Err(refusal), "{to}");
    }
    assert_eq!(
        with("GET /1 HTTP/1.1\r\n", |head| Request::parse(&head).err()),
        Some(Refusal::Method)
    );
}

fn written(outcome: Outcome<'_>, interop: Option<Interop>) -> std::string::String {
    let mut out = [0; 1024];
    let length = outcome.write(&mut out, interop, true).unwrap();
    assert_eq!(outcome.write(&mut out[..length - 1], interop, true), Err(crate::http::Unfit::Full));
    std::string::String::from_utf8(out[..length].into()).unwrap()
}

#[test]
fn answers_are_written_in_the_words_of_their_version() {
    let limits = Limits { max_age_s: Some(60), ..Limits::NONE };
    assert_eq!(
        written(Outcome::Offset { offset: 5, length: Some(9), complete: false, limits }, None),
        "HTTP/1.1 204 No Content\r\nUpload-Complete: ?0\r\nUpload-Offset: 5\r\nUpload-Length: 9\r\n\
         Cache-Control: no-store\r\nUpload-Limit: max-age=60\r\n\r\n"
    );
    assert_eq!(
        written(Outcome::Appended { offset: 5 }, Some(Interop::V3)),
        "HTTP/1.1 201 Created\r\nUpload-Draft-Interop-Version: 3\r\nUpload-Incomplete: ?1\r\nUpload-Offset: 5\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(
        written(Outcome::Appended { offset: 5 }, Some(Interop::V8)),
        "HTTP/1.1 204 No Content\r\nUpload-Draft-Interop-Version: 8\r\nUpload-Complete: ?0\r\nUpload-Offset: 5\r\n\r\n"
    );
    assert_eq!(
        written(Outcome::Conflict { stored: 12_500_000, given: 25_000_000 }, None),
        "HTTP/1.1 409 Conflict\r\nUpload-Complete: ?0\r\nUpload-Offset: 12500000\r\n\
         Content-Type: application/problem+json\r\nContent-Length: 200\r\n\r\n\
         {\"type\":\"https://iana.org/assignments/http-problem-types#mismatching-upload-offset\",\
         \"title\":\"offset from request does not match offset of upload\",\
         \"expected-offset\":12500000,\"provided-offset\":25000000}"
    );
    written(Outcome::Conflict { stored: crate::sf::MAX_INTEGER, given: u64::MAX }, None);
    assert!(
        written(Outcome::Failed { status: 413, retry_after_s: None, limits }, None)
            .contains("Upload-Limit: max-age=60")
    );
    assert!(written(Outcome::Refused(Refusal::Length), None).ends_with("for upload\"}"));
}

#[test]
fn interim_answers_are_written_for_those_who_hear_them() {
    let mut out = [0; 256];
    let supported = Interim::Supported { location: "/1", limits: Limits::NONE };
    let length = supported.write(&mut out, Interop::V3).unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..length]),
        Ok(
            "HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Draft-Interop-Version: 3\r\nLocation: /1\r\n\r\n"
        )
    );

    assert_eq!(Interim::Progress { offset: 5 }.write(&mut out, Interop::V3), Ok(0));
    let length = Interim::Progress { offset: 5 }.write(&mut out, Interop::V5).unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..length]),
        Ok(
            "HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Draft-Interop-Version: 5\r\nUpload-Offset: 5\r\n\r\n"
        )
    );
}

/// A server of one upload that tells progress at every piece.
struct Store {
    http: Server<1024>,
    interop: Interop,
    file: Vec<u8>,
    at: usize,
    /// What is said at the end of the request under way.
    answer: Option<Outcome<'static>>,
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
                ServerEvent::Body(bytes) => {
                    self.file.extend_from_slice(bytes);
                    let offset = self.file.len() as u64;
                    self.say(|out, interop| Interim::Progress { offset }.write(out, interop));
                }
                ServerEvent::End => {
                    if let Some(answer) = self.answer.take() {
                        self.say(|out, interop| answer.write(out, Some(interop), true));
                    }
                }
            }
        }
    }

    fn begin(&mut self) {
        let head = self.http.head();
        assert_eq!(hears_interim(&head), Some(self.interop));
        let offset = self.file.len() as u64;
        let limits = Limits { max_size: Some(100), ..Limits::NONE };
        let is_whole = self.at == self.file.len();
        self.answer = Some(match Request::parse(&head).expect("a good client") {
            Request::Options => Outcome::Options { limits },
            Request::Create(create) => {
                assert_eq!(create.filename().as_deref(), Some("ä/b.txt"));
                assert!(!create.complete);
                self.at = create.length.expect("it is known") as usize;
                Outcome::Created { location: "1", offset, limits }
            }
            Request::Head => {
                Outcome::Offset { offset, length: Some(self.at as u64), complete: is_whole, limits }
            }
            Request::Append(append) if append.offset != offset => {
                self.http.discard(1000);
                Outcome::Conflict { stored: offset, given: append.offset }
            }
            Request::Append(append) => {
                let Framing::Length(length) = append.content else { panic!("not chunked") };
                let offset = offset + length;
                if append.complete {
                    Outcome::Done { offset }
                } else {
                    Outcome::Appended { offset }
                }
            }
            Request::Cancel => Outcome::Cancelled,
        });
    }

    fn say(&mut self, write: impl FnOnce(&mut [u8], Interop) -> Result<usize, crate::http::Unfit>) {
        let mut out = [0; 1024];
        let length = write(&mut out, self.interop).unwrap();
        self.out.extend_from_slice(&out[..length]);
    }
}

#[test]
fn client_and_server_understand_each_other_in_every_version_whatever_the_pieces() {
    for interop in Interop::ALL {
        for size in [1, 7, 10_000] {
            round_trip(interop, size);
        }
    }
}

fn round_trip(interop: Interop, piece: usize) {
    let peer = Peer { authority: "h", authorization: None };
    let mut client = Client::<1024, 8>::new(Protocol::Resumable(interop));
    let mut store = Store {
        http: Server::new(),
        interop,
        file: Vec::new(),
        at: 0,
        answer: None,
        out: Vec::new(),
    };
    let (mut sent, mut out) = (Vec::new(), [0; 512]);
    let new = upload::Create {
        target: "/files/",
        length: Some(11),
        filename: "ä/b.txt",
        filetype: None,
        content: 0,
    };

    let length = client.options(&mut out, &peer, "/files/").unwrap();
    sent.extend_from_slice(&out[..length]);
    let length = client.create(&mut out, &peer, &new).unwrap();
    sent.extend_from_slice(&out[..length]);
    // The second append repeats the first: it must be refused, and the third go through.
    for (offset, bytes, last) in [(0, "hello", false), (0, "xxxxx", false), (5, " world", true)] {
        let append = upload::Append {
            target: "/files/1",
            offset,
            length: bytes.len() as u64,
            declare_length: None,
            awaits: false,
            last,
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
    let (mut answers, mut progress) = (Vec::new(), 0);
    for mut input in store.out.chunks(piece) {
        while let (used, Some(answer)) = client.handle_input(input).unwrap() {
            input = &input[used..];
            answers.push(match answer {
                Answer::Options { limits, .. } => format!("at most {:?}", limits.max_size),
                Answer::Created { location, .. } => {
                    format!("created {}", location.resolve(&peer, "/files/").unwrap())
                }
                Answer::Progress { offset } => {
                    assert!(offset >= progress);
                    progress = offset;
                    continue;
                }
                Answer::Refused(refused) => format!("{} {:?}", refused.status, refused.offset),
                Answer::Appended { offset, done } => format!("appended {offset} {done:?}"),
                Answer::Offset { offset, done, .. } => format!("offset {offset} {done:?}"),
                Answer::Deleted => "deleted".into(),
                Answer::Impostor { .. } => format!("{answer:?}"),
            });
        }
    }

    assert_eq!(
        answers,
        [
            "at most Some(100)",
            "created /files/1",
            "appended 5 Some(false)",
            "409 Some(5)",
            "appended 11 Some(true)",
            "offset 11 Some(true)",
            "deleted",
        ]
    );
    assert_eq!(store.file, b"hello world");
    assert_eq!(progress, if interop >= Interop::V5 { 11 } else { 0 });
    assert_eq!((client.outstanding().len(), client.eof()), (0, Eof::Idle));
}
