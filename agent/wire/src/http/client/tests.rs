use super::*;
use proptest::prelude::*;
use std::vec::Vec;

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Interim(u16),
    Response(u16),
    Body(Vec<u8>),
    End(bool),
    Error(Error),
}

type Small = Client<128, 3>;

fn asked(methods: &[Method]) -> Small {
    let mut client = Small::new();
    for &method in methods {
        client.sent(method, 0).unwrap();
    }
    client
}

/// Everything that the client makes of the input; pieces of a body are joined.
fn read(client: &mut Small, pieces: &[&[u8]]) -> Vec<Seen> {
    let mut seen = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            let (used, event) = match client.handle_input(input) {
                Ok(progress) => progress,
                Err(error) => {
                    seen.push(Seen::Error(error));
                    return seen;
                }
            };
            input = &input[used..];
            match (event, seen.last_mut()) {
                (ClientEvent::NeedMore, _) => {
                    assert!(input.is_empty(), "all is used before more is needed");
                    break;
                }
                (ClientEvent::Interim(status), _) => seen.push(Seen::Interim(status)),
                (ClientEvent::Response(status), _) => seen.push(Seen::Response(status)),
                (ClientEvent::Body(bytes), Some(Seen::Body(body))) => body.extend_from_slice(bytes),
                (ClientEvent::Body(bytes), _) => seen.push(Seen::Body(bytes.into())),
                (ClientEvent::End { keep_alive }, _) => seen.push(Seen::End(keep_alive)),
            }
        }
    }
    seen
}

#[test]
fn pipelined_answers_are_told_in_order() {
    let mut client = asked(&[Method::Put, Method::Head, Method::Get]);

    let seen = read(
        &mut client,
        &[
            b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        ],
    );

    let expected = [
        Seen::Response(201),
        Seen::Body(b"ok".into()),
        Seen::End(true),
        Seen::Response(200),
        Seen::End(true),
        Seen::Response(200),
        Seen::Body(b"a".into()),
        Seen::End(true),
    ];
    assert_eq!(seen, expected);
    assert_eq!((client.outstanding(), client.eof()), (0, Eof::Idle));
}

#[test]
fn interim_responses_come_before_the_answer() {
    let mut client = asked(&[Method::Put]);

    let seen = read(
        &mut client,
        &[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 104 \r\nUpload-Offset: 7\r\n\r\n"],
    );

    assert_eq!(seen, [Seen::Interim(100), Seen::Interim(104)]);
    assert_eq!(client.head().headers.number("upload-offset"), Ok(Some(7)));
    assert_eq!(client.outstanding(), 1);
    let seen = read(&mut client, &[b"HTTP/1.1 204 \r\n\r\n"]);
    assert_eq!(seen, [Seen::Response(204), Seen::End(true)]);
}

#[test]
fn an_early_answer_is_told_while_the_body_is_still_being_sent() {
    let mut client = Small::new();
    client.sent(Method::Put, 1000).unwrap();
    client.wrote_body(10);

    let seen = read(&mut client, &[b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"]);

    assert_eq!(seen, [Seen::Response(413), Seen::End(true)]);
    assert_eq!(client.body_left(), 990);
    assert_eq!(client.sent(Method::Head, 0), Err(NotSent::BodyPending));
    client.wrote_body(990);
    assert_eq!(client.sent(Method::Head, 0), Ok(()));
}

#[test]
fn a_full_pipeline_refuses_until_an_answer_came() {
    let mut client = asked(&[Method::Get, Method::Get, Method::Get]);
    assert_eq!(client.sent(Method::Get, 0), Err(NotSent::PipelineFull));

    read(&mut client, &[b"HTTP/1.1 204 \r\n\r\n"]);

    assert_eq!(client.sent(Method::Get, 0), Ok(()));
}

#[test]
fn after_connection_close_nothing_is_sent_and_what_is_missing_is_cut() {
    let mut client = asked(&[Method::Get, Method::Get]);

    let seen =
        read(&mut client, &[b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]);

    assert_eq!(seen, [Seen::Response(200), Seen::End(false)]);
    assert_eq!(client.ready(), Err(NotSent::Closing));
    assert_eq!((client.outstanding(), client.eof()), (1, Eof::Cut));
    assert_eq!(client.handle_input(b""), Ok((0, ClientEvent::NeedMore)));
    assert_eq!(client.handle_input(b"H"), Err(Error::Unsolicited));
}

#[test]
fn the_end_of_the_connection_ends_only_a_body_that_has_no_other_end() {
    let mut client = asked(&[Method::Get]);
    let seen = read(&mut client, &[b"HTTP/1.1 200 OK\r\n\r\nall there is"]);
    assert_eq!(seen, [Seen::Response(200), Seen::Body(b"all there is".into())]);
    assert_eq!((client.eof(), client.ready()), (Eof::Complete, Err(NotSent::Closing)));

    for (input, eof) in [
        (&b""[..], Eof::Cut),
        (b"HTTP/1.1 2", Eof::Cut),
        (b"HTTP/1.1 100 \r\n\r\n", Eof::Cut),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", Eof::Cut),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Eof::Cut),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Eof::Idle),
    ] {
        let mut client = asked(&[Method::Get]);
        read(&mut client, &[input]);
        assert_eq!(client.eof(), eof, "{input:?}");
    }
}

#[test]
fn answers_to_nothing_and_upgrades_are_errors() {
    assert_eq!(
        read(&mut asked(&[]), &[b"HTTP/1.1 408 Timeout\r\n\r\n"]),
        [Seen::Error(Error::Unsolicited)]
    );

    let mut client = asked(&[Method::Get]);
    let seen = read(&mut client, &[b"HTTP/1.1 101 Switching Protocols\r\n\r\n"]);
    assert_eq!(seen, [Seen::Error(Error::Unsolicited)]);
    assert_eq!((client.ready(), client.eof()), (Err(NotSent::Closing), Eof::Cut));
    assert_eq!(client.handle_input(b""), Err(Error::Unsolicited));
}

#[test]
fn a_head_larger_than_its_buffer_is_an_error() {
    let head = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(128));

    assert_eq!(
        read(&mut asked(&[Method::Get]), &[head.as_bytes()]),
        [Seen::Error(Error::HeadTooLong)]
    );
}

/// Answers, and now and then parts of answers.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 \r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 101 \r\n\r\n",
        "\r\n",
        "\n",
    ]);
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_traffic_reads_the_same_however_it_is_cut(input in traffic(), size in 1usize..40) {
        let read = |size| read(&mut asked(&[Method::Get, Method::Put, Method::Head]), &input.chunks(size).collect::<Vec<_>>());

        let whole = read(input.len().max(1));

        prop_assert_eq!(&read(1), &whole);
        prop_assert_eq!(&read(size), &whole);
    }

    #[test]
    fn any_bytes_are_survived(input: Vec<u8>) {
        read(&mut asked(&[Method::Get]), &[&input]);
    }
}
