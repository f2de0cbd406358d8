//! Requests of every protocol, and our own answers to them.

use baton_wire::{
    base64::Encoded,
    chunked,
    credential::Credential,
    http::{Client, ClientEvent, Framing, Method, RequestHead, Server, ServerEvent},
    percent, put,
    resumable::{self, Interim, Limits},
    tus::{self, Metadata},
};

/// Hands the head of each request to `check`.
fn requests(data: &[u8], mut check: impl FnMut(&RequestHead<'_>)) {
    let (mut server, mut input) = (Server::<4096>::new(), data);
    while let Ok((used, event)) = server.handle_input(input) {
        input = &input[used..];
        match event {
            ServerEvent::NeedMore => return,
            ServerEvent::Request => check(&server.head()),
            ServerEvent::Body(_) | ServerEvent::End => {}
        }
    }
}

/// Our answer to a request is one answer, of that status, in the eyes of our client.
fn assert_is_an_answer(asked: Option<Method>, answer: &[u8], status: u16) {
    let mut client = Client::<1024, 1>::new();
    client.sent(asked.unwrap_or(Method::Post), 0).expect("it is the first");
    let (mut used, event) = client.handle_input(answer).expect("a good answer");
    assert_eq!(event, ClientEvent::Response(status));
    loop {
        let (more, event) = client.handle_input(&answer[used..]).expect("a good answer");
        used += more;
        match event {
            ClientEvent::Body(_) => {}
            ClientEvent::End { .. } => break,
            ClientEvent::NeedMore | ClientEvent::Interim(_) | ClientEvent::Response(_) => {
                panic!("{event:?} in an answer")
            }
        }
    }
    assert_eq!(used, answer.len());
}

pub(crate) fn tus(data: &[u8]) {
    use tus::server::{Outcome, Request};
    requests(data, |head| {
        let expires = None;
        let outcome = match Request::parse(head) {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(Request::Options) => Outcome::Options { max_size: Some(9) },
            Ok(Request::Head) => Outcome::Offset { offset: 0, length: None, expires },
            Ok(Request::Terminate) => Outcome::Terminated,
            Ok(Request::Append(append)) if append.content == Framing::None => {
                Outcome::Conflict { offset: append.offset }
            }
            Ok(Request::Append(append)) => Outcome::Appended { offset: append.offset, expires },
            Ok(Request::Create(create)) => match create.metadata() {
                Err(refusal) => Outcome::Refused(refusal),
                Ok(metadata) => {
                    assert_comes_back(&metadata);
                    let offset = create.length.unwrap_or(0);
                    Outcome::Created { location: "/files/1", offset, expires }
                }
            },
        };
        let mut out = [0; 1024];
        let length = outcome.write(&mut out, head.keep_alive()).expect("it fits");
        assert_is_an_answer(head.known_method(), &out[..length], outcome.status());
    });
}

/// What was read of `Upload-Metadata`, written again, is read as the same.
pub(crate) fn assert_comes_back(metadata: &Metadata) {
    let pair = |key: &str, value: Option<&str>| {
        value.map(|value| format!("{key} {}", Encoded(value.as_bytes())))
    };
    let pairs = [
        pair("filename", metadata.filename.as_deref()),
        pair("filetype", metadata.filetype.as_deref()),
    ];
    let text = pairs.into_iter().flatten().collect::<Vec<_>>().join(",");
    assert_eq!(Metadata::parse(text.as_bytes()).as_ref(), Ok(metadata));
}

pub(crate) fn resumable(data: &[u8]) {
    use resumable::{Outcome, Request, server};
    requests(data, |head| {
        let interop = resumable::Interop::of(head.headers);
        let limits = Limits::read(head.headers);
        let outcome = match Request::parse(head) {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(Request::Options) => Outcome::Options { limits },
            Ok(Request::Head) => {
                Outcome::Offset { offset: 5, length: Some(9), complete: false, limits }
            }
            Ok(Request::Cancel) => Outcome::Cancelled,
            Ok(Request::Create(create)) => {
                assert!(server::is_meant(head));
                let _ = create.filename();
                assert_is_consistent(0, create.content, create.complete, create.length);
                if create.complete {
                    Outcome::Done { offset: 9 }
                } else {
                    Outcome::Created { location: "/files/1", offset: 0, limits }
                }
            }
            Ok(Request::Append(append)) => {
                let offset = append.offset;
                assert_is_consistent(
                    offset,
                    append.content,
                    append.complete,
                    append.declared_length,
                );
                if append.complete {
                    Outcome::Conflict { stored: 5, given: offset }
                } else {
                    Outcome::Appended { offset }
                }
            }
        };
        let mut out = [0; 1024];
        let length = outcome.write(&mut out, interop, head.keep_alive()).expect("it fits");
        assert_is_an_answer(head.known_method(), &out[..length], outcome.status(interop));
        if let Some(interop) = server::hears_interim(head) {
            assert_eq!(head.minor, 1);
            Interim::Progress { offset: 5 }.write(&mut out, interop).expect("it fits");
        }
    });
}

/// A length that is told agrees with the bytes that come.
fn assert_is_consistent(offset: u64, content: Framing, complete: bool, length: Option<u64>) {
    let size = match content {
        Framing::None => Some(0),
        Framing::Length(size) => Some(size),
        Framing::Chunked => None,
        Framing::UntilClose => panic!("no request ends with the connection"),
    };
    if let (Some(size), Some(length)) = (size, length) {
        assert!(offset + size <= length);
        assert!(!complete || offset + size == length);
    }
    assert!(!complete || size.is_none() || length.is_some(), "the length follows from it");
}

pub(crate) fn chunked(data: &[u8]) {
    requests(data, |head| {
        if let Some(Err(refusal)) = chunked::Request::parse(head) {
            let outcome = chunked::Outcome::Refused(refusal);
            let mut out = [0; 1024];
            let length = outcome.write(&mut out, head.keep_alive()).expect("it fits");
            assert_is_an_answer(head.known_method(), &out[..length], outcome.status());
        }
    });
}

pub(crate) fn put(data: &[u8]) {
    requests(data, |head| {
        let shown = format!("{:?}", Credential::of(head));
        assert!(shown.len() < 20, "a token does not show: {shown}");
        if let Ok(request) = put::server::Request::parse(head) {
            let path = format!("/{}", percent::Encoded(&request.name));
            assert_eq!(percent::name(&path).as_ref(), Ok(&request.name));
            if let Some(range) = request.range {
                for size in [0, 1, 1000, u64::MAX] {
                    let within = range.within(size);
                    assert!(within.is_none_or(|(start, len)| len > 0 && start + len <= size));
                }
            }
        }
    });
}
