use super::*;
use crate::chunked::{PATH, STATUS_PATH};

const PEER: Peer<'_> = Peer { authority: "h", authorization: None };
const FILE: File<'_> = File { name: "a b.jpg", size: 11 };

fn session() -> Session {
    Session { id: SessionId::new("sess_1").unwrap(), plan: Plan::new(11, 5).unwrap() }
}

type Ask<'a> = &'a dyn Fn(&mut Client, &mut [u8]) -> Result<usize, NotSent>;

fn open(client: &mut Client, out: &mut [u8]) -> Result<usize, NotSent> {
    client.open(out, &PEER, &Open { target: PATH, signature: Some("00ff"), file: FILE })
}

fn verify(client: &mut Client, out: &mut [u8]) -> Result<usize, NotSent> {
    client.verify(out, &PEER, STATUS_PATH, &session().id)
}

fn status(client: &mut Client, out: &mut [u8]) -> Result<usize, NotSent> {
    client.status(out, &PEER, STATUS_PATH, &session().id)
}

fn chunk(client: &mut Client, out: &mut [u8]) -> Result<usize, NotSent> {
    send(client, out, false)
}

fn repeat(client: &mut Client, out: &mut [u8]) -> Result<usize, NotSent> {
    send(client, out, true)
}

/// The last chunk, of 1 byte, after the one before it was acknowledged.
fn send(client: &mut Client, out: &mut [u8], is_repeat: bool) -> Result<usize, NotSent> {
    let session = session();
    let (signature, number, acked) = (Some("00ff"), 2, 5);
    let chunk = Chunk { target: PATH, signature, session: &session, number, is_repeat, acked };
    let length = client.chunk(out, &PEER, &chunk)?;
    client.wrote_body(1);
    Ok(length)
}

const CHUNK: Verb = Verb::Chunk { number: 2, length: 1, is_repeat: false, acked: 5 };

fn told(ask: Ask<'_>, answer: &str) -> Option<Answer> {
    let (mut client, mut out) = (Client::new(), [0; 512]);
    ask(&mut client, &mut out).unwrap();
    let (used, answer_) = client.handle_input(answer.as_bytes(), &FILE).unwrap();
    assert_eq!(used, answer.len());
    answer_
}

fn body(ask: Ask<'_>, status: u16, body: &str) -> Option<Answer> {
    let length = body.len();
    told(ask, &format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\n\r\n{body}"))
}

#[test]
fn requests_are_written() {
    let written = |ask: Ask<'_>| {
        let (mut client, mut out) = (Client::new(), [0; 512]);
        let length = ask(&mut client, &mut out).unwrap();
        String::from_utf8(out[..length].to_vec()).unwrap()
    };

    assert_eq!(
        written(&open),
        "POST /chunked-upload HTTP/1.1\r\nHost: h\r\nX-Signature: 00ff\r\nX-Filename: a b.jpg\r\n\
         X-Total-Size: 11\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        written(&chunk),
        "PUT /chunked-upload HTTP/1.1\r\nHost: h\r\nX-Signature: 00ff\r\n\
         X-Upload-Session-ID: sess_1\r\nX-Chunk-Number: 2\r\nContent-Length: 1\r\n\r\n"
    );
    let asked = "GET /upload-status?session_id=sess_1 HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!((written(&verify), written(&status)), (asked.into(), asked.into()));
}

/// The answers of hmac-file-server are what its source writes: Go sorts the fields of a map.
#[test]
fn a_session_is_opened_once_it_is_this_files() {
    let opened = r#"{"chunk_size":5,"session_id":"sess_1","total_chunks":3}"#;
    assert_eq!(body(&open, 201, opened), Some(Answer::Opened(session())));

    let fresh = r#"{"chunks":0,"completed":false,"filename":"a b.jpg","last_activity":"2026-01-02T03:04:05.6Z","progress":0,"session_id":"sess_1","total_size":11,"uploaded_bytes":0}"#;
    assert_eq!(body(&verify, 200, fresh), Some(Answer::Fresh));
    let known = Answer::Status { uploaded: 0, chunks: 0 };
    assert_eq!(body(&status, 200, fresh), Some(known));
}

#[test]
fn a_session_that_two_files_share_is_noticed_at_every_answer() {
    let state = |name, size, uploaded, chunks| {
        format!(
            "{{\"filename\":\"{name}\",\"total_size\":{size},\"uploaded_bytes\":{uploaded},\
             \"chunks\":{chunks}}}"
        )
    };
    for used in [state("a b.jpg", 11, 5, 1), state("a b.jpg", 11, 0, 1)] {
        assert_eq!(body(&verify, 200, &used), Some(Answer::Collided(Verb::Verify)), "{used}");
    }
    for other in [state("c.jpg", 11, 0, 0), state("a b.jpg", 12, 0, 0)] {
        assert_eq!(body(&verify, 200, &other), Some(Answer::Collided(Verb::Verify)), "{other}");
        assert_eq!(body(&status, 200, &other), Some(Answer::Collided(Verb::Status)), "{other}");
    }

    for other in [
        // Another length; less than was acknowledged; a chunk that was not sent; another name.
        r#"{"success":true,"chunk":2,"uploaded_bytes":11,"total_size":12,"completed":false}"#,
        r#"{"success":true,"chunk":2,"uploaded_bytes":5,"total_size":11,"completed":false}"#,
        r#"{"chunk":2,"message":"Chunk already uploaded"}"#,
        r#"{"completed":true,"duration":"3ms","filename":"c.jpg","size":11,"success":true}"#,
        r#"{"completed":true,"duration":"3ms","filename":"a b.jpg","size":12,"success":true}"#,
    ] {
        assert_eq!(body(&chunk, 200, other), Some(Answer::Collided(CHUNK)), "{other}");
    }
}

#[test]
fn chunks_are_stored_or_were_or_complete_the_file() {
    let stored = r#"{"chunk":2,"completed":false,"progress":0.5454,"success":true,"total_size":11,"uploaded_bytes":6}"#;
    let repeated = r#"{"chunk":2,"message":"Chunk already uploaded"}"#;
    let assembled =
        r#"{"completed":true,"duration":"3ms","filename":"a b.jpg","size":11,"success":true}"#;

    assert_eq!(body(&chunk, 200, stored), Some(Answer::Stored { number: 2, uploaded: 6 }));
    assert_eq!(body(&repeat, 200, repeated), Some(Answer::Repeated { number: 2 }));
    assert_eq!(body(&chunk, 200, assembled), Some(Answer::Assembled));
    // A chunk that came twice may be counted twice.
    let twice = stored.replace(":6}", ":16}");
    assert_eq!(body(&repeat, 200, &twice), Some(Answer::Stored { number: 2, uploaded: 16 }));
}

#[test]
fn a_session_that_is_gone_says_nothing_of_the_file() {
    let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

    assert_eq!(told(&status, gone), Some(Answer::Unknown(Verb::Status)));
    assert_eq!(told(&chunk, gone), Some(Answer::Unknown(CHUNK)));
}

#[test]
fn a_file_that_is_there_already_is_told_with_its_length() {
    let present = r#"{"completed":true,"filename":"a b.jpg","message":"File already exists (deduplication hit)","size":7,"success":true}"#;

    assert_eq!(body(&open, 200, present), Some(Answer::Present { size: 7 }));
}

#[test]
fn an_impostor_is_never_believed() {
    let long = format!("{{\"chunk\":2,\"x\":\"{}\"}}", "x".repeat(BODY));
    let cases: [(Ask<'_>, u16, &str); 16] = [
        (&open, 200, "<html>Welcome</html>"),
        (&open, 201, "{}"),
        (&open, 201, r#"{"chunk_size":0,"session_id":"s","total_chunks":3}"#),
        (&open, 201, r#"{"chunk_size":5,"session_id":"s","total_chunks":4}"#),
        (&open, 201, r#"{"chunk_size":5,"session_id":"../s","total_chunks":3}"#),
        (&open, 201, r#"{"chunk_size":5,"session_id":7,"total_chunks":3}"#),
        (&open, 200, r#"{"chunk_size":5,"session_id":"s","total_chunks":3}"#),
        (&chunk, 200, ""),
        (&chunk, 200, r#"{"chunk":1,"success":true,"total_size":11,"uploaded_bytes":6}"#),
        (&chunk, 200, r#"{"chunk":2,"success":false,"total_size":11,"uploaded_bytes":6}"#),
        (&chunk, 201, r#"{"chunk":2,"success":true,"total_size":11,"uploaded_bytes":6}"#),
        (&chunk, 200, &long),
        (&verify, 200, r#"{"filename":"a b.jpg"}"#),
        (&chunk, 204, ""),
        (&chunk, 302, ""),
        (&status, 511, ""),
    ];

    for (ask, status, text) in cases {
        let answer = body(ask, status, text);
        assert!(matches!(answer, Some(Answer::Impostor { .. })), "{status} {text}: {answer:?}");
    }
}

#[test]
fn a_refusal_tells_when_to_come_again() {
    let busy = "HTTP/1.1 429 \r\nRetry-After: 30\r\nContent-Length: 4\r\n\r\ntext";
    let no = |verb, status, retry_after_s| Answer::Refused(Refused { verb, status, retry_after_s });

    let (mut client, mut out) = (Client::<2048>::new(), [0; 512]);
    open(&mut client, &mut out).unwrap();
    let (used, answer) = client.handle_input(busy.as_bytes(), &FILE).unwrap();
    assert_eq!(answer, Some(no(Verb::Open, 429, Some(30))));
    let (rest, answer) = client.handle_input(&busy.as_bytes()[used..], &FILE).unwrap();
    assert_eq!((used + rest, answer), (busy.len(), None), "its text is passed over");
    assert_eq!(body(&open, 404, ""), Some(no(Verb::Open, 404, None)), "no such server");
}

#[test]
fn answers_come_in_order_however_they_are_split() {
    let answers = b"HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\n\
        {\"chunk\":2,\"message\":\"Chunk already uploaded\"}HTTP/1.1 401 \r\nContent-Length: 2\r\n\r\nno\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        1a\r\n{\"chunk\":2,\"success\":true,\r\n27\r\n\"uploaded_bytes\":6,\"total_size\" \t\n: 11}\r\n0\r\n\r\n";
    for step in [1, 7, 100, answers.len()] {
        let (mut client, mut out) = (Client::<2048>::new(), [0; 512]);
        for is_repeat in [true, false, false] {
            send(&mut client, &mut out, is_repeat).unwrap();
        }

        let mut told = Vec::new();
        for mut piece in answers.chunks(step) {
            while !piece.is_empty() {
                let (used, answer) = client.handle_input(piece, &FILE).unwrap();
                piece = &piece[used..];
                told.extend(answer);
            }
        }
        told.extend(client.handle_input(&[], &FILE).unwrap().1);

        let refused = Refused { verb: CHUNK, status: 401, retry_after_s: None };
        let expected = [
            Answer::Repeated { number: 2 },
            Answer::Refused(refused),
            Answer::Stored { number: 2, uploaded: 6 },
        ];
        assert_eq!(told, expected, "{step}");
        assert_eq!((client.outstanding().len(), client.eof()), (0, Eof::Idle));
    }
}

#[test]
fn what_can_not_be_written_is_not_counted_as_sent() {
    let (mut client, mut out) = (Client::<2048>::new(), [0; 512]);
    for name in ["a\r\nX: y", " a", "a ", "a\0"] {
        let file = File { name, size: 1 };
        let open = Open { target: PATH, signature: None, file };
        assert_eq!(
            client.open(&mut out, &PEER, &open),
            Err(NotSent::Unfit(Unfit::Forbidden)),
            "{name:?}"
        );
    }
    assert_eq!(client.outstanding().len(), 0);
}
