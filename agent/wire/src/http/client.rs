//! The asking end of a connection.

use super::{Body, Error, Method, Piece, ResponseHead, Unfit, head::collect};
use baton_core::Failure;
use core::fmt;
use heapless::{Deque, Vec};

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// All input is used up, and nothing new is known.
    NeedMore,
    /// An informational response (1xx): the answer is still to come.
    Interim(u16),
    /// The head of the answer to the oldest request; it may come before that is fully sent.
    Response(u16),
    /// Bytes of its body, a part of the input; never empty.
    Body(&'a [u8]),
    /// The answer is whole.
    End {
        /// Whether the connection can be used further.
        keep_alive: bool,
    },
}

/// Why a request can't go out on this connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// As many requests are unanswered as the pipeline holds: wait for an answer.
    PipelineFull,
    /// The body of the request before is not written yet.
    BodyPending,
    /// The server ends the connection after the answers to come, or sent nonsense: open another.
    Closing,
    /// The head can't be written.
    Unfit(Unfit),
}

/// What it means for the attempt that wants it sent.
impl From<NotSent> for Failure {
    fn from(why: NotSent) -> Self {
        match why {
            NotSent::Unfit(Unfit::Full) => Self::Refused(431),
            NotSent::Unfit(Unfit::Forbidden) => Self::Refused(400),
            // The server ends this connection: the next one takes the request.
            NotSent::Closing | NotSent::PipelineFull | NotSent::BodyPending => Self::Cut,
        }
    }
}

/// What the end of the connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eof {
    /// Nothing was due.
    Idle,
    /// It ends the answer's body, as announced.
    Complete,
    /// An answer is missing, or a part of it.
    Cut,
}

/// Reads the answers to pipelined requests. `HEAD` is the longest head in bytes, `DEPTH` the most
/// requests without an answer.
///
/// ```text
///          first byte        head whole           body whole
///   Idle ─────────────▶ Head ──────────▶ Body ─────────────────▶ Idle, or Closed
///                        │ 1xx                                   without keep-alive
///                        └─────▶ Idle
/// ```
pub struct Client<const HEAD: usize = 2048, const DEPTH: usize = 16> {
    head: Vec<u8, HEAD>,
    asked: Deque<Method, DEPTH>,
    phase: Phase,
    /// Until an answer says otherwise.
    keep_alive: bool,
    /// Of the last request's body: what the driver has not written yet.
    body_left: u64,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Between answers; the last head can still be read.
    Idle,
    Head,
    Body(Body),
    /// The last answer said that it is the last.
    Closed,
    Failed(Error),
}

const _: () = assert!(size_of::<Client>() <= 2048 + 128);

impl<const HEAD: usize, const DEPTH: usize> Client<HEAD, DEPTH> {
    /// A connection on which nothing was sent yet.
    pub const fn new() -> Self {
        const { assert!(DEPTH > 0) };
        Self {
            head: Vec::new(),
            asked: Deque::new(),
            phase: Phase::Idle,
            keep_alive: true,
            body_left: 0,
        }
    }

    /// Whether another request may be sent now.
    pub fn ready(&self) -> Result<(), NotSent> {
        if !self.keep_alive || matches!(self.phase, Phase::Failed(_)) {
            Err(NotSent::Closing)
        } else if self.body_left > 0 {
            Err(NotSent::BodyPending)
        } else if self.asked.is_full() {
            Err(NotSent::PipelineFull)
        } else {
            Ok(())
        }
    }

    /// Registers a request whose head was written and whose body has `body` bytes.
    pub fn sent(&mut self, method: Method, body: u64) -> Result<(), NotSent> {
        self.ready()?;
        self.body_left = body;
        self.asked.push_back(method).map_err(|_| NotSent::PipelineFull)
    }

    /// Bytes of the last request's body that the driver must write before the next request.
    pub const fn body_left(&self) -> u64 {
        self.body_left
    }

    /// Counts body bytes that the driver wrote.
    pub fn wrote_body(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.body_left, "more than announced");
        self.body_left = self.body_left.saturating_sub(bytes);
    }

    /// Requests whose answer's head did not come yet.
    pub fn outstanding(&self) -> usize {
        self.asked.len()
    }

    /// Feeds input; how much of it was used, and what it was.
    pub fn handle_input<'a>(&mut self, input: &'a [u8]) -> Result<(usize, ClientEvent<'a>), Error> {
        let result = match self.phase {
            Phase::Idle | Phase::Head => self.read_head(input),
            Phase::Body(body) => self.read_body(body, input),
            Phase::Closed if input.is_empty() => Ok((0, ClientEvent::NeedMore)),
            Phase::Closed => Err(Error::Unsolicited),
            Phase::Failed(error) => Err(error),
        };
        if let Err(error) = result {
            self.phase = Phase::Failed(error);
        }
        result
    }

    /// The head that came last, until the first byte of the next.
    pub fn head(&self) -> ResponseHead<'_> {
        match self.phase {
            Phase::Idle | Phase::Body(_) | Phase::Closed => ResponseHead::view(&self.head),
            Phase::Head | Phase::Failed(_) => ResponseHead::view(&[]),
        }
    }

    /// What it means that the server closed now.
    pub fn eof(&self) -> Eof {
        match self.phase {
            Phase::Body(body) if body.is_until_close() && self.asked.is_empty() => Eof::Complete,
            Phase::Idle | Phase::Closed if self.asked.is_empty() => Eof::Idle,
            Phase::Idle | Phase::Head | Phase::Body(_) | Phase::Closed | Phase::Failed(_) => {
                Eof::Cut
            }
        }
    }

    fn read_head<'a>(&mut self, input: &'a [u8]) -> Result<(usize, ClientEvent<'a>), Error> {
        if input.is_empty() {
            return Ok((0, ClientEvent::NeedMore));
        }
        let asked = *self.asked.front().ok_or(Error::Unsolicited)?;
        if matches!(self.phase, Phase::Idle) {
            self.head.clear();
            self.phase = Phase::Head;
        }
        let (used, whole) = collect(&mut self.head, input)?;
        if !whole {
            return Ok((used, ClientEvent::NeedMore));
        }
        let head = ResponseHead::parse(&self.head)?;
        match head.status {
            101 => return Err(Error::Unsolicited),
            status @ 100..=199 => {
                self.phase = Phase::Idle;
                return Ok((used, ClientEvent::Interim(status)));
            }
            _ => {}
        }
        let body = Body::new(head.framing(asked)?);
        self.keep_alive &= head.keep_alive() && !body.is_until_close();
        let status = head.status;
        self.phase = Phase::Body(body);
        self.asked.pop_front();
        Ok((used, ClientEvent::Response(status)))
    }

    fn read_body<'a>(
        &mut self,
        mut body: Body,
        input: &'a [u8],
    ) -> Result<(usize, ClientEvent<'a>), Error> {
        let (used, piece) = body.decode(input)?;
        self.phase = Phase::Body(body);
        let event = match piece {
            Piece::NeedMore => ClientEvent::NeedMore,
            Piece::Data(data) => ClientEvent::Body(data),
            Piece::End => {
                self.phase = if self.keep_alive { Phase::Idle } else { Phase::Closed };
                ClientEvent::End { keep_alive: self.keep_alive }
            }
        };
        Ok((used, event))
    }
}

impl<const HEAD: usize, const DEPTH: usize> Default for Client<HEAD, DEPTH> {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Unfit> for NotSent {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PipelineFull => f.write_str("too many unanswered requests"),
            Self::BodyPending => f.write_str("the request before is not fully sent"),
            Self::Closing => f.write_str("the server ends this connection"),
            Self::Unfit(unfit) => unfit.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
