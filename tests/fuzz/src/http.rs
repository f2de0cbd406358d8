//! The codec, both ends.

use crate::pieces::however_cut;
use baton_wire::http::{
    Client, ClientEvent, Drain, Eof, Error, Framing, Method, Server, ServerEvent,
};

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Request { method: String, target: String, framing: Framing, keep_alive: bool, waits: bool },
    Body(Vec<u8>),
    Drains(Drain),
    End,
    Error(Error),
}

/// Requests. Those to `/drain` are answered early, and what is left of them is dropped.
pub(crate) fn server(data: &[u8]) {
    however_cut(data, |pieces| {
        let (mut server, mut seen) = (Server::<512>::new(), Vec::new());
        for piece in pieces {
            if feed(&mut server, piece, &mut seen).is_err() {
                break;
            }
        }
        seen
    });
}

fn feed(server: &mut Server<512>, mut input: &[u8], seen: &mut Vec<Asked>) -> Result<(), ()> {
    loop {
        let (used, event) = match server.handle_input(input) {
            Ok(progress) => progress,
            Err(error) => {
                assert_eq!(server.handle_input(b"x"), Err(error), "an error is final");
                seen.push(Asked::Error(error));
                return Err(());
            }
        };
        input = &input[used..];
        match (event, seen.last_mut()) {
            (ServerEvent::NeedMore, _) => {
                assert!(input.is_empty(), "all is used before more is needed");
                return Ok(());
            }
            (ServerEvent::Body(bytes), Some(Asked::Body(body))) => body.extend_from_slice(bytes),
            (ServerEvent::Body(bytes), _) => seen.push(Asked::Body(bytes.into())),
            (ServerEvent::End, _) => {
                assert!(server.is_idle());
                seen.push(Asked::End);
            }
            (ServerEvent::Request, _) => {
                let head = server.head();
                let drains = head.path_and_query().0 == "/drain";
                seen.push(Asked::Request {
                    method: head.method.into(),
                    target: head.target.into(),
                    framing: server.framing(),
                    keep_alive: server.keep_alive(),
                    waits: server.expects_continue(),
                });
                if drains {
                    let drain = server.discard(64);
                    seen.push(Asked::Drains(drain));
                    if drain == Drain::MustClose {
                        return Err(());
                    }
                }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answered {
    Interim(u16, Option<u64>),
    Response(u16, Option<u64>),
    Body(Vec<u8>),
    End(bool),
    Error(Error),
    Eof(Eof, usize),
}

/// Answers to a GET, a HEAD and two PUTs.
pub(crate) fn client(data: &[u8]) {
    however_cut(data, |pieces| {
        let (mut client, mut seen) = (Client::<512, 4>::new(), Vec::new());
        for method in [Method::Get, Method::Head, Method::Put, Method::Put] {
            client.sent(method, 0).expect("there is room for four");
        }
        for piece in pieces {
            if hear(&mut client, piece, &mut seen).is_err() {
                break;
            }
        }
        seen.push(Answered::Eof(client.eof(), client.outstanding()));
        seen
    });
}

fn hear(client: &mut Client<512, 4>, mut input: &[u8], seen: &mut Vec<Answered>) -> Result<(), ()> {
    loop {
        let (used, event) = match client.handle_input(input) {
            Ok(progress) => progress,
            Err(error) => {
                assert_eq!(client.handle_input(b"x"), Err(error), "an error is final");
                seen.push(Answered::Error(error));
                return Err(());
            }
        };
        input = &input[used..];
        let offset = || client.head().headers.number("Upload-Offset").ok().flatten();
        match (event, seen.last_mut()) {
            (ClientEvent::NeedMore, _) => {
                assert!(input.is_empty(), "all is used before more is needed");
                return Ok(());
            }
            (ClientEvent::Interim(status), _) => {
                assert!((100..200).contains(&status) && status != 101);
                seen.push(Answered::Interim(status, offset()));
            }
            (ClientEvent::Response(status), _) => {
                assert_eq!(client.head().status, status);
                seen.push(Answered::Response(status, offset()));
            }
            (ClientEvent::Body(bytes), Some(Answered::Body(body))) => {
                body.extend_from_slice(bytes);
            }
            (ClientEvent::Body(bytes), _) => seen.push(Answered::Body(bytes.into())),
            (ClientEvent::End { keep_alive }, _) => seen.push(Answered::End(keep_alive)),
        }
    }
}
