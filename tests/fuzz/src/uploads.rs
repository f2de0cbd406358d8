//! Answers to the clients of every protocol.

use crate::pieces::however_cut;
use baton_wire::{
    chunked::{self, Plan, Session, SessionId},
    http::{NotSent, Peer},
    put,
    resumable::Interop,
    upload::{Answer, Append, Client, Create, Protocol, Verb},
};

const PEER: Peer<'_> = Peer { authority: "h:1080", authorization: None };

pub(crate) fn tus(data: &[u8]) {
    upload(Protocol::Tus, data);
}

pub(crate) fn resumable(data: &[u8]) {
    for interop in [Interop::V3, Interop::V8] {
        upload(Protocol::Resumable(interop), data);
    }
}

/// Answers to one of each verb.
fn upload(protocol: Protocol, data: &[u8]) {
    however_cut(data, |pieces| {
        let (mut client, mut seen) = (asked(protocol), Vec::new());
        for piece in pieces {
            let mut input = *piece;
            loop {
                let front = client.outstanding().next();
                let Ok((used, answer)) = client.handle_input(input) else {
                    seen.push("error".to_owned());
                    return seen;
                };
                input = &input[used..];
                let Some(answer) = answer else {
                    assert!(input.is_empty(), "all is used before more is needed");
                    break;
                };
                assert_is_possible(front, &answer);
                seen.push(format!("{answer:?}"));
            }
        }
        seen.push(format!("{:?}", client.eof()));
        seen
    });
}

fn asked(protocol: Protocol) -> Client<1024, 8> {
    let mut client = Client::new(protocol);
    let new =
        Create { target: "/files/", length: Some(9), filename: "a", filetype: None, content: 5 };
    let append = Append {
        target: "/files/1",
        offset: 100,
        length: 50,
        declare_length: None,
        awaits: false,
        last: false,
    };
    type Ask<'a> = &'a dyn Fn(&mut Client<1024, 8>, &mut [u8]) -> Result<usize, NotSent>;
    let verbs: [Ask<'_>; 6] = [
        &|client, out| client.options(out, &PEER, "/files/"),
        &|client, out| client.create(out, &PEER, &new),
        &|client, out| client.head(out, &PEER, "/files/1"),
        &|client, out| client.append(out, &PEER, &append),
        &|client, out| client.append(out, &PEER, &Append { last: true, ..append }),
        &|client, out| client.delete(out, &PEER, "/files/1"),
    ];
    for verb in verbs {
        verb(&mut client, &mut [0; 512]).expect("there is room");
        client.wrote_body(client.body_left());
    }
    client
}

/// Whether an answer can be one to `verb`.
fn assert_is_possible(verb: Option<Verb>, answer: &Answer<'_>) {
    let verb = verb.expect("nothing is answered that was not asked");
    match (*answer, verb) {
        (Answer::Options { .. }, Verb::Options) | (Answer::Deleted, Verb::Delete) => {}
        (Answer::Created { location, offset, .. }, Verb::Create { content }) => {
            assert!(offset <= content);
            if let Ok(target) = location.resolve(&PEER, "/files/") {
                assert!(target.starts_with('/') && target.bytes().all(|b| b.is_ascii_graphic()));
            }
        }
        (Answer::Offset { offset, length, .. }, Verb::Head) => {
            assert!(length.is_none_or(|length| offset <= length));
        }
        (Answer::Appended { offset, done }, Verb::Append { offset: from, length }) => {
            assert!((from..=from + length).contains(&offset));
            assert!(done != Some(true) || offset == from + length);
        }
        (Answer::Progress { offset }, Verb::Append { offset: from, length }) => {
            assert!((from..=from + length).contains(&offset));
        }
        (Answer::Progress { offset }, Verb::Create { content }) => assert!(offset <= content),
        // Nothing was sent that could make progress.
        (Answer::Progress { offset }, Verb::Options | Verb::Head | Verb::Delete) => {
            assert_eq!(offset, 0);
        }
        (Answer::Refused(refused), _) => {
            assert_eq!(refused.verb, verb);
            assert!(refused.status >= 400);
        }
        (Answer::Impostor { verb: told, .. }, _) => assert_eq!(told, verb),
        (answer, verb) => panic!("{answer:?} to {verb:?}"),
    }
}

/// Answers to a session for a file of 11 MB: opened, verified, two chunks of it, its state.
pub(crate) fn chunked(data: &[u8]) {
    let file = chunked::File { name: "a b.jpg", size: 11 << 20 };
    let id = SessionId::new("upload_1_0").expect("a good name");
    let session =
        Session { id, plan: Plan::new(file.size, 5 << 20).expect("a file that can be cut") };
    however_cut(data, |pieces| {
        let (mut client, mut out) = (chunked::Client::<1024>::new(), [0; 512]);
        let open = chunked::Open { target: chunked::PATH, signature: None, file };
        client.open(&mut out, &PEER, &open).expect("there is room");
        client.verify(&mut out, &PEER, chunked::STATUS_PATH, &session.id).expect("there is room");
        for number in [0, 2] {
            let chunk = chunked::Chunk {
                target: chunked::PATH,
                signature: None,
                session: &session,
                number,
                is_repeat: number > 0,
                acked: 0,
            };
            client.chunk(&mut out, &PEER, &chunk).expect("there is room");
            client.wrote_body(client.body_left());
        }
        heard(pieces, |input| {
            let (used, answer) = client.handle_input(input, &file).ok()?;
            Some((used, answer.map(|answer| format!("{answer:?}"))))
        })
    });
}

/// Answers to a PUT, and to a GET behind it.
pub(crate) fn put(data: &[u8]) {
    however_cut(data, |pieces| {
        let (mut client, mut out) = (put::Client::<1024>::new(), [0; 512]);
        let file =
            put::Put { target: "/a", length: 9, content_type: "text/plain", expect_continue: true };
        client.put(&mut out, &PEER, &file).expect("there is room");
        client.wrote_body(9);
        client.get(&mut out, &PEER, "/a", 5).expect("there is room");
        let mut body = Vec::new();
        let seen = heard(pieces, |input| {
            let (used, answer) = client.handle_input(input).ok()?;
            if let Some(put::Answer::Body(bytes)) = answer {
                body.extend_from_slice(bytes);
                // Its pieces are as they were cut.
                return Some((used, Some(String::new())));
            }
            Some((used, answer.map(|answer| format!("{answer:?}"))))
        });
        let seen: Vec<_> = seen.into_iter().filter(|said| !said.is_empty()).collect();
        (seen, body)
    });
}

/// What a client hears, as text; the last is `error` where it gave up.
fn heard(
    pieces: &[&[u8]],
    mut hear: impl FnMut(&[u8]) -> Option<(usize, Option<String>)>,
) -> Vec<String> {
    let mut seen = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            let Some((used, said)) = hear(input) else {
                seen.push("error".to_owned());
                return seen;
            };
            input = &input[used..];
            match said {
                Some(said) => seen.push(said),
                None if input.is_empty() => break,
                None => {}
            }
        }
    }
    seen
}
