//! The asking end. A PUT does not resume, so its answer alone proves little: HEAD and GET are the
//! proof, or a receipt that tells the length.

use super::Form;
use crate::{
    base64,
    http::{
        self, ClientEvent, Eof, Error, Head, Headers, Method, NotSent, Peer, ResponseHead, Unfit,
        head::decimal, write::written_length,
    },
};
use baton_core::json::Object;
use heapless::Deque;

/// A whole file.
#[derive(Clone, Copy)]
pub struct Put<'a> {
    /// Path and query, its token included.
    pub target: &'a str,
    /// Length of the file. Chunked coding is never used: tokens sign the length.
    pub length: u64,
    /// Media type; some tokens sign it.
    pub content_type: &'a str,
    /// Whether to wait for [`Answer::Continue`] before the body, so that a refusal costs nothing.
    pub expect_continue: bool,
}

/// What the server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// It wants the body.
    Continue,
    /// It says that the file is stored. A captive portal may say so too.
    Stored {
        /// 200, 201 or 204.
        status: u16,
    },
    /// What hmac-file-server tells after [`Self::Stored`], if it does: how many bytes it wrote.
    Receipt {
        /// Length of the file there.
        size: u64,
    },
    /// It has something there.
    Found(Found),
    /// Bytes of what a GET asked for.
    Body(&'a [u8]),
    /// The answer to a GET is whole.
    End,
    /// It says no, or something else entirely: a redirect is no success.
    Refused {
        /// What was refused: PUT, POST, HEAD or GET.
        method: Method,
        /// The status.
        status: u16,
        /// Seconds to wait, if it says.
        retry_after_s: Option<u32>,
    },
}

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Length of the whole file, if told.
    pub length: Option<u64>,
    /// Where in the file the body of a GET begins.
    pub from: u64,
    /// SHA-256 of the whole file, if told in `Repr-Digest` (RFC 9530).
    pub sha256: Option<[u8; 32]>,
}

/// Writes requests and reads their answers; see [`crate::upload::Client`] for the manner.
pub struct Client<const HEAD: usize = 2048> {
    http: http::Client<HEAD, DEPTH>,
    asked: Deque<Method, DEPTH>,
    reading: Reading,
    receipt: heapless::Vec<u8, RECEIPT>,
}

/// What the body that comes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The text of a refusal, say.
    Nothing,
    /// What a GET asked for.
    File,
    /// What may be a receipt.
    Receipt,
}

/// One PUT and one question behind it.
const DEPTH: usize = 2;

/// The longest receipt that is read, in bytes. A dozen fields come with the size, a file name of
/// up to 255 bytes among them.
const RECEIPT: usize = 1024;

const _: () = assert!(size_of::<Client>() <= 2048 + RECEIPT + 128);

impl<const HEAD: usize> Client<HEAD> {
    /// A connection on which nothing was sent yet.
    pub const fn new() -> Self {
        Self {
            http: http::Client::new(),
            asked: Deque::new(),
            reading: Reading::Nothing,
            receipt: heapless::Vec::new(),
        }
    }

    /// Stores a file. [`Self::body_left`] bytes follow.
    pub fn put(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        put: &Put<'_>,
    ) -> Result<usize, NotSent> {
        let head = Head::request(out, Method::Put, put.target, peer)
            .header("Content-Type", put.content_type)
            .body_length(put.length)
            .maybe("Expect", put.expect_continue.then_some("100-continue"))
            .finish();
        self.send(head, Method::Put, put.length)
    }

    /// Stores a file as a form, whose first bytes follow its head in `out` at once. When
    /// [`Form::length`] more are written, [`Form::end`] is what is left of the body.
    pub fn post(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        form: &Form<'_>,
    ) -> Result<usize, NotSent> {
        let start = form.start()?;
        let before = written_length(&start);
        let body = before + form.length + form.end().len() as u64;
        let head = Head::request(out, Method::Post, form.target, peer)
            .maybe("X-Signature", form.signature)
            .header("Content-Type", format_args!("multipart/form-data; boundary={}", form.boundary))
            .body_length(body)
            .maybe("Expect", form.expect_continue.then_some("100-continue"))
            .finish_with(start);
        let length = self.send(head, Method::Post, body)?;
        self.http.wrote_body(before);
        Ok(length)
    }

    /// Asks what is there, and for its digest: a server may know one and tell it only when asked.
    /// And for no chunks: xmpp-http-upload would say of a large file that it comes in some, and
    /// not how long it is.
    pub fn head(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
    ) -> Result<usize, NotSent> {
        let head = Head::request(out, Method::Head, target, peer)
            .header("TE", "identity")
            .header("Want-Repr-Digest", "sha-256=1")
            .finish();
        self.send(head, Method::Head, 0)
    }

    /// Reads what is there, from an offset on.
    pub fn get(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
        from: u64,
    ) -> Result<usize, NotSent> {
        let head = Head::request(out, Method::Get, target, peer)
            .maybe("Range", (from > 0).then_some(format_args!("bytes={from}-")))
            .finish();
        self.send(head, Method::Get, 0)
    }

    /// Whether a request may be sent now.
    pub fn ready(&self) -> Result<(), NotSent> {
        self.http.ready()
    }

    /// Bytes of the file that the driver must still write.
    pub const fn body_left(&self) -> u64 {
        self.http.body_left()
    }

    /// Counts bytes of the file that the driver wrote.
    pub fn wrote_body(&mut self, bytes: u64) {
        self.http.wrote_body(bytes);
    }

    /// Requests without an answer.
    pub fn outstanding(&self) -> usize {
        self.asked.len()
    }

    /// What it means that the server closed now.
    pub fn eof(&self) -> Eof {
        self.http.eof()
    }

    /// Feeds input; how much of it was used, and the next answer. Without an answer, all was used.
    pub fn handle_input<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Answer<'a>>), Error> {
        let mut used = 0;
        loop {
            let (length, event) = self.http.handle_input(&input[used..])?;
            used += length;
            let answer = match event {
                ClientEvent::NeedMore => return Ok((used, None)),
                ClientEvent::Interim(100)
                    if matches!(self.asked.front(), Some(Method::Put | Method::Post)) =>
                {
                    Some(Answer::Continue)
                }
                ClientEvent::Interim(_) => None,
                ClientEvent::Response(_) => {
                    let method =
                        self.asked.pop_front().expect("every request was given its method");
                    let answer = read(method, &self.http.head());
                    self.reading = match answer {
                        Answer::Found(_) if method == Method::Get => Reading::File,
                        Answer::Stored { .. } => Reading::Receipt,
                        Answer::Found(_)
                        | Answer::Continue
                        | Answer::Receipt { .. }
                        | Answer::Body(_)
                        | Answer::End
                        | Answer::Refused { .. } => Reading::Nothing,
                    };
                    self.receipt.clear();
                    Some(answer)
                }
                ClientEvent::Body(bytes) => match self.reading {
                    Reading::File => Some(Answer::Body(bytes)),
                    Reading::Receipt => {
                        if self.receipt.extend_from_slice(bytes).is_err() {
                            self.reading = Reading::Nothing;
                        }
                        None
                    }
                    Reading::Nothing => None,
                },
                ClientEvent::End { .. } => match self.reading {
                    Reading::File => Some(Answer::End),
                    Reading::Receipt => size(&self.receipt).map(|size| Answer::Receipt { size }),
                    Reading::Nothing => None,
                },
            };
            if answer.is_some() {
                return Ok((used, answer));
            }
        }
    }

    fn send(
        &mut self,
        length: Result<usize, Unfit>,
        method: Method,
        body: u64,
    ) -> Result<usize, NotSent> {
        self.http.ready()?;
        let length = length?;
        self.http.sent(method, body)?;
        self.asked.push_back(method).expect("it is as deep as the pipeline");
        Ok(length)
    }
}

impl<const HEAD: usize> Default for Client<HEAD> {
    fn default() -> Self {
        Self::new()
    }
}

fn read(method: Method, head: &ResponseHead<'_>) -> Answer<'static> {
    let status = head.status;
    let sha256 = sha256(head.headers);
    let length = head.headers.number("Content-Length").ok().flatten();
    let found = match (method, status) {
        (Method::Put | Method::Post, 200 | 201 | 204) => return Answer::Stored { status },
        (Method::Head | Method::Get, 200) => Some(Found { length, from: 0, sha256 }),
        (Method::Get, 206) => {
            content_range(head.headers).map(|(from, length)| Found { length, from, sha256 })
        }
        _ => None,
    };
    let refused = Answer::Refused { method, status, retry_after_s: head.retry_after_s() };
    found.map_or(refused, Answer::Found)
}

/// The `size` of a JSON object that says `success`.
fn size(receipt: &[u8]) -> Option<u64> {
    let receipt = Object::parse(core::str::from_utf8(receipt).ok()?).ok()?;
    receipt.bool("success")?.then(|| receipt.integer("size")).flatten()
}

/// Start and whole length of `bytes 5-9/10` (RFC 9110 section 14.4).
fn content_range(headers: Headers<'_>) -> Option<(u64, Option<u64>)> {
    let (range, length) = headers.text("Content-Range")?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((decimal(first.as_bytes())?, decimal(length.as_bytes())))
}

/// The SHA-256 in `sha-256=:...:, sha-512=:...:`.
fn sha256(headers: Headers<'_>) -> Option<[u8; 32]> {
    headers.text("Repr-Digest")?.split(',').find_map(|member| {
        let text = member.trim().strip_prefix("sha-256=:")?.strip_suffix(':')?;
        let mut digest = [0; 32];
        let length = base64::decode(text.as_bytes(), &mut digest).ok()?.len();
        (length == digest.len()).then_some(digest)
    })
}

#[cfg(test)]
mod tests;
