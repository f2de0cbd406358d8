use super::*;
use baton_core::Duration;

const PEER: Peer<'_> = Peer { authority: "h:1080", authorization: None };
const TOTAL: u64 = 100_000;
const BOUNDS: Bounds = Bounds {
    window: 64 * 1024,
    chunk: 16 * 1024,
    delivery_rate: 0,
    pipelined: true,
    limits: Limits::NONE,
};
/// What [`BOUNDS`] make of an append.
const PART: u64 = 16 * 1024;

const REFUSED: &str = "HTTP/1.1 409 Conflict\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 5000\r\nContent-Length: 0\r\n\r\n";

/// An attempt whose connection takes everything at once.
struct Talk {
    offsets: Offsets<512, 4>,
    at: Standing,
}

impl Talk {
    fn new(protocol: Protocol) -> Self {
        let at = Standing { total: TOTAL, received: TOTAL, written: 0, acked: 0 };
        Self { offsets: Offsets::new(protocol), at }
    }

    /// One that appends from there on.
    fn appending(from: u64) -> Self {
        let mut talk = Self::new(Protocol::Tus);
        talk.at.written = from;
        talk.offsets.obey(Order::Append { from }, true);
        talk
    }

    /// Writes whatever is due; the bodies, and how often the upload was made or asked for.
    fn send(&mut self) -> Vec<Due> {
        let mut sent = Vec::new();
        while let Some(due) = self.offsets.due(&self.at, &BOUNDS) {
            let mut out = [0; 512];
            match &due {
                Due::Create => {
                    let create = Create {
                        target: "/files/",
                        length: Some(TOTAL),
                        filename: "a",
                        filetype: None,
                        content: 0,
                    };
                    self.offsets.create(&mut out, &PEER, &create).unwrap();
                }
                Due::Request(request) => {
                    self.offsets.request(&mut out, &PEER, "/files/1", request).unwrap();
                    let body = request.body();
                    self.offsets.wrote(body.end - body.start);
                    self.at.written = self.at.written.max(body.end);
                }
            }
            sent.push(due);
        }
        sent
    }

    fn appends(&mut self) -> Vec<Range<u64>> {
        let body = |due: &Due| match due {
            Due::Request(request @ Request::Append { .. }) => request.body(),
            other @ (Due::Create | Due::Request(Request::Ask | Request::Finish { .. })) => {
                panic!("{other:?} is no append")
            }
        };
        self.send().iter().map(body).collect()
    }

    /// What `answers` come to.
    fn hear(&mut self, answers: &str) -> Result<Vec<String>, Failure> {
        let (mut rest, mut all) = (answers.as_bytes(), Vec::new());
        loop {
            let (used, heard) = self.offsets.hear(&self.at, rest)?;
            rest = &rest[used..];
            match heard {
                Some(Heard::Nothing) => {}
                Some(Heard::Outcome(outcome)) => all.push(format!("{outcome:?}")),
                Some(heard) => all.push(format!("{heard:?}")),
                None => return Ok(all),
            }
        }
    }
}

fn appended(offset: u64) -> String {
    format!("HTTP/1.1 204 No Content\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n\r\n")
}

#[test]
fn what_is_asked_once_is_due_once() {
    let mut talk = Talk::new(Protocol::Tus);

    talk.offsets.obey(Order::Create, true);
    assert_eq!(talk.send(), [Due::Create]);
    talk.offsets.obey(Order::Ask, true);
    assert_eq!(talk.send(), [Due::Request(Request::Ask)]);

    let answers = "HTTP/1.1 201 Created\r\nTus-Resumable: 1.0.0\r\nLocation: /files/1\r\nContent-Length: 0\r\n\r\n\
                   HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nUpload-Length: 100000\r\n\r\n";
    let heard = talk.hear(answers).unwrap();
    assert!(heard[0].contains("outcome: Some(Created)"), "{heard:?}");
    assert_eq!(heard[1..], ["Offset(0)"]);
    assert!(talk.offsets.is_answered());
}

#[test]
fn appends_follow_one_another_until_the_window_or_the_pipeline_is_full() {
    let mut talk = Talk::appending(0);
    let parts = [0..PART, PART..2 * PART, 2 * PART..3 * PART, 3 * PART..4 * PART];

    assert_eq!(talk.appends(), parts);
    assert_eq!(talk.appends(), []);

    assert_eq!(talk.hear(&appended(PART)).unwrap(), [format!("Acked({PART})")]);
    talk.at.acked = PART;
    assert_eq!(talk.appends(), vec![4 * PART..5 * PART; 1]);
}

#[test]
fn a_refused_append_is_told_once_and_those_behind_it_not_at_all() {
    let mut talk = Talk::appending(PART);
    talk.at.acked = PART;
    assert_eq!(talk.appends().len(), 4);

    assert_eq!(talk.hear(REFUSED).unwrap(), ["Failed(Conflict { offset: 5000 })"]);
    assert_eq!(talk.appends(), [], "it waits for the core");
    talk.offsets.obey(Order::Append { from: 5000 }, true);

    assert_eq!(talk.hear(&REFUSED.repeat(3)).unwrap(), [""; 0]);
    talk.at.acked = 5000;
    let next = talk.appends();
    assert_eq!(next[0], 5000..5000 + PART);
    assert_eq!(
        talk.hear(REFUSED).unwrap(),
        ["Failed(Conflict { offset: 5000 })"],
        "it is of the new"
    );
}

#[test]
fn what_a_server_makes_of_appends_behind_a_refused_one_is_known_only_if_it_fences() {
    for (is_fenced, is_spent) in [(true, false), (false, true)] {
        let mut talk = Talk::appending(0);
        talk.appends();

        talk.offsets.obey(Order::Append { from: 0 }, is_fenced);
        assert_eq!(talk.offsets.is_spent(), is_spent);

        talk.offsets.renew();
        assert!(!talk.offsets.is_spent() && talk.offsets.is_answered());
        assert_eq!(talk.appends().first(), Some(&(0..PART)), "on the next connection");
    }
}

#[test]
fn a_held_attempt_says_once_that_all_is_answered_and_goes_on_where_it_was() {
    let mut talk = Talk::appending(0);
    talk.appends();
    talk.offsets.obey(Order::Hold, true);

    assert!(!talk.offsets.take_drained() && !talk.offsets.is_sending());
    for part in 1..=4 {
        assert!(!talk.offsets.take_drained());
        talk.hear(&appended(part * PART)).unwrap();
        talk.at.acked = part * PART;
        assert_eq!(talk.appends(), [], "it is held");
    }
    assert!(talk.offsets.take_drained());
    assert!(!talk.offsets.take_drained());

    talk.offsets.obey(Order::Unhold, true);
    assert_eq!(talk.appends().first(), Some(&(4 * PART..5 * PART)));
}

#[test]
fn an_offset_beyond_what_was_written_is_believed_of_no_answer() {
    let asked = "HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 99999\r\nUpload-Length: 100000\r\n\r\n";
    let absurd = Err(Failure::Absurd { offset: 99_999 });
    let mut talk = Talk::new(Protocol::Tus);
    talk.offsets.obey(Order::Ask, true);
    talk.send();
    assert_eq!(talk.hear(asked), absurd);

    let mut talk = Talk::appending(0);
    talk.appends();
    assert_eq!(talk.hear(&REFUSED.replace("5000", "99999")), absurd);
}

#[test]
fn a_portals_404_is_no_proof_that_the_upload_is_gone() {
    let genuine = "HTTP/1.1 404 Not Found\r\nTus-Resumable: 1.0.0\r\nContent-Length: 0\r\n\r\n";
    let portals = genuine.replace("Tus-Resumable: 1.0.0\r\n", "");
    for (answer, failure) in
        [(genuine, Failure::Gone), (&portals, Failure::Busy(Duration::from_secs(0)))]
    {
        let mut talk = Talk::appending(0);
        talk.appends();

        assert_eq!(talk.hear(answer), Err(failure));
    }
}

#[test]
fn a_draft_server_that_has_every_byte_is_told_that_these_are_all() {
    let protocol = Protocol::Resumable(Interop::from_number(8).unwrap());
    let mut talk = Talk::new(protocol);
    talk.at.written = TOTAL;
    talk.offsets.obey(Order::Ask, true);
    talk.send();

    let open = "HTTP/1.1 204 No Content\r\nUpload-Draft-Interop-Version: 8\r\nUpload-Offset: 100000\r\n\
                Upload-Length: 100000\r\nUpload-Complete: ?0\r\n\r\n";
    assert_eq!(talk.hear(open).unwrap(), [""; 0]);
    assert_eq!(talk.send(), [Due::Request(Request::Finish { total: TOTAL })]);

    let done = "HTTP/1.1 201 Created\r\nUpload-Draft-Interop-Version: 8\r\nUpload-Offset: 100000\r\n\
                Upload-Complete: ?1\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(talk.hear(done).unwrap(), ["Offset(100000)"]);
}
