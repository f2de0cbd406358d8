//! The machines by which the agent speaks, against this server: both ends mean the same.

use crate::support::*;
use baton_core::token;
use baton_wire::{
    chunked::{self, Chunk, File, Open},
    http::Peer,
    put::{self, Boundary, Form},
    resumable::Interop,
    tus,
    upload::{self, Answer, Append, Create, Protocol},
    url::Target,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// A connection, and what came on it and was not used yet.
struct Wire(TcpStream, Vec<u8>);

const PEER: Peer<'static> = Peer { authority: "store", authorization: None };

impl Wire {
    fn connect(server: &Server) -> Self {
        Self(TcpStream::connect(server.addr).unwrap(), Vec::new())
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Feeds what comes to `handle`, which tells how much it used, and its answer once it has one.
    fn until<T>(&mut self, mut handle: impl FnMut(&[u8]) -> (usize, Option<T>)) -> T {
        let mut block = [0; 4096];
        loop {
            let (used, answer) = handle(&self.1);
            self.1.drain(..used);
            if let Some(answer) = answer {
                return answer;
            }
            if used == 0 {
                let count = self.0.read(&mut block).unwrap();
                assert!(count > 0, "closed instead of answering");
                self.1.extend(&block[..count]);
            }
        }
    }
}

#[track_caller]
fn unexpected(answer: &impl core::fmt::Debug) -> ! {
    panic!("{answer:?}")
}

/// An upload by offset: created, appended to twice, asked for and found whole.
fn by_offset(server: &Server, protocol: Protocol, name: &str, bytes: &[u8]) {
    let mut wire = Wire::connect(server);
    let mut client = upload::Client::<2048, 16>::new(protocol);
    let mut out = [0; 2048];
    let target = format!("/files/?{}", v2(name, bytes.len()));
    let length = Some(bytes.len() as u64);
    let new = Create { target: &target, length, filename: name, filetype: None, content: 0 };
    let count = client.create(&mut out, &PEER, &new).unwrap();
    wire.send(&out[..count]);
    let upload: Target = wire.until(|input| {
        let (used, answer) = client.handle_input(input).unwrap();
        let location = answer.map(|answer| {
            let Answer::Created { location, offset: 0, .. } = answer else {
                panic!("{protocol:?}: {answer:?}")
            };
            location.resolve(&PEER, &target).unwrap()
        });
        (used, location)
    });

    let middle = bytes.len() / 3;
    let mut told = Vec::new();
    for (offset, part, last) in [(0, &bytes[..middle], false), (middle, &bytes[middle..], true)] {
        let append = Append {
            target: &upload,
            offset: offset as u64,
            length: part.len() as u64,
            declare_length: None,
            awaits: false,
            last,
        };
        let count = client.append(&mut out, &PEER, &append).unwrap();
        wire.send(&out[..count]);
        wire.send(part);
        client.wrote_body(part.len() as u64);
        let end = (offset + part.len()) as u64;
        wire.until(|input| {
            let (used, answer) = client.handle_input(input).unwrap();
            let done = match answer {
                None => None,
                Some(Answer::Progress { offset }) => {
                    told.push(offset);
                    None
                }
                Some(Answer::Appended { offset, done }) => {
                    assert_eq!(offset, end);
                    assert!(done.is_none_or(|done| done == last), "{protocol:?}");
                    Some(())
                }
                Some(other) => unexpected(&other),
            };
            (used, done)
        });
    }
    let tells = matches!(protocol, Protocol::Resumable(interop) if interop >= Interop::V5);
    assert_eq!(!told.is_empty(), tells, "{protocol:?} told {told:?}");

    let count = client.head(&mut out, &PEER, &upload).unwrap();
    wire.send(&out[..count]);
    wire.until(|input| {
        let (used, answer) = client.handle_input(input).unwrap();
        (
            used,
            answer.map(|answer| match answer {
                Answer::Offset { offset, done, .. } => {
                    assert_eq!(offset, bytes.len() as u64);
                    assert_ne!(done, Some(false), "{protocol:?}");
                }
                other => unexpected(&other),
            }),
        )
    });
    assert_eq!(server.stored(name).unwrap(), bytes);
}

#[test]
fn uploads_by_offset_are_understood_in_every_protocol_and_version() {
    let server = Server::start();
    let protocols = Interop::ALL.map(Protocol::Resumable).into_iter().chain([Protocol::Tus]);

    for (number, protocol) in protocols.enumerate() {
        let bytes = noise(400_000 + number);
        by_offset(&server, protocol, &format!("a/\u{f6} {number}"), &bytes);
    }
}

#[test]
fn a_no_is_known_to_be_the_servers_own() {
    let server = Server::start();
    for protocol in [Protocol::Tus, Protocol::Resumable(Interop::LATEST)] {
        let mut wire = Wire::connect(&server);
        let mut client = upload::Client::<2048, 16>::new(protocol);
        let mut out = [0; 2048];
        let folder = match protocol {
            Protocol::Tus => "/files/",
            Protocol::Resumable(_) => "/files/resumable/",
        };
        let gone = format!("{folder}{}", "0".repeat(32));

        let count = client.head(&mut out, &PEER, &gone).unwrap();
        wire.send(&out[..count]);

        wire.until(|input| {
            let (used, answer) = client.handle_input(input).unwrap();
            (
                used,
                answer.map(|answer| match answer {
                    Answer::Refused(refused) => {
                        assert_eq!((refused.status, refused.genuine), (404, true))
                    }
                    other => unexpected(&other),
                }),
            )
        });
    }
    assert_eq!(tus::VERSION, "1.0.0");
}

#[test]
fn chunked_sessions_are_understood() {
    let server = Server::start_with(|options| options.chunk_size = 100_000);
    let bytes = noise(250_000);
    let (name, size) = ("a/\u{f6} b", bytes.len() as u64);
    let file = File { name, size };
    let signature = token::signature(SECRET, chunked::PATH);
    let signature = Some(signature.as_str());
    let mut wire = Wire::connect(&server);
    let mut client = chunked::Client::<2048>::new();
    let mut out = [0; 2048];
    let open = Open { target: chunked::PATH, signature, file };
    let count = client.open(&mut out, &PEER, &open).unwrap();
    wire.send(&out[..count]);
    let session = match wire.until(|input| client.handle_input(input, &file).unwrap()) {
        chunked::Answer::Opened(session) => session,
        other => unexpected(&other),
    };
    let count = client.verify(&mut out, &PEER, chunked::STATUS_PATH, &session.id).unwrap();
    wire.send(&out[..count]);
    let fresh = wire.until(|input| client.handle_input(input, &file).unwrap());
    assert_eq!(fresh, chunked::Answer::Fresh);

    let mut acked = 0;
    for (number, is_repeat) in [(2, false), (0, false), (0, true), (1, false)] {
        let target = chunked::PATH;
        let chunk = Chunk { target, signature, session: &session, number, is_repeat, acked };
        let count = client.chunk(&mut out, &PEER, &chunk).unwrap();
        let (start, length) = session.plan.range(number).unwrap();
        let part = &bytes[start as usize..(start + length) as usize];
        wire.send(&out[..count]);
        wire.send(part);
        client.wrote_body(length);
        let answer = wire.until(|input| client.handle_input(input, &file).unwrap());
        acked += if is_repeat { 0 } else { length };
        match (number, is_repeat) {
            (1, _) => assert_eq!(answer, chunked::Answer::Assembled),
            (_, false) => assert_eq!(answer, chunked::Answer::Stored { number, uploaded: acked }),
            (_, true) => {
                assert_eq!(answer, chunked::Answer::Repeated { number });
                // The rest of a body that nobody wants is not waited for.
                wire = Wire::connect(&server);
                client = chunked::Client::new();
            }
        }
    }

    assert_eq!(server.stored(name).unwrap(), bytes);
    let count = client.status(&mut out, &PEER, chunked::STATUS_PATH, &session.id).unwrap();
    wire.send(&out[..count]);
    let gone = wire.until(|input| client.handle_input(input, &file).unwrap());
    assert_eq!(gone, chunked::Answer::Unknown(chunked::Verb::Status));
}

#[test]
fn a_form_and_its_receipt_are_understood() {
    let server = Server::start();
    let bytes = noise(300_000);
    let signature = token::signature(SECRET, "/upload");
    let form = Form {
        target: "/upload",
        signature: Some(signature.as_str()),
        filename: "\u{f6} \"b\".jpg",
        content_type: "image/jpeg",
        length: bytes.len() as u64,
        boundary: Boundary([7; 16]),
        expect_continue: true,
    };
    let mut wire = Wire::connect(&server);
    let mut client = put::Client::<2048>::new();
    let mut out = [0; 2048];
    let count = client.post(&mut out, &PEER, &form).unwrap();
    wire.send(&out[..count]);
    wire.until(|input| {
        let (used, answer) = client.handle_input(input).unwrap();
        (used, answer.map(|answer| assert_eq!(answer, put::Answer::Continue)))
    });
    wire.send(&bytes);
    wire.send(&form.end());
    client.wrote_body(client.body_left());
    let size = wire.until(|input| {
        let (used, answer) = client.handle_input(input).unwrap();
        let size = match answer {
            Some(put::Answer::Receipt { size }) => Some(size),
            Some(put::Answer::Stored { status: 200 }) | None => None,
            Some(other) => unexpected(&other),
        };
        (used, size)
    });

    assert_eq!(size, bytes.len() as u64);
    assert_eq!(server.stored("\u{f6} \"b\".jpg").unwrap(), bytes);
}
