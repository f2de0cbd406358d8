//! The asking end: one connection, its requests pipelined.

use super::{
    CHUNK_NUMBER, FILENAME, Plan, SESSION_ID, SESSION_PARAMETER, SIGNATURE, Session, SessionId,
    TOTAL_SIZE,
};
use crate::{
    http::{self, ClientEvent, Eof, Error, Head, Method, NotSent, Peer, ResponseHead, Unfit},
    url::Target,
};
use baton_core::json::{Object, Text};
use core::fmt::Write as _;
use heapless::Deque;

/// What is uploaded. Every answer must be for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// Its name, as the server stores it.
    pub name: &'a str,
    /// Its length.
    pub size: u64,
}

/// A new session.
#[derive(Clone, Copy)]
pub struct Open<'a> {
    /// Path and query where sessions are opened.
    pub target: &'a str,
    /// `X-Signature`, where that is what lets it in.
    pub signature: Option<&'a str>,
    /// The file.
    pub file: File<'a>,
}

/// A part of the file.
#[derive(Clone, Copy)]
pub struct Chunk<'a> {
    /// Path and query where chunks are sent.
    pub target: &'a str,
    /// `X-Signature`, where that is what lets it in.
    pub signature: Option<&'a str>,
    /// The session.
    pub session: &'a Session,
    /// Which part.
    pub number: u32,
    /// It may have been sent before: that it is there already is then no surprise.
    pub is_repeat: bool,
    /// Bytes of the session that the server acknowledged before; an answer with less is about
    /// another session.
    pub acked: u64,
}

/// A request, to know its answer by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// [`Client::open`]
    Open,
    /// [`Client::verify`]
    Verify,
    /// [`Client::status`]
    Status,
    /// [`Client::chunk`]
    Chunk {
        /// Which part.
        number: u32,
        /// How many bytes.
        length: u64,
        /// It may have been sent before.
        is_repeat: bool,
        /// What was acknowledged before.
        acked: u64,
    },
}

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A session was opened: [`Client::verify`] it.
    Opened(Session),
    /// Instead of a session: the server has a file of that name, and that is enough for it. What
    /// is in the file, nobody compared.
    Present {
        /// Its length.
        size: u64,
    },
    /// The session is for this file, and nothing was sent in it.
    Fresh,
    /// The session is for this file.
    Status {
        /// Bytes that the server counted; a chunk that came twice may be counted twice.
        uploaded: u64,
        /// Chunks that it has; not which.
        chunks: u64,
    },
    /// A chunk is stored.
    Stored {
        /// Which.
        number: u32,
        /// Bytes that the server counted.
        uploaded: u64,
    },
    /// A chunk that may have been sent before was stored then.
    Repeated {
        /// Which.
        number: u32,
    },
    /// The last missing chunk came, and the file is assembled. Nothing was compared: the file's
    /// length is the proof.
    Assembled,
    /// The session is another file's, whose server gave two the same name. Nothing sent in it
    /// counts: open another.
    Collided(Verb),
    /// There is no such session: its file is assembled, or it expired, or never was.
    Unknown(Verb),
    /// The server says no.
    Refused(Refused),
    /// Not this server's answer: a captive portal, a redirect, a proxy that makes things up.
    /// Believe nothing of it and close the connection.
    Impostor {
        /// What it was to answer.
        verb: Verb,
        /// Its status.
        status: u16,
    },
}

/// A no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was refused.
    pub verb: Verb,
    /// The status, 400 or above.
    pub status: u16,
    /// Seconds to wait, if it says.
    pub retry_after_s: Option<u32>,
}

/// Writes requests and reads their answers; see [`crate::upload::Client`] for the manner.
pub struct Client<const HEAD: usize = 2048> {
    http: http::Client<HEAD, DEPTH>,
    asked: Deque<Verb, DEPTH>,
    /// The answer that comes, whose meaning is in its body.
    awaited: Option<(Verb, u16)>,
    body: heapless::Vec<u8, BODY>,
}

/// Chunks are megabytes: one on its way behind another keeps a link busy. And a status.
const DEPTH: usize = 4;

/// The longest answer that is read, in bytes: a name may be as long as a path, each byte escaped.
const BODY: usize = 1536;

const _: () = assert!(size_of::<Client>() <= 2048 + BODY + 320);

impl<const HEAD: usize> Client<HEAD> {
    /// A connection on which nothing was sent yet.
    pub const fn new() -> Self {
        Self {
            http: http::Client::new(),
            asked: Deque::new(),
            awaited: None,
            body: heapless::Vec::new(),
        }
    }

    /// Opens a session.
    pub fn open(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        open: &Open<'_>,
    ) -> Result<usize, NotSent> {
        let Open { target, signature, file } = *open;
        // RFC 9110 section 5.5: white space around a value is not a part of it.
        if file.name.trim() != file.name {
            return Err(NotSent::Unfit(Unfit::Forbidden));
        }
        let head = Head::request(out, Method::Post, target, peer)
            .maybe(SIGNATURE, signature)
            .header(FILENAME, file.name)
            .header(TOTAL_SIZE, file.size)
            .body_length(0);
        self.send(head, Method::Post, Verb::Open, 0)
    }

    /// Asks whether a session that was just opened is for this file, and empty. `target` is where
    /// the state of sessions is asked for.
    pub fn verify(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
        session: &SessionId,
    ) -> Result<usize, NotSent> {
        self.ask(out, peer, target, session, Verb::Verify)
    }

    /// Asks how far a session is.
    pub fn status(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
        session: &SessionId,
    ) -> Result<usize, NotSent> {
        self.ask(out, peer, target, session, Verb::Status)
    }

    /// Sends a chunk. [`Self::body_left`] bytes follow.
    ///
    /// # Panics
    ///
    /// If the session has no such chunk.
    pub fn chunk(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        chunk: &Chunk<'_>,
    ) -> Result<usize, NotSent> {
        let Chunk { target, signature, session, number, is_repeat, acked } = *chunk;
        let (_, length) = session.plan.range(number).expect("a chunk of the session");
        let head = Head::request(out, Method::Put, target, peer)
            .maybe(SIGNATURE, signature)
            .header(SESSION_ID, session.id.as_str())
            .header(CHUNK_NUMBER, number)
            .body_length(length);
        self.send(head, Method::Put, Verb::Chunk { number, length, is_repeat, acked }, length)
    }

    /// Whether a verb may be sent now.
    pub fn ready(&self) -> Result<(), NotSent> {
        self.http.ready()
    }

    /// Bytes of the chunk that the driver must still write.
    pub const fn body_left(&self) -> u64 {
        self.http.body_left()
    }

    /// Counts bytes of the chunk that the driver wrote.
    pub fn wrote_body(&mut self, bytes: u64) {
        self.http.wrote_body(bytes);
    }

    /// Verbs without an answer, oldest first. One whose answer is on its way is among them no more.
    pub fn outstanding(&self) -> impl ExactSizeIterator<Item = Verb> {
        self.asked.iter().copied()
    }

    /// What it means that the server closed now.
    pub fn eof(&self) -> Eof {
        self.http.eof()
    }

    /// Feeds input; how much of it was used, and the next answer, which must be for `file`. Without
    /// an answer, all was used.
    pub fn handle_input(
        &mut self,
        input: &[u8],
        file: &File<'_>,
    ) -> Result<(usize, Option<Answer>), Error> {
        let mut used = 0;
        loop {
            let (length, event) = self.http.handle_input(&input[used..])?;
            used += length;
            let answer = match event {
                ClientEvent::NeedMore => return Ok((used, None)),
                ClientEvent::Interim(_) => None,
                ClientEvent::Response(_) => {
                    let verb = self.asked.pop_front().expect("every request was given its verb");
                    self.body.clear();
                    let no = refused(verb, &self.http.head());
                    self.awaited = no.is_none().then_some((verb, self.http.head().status));
                    no
                }
                ClientEvent::Body(bytes) => {
                    // What is longer is no answer of this server's: cut, it is no JSON.
                    let room = self.body.capacity() - self.body.len();
                    let fits = &bytes[..bytes.len().min(room)];
                    self.body.extend_from_slice(fits).expect("it was cut to the room");
                    None
                }
                ClientEvent::End { .. } => self.awaited.take().map(|(verb, status)| {
                    read(verb, status, &self.body, file)
                        .unwrap_or(Answer::Impostor { verb, status })
                }),
            };
            if answer.is_some() {
                return Ok((used, answer));
            }
        }
    }

    fn ask(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
        session: &SessionId,
        verb: Verb,
    ) -> Result<usize, NotSent> {
        let joint = if target.contains('?') { '&' } else { '?' };
        let mut asks = Target::new();
        write!(asks, "{target}{joint}{SESSION_PARAMETER}={}", session.as_str())
            .map_err(|_| NotSent::Unfit(Unfit::Full))?;
        let head = Head::request(out, Method::Get, &asks, peer);
        self.send(head, Method::Get, verb, 0)
    }

    fn send(
        &mut self,
        head: Head<'_>,
        method: Method,
        verb: Verb,
        body: u64,
    ) -> Result<usize, NotSent> {
        self.http.ready()?;
        let length = head.finish()?;
        self.http.sent(method, body)?;
        self.asked.push_back(verb).expect("it is as deep as the pipeline");
        Ok(length)
    }
}

impl<const HEAD: usize> Default for Client<HEAD> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a head alone tells.
fn refused(verb: Verb, head: &ResponseHead<'_>) -> Option<Answer> {
    match head.status {
        200 | 201 => None,
        404 if verb != Verb::Open => Some(Answer::Unknown(verb)),
        // RFC 6585 section 6: 511 is how a portal should speak.
        status @ (..400 | 511) => Some(Answer::Impostor { verb, status }),
        status => {
            Some(Answer::Refused(Refused { verb, status, retry_after_s: head.retry_after_s() }))
        }
    }
}

/// What a body means as the answer to `verb`; `None` if no such server would say it.
fn read(verb: Verb, status: u16, body: &[u8], file: &File<'_>) -> Option<Answer> {
    let told = Told(Object::parse(core::str::from_utf8(body).ok()?).ok()?);
    match (verb, status) {
        (Verb::Open, 201) => told.opened(file),
        (Verb::Open, 200) if told.is_done() => Some(Answer::Present { size: told.number("size")? }),
        (Verb::Verify | Verb::Status, 200) => told.status(verb, file),
        (Verb::Chunk { .. }, 200) => told.chunk(verb, file),
        (Verb::Open | Verb::Verify | Verb::Status | Verb::Chunk { .. }, _) => None,
    }
}

struct Told<'a>(Object<'a>);

impl<'a> Told<'a> {
    fn number(&self, name: &str) -> Option<u64> {
        self.0.integer(name)
    }

    fn filename(&self) -> Option<Text<'a>> {
        self.0.text("filename")
    }

    fn is_done(&self) -> bool {
        self.0.bool("success") == Some(true) && self.0.bool("completed") == Some(true)
    }

    fn opened(&self, file: &File<'_>) -> Option<Answer> {
        let plan = Plan::new(file.size, self.number("chunk_size")?)?;
        let mut id = heapless::String::<64>::new();
        for char in self.0.text("session_id")?.chars() {
            id.push(char).ok()?;
        }
        let session = Session { id: SessionId::new(&id)?, plan };
        (self.number("total_chunks")? == plan.counted()).then_some(Answer::Opened(session))
    }

    fn status(&self, verb: Verb, file: &File<'_>) -> Option<Answer> {
        let (uploaded, chunks) = (self.number("uploaded_bytes")?, self.number("chunks")?);
        let is_ours = self.filename()? == *file.name && self.number("total_size")? == file.size;
        Some(match verb {
            _ if !is_ours => Answer::Collided(verb),
            Verb::Verify if uploaded > 0 || chunks > 0 => Answer::Collided(verb),
            Verb::Verify => Answer::Fresh,
            Verb::Status | Verb::Open | Verb::Chunk { .. } => Answer::Status { uploaded, chunks },
        })
    }

    fn chunk(&self, verb: Verb, file: &File<'_>) -> Option<Answer> {
        let Verb::Chunk { number, length, is_repeat, acked } = verb else { return None };
        if self.is_done() {
            let is_ours = self.filename()? == *file.name && self.number("size")? == file.size;
            return Some(if is_ours { Answer::Assembled } else { Answer::Collided(verb) });
        }
        if self.number("chunk")? != u64::from(number) {
            return None;
        }
        let Some(uploaded) = self.number("uploaded_bytes") else {
            // "Chunk already uploaded": by whom, if it was not sent before?
            self.0.text("message")?;
            return Some(if is_repeat {
                Answer::Repeated { number }
            } else {
                Answer::Collided(verb)
            });
        };
        let is_ours = self.number("total_size")? == file.size
            && acked.checked_add(length).is_some_and(|least| uploaded >= least);
        let is_stored = self.0.bool("success")?;
        Some(match (is_stored, is_ours) {
            (false, _) => return None,
            (true, true) => Answer::Stored { number, uploaded },
            (true, false) => Answer::Collided(verb),
        })
    }
}

#[cfg(test)]
mod tests;
