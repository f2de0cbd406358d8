use super::*;

const PEER: Peer<'_> = Peer { authority: "h", authorization: Some("Bearer jwt") };
const PUT: Put<'_> =
    Put { target: "/a?v=1", length: 5, content_type: "text/plain", expect_continue: true };

fn answers(client: &mut Client, mut input: &[u8]) -> Vec<String> {
    let mut answers = Vec::new();
    loop {
        let (used, answer) = client.handle_input(input).unwrap();
        input = &input[used..];
        match answer {
            Some(answer) => answers.push(format!("{answer:?}")),
            None => {
                assert!(input.is_empty());
                return answers;
            }
        }
    }
}

fn debug(answers: &[Answer<'_>]) -> Vec<String> {
    answers.iter().map(|answer| format!("{answer:?}")).collect()
}

#[test]
fn a_put_is_written_and_its_body_awaited() {
    let (mut client, mut out) = (Client::<2048>::new(), [0; 256]);

    let length = client.put(&mut out, &PEER, &PUT).unwrap();

    let expected = "PUT /a?v=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer jwt\r\n\
        Content-Type: text/plain\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(&out[..length], expected.as_bytes());
    assert_eq!((client.body_left(), client.ready()), (5, Err(NotSent::BodyPending)));
    let continued = answers(&mut client, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(continued, debug(&[Answer::Continue]));
    client.wrote_body(5);
    let stored = answers(&mut client, b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(stored, debug(&[Answer::Stored { status: 201 }]));
    assert_eq!((client.outstanding(), client.eof()), (0, Eof::Idle));
}

#[test]
fn refusals_and_redirects_are_no_success() {
    for (head, status, retry_after_s) in [
        ("409 Conflict\r\n", 409, None),
        ("429 Slow\r\nRetry-After: 7\r\n", 429, Some(7)),
        ("302 Found\r\nLocation: http://portal/\r\n", 302, None),
        ("202 Accepted\r\n", 202, None),
        ("511 Network Authentication Required\r\n", 511, None),
    ] {
        let (mut client, mut out) = (Client::<2048>::new(), [0; 256]);
        client.put(&mut out, &PEER, &PUT).unwrap();

        let refused = answers(
            &mut client,
            format!("HTTP/1.1 {head}Content-Length: 4\r\n\r\ntext").as_bytes(),
        );

        assert_eq!(
            refused,
            debug(&[Answer::Refused { method: Method::Put, status, retry_after_s }])
        );
        assert_eq!(client.body_left(), 5);
    }
}

#[test]
fn head_tells_length_and_digest() {
    let (mut client, mut out) = (Client::<2048>::new(), [0; 256]);
    client.head(&mut out, &PEER, "/a").unwrap();
    client.head(&mut out, &PEER, "/a").unwrap();
    assert_eq!(client.head(&mut out, &PEER, "/a"), Err(NotSent::PipelineFull));

    let found = answers(
        &mut client,
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nRepr-Digest: sha-512=:AA==:, \
          sha-256=:qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=:\r\n\r\n\
          HTTP/1.1 200 OK\r\nRepr-Digest: sha-256=:AAAA:\r\n\r\n",
    );

    let first = Found { length: Some(7), from: 0, sha256: Some([0xaa; 32]) };
    let second = Found { length: None, from: 0, sha256: None };
    assert_eq!(found, debug(&[Answer::Found(first), Answer::Found(second)]));
}

#[test]
fn get_reads_the_file_from_an_offset() {
    let (mut client, mut out) = (Client::<2048>::new(), [0; 256]);
    let length = client.get(&mut out, &PEER, "/a", 5).unwrap();
    let expected =
        "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer jwt\r\nRange: bytes=5-\r\n\r\n";
    assert_eq!(&out[..length], expected.as_bytes());

    let part = answers(
        &mut client,
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-7/8\r\nContent-Length: 3\r\n\r\nabc",
    );

    let found = Found { length: Some(8), from: 5, sha256: None };
    assert_eq!(part, debug(&[Answer::Found(found), Answer::Body(b"abc"), Answer::End]));
}

#[test]
fn the_text_of_a_refusal_is_not_taken_for_the_file() {
    let (mut client, mut out) = (Client::<2048>::new(), [0; 256]);
    client.get(&mut out, &PEER, "/a", 0).unwrap();
    client.get(&mut out, &PEER, "/a", 5).unwrap();

    let refused = answers(
        &mut client,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!HTTP/1.1 206 \r\nContent-Length: 2\r\n\r\nno",
    );

    let no = |status| Answer::Refused { method: Method::Get, status, retry_after_s: None };
    assert_eq!(refused[..2], debug(&[no(404), no(206)]));
    assert_eq!(refused.len(), 2, "a part that does not say which is none: {refused:?}");
}
