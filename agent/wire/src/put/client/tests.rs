use super::*;
use crate::put::Boundary;

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

const FORM: Form<'_> = Form {
    target: "/upload?user=ann&expiry=1800000000",
    signature: None,
    filename: "a \"b\"\\.jpg",
    content_type: "image/jpeg",
    length: 5,
    boundary: Boundary([0xab; 16]),
    expect_continue: false,
};

/// The answer of hmac-file-server's `/upload`, as its source writes it.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 103\r\n\r\n\
    {\"client_ip\":\"203.0.113.2\",\"duration\":\"1.2ms\",\"filename\":\"b.jpg\",\"size\":5,\"success\":true,\"timestamp\":1}";

#[test]
fn a_form_is_written_around_the_file() {
    let (mut client, mut out) = (Client::<2048>::new(), [0; 1024]);

    let length = client.post(&mut out, &PEER, &FORM).unwrap();
    assert_eq!(client.body_left(), 5 + FORM.end().len() as u64);
    client.wrote_body(5);
    client.wrote_body(FORM.end().len() as u64);

    let boundary = "ab".repeat(16);
    let head = format!(
        "POST /upload?user=ann&expiry=1800000000 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer jwt\r\n\
         Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: 180\r\n\r\n"
    );
    let start = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"a \\\"b\\\"\\\\.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
    );
    assert_eq!(core::str::from_utf8(&out[..length]).unwrap(), head + &start);
    assert_eq!(FORM.end(), *format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(180, start.len() + 5 + FORM.end().len());
    assert_eq!((client.body_left(), client.ready()), (0, Ok(())));
}

#[test]
fn a_signature_goes_into_a_field_of_its_own() {
    let (mut client, mut out) = (Client::<2048>::new(), [0; 1024]);
    let form = Form { signature: Some("00ff"), target: "/upload", ..FORM };

    let length = client.post(&mut out, &PEER, &form).unwrap();

    assert!(String::from_utf8_lossy(&out[..length]).contains("\r\nX-Signature: 00ff\r\n"));
}

#[test]
fn a_form_that_would_break_out_of_its_head_is_not_written() {
    let (mut client, mut out) = (Client::<2048>::new(), [0; 4096]);
    let long = "x".repeat(4096);

    for form in [
        Form { filename: "a\r\nX: y", ..FORM },
        Form { content_type: "a\n", ..FORM },
        Form { filename: &long, ..FORM },
    ] {
        assert!(matches!(client.post(&mut out, &PEER, &form), Err(NotSent::Unfit(_))));
    }
    assert_eq!(client.post(&mut out[..300], &PEER, &FORM), Err(NotSent::Unfit(Unfit::Full)));
    assert_eq!((client.outstanding(), client.body_left()), (0, 0));
}

#[test]
fn a_receipt_tells_what_was_written_however_it_is_split() {
    let split = ANSWER.iter().position(|byte| *byte == b'{').unwrap() + 20;
    for split in [1, split, ANSWER.len()] {
        let (mut client, mut out) = (Client::<2048>::new(), [0; 1024]);
        client.post(&mut out, &PEER, &FORM).unwrap();

        let mut told = answers(&mut client, &ANSWER[..split]);
        told.extend(answers(&mut client, &ANSWER[split..]));

        let expected = [Answer::Stored { status: 200 }, Answer::Receipt { size: 5 }];
        assert_eq!(told, debug(&expected), "{split}");
    }
}

#[test]
fn what_is_no_receipt_tells_nothing() {
    let long = format!("{{\"success\":true,\"size\":5,\"x\":\"{}\"}}", "x".repeat(super::RECEIPT));
    for body in [
        "",
        "<html>",
        "{}",
        "{\"size\":5}",
        "{\"success\":false,\"size\":5}",
        "{\"success\":true,\"size\":-5}",
        "{\"success\":true,\"size\":5",
        &long,
    ] {
        let (mut client, mut out) = (Client::<2048>::new(), [0; 1024]);
        client.post(&mut out, &PEER, &FORM).unwrap();
        let length = body.len();

        let told = answers(
            &mut client,
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
        );

        assert_eq!(told, debug(&[Answer::Stored { status: 200 }]), "{body}");
    }
}
