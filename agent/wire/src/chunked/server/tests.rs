use super::*;
use crate::chunked::{self, Answer, Client, File, Session};
use crate::http::Peer;

fn parse(head: &str) -> Option<Result<Request<'_>, Refusal>> {
    Request::parse(&RequestHead::parse(head.as_bytes()).expect("a valid head"))
}

fn upload(fields: &str) -> Result<Request<'_>, Refusal> {
    let head = format!("PUT /chunked-upload HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n").leak();
    parse(head).unwrap()
}

#[test]
fn requests_are_read() {
    let Ok(Request::Open(open)) =
        upload("X-Filename: a/b c.jpg\r\nX-Total-Size: 11\r\nX-Signature: 00ff")
    else {
        panic!()
    };
    assert_eq!((open.name, open.size), ("a/b c.jpg", 11));
    assert_eq!(open.shown, Shown { signature: Some("00ff"), credential: None });

    let Ok(Request::Chunk(chunk)) = upload(
        "X-Upload-Session-ID: sess_1\r\nX-Chunk-Number: 2\r\nContent-Length: 5\r\n\
         Authorization: Bearer jwt",
    ) else {
        panic!()
    };
    assert_eq!((chunk.session.as_str(), chunk.number), ("sess_1", 2));
    assert_eq!(chunk.content, Framing::Length(5));
    assert_eq!(chunk.shown.credential, Some(Credential::Bearer("jwt")));

    let status = parse("GET /upload-status?x=y&session_id=sess_1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status, Some(Ok(Request::Status(SessionId::new("sess_1").unwrap()))));
}

#[test]
fn a_name_that_would_escape_the_store_is_refused() {
    for (name, error) in [
        ("../../x", PathError::Dots),
        ("a/../../x", PathError::Dots),
        ("..", PathError::Dots),
        ("/etc/passwd", PathError::Empty),
        ("a//b", PathError::Empty),
        ("", PathError::Empty),
    ] {
        let fields = format!("X-Filename: {name}\r\nX-Total-Size: 11");
        assert_eq!(upload(&fields), Err(Refusal::Name(error)), "{name}");
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    let session = "X-Upload-Session-ID: sess_1\r\n";
    for (fields, refusal, status) in [
        ("X-Filename: a".into(), Refusal::Missing, 400),
        ("X-Total-Size: 11".into(), Refusal::Missing, 400),
        ("X-Upload-Session-ID:\r\nX-Chunk-Number: 0".into(), Refusal::Missing, 400),
        ("X-Filename: a\r\nX-Total-Size: -1".into(), Refusal::Number, 400),
        ("X-Filename: a\r\nX-Total-Size: 99999999999999999999".into(), Refusal::Number, 400),
        (session.to_owned() + "Content-Length: 5", Refusal::Number, 400),
        (session.to_owned() + "X-Chunk-Number: x", Refusal::Number, 400),
        (session.to_owned() + "X-Chunk-Number: 4294967296", Refusal::Number, 400),
        ("X-Upload-Session-ID: ../x\r\nX-Chunk-Number: 0".into(), Refusal::Session, 404),
    ] {
        let fields: String = fields;
        assert_eq!(upload(&fields), Err(refusal), "{fields}");
        assert_eq!(refusal.status(), status);
    }
    for (line, refusal) in [
        ("GET /chunked-upload", Refusal::Method),
        ("DELETE /chunked-upload", Refusal::Method),
        ("BREW /chunked-upload", Refusal::Method),
        ("POST /upload-status?session_id=1", Refusal::Method),
        ("GET /upload-status", Refusal::Missing),
        ("GET /upload-status?session_id=a%2Fb", Refusal::Session),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n").leak();
        assert_eq!(parse(head), Some(Err(refusal)), "{line}");
    }
    assert_eq!(parse("PUT /chunked-uploads HTTP/1.1\r\nHost: h\r\n\r\n"), None);
}

#[test]
fn debug_output_hides_what_lets_in() {
    let request = upload("X-Filename: a\r\nX-Total-Size: 1\r\nX-Signature: s3cret").unwrap();

    assert!(!format!("{request:?}").contains("s3cret"));
}

#[test]
fn our_client_understands_every_answer() {
    let peer = Peer { authority: "h", authorization: None };
    let file = File { name: "a/b \"c\".jpg", size: 11 };
    let id = SessionId::new("sess_1").unwrap();
    let plan = Plan::new(11, 5).unwrap();
    let session = Session { id: id.clone(), plan };
    let told = |outcome: Outcome<'_>, ask: &dyn Fn(&mut Client, &mut [u8])| {
        let (mut client, mut out, mut answer) = (Client::<2048>::new(), [0; 512], [0; 512]);
        ask(&mut client, &mut out);
        client.wrote_body(client.body_left());
        let length = outcome.write(&mut answer, true).unwrap();
        client.handle_input(&answer[..length], &file).unwrap().1
    };
    let open = |client: &mut Client, out: &mut [u8]| {
        let open = chunked::Open { target: PATH, signature: None, file };
        client.open(out, &peer, &open).unwrap();
    };
    let status = |client: &mut Client, out: &mut [u8]| {
        client.status(out, &peer, STATUS_PATH, &id).unwrap();
    };
    let chunk = |client: &mut Client, out: &mut [u8]| {
        let (number, is_repeat, acked) = (1, true, 5);
        let chunk = chunked::Chunk {
            target: PATH,
            signature: None,
            session: &session,
            number,
            is_repeat,
            acked,
        };
        client.chunk(out, &peer, &chunk).unwrap();
    };

    let opened = told(Outcome::Opened { session: &id, plan }, &open);
    assert_eq!(opened, Some(Answer::Opened(session.clone())));
    let outcome =
        Outcome::Status { session: &id, name: file.name, size: 11, uploaded: 10, chunks: 2 };
    assert_eq!(told(outcome, &status), Some(Answer::Status { uploaded: 10, chunks: 2 }));
    let outcome = Outcome::Stored { number: 1, uploaded: 10, size: 11 };
    assert_eq!(told(outcome, &chunk), Some(Answer::Stored { number: 1, uploaded: 10 }));
    let repeated = told(Outcome::Repeated { number: 1 }, &chunk);
    assert_eq!(repeated, Some(Answer::Repeated { number: 1 }));
    let outcome = Outcome::Assembled { name: file.name, size: 11 };
    assert_eq!(told(outcome, &chunk), Some(Answer::Assembled));
}

#[test]
fn answers_are_written_whole() {
    let mut out = [0; 512];
    let outcome = Outcome::Stored { number: 1, uploaded: 10, size: 15 };

    let length = outcome.write(&mut out, false).unwrap();

    let body = "{\"success\":true,\"chunk\":1,\"uploaded_bytes\":10,\"total_size\":15,\
        \"progress\":0.666,\"completed\":false}";
    let expected = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Cache-Control: no-store\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(core::str::from_utf8(&out[..length]).unwrap(), expected);

    let length =
        Outcome::Failed { status: 503, retry_after_s: Some(7) }.write(&mut out, true).unwrap();
    let expected =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(core::str::from_utf8(&out[..length]).unwrap(), expected);
}

#[test]
fn a_share_is_never_more_than_all() {
    for (uploaded, size, text) in [
        (0, 0, "1.000"),
        (0, 3, "0.000"),
        (1, 3, "0.333"),
        (9, 3, "1.000"),
        (u64::MAX - 1, u64::MAX, "0.999"),
    ] {
        assert_eq!(Progress { uploaded, size }.to_string(), text);
    }
}
