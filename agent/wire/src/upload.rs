//! The asking end of uploads by offset: one connection, its requests pipelined.
//!
//! An upload is created, appended to, asked for and given up. [`crate::tus`] and
//! [`crate::resumable`] say the same in other words; [`plan`] says how much an append carries, and [`Offsets`]
//! is what one attempt of the core's makes of them.

mod offsets;
pub mod plan;

pub use offsets::{Due, Heard, Offsets, Order, Request, Standing};

use crate::{
    http::{self, ClientEvent, Eof, Error, Head, Method, NotSent, Peer},
    resumable::{self, Interop, Limits},
    tus::{self, Extensions},
    url::{self, LocationError, Target},
};
use core::fmt;
use heapless::Deque;

/// In which words an upload is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// tus 1.0
    #[default]
    Tus,
    /// The IETF's draft, by careful creation, at one of its versions.
    Resumable(Interop),
}

/// A new upload.
#[derive(Clone, Copy)]
pub struct Create<'a> {
    /// Path and query where uploads are created.
    pub target: &'a str,
    /// Length of the file; `None` declares it later.
    pub length: Option<u64>,
    /// Its name.
    pub filename: &'a str,
    /// Its media type.
    pub filetype: Option<&'a str>,
    /// Bytes of the file that follow at once; 0 is always understood.
    pub content: u64,
}

/// The next bytes of an upload.
#[derive(Clone, Copy)]
pub struct Append<'a> {
    /// The upload's path and query.
    pub target: &'a str,
    /// Where in the file they belong.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
    /// The length of the whole file, if it was not known before and is now.
    pub declare_length: Option<u64>,
    /// Whether to wait while the stored offset grows towards this one ([`tus::AWAIT`]); tus only.
    pub awaits: bool,
    /// Whether they end the file. The draft takes an upload for whole on this word alone.
    pub last: bool,
}

/// A request, to know its answer by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// [`Client::options`]
    Options,
    /// [`Client::create`]
    Create {
        /// Bytes sent with it.
        content: u64,
    },
    /// [`Client::head`]
    Head,
    /// [`Client::append`]
    Append {
        /// Where its bytes begin.
        offset: u64,
        /// How many they are.
        length: u64,
    },
    /// [`Client::delete`]
    Delete,
}

/// What the server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// What it can do.
    Options {
        /// The extensions that it announces.
        extensions: Extensions,
        /// What it takes.
        limits: Limits,
    },
    /// The upload exists.
    Created {
        /// Where.
        location: Location<'a>,
        /// How many of the bytes sent with the creation it has.
        offset: u64,
        /// What it takes.
        limits: Limits,
    },
    /// Before the answer to the oldest request: so much of it is safe already.
    Progress {
        /// Bytes that the server has, and will not ask for again.
        offset: u64,
    },
    /// How far the upload is.
    Offset {
        /// Bytes that the server has.
        offset: u64,
        /// Bytes that it expects, once it knows.
        length: Option<u64>,
        /// Whether the server took the upload for whole, where the protocol has a word for that.
        /// tus has none: an upload is whole there when its offset is its length.
        done: Option<bool>,
    },
    /// An append was taken.
    Appended {
        /// Bytes that the server has now: within the append, or at its end.
        offset: u64,
        /// As above. Some servers leave the word out after the last append: HEAD has it.
        done: Option<bool>,
    },
    /// The upload is gone, as asked.
    Deleted,
    /// The server says no.
    Refused(Refused),
    /// Not an upload server's answer: a captive portal, a redirect, a proxy that makes things up, or
    /// an offset that can't be. Believe nothing of it and close the connection.
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
    /// Whether the server itself says so. Where not, a proxy or a portal may: 404 is then no
    /// proof that the upload is gone.
    pub genuine: bool,
    /// The offset that a genuine answer gives, above all with 409.
    pub offset: Option<u64>,
    /// Seconds to wait, if it says.
    pub retry_after_s: Option<u32>,
    /// The upload was taken whole, and what the server did with it failed: to go on is no use.
    pub done: bool,
    /// The version of the draft that the server speaks, if it says.
    pub interop: Option<Interop>,
}

/// The unresolved `Location` of a new upload. Whoever knows it may append: its `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Location<'a>(&'a str);

/// Writes requests and reads their answers. `HEAD` is the longest head of an answer, `DEPTH` the
/// most requests without an answer.
///
/// Each verb writes a head into `out` and returns its length. Where a body belongs to it,
/// [`Self::body_left`] bytes follow before the next verb.
pub struct Client<const HEAD: usize = 2048, const DEPTH: usize = 16> {
    protocol: Protocol,
    http: http::Client<HEAD, DEPTH>,
    asked: Deque<Verb, DEPTH>,
}

const _: () = assert!(size_of::<Client>() <= 2048 + 640);

impl<const HEAD: usize, const DEPTH: usize> Client<HEAD, DEPTH> {
    /// A connection on which nothing was sent yet.
    pub const fn new(protocol: Protocol) -> Self {
        Self { protocol, http: http::Client::new(), asked: Deque::new() }
    }

    /// Asks what the server can do.
    pub fn options(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
    ) -> Result<usize, NotSent> {
        let head = match self.protocol {
            // Tus-Resumable is not for OPTIONS, and some servers refuse it there.
            Protocol::Tus => Head::request(out, Method::Options, target, peer),
            Protocol::Resumable(_) => self.start(out, Method::Options, target, peer),
        };
        self.send(head, Method::Options, Verb::Options, 0)
    }

    /// Creates an upload.
    pub fn create(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        new: &Create<'_>,
    ) -> Result<usize, NotSent> {
        let head = self.start(out, Method::Post, new.target, peer);
        let head = match self.protocol {
            Protocol::Tus => tus::client::create(head, new),
            Protocol::Resumable(interop) => resumable::client::create(head, interop, new),
        };
        let head = head.body_length(new.content);
        self.send(head, Method::Post, Verb::Create { content: new.content }, new.content)
    }

    /// Asks how far an upload is.
    pub fn head(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
    ) -> Result<usize, NotSent> {
        let head = self.start(out, Method::Head, target, peer);
        self.send(head, Method::Head, Verb::Head, 0)
    }

    /// Appends to an upload.
    pub fn append(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        append: &Append<'_>,
    ) -> Result<usize, NotSent> {
        let Append { target, offset, length, .. } = *append;
        let head = self.start(out, Method::Patch, target, peer);
        let head = match self.protocol {
            Protocol::Tus => tus::client::append(head, append),
            Protocol::Resumable(interop) => resumable::client::append(head, interop, append),
        };
        let head = head.body_length(length);
        self.send(head, Method::Patch, Verb::Append { offset, length }, length)
    }

    /// Gives an upload up.
    pub fn delete(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
    ) -> Result<usize, NotSent> {
        let head = self.start(out, Method::Delete, target, peer);
        self.send(head, Method::Delete, Verb::Delete, 0)
    }

    /// Whether a verb may be sent now.
    pub fn ready(&self) -> Result<(), NotSent> {
        self.http.ready()
    }

    /// Bytes of the last verb's body that the driver must write before the next verb.
    pub const fn body_left(&self) -> u64 {
        self.http.body_left()
    }

    /// Counts body bytes that the driver wrote.
    pub fn wrote_body(&mut self, bytes: u64) {
        self.http.wrote_body(bytes);
    }

    /// Verbs without an answer, oldest first.
    pub fn outstanding(&self) -> impl ExactSizeIterator<Item = Verb> {
        self.asked.iter().copied()
    }

    /// What it means that the server closed now.
    pub fn eof(&self) -> Eof {
        self.http.eof()
    }

    /// Feeds input; how much of it was used, and the next answer. Without an answer, all was used.
    ///
    /// An answer is told as soon as its head is whole. If it comes before the request's body is
    /// fully written, either write the rest or close the connection.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<(usize, Option<Answer<'_>>), Error> {
        let mut used = 0;
        loop {
            let (length, event) = self.http.handle_input(&input[used..])?;
            used += length;
            match event {
                ClientEvent::NeedMore => return Ok((used, None)),
                ClientEvent::Body(_) | ClientEvent::End { .. } => {}
                ClientEvent::Interim(status) => {
                    if let Some(offset) = self.progress(status) {
                        return Ok((used, Some(Answer::Progress { offset })));
                    }
                }
                ClientEvent::Response(_) => {
                    let verb = self.asked.pop_front().expect("every request was given its verb");
                    let head = self.http.head();
                    let answer = match self.protocol {
                        Protocol::Tus => tus::client::read(verb, &head),
                        Protocol::Resumable(interop) => {
                            resumable::client::read(verb, interop, &head)
                        }
                    };
                    return Ok((used, Some(answer)));
                }
            }
        }
    }

    fn progress(&self, status: u16) -> Option<u64> {
        match self.protocol {
            Protocol::Tus => None,
            Protocol::Resumable(interop) => {
                let verb = *self.asked.front()?;
                resumable::client::progress(verb, interop, status, &self.http.head())
            }
        }
    }

    /// The fields that every request but OPTIONS has, and no other: an append's head is overhead.
    fn start<'a>(
        &self,
        out: &'a mut [u8],
        method: Method,
        target: &str,
        peer: &Peer<'_>,
    ) -> Head<'a> {
        let head = Head::request(out, method, target, peer);
        match self.protocol {
            Protocol::Tus => head.header("Tus-Resumable", tus::VERSION),
            Protocol::Resumable(interop) => head.header(resumable::INTEROP, interop.number()),
        }
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

impl<const HEAD: usize, const DEPTH: usize> Default for Client<HEAD, DEPTH> {
    fn default() -> Self {
        Self::new(Protocol::default())
    }
}

impl Verb {
    /// Where the bytes begin that came with it, and how many they are.
    pub(crate) const fn content(self) -> (u64, u64) {
        match self {
            Self::Create { content } => (0, content),
            Self::Append { offset, length } => (offset, length),
            Self::Options | Self::Head | Self::Delete => (0, 0),
        }
    }

    /// Whether the server may have that many bytes of the file after it.
    pub(crate) const fn may_reach(self, offset: u64) -> bool {
        let (from, length) = self.content();
        from <= offset && offset - from <= length
    }
}

impl<'a> Location<'a> {
    pub(crate) const fn new(reference: &'a str) -> Self {
        Self(reference)
    }

    /// The path and query to ask for from now on; `create` is the target that was posted to.
    pub fn resolve(&self, peer: &Peer<'_>, create: &str) -> Result<Target, LocationError> {
        url::resolve(peer.authority, create, self.0)
    }
}

impl fmt::Debug for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Location")
    }
}
