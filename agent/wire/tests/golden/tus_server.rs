//! @tus/server 2.4.5 with @tus/file-store 2.1.1.

use crate::talk::{Machine, PEER, Talk};
use baton_wire::http::{Error, NotSent};
use baton_wire::upload::{Answer, Append, Client, Create, Protocol};

const PATH: &str = "/files/";

/// A client that remembers where its upload is.
struct Tus {
    client: Client,
    location: Option<String>,
}

impl Machine for Tus {
    fn begin() -> Self {
        Self { client: Client::new(Protocol::Tus), location: None }
    }

    fn read(&mut self, input: &[u8]) -> Result<(usize, Option<String>), Error> {
        let (used, answer) = self.client.handle_input(input)?;
        if let Some(Answer::Created { location, .. }) = &answer {
            self.location = Some(location.resolve(&PEER, PATH).unwrap().to_string());
        }
        let told = answer.map(|answer| match answer {
            Answer::Created { offset, .. } => format!("created at {offset}"),
            Answer::Offset { offset, length, .. } => format!("{offset} of {length:?}"),
            Answer::Appended { offset, .. } => format!("appended to {offset}"),
            Answer::Options { .. }
            | Answer::Progress { .. }
            | Answer::Deleted
            | Answer::Refused(_)
            | Answer::Impostor { .. } => format!("{answer:?}"),
        });
        Ok((used, told))
    }

    fn body_left(&self) -> u64 {
        self.client.body_left()
    }

    fn wrote_body(&mut self, bytes: u64) {
        self.client.wrote_body(bytes);
    }
}

fn create(tus: &mut Tus, out: &mut [u8]) -> Result<usize, NotSent> {
    let (length, filetype) = (Some(10), Some("image/jpeg"));
    let new = Create { target: PATH, length, filename: "a b.jpg", filetype, content: 0 };
    tus.client.create(out, &PEER, &new)
}

fn append(
    offset: u64,
    length: u64,
    to: Option<&'static str>,
) -> impl Fn(&mut Tus, &mut [u8]) -> Result<usize, NotSent> {
    move |tus, out| {
        let target = to.or(tus.location.as_deref()).unwrap();
        let append =
            Append { target, offset, length, declare_length: None, awaits: false, last: false };
        tus.client.append(out, &PEER, &append)
    }
}

fn head(tus: &mut Tus, out: &mut [u8]) -> Result<usize, NotSent> {
    tus.client.head(out, &PEER, tus.location.as_deref().unwrap())
}

#[test]
fn tus_server_takes_an_upload_in_parts() {
    let mut talk = Talk::<Tus>::new("tus_server", "parts");

    let options = |tus: &mut Tus, out: &mut [u8]| tus.client.options(out, &PEER, PATH);
    let [told] = &talk.ask(options, b"")[..] else { panic!() };
    assert!(told.starts_with("Options"), "{told}");
    assert_eq!(talk.ask(create, b""), ["created at 0"]);
    assert_eq!(talk.ask(append(0, 5, None), b"hello"), ["appended to 5"]);
    assert_eq!(talk.ask(head, b""), ["5 of Some(10)"]);
    assert_eq!(talk.ask(append(5, 5, None), b"world"), ["appended to 10"]);

    talk.finish();
}

#[test]
fn tus_server_refuses_an_append_elsewhere() {
    let mut talk = Talk::<Tus>::new("tus_server", "refused");

    talk.ask(create, b"");
    let refused = |offset, length, status| {
        format!(
            "Refused(Refused {{ verb: Append {{ offset: {offset}, length: {length} }}, \
             status: {status}, genuine: true, offset: None, retry_after_s: None, \
             done: false, interop: None }})"
        )
    };
    assert_eq!(talk.ask(append(3, 5, None), b"hello"), [refused(3, 5, 409)]);
    talk.hang_up();
    assert_eq!(talk.ask(append(0, 5, Some("/files/none")), b"hello"), [refused(0, 5, 404)]);

    talk.finish();
}
