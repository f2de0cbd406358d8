//! The receiving end of a connection.

use super::{Body, Error, Framing, Piece, RequestHead, head::collect};
use heapless::Vec;

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// All input is used up, and nothing new is known.
    NeedMore,
    /// A request's head is whole: [`Server::head`] tells it.
    Request,
    /// Bytes of its body, a part of the input; never empty.
    Body(&'a [u8]),
    /// The request is whole. Bytes behind it are the next request's: keep them until this one is
    /// answered.
    End,
}

/// What becomes of the rest of a request that is answered early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Nothing is left.
    Done,
    /// Go on feeding: the rest is dropped without events until [`ServerEvent::End`].
    Draining,
    /// Too much is left, or the client may never send it: close after the answer.
    MustClose,
}

/// Reads requests, one after another. `HEAD` is the longest head in bytes.
///
/// ```text
///           first byte          head whole             body whole
///   Idle ───────────────▶ Head ────────────▶ Body ───────────────────▶ Idle
/// ```
///
/// A request without a body ends at the call after [`ServerEvent::Request`], which may be with
/// no input. Any error is final.
pub struct Server<const HEAD: usize = 4096> {
    head: Vec<u8, HEAD>,
    phase: Phase,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Between requests; the last head can still be read.
    Idle,
    Head,
    Body(Receiving),
    Failed(Error),
}

#[derive(Clone, Copy)]
struct Receiving {
    body: Body,
    /// The client holds its body back for a `100 Continue`.
    waits: bool,
    /// Answered already: how many bytes may still be dropped.
    drain: Option<u64>,
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

const _: () = assert!(size_of::<Server>() <= 4096 + 80);

impl<const HEAD: usize> Server<HEAD> {
    /// A connection on which nothing came yet.
    pub const fn new() -> Self {
        Self { head: Vec::new(), phase: Phase::Idle }
    }

    /// Feeds input; how much of it was used, and what it was.
    pub fn handle_input<'a>(&mut self, input: &'a [u8]) -> Result<(usize, ServerEvent<'a>), Error> {
        let result = match self.phase {
            Phase::Idle | Phase::Head => self.read_head(input),
            Phase::Body(receiving) => self.read_body(receiving, input),
            Phase::Failed(error) => Err(error),
        };
        if let Err(error) = result {
            self.phase = Phase::Failed(error);
        }
        result
    }

    /// The head of the request that came last, until the first byte of the next.
    pub fn head(&self) -> RequestHead<'_> {
        match self.phase {
            Phase::Idle | Phase::Body(_) => RequestHead::view(&self.head),
            Phase::Head | Phase::Failed(_) => RequestHead::view(&[]),
        }
    }

    /// How that request's body is delimited.
    pub fn framing(&self) -> Framing {
        self.head().framing().unwrap_or(Framing::None)
    }

    /// Whether the client wants to go on after that request.
    pub fn keep_alive(&self) -> bool {
        !matches!(self.phase, Phase::Failed(_)) && self.head().keep_alive()
    }

    /// Whether the client waits for a `100 Continue` now.
    pub fn expects_continue(&self) -> bool {
        matches!(self.phase, Phase::Body(Receiving { waits: true, .. }))
    }

    /// What to send to a client that waits for it, once.
    pub fn take_continue(&mut self) -> Option<&'static [u8]> {
        let Phase::Body(receiving) = &mut self.phase else { return None };
        core::mem::take(&mut receiving.waits).then_some(CONTINUE)
    }

    /// How many bytes may be read from the socket straight into the driver's own memory, past
    /// [`Self::handle_input`]. Everything already read has to go through first.
    pub fn raw_body(&self) -> u64 {
        match self.phase {
            Phase::Body(Receiving { body, drain: None, .. }) => body.run(),
            Phase::Body(_) | Phase::Idle | Phase::Head | Phase::Failed(_) => 0,
        }
    }

    /// Counts bytes that went that way.
    pub fn took_raw(&mut self, bytes: u64) {
        if let Phase::Body(receiving) = &mut self.phase {
            receiving.waits &= bytes == 0;
            receiving.body.took(bytes);
        }
    }

    /// The request is answered before its end: drops up to `limit` bytes of what is left of it.
    pub fn discard(&mut self, limit: u64) -> Drain {
        match &mut self.phase {
            Phase::Body(receiving) if receiving.body.is_done() => Drain::Draining,
            // RFC 9110 section 10.1.1: the client may now leave its body out, or not.
            Phase::Body(receiving) if receiving.waits || receiving.body.run() > limit => {
                Drain::MustClose
            }
            Phase::Body(receiving) => {
                receiving.drain = Some(limit);
                Drain::Draining
            }
            Phase::Idle => Drain::Done,
            Phase::Head | Phase::Failed(_) => Drain::MustClose,
        }
    }

    /// Whether the client may close now without having cut anything.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    fn read_head<'a>(&mut self, input: &'a [u8]) -> Result<(usize, ServerEvent<'a>), Error> {
        if input.is_empty() {
            return Ok((0, ServerEvent::NeedMore));
        }
        if matches!(self.phase, Phase::Idle) {
            self.head.clear();
        }
        let (used, whole) = collect(&mut self.head, input)?;
        if !whole {
            // Nothing but empty lines is not the start of a request.
            self.phase = if self.head.is_empty() { Phase::Idle } else { Phase::Head };
            return Ok((used, ServerEvent::NeedMore));
        }
        let head = RequestHead::parse(&self.head)?;
        let body = Body::new(head.framing()?);
        let waits = head.expects_continue()? && !body.is_done();
        self.phase = Phase::Body(Receiving { body, waits, drain: None });
        Ok((used, ServerEvent::Request))
    }

    fn read_body<'a>(
        &mut self,
        mut receiving: Receiving,
        input: &'a [u8],
    ) -> Result<(usize, ServerEvent<'a>), Error> {
        let mut used = 0;
        receiving.waits &= input.is_empty();
        loop {
            let (length, piece) = receiving.body.decode(&input[used..])?;
            used += length;
            self.phase = Phase::Body(receiving);
            match (piece, &mut receiving.drain) {
                (Piece::NeedMore, _) => return Ok((used, ServerEvent::NeedMore)),
                (Piece::End, _) => {
                    self.phase = Phase::Idle;
                    return Ok((used, ServerEvent::End));
                }
                (Piece::Data(data), None) => return Ok((used, ServerEvent::Body(data))),
                (Piece::Data(data), Some(left)) => {
                    *left = left.checked_sub(data.len() as u64).ok_or(Error::Undrained)?;
                }
            }
        }
    }
}

impl<const HEAD: usize> Default for Server<HEAD> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
