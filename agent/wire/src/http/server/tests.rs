use super::*;
use proptest::prelude::*;
use std::vec::Vec;

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Request(String),
    Body(Vec<u8>),
    End,
    Error(Error),
}

/// Everything that a connection with a head of 128 bytes makes of the input; pieces of a body are joined.
fn read(pieces: &[&[u8]]) -> Vec<Seen> {
    let (mut server, mut seen) = (Server::<128>::new(), Vec::new());
    for piece in pieces {
        feed(&mut server, piece, &mut seen);
        if let Some(Seen::Error(_)) = seen.last() {
            break;
        }
    }
    seen
}

fn feed(server: &mut Server<128>, mut input: &[u8], seen: &mut Vec<Seen>) {
    loop {
        let (used, event) = match server.handle_input(input) {
            Ok(progress) => progress,
            Err(error) => return seen.push(Seen::Error(error)),
        };
        input = &input[used..];
        match (event, seen.last_mut()) {
            (ServerEvent::NeedMore, _) => {
                assert!(input.is_empty(), "all is used before more is needed");
                return;
            }
            (ServerEvent::Request, _) => {
                let head = server.head();
                seen.push(Seen::Request(format!("{} {}", head.method, head.target)));
            }
            (ServerEvent::Body(bytes), Some(Seen::Body(body))) => body.extend_from_slice(bytes),
            (ServerEvent::Body(bytes), _) => seen.push(Seen::Body(bytes.into())),
            (ServerEvent::End, _) => seen.push(Seen::End),
        }
    }
}

fn request(line: &str) -> Seen {
    Seen::Request(line.into())
}

fn error(input: &str) -> Option<Error> {
    match read(&[input.as_bytes()]).pop() {
        Some(Seen::Error(error)) => Some(error),
        _ => None,
    }
}

const PUT: &[u8] = b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";

#[test]
fn pipelined_requests_are_told_one_by_one() {
    let input = [
        PUT,
        b"hello\r\n\r\nHEAD /b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ]
    .concat();

    let expected = [
        request("PUT /a"),
        Seen::Body(b"hello".into()),
        Seen::End,
        request("HEAD /b"),
        Seen::End,
        request("POST /c"),
        Seen::Body(b"hi".into()),
        Seen::End,
    ];
    assert_eq!(read(&[&input]), expected);
}

#[test]
fn what_follows_a_request_is_left_and_its_head_stays_readable() {
    let mut server = Server::<128>::new();
    let input = [PUT, b"helloGET"].concat();

    assert_eq!(server.handle_input(&input), Ok((PUT.len(), ServerEvent::Request)));
    assert_eq!(server.handle_input(&input[PUT.len()..]), Ok((5, ServerEvent::Body(b"hello"))));
    assert_eq!(server.handle_input(b"GET"), Ok((0, ServerEvent::End)));

    assert!(server.is_idle() && server.keep_alive());
    assert_eq!(server.head().target, "/a");
    assert_eq!(server.handle_input(b"GET"), Ok((3, ServerEvent::NeedMore)));
    assert_eq!(server.head().target, "");
    assert!(!server.is_idle());
}

#[test]
fn a_body_can_go_past_the_codec() {
    let mut server = Server::<128>::new();
    server.handle_input(PUT).unwrap();
    assert_eq!(server.handle_input(b"he"), Ok((2, ServerEvent::Body(b"he"))));

    assert_eq!(server.raw_body(), 3);
    server.took_raw(3);

    assert_eq!(server.raw_body(), 0);
    assert_eq!(server.handle_input(b""), Ok((0, ServerEvent::End)));
}

#[test]
fn continue_is_sent_once_and_not_after_the_body_began() {
    let head = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nexpect: 100-Continue\r\n\r\n";
    let waiting = || {
        let mut server = Server::<128>::new();
        server.handle_input(head.as_bytes()).unwrap();
        assert!(server.expects_continue());
        server
    };

    let mut server = waiting();
    assert_eq!(server.take_continue(), Some(&b"HTTP/1.1 100 Continue\r\n\r\n"[..]));
    assert_eq!(server.take_continue(), None);

    let mut server = waiting();
    assert_eq!(server.handle_input(b""), Ok((0, ServerEvent::NeedMore)));
    assert!(server.expects_continue());
    server.handle_input(b"h").unwrap();
    assert_eq!(server.take_continue(), None);

    let mut server = waiting();
    server.took_raw(1);
    assert!(!server.expects_continue());
}

#[test]
fn a_request_without_a_body_waits_for_no_continue() {
    let mut server = Server::<128>::new();
    let head = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n";

    server.handle_input(head.as_bytes()).unwrap();

    assert!(!server.expects_continue());
}

#[test]
fn the_rest_of_a_request_answered_early_is_dropped_within_the_limit() {
    let mut server = Server::<128>::new();
    assert_eq!(server.discard(0), Drain::Done);
    server.handle_input(PUT).unwrap();

    assert_eq!(server.discard(4), Drain::MustClose);
    assert_eq!(server.discard(5), Drain::Draining);
    assert_eq!(server.raw_body(), 0);
    assert_eq!(server.handle_input(b"hel"), Ok((3, ServerEvent::NeedMore)));
    assert_eq!(server.handle_input(b"loGET"), Ok((2, ServerEvent::End)));
    assert_eq!(server.discard(0), Drain::Done);
}

#[test]
fn chunks_beyond_the_limit_end_the_connection() {
    let head = b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut server = Server::<128>::new();
    server.handle_input(head).unwrap();
    assert_eq!(server.discard(4), Drain::Draining);

    assert_eq!(server.handle_input(b"4\r\nabcd\r\n"), Ok((9, ServerEvent::NeedMore)));
    assert_eq!(server.handle_input(b"1\r\ne\r\n"), Err(Error::Undrained));

    assert_eq!(server.handle_input(b""), Err(Error::Undrained));
    assert_eq!(server.discard(4), Drain::MustClose);
    assert!(!server.keep_alive());
}

#[test]
fn a_client_that_still_waits_for_continue_can_not_be_drained() {
    let head = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let mut server = Server::<128>::new();
    server.handle_input(head.as_bytes()).unwrap();
    assert_eq!(server.discard(100), Drain::MustClose);

    server.take_continue();

    assert_eq!(server.discard(100), Drain::Draining);
}

#[test]
fn connection_close_ends_keep_alive() {
    let mut server = Server::<128>::new();
    let head = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n";
    server.handle_input(head).unwrap();
    assert!(!server.keep_alive());
}

#[test]
fn bad_requests_are_refused_with_their_status() {
    let get = |fields: &str| format!("GET /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let cases = [
        (get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400),
        (get("Content-Length: 5\r\nContent-Length: 6\r\n"), 400),
        (get("A: b\r\n c\r\n"), 400),
        (get("A: b\nC: d\r\n"), 400),
        (get("A: b\rC: d\r\n"), 400),
        (get("A: \0\r\n"), 400),
        (get("Expect: 200-maybe\r\n"), 417),
        (get("Transfer-Encoding: gzip\r\n"), 501),
        (get(&format!("A: {}\r\n", "b".repeat(128))), 431),
        (format!("GET /{}", "a".repeat(128)), 414),
        ("GET /a HTTP/1.1\nHost: h\n\n".into(), 400),
        ("GET /a HTTP/1.1\r\n\r\n".into(), 400),
        ("GET /a HTTP/2.0\r\nHost: h\r\n\r\n".into(), 505),
        ("\n".into(), 400),
        // A TLS client at the plain port.
        ("\u{16}\u{3}\u{1}".into(), 400),
    ];

    for (input, status) in cases {
        assert_eq!(error(&input).map(Error::status), Some(status), "{input:?}");
    }
}

#[test]
fn a_smuggled_request_is_never_seen() {
    let inner = "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n";
    let hidden = [
        format!(
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
        ),
        format!(
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\u{b}chunked\r\nContent-Length: 0\r\n\r\n{inner}"
        ),
        format!(
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n{inner}"
        ),
        format!(
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\n\na\r\n0\r\n\r\n{inner}"
        ),
    ];

    for input in hidden {
        let seen = read(&[input.as_bytes()]);
        assert!(!seen.contains(&request("GET /evil")), "{seen:?}");
        assert!(matches!(seen.last(), Some(Seen::Error(_))), "{seen:?}");
    }
}

#[test]
fn a_head_may_fill_its_buffer_to_the_last_byte() {
    let head = |padding| format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "b".repeat(padding));
    let room = 128 - head(0).len();

    assert_eq!(read(&[head(room).as_bytes()]), [request("GET /"), Seen::End]);
    assert_eq!(error(&head(room + 1)), Some(Error::HeadTooLong));
}

#[test]
fn the_reader_of_a_head_that_never_was_finds_nothing() {
    let server = Server::<128>::new();
    assert_eq!((server.head().method, server.head().headers.iter().count()), ("", 0));
}

/// Requests, and now and then parts of requests.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop::sample::select(vec![
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
        "DELETE /c HTTP/1.0\r\n\r\n",
        "\r\n",
    ]);
    let part = prop::sample::select(vec![
        "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        "3\r\nabc\r\n",
        "0\r\nTrailer: x\r\n\r\n",
        "GET / HTTP/1.1\r\n",
        "Host: h\r\n",
        "Content-Length: 3\r\n",
        "hello",
        "\n",
        "\0",
    ]);
    prop::collection::vec(prop_oneof![2 => whole, 1 => part], 0..8)
        .prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_traffic_reads_the_same_however_it_is_cut(input in traffic(), size in 1usize..40) {
        let whole = read(&[&input]);

        prop_assert_eq!(&read(&input.chunks(1).collect::<Vec<_>>()), &whole);
        prop_assert_eq!(&read(&input.chunks(size).collect::<Vec<_>>()), &whole);
    }

    #[test]
    fn any_bytes_are_survived(input: Vec<u8>) {
        read(&[&input]);
    }
}
