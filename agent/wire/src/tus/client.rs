//! The asking end: one connection, its requests pipelined.

use super::{AWAIT, CONTENT_TYPE, Extensions, VERSION};
use crate::{
    base64::Encoded,
    http::{self, ClientEvent, Eof, Error, Head, Headers, Method, NotSent, Peer, ResponseHead},
    url::{self, LocationError, Target},
};
use core::fmt;
use heapless::Deque;

/// A new upload.
#[derive(Clone, Copy)]
pub struct Create<'a> {
    /// Path and query where uploads are created.
    pub target: &'a str,
    /// Length of the file; `None` declares it later.
    pub length: Option<u64>,
    /// Metadata `filename`.
    pub filename: &'a str,
    /// Metadata `filetype`.
    pub filetype: Option<&'a str>,
    /// Bytes of the file that follow at once (creation-with-upload); 0 is always understood.
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
    /// Whether to wait while the stored offset grows towards this one ([`AWAIT`]).
    pub awaits: bool,
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
        /// The largest upload that it takes.
        max_size: Option<u64>,
    },
    /// The upload exists.
    Created {
        /// Where.
        location: Location<'a>,
        /// How many of the bytes sent with the creation it has.
        offset: u64,
    },
    /// How far the upload is.
    Offset {
        /// Bytes that the server has.
        offset: u64,
        /// Bytes that it expects, once it knows.
        length: Option<u64>,
    },
    /// An append was taken.
    Appended {
        /// Bytes that the server has now: within the append, or at its end.
        offset: u64,
    },
    /// The upload is gone, as asked.
    Deleted,
    /// The server says no.
    Refused(Refused),
    /// Not a tus server's answer: a captive portal, a redirect, a proxy that makes things up, or
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
    /// Whether the tus server itself says so. Where not, a proxy or a portal may: 404 is then no
    /// proof that the upload is gone.
    pub genuine: bool,
    /// The offset that a genuine answer gives, above all with 409.
    pub offset: Option<u64>,
    /// Seconds to wait, if it says.
    pub retry_after_s: Option<u32>,
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
    http: http::Client<HEAD, DEPTH>,
    asked: Deque<Verb, DEPTH>,
}

const _: () = assert!(size_of::<Client>() <= 2048 + 640);

impl<const HEAD: usize, const DEPTH: usize> Client<HEAD, DEPTH> {
    /// A connection on which nothing was sent yet.
    pub const fn new() -> Self {
        Self { http: http::Client::new(), asked: Deque::new() }
    }

    /// Asks what the server can do.
    pub fn options(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
    ) -> Result<usize, NotSent> {
        // Tus-Resumable is not for OPTIONS, and some servers refuse it there.
        let head = Head::request(out, Method::Options, target, peer);
        self.send(head, Method::Options, Verb::Options, 0)
    }

    /// Creates an upload.
    pub fn create(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        new: &Create<'_>,
    ) -> Result<usize, NotSent> {
        let filename = Encoded(new.filename.as_bytes());
        let head = start(out, Method::Post, new.target, peer)
            .maybe("Upload-Length", new.length)
            .maybe("Upload-Defer-Length", new.length.is_none().then_some(1));
        let head = match new.filetype.map(|filetype| Encoded(filetype.as_bytes())) {
            Some(filetype) => head
                .header("Upload-Metadata", format_args!("filename {filename},filetype {filetype}")),
            None => head.header("Upload-Metadata", format_args!("filename {filename}")),
        };
        let head = head
            .maybe("Content-Type", (new.content > 0).then_some(CONTENT_TYPE))
            .body_length(new.content);
        self.send(head, Method::Post, Verb::Create { content: new.content }, new.content)
    }

    /// Asks how far an upload is.
    pub fn head(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
    ) -> Result<usize, NotSent> {
        let head = start(out, Method::Head, target, peer);
        self.send(head, Method::Head, Verb::Head, 0)
    }

    /// Appends to an upload.
    pub fn append(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        append: &Append<'_>,
    ) -> Result<usize, NotSent> {
        let Append { target, offset, length, declare_length, awaits } = *append;
        let head = start(out, Method::Patch, target, peer)
            .header("Upload-Offset", offset)
            .maybe("Upload-Length", declare_length)
            .maybe(AWAIT, awaits.then_some(1))
            .header("Content-Type", CONTENT_TYPE)
            .body_length(length);
        self.send(head, Method::Patch, Verb::Append { offset, length }, length)
    }

    /// Gives an upload up.
    pub fn delete(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
    ) -> Result<usize, NotSent> {
        let head = start(out, Method::Delete, target, peer);
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
                ClientEvent::Interim(_) | ClientEvent::Body(_) | ClientEvent::End { .. } => {}
                ClientEvent::Response(_) => {
                    let verb = self.asked.pop_front().expect("every request was given its verb");
                    return Ok((used, Some(read(verb, &self.http.head()))));
                }
            }
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
        Self::new()
    }
}

impl Location<'_> {
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

/// The fields that every request but OPTIONS has, and no other: an append's head is overhead.
fn start<'a>(out: &'a mut [u8], method: Method, target: &str, peer: &Peer<'_>) -> Head<'a> {
    Head::request(out, method, target, peer).header("Tus-Resumable", VERSION)
}

/// What a head means as the answer to `verb`. Success needs the server's own proof.
fn read<'a>(verb: Verb, head: &ResponseHead<'a>) -> Answer<'a> {
    let headers = head.headers;
    let genuine = headers.get("Tus-Resumable") == Some(VERSION.as_bytes());
    match head.status {
        // RFC 6585 section 6: 511 is how a portal should speak.
        200..=399 | 511 => {
            succeeded(verb, head, genuine).unwrap_or(Answer::Impostor { verb, status: head.status })
        }
        status => Answer::Refused(Refused {
            verb,
            status,
            genuine,
            offset: if genuine { number(headers, "Upload-Offset") } else { None },
            retry_after_s: head.retry_after_s(),
        }),
    }
}

fn succeeded<'a>(verb: Verb, head: &ResponseHead<'a>, genuine: bool) -> Option<Answer<'a>> {
    let headers = head.headers;
    let offset = number(headers, "Upload-Offset");
    match (verb, head.status) {
        (Verb::Options, 200 | 204) if headers.lists("Tus-Version", VERSION) => {
            Some(Answer::Options {
                extensions: Extensions::read(headers),
                max_size: number(headers, "Tus-Max-Size"),
            })
        }
        (Verb::Create { content }, 201) if genuine => {
            let offset = offset.unwrap_or(0);
            let location = Location(headers.text("Location")?);
            (offset <= content).then_some(Answer::Created { location, offset })
        }
        (Verb::Head, 200 | 204) if genuine => {
            let length = number(headers, "Upload-Length");
            let offset = offset.filter(|&offset| length.is_none_or(|length| offset <= length))?;
            Some(Answer::Offset { offset, length })
        }
        (Verb::Append { offset: from, length }, 200 | 204) if genuine => {
            let offset = offset.filter(|&to| from <= to && to - from <= length)?;
            Some(Answer::Appended { offset })
        }
        (Verb::Delete, 200 | 204) if genuine => Some(Answer::Deleted),
        _ => None,
    }
}

fn number(headers: Headers<'_>, name: &str) -> Option<u64> {
    headers.number(name).ok().flatten()
}

#[cfg(test)]
mod tests;
