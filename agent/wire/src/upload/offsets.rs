//! What one attempt asks on one connection: create or ask, then append in pipelined requests, hold
//! and go on as the core wants it.
//!
//! A driver passes the core's [`Order`]s in, asks for what is [due](Offsets::due) whenever the request
//! before is written, has it [written](Offsets::request), and feeds what comes to [`Offsets::hear`]. Each
//! [`Heard::Outcome`] is the core's.
//!
//! ```text
//!             Append                 Hold               all answered
//!   Quiet ------------> Appending ----------> Held ----------------------> Held, and reported
//!     ^                  |    ^                |                             |
//!     |    409, offset   |    +----------------+-----------------------------+
//!     +------------------+         Unhold, Append
//! ```

mod course;

use super::plan::{self, Bounds, Plan, Progress};
use super::{Append, Client, Create, Location, Protocol, Verb};
use crate::http::{Eof, Error, NotSent, Peer};
use crate::resumable::{Interop, Limits};
use baton_core::{Failure, Outcome};
use core::ops::Range;
use course::{Course, Mode, Question};

/// What the core wants of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Make the upload exist.
    Create,
    /// Ask for its offset.
    Ask,
    /// Append from here on.
    Append {
        /// First byte to send.
        from: u64,
    },
    /// Start nothing new.
    Hold,
    /// Go on.
    Unhold,
}

/// Where an upload stands, wherever its bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Length of the file.
    pub total: u64,
    /// Bytes that are here, whether they left or not.
    pub received: u64,
    /// End of what was ever handed to a connection: the server can't hold more.
    pub written: u64,
    /// Bytes that the server returned as its offset.
    pub acked: u64,
}

/// What is to be written now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// The upload is made: [`Offsets::create`] writes it.
    Create,
    /// It exists, and this is asked of it: [`Offsets::request`] writes it.
    Request(Request),
}

/// A request for an upload that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// How far is it?
    Ask,
    /// That it is whole, which an answer has left open.
    Finish {
        /// Its length.
        total: u64,
    },
    /// Bytes of it.
    Append {
        /// Which.
        plan: Plan,
        /// Whether they are its last.
        last: bool,
    },
}

impl Request {
    /// The bytes of the upload that follow its head.
    pub const fn body(&self) -> Range<u64> {
        match *self {
            Self::Ask | Self::Finish { .. } => 0..0,
            Self::Append { plan: Plan { range: Range { start, end }, .. }, .. } => start..end,
        }
    }
}

/// What an answer comes to.
#[derive(Debug)]
pub enum Heard<'a> {
    /// Nothing that anybody waits for.
    Nothing,
    /// It is to be reported.
    Outcome(Outcome),
    /// The upload exists: where, is to be kept; then the outcome is to be reported.
    Created {
        /// Its unresolved URL.
        location: Location<'a>,
        /// What the server takes.
        limits: Limits,
        /// `None`: more is asked before it counts.
        outcome: Option<Outcome>,
    },
    /// The server speaks this version of the draft: the attempt is over.
    Other(Interop),
    /// Whoever answers is not the upstream: the attempt is over.
    Impostor {
        /// Its status.
        status: u16,
    },
    /// It is not HTTP, or no answer to anything: the attempt is over.
    Nonsense(Error),
}

/// One attempt on one connection after the other. `HEAD` is the longest head of an answer, `DEPTH` the most
/// requests without one, at most [`plan::DEPTH`].
pub struct Offsets<const HEAD: usize, const DEPTH: usize> {
    protocol: Protocol,
    client: Client<HEAD, DEPTH>,
    course: Course,
    /// Appends under way are void in a way that this connection can't outlive.
    is_spent: bool,
}

impl<const HEAD: usize, const DEPTH: usize> Offsets<HEAD, DEPTH> {
    /// On a connection where nothing is unanswered.
    pub const fn new(protocol: Protocol) -> Self {
        const { assert!(DEPTH <= plan::DEPTH) };
        Self {
            protocol,
            client: Client::new(protocol),
            course: Course::new(protocol),
            is_spent: false,
        }
    }

    /// What the core wants. A server that fences refuses what is under way behind a refused append
    /// in good order; of others, who knows.
    pub fn obey(&mut self, order: Order, is_fenced: bool) {
        if let Order::Append { .. } = order {
            if is_fenced && self.client.ready() != Err(NotSent::Closing) {
                self.course.void = self.unanswered();
            } else {
                self.is_spent = !self.is_answered();
            }
        }
        self.course.obey(order);
    }

    /// What is due on this connection, if it is not [spent](Self::is_spent) and the request before is
    /// written. What is asked once is due once.
    pub fn due(&mut self, at: &Standing, bounds: &Bounds) -> Option<Due> {
        if let Some(question) = self.course.question.take() {
            return Some(match question {
                Question::Create => Due::Create,
                Question::Offset => Due::Request(Request::Ask),
                Question::Finish => Due::Request(Request::Finish { total: at.total }),
            });
        }
        let Mode::Appending { next } = self.course.mode else { return None };
        let unanswered = self.unanswered();
        if unanswered >= DEPTH {
            return None;
        }
        let (total, from) = (at.total, self.course.from);
        let Standing { received, acked, .. } = *at;
        let progress = Progress { total, received, acked, from, next, unanswered };
        let plan = plan::next_append(&progress, bounds)?;
        let last = plan.range.end == total;
        Some(Due::Request(Request::Append { plan, last }))
    }

    /// Held, and every append was answered: told once.
    pub fn take_drained(&mut self) -> bool {
        let Mode::Held { next, reported: false } = self.course.mode else { return false };
        let reported = self.unanswered() == 0;
        self.course.mode = Mode::Held { next, reported };
        reported
    }

    /// Writes what makes the upload; the length of it.
    pub fn create(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        create: &Create<'_>,
    ) -> Result<usize, NotSent> {
        self.client.create(out, peer, create)
    }

    /// Writes the head of a request that is due for the upload at `target`; the length of it.
    pub fn request(
        &mut self,
        out: &mut [u8],
        peer: &Peer<'_>,
        target: &str,
        request: &Request,
    ) -> Result<usize, NotSent> {
        let append = Append {
            target,
            offset: 0,
            length: 0,
            declare_length: None,
            awaits: false,
            last: true,
        };
        match *request {
            Request::Ask => self.client.head(out, peer, target),
            Request::Finish { total } => {
                self.client.append(out, peer, &Append { offset: total, ..append })
            }
            Request::Append { plan: Plan { range: Range { start, end }, awaits }, last } => {
                let append = Append { offset: start, length: end - start, awaits, last, ..append };
                let length = self.client.append(out, peer, &append)?;
                self.course.mode = Mode::Appending { next: end };
                Ok(length)
            }
        }
    }

    /// Bytes of the upload were written, as part of the last request.
    pub fn wrote(&mut self, bytes: u64) {
        self.client.wrote_body(bytes);
    }

    /// Reads the next answer in `input`; how much of that was used. Without an answer, all of it was.
    /// An `Err` ends the attempt.
    pub fn hear(
        &mut self,
        at: &Standing,
        input: &[u8],
    ) -> Result<(usize, Option<Heard<'_>>), Failure> {
        match self.client.handle_input(input) {
            Ok((used, None)) => Ok((used, None)),
            Ok((used, Some(answer))) => {
                self.course.understand(at, answer).map(|heard| (used, Some(heard)))
            }
            Err(error) => Ok((input.len(), Some(Heard::Nonsense(error)))),
        }
    }

    /// Whether what is due needs another connection, even if a request is half written on this.
    pub const fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Here it is: nothing asked on the one before is answered on it.
    pub fn renew(&mut self) {
        self.client = Client::new(self.protocol);
        (self.course.void, self.course.finishing, self.is_spent) = (0, None, false);
    }

    /// Whether bytes that become available now are what it waits for.
    pub const fn is_sending(&self) -> bool {
        matches!(self.course.mode, Mode::Appending { .. })
    }

    /// Nothing is unanswered, and the server takes another request.
    pub fn is_answered(&self) -> bool {
        self.unanswered() == 0 && self.client.ready().is_ok()
    }

    /// Whether all that is unanswered are questions: their answers leave a connection as good as new.
    pub fn is_asking(&self) -> bool {
        self.client.outstanding().all(|verb| verb == Verb::Head)
    }

    /// What it means that the server closed now.
    pub fn eof(&self) -> Eof {
        self.client.eof()
    }

    fn unanswered(&self) -> usize {
        self.client.outstanding().len()
    }
}

#[cfg(test)]
mod tests;
