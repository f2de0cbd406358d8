//! tus on a lane's connection: creates, asks, and appends in pipelined requests whose bodies are what the
//! journal holds.

use crate::hub::{Hub, Order};
use crate::settings::{CONTENT_TYPE, SECRET, TUS_PATH};
use baton_core::token::{self, Claim, Scheme};
use baton_core::{Attempt, Duration, Failure, Outcome};
use baton_mps2_an385::journal::Cursor;
use baton_wire::http::{Eof, NotSent, Peer, Unfit};
use baton_wire::upload::{Answer, Append, Client, Create, Protocol, Refused, Verb};
use core::ops::Range;
use defmt::warn;
use heapless::{String, Vec};

/// Longest head of an answer.
const HEAD: usize = 1024;

/// Requests that may be unanswered.
const DEPTH: usize = 8;

/// Room for one head: the longest creates, with a token and a name.
const OUTBOX: usize = 1024;

/// Least of one append, and most where bytes of another link may still be landing: a head is 3 % of it.
const PART: u64 = 8 * 1024;

/// Whether a lane appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It was not asked to.
    Quiet,
    /// From `next` on.
    Appending { next: u64 },
    /// Not before it is told to go on.
    Held { next: u64, reported: bool },
}

/// One attempt's requests.
pub(super) struct Appends<'a> {
    hub: &'a Hub,
    attempt: Attempt,
    client: Client<HEAD, DEPTH>,
    question: Option<Question>,
    mode: Mode,
    /// Where it took over, or wants to.
    from: u64,
    /// Appends without an answer that were sent behind one that was refused.
    void: usize,
    head: Vec<u8, OUTBOX>,
    /// Of the head, so much has left.
    head_at: usize,
    /// What is still to be written of the log in the request under way.
    body: Range<u64>,
}

/// What is asked first.
#[derive(Clone, Copy, Debug)]
enum Question {
    Create,
    Offset,
}

impl<'a> Appends<'a> {
    pub(super) fn new(hub: &'a Hub, attempt: Attempt) -> Self {
        Self {
            hub,
            attempt,
            client: Client::new(Protocol::Tus),
            question: None,
            mode: Mode::Quiet,
            from: 0,
            void: 0,
            head: Vec::new(),
            head_at: 0,
            body: 0..0,
        }
    }

    /// What the core wants.
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Create => self.question = Some(Question::Create),
            Order::Ask => self.question = Some(Question::Offset),
            Order::Append { from } => {
                self.void = self.client.outstanding().len();
                self.mode = Mode::Appending { next: from };
                self.from = from;
            }
            Order::Hold => {
                if let Mode::Appending { next } = self.mode {
                    self.mode = Mode::Held { next, reported: false };
                }
            }
            Order::Unhold => {
                if let Mode::Held { next, .. } = self.mode {
                    self.mode = Mode::Appending { next };
                }
            }
            Order::Drop => {}
        }
    }

    /// Has the next request due, if the one before is written.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        if self.has_output() {
            return Ok(());
        }
        match self.question.take() {
            Some(Question::Create) => self.create(),
            Some(Question::Offset) => self.ask(),
            None => {
                self.report_drained();
                self.append()
            }
        }
    }

    pub(super) fn has_output(&self) -> bool {
        self.head_at < self.head.len() || !self.body.is_empty()
    }

    /// Whether nothing is unanswered.
    pub(super) fn is_clean(&self) -> bool {
        !self.has_output()
            && self.client.outstanding().len() == 0
            && self.client.ready().is_ok()
            && self.client.eof() == Eof::Idle
    }

    /// The next bytes to be written.
    pub(super) fn output<'c>(&'c self, cursor: &'c mut Cursor) -> Result<&'c [u8], Failure> {
        let head = &self.head[self.head_at..];
        if !head.is_empty() {
            return Ok(head);
        }
        let chain = self.hub.transfer.borrow().as_ref().map(|transfer| transfer.chain);
        let chain = chain.ok_or(Failure::NotKept)?;
        let read = self.hub.journal.borrow_mut().read(cursor, chain, self.body.start);
        let bytes = read.map_err(|error| {
            warn!("the journal: {}", defmt::Debug2Format(&error));
            Failure::NotKept
        })?;
        let most = usize::try_from(self.body.end - self.body.start).unwrap_or(usize::MAX);
        Ok(&bytes[..bytes.len().min(most)])
    }

    /// Bytes of [`Self::output`] were handed to the connection.
    pub(super) fn wrote(&mut self, count: usize) {
        let head = count.min(self.head.len() - self.head_at);
        self.head_at += head;
        let body = (count - head) as u64;
        if body == 0 {
            return;
        }
        self.body.start += body;
        self.client.wrote_body(body);
        if let Some(transfer) = &mut *self.hub.transfer.borrow_mut() {
            transfer.written = transfer.written.max(self.body.start);
        }
        self.report(Outcome::Sent(self.body.start));
    }

    /// Reads answers, until all of `input` is used.
    pub(super) fn hear(&mut self, mut input: &[u8]) -> Result<(), Failure> {
        while !input.is_empty() {
            let hub = self.hub;
            let (used, answer) = self.client.handle_input(input).map_err(|_| Failure::Cut)?;
            input = &input[used..];
            let Some(answer) = answer else { continue };
            let is_void = self.void > 0;
            self.void -= usize::from(is_void);
            match answer {
                Answer::Created { location, .. } => {
                    let peer = peer(hub);
                    let target =
                        location.resolve(&peer, TUS_PATH).map_err(|_| Failure::Refused(502))?;
                    hub.on_location(target);
                    self.report(Outcome::Created);
                }
                Answer::Offset { offset, .. } => {
                    hub.vouch(offset)?;
                    self.report(Outcome::Offset(offset));
                }
                Answer::Appended { offset, .. } => {
                    hub.vouch(offset)?;
                    self.report(Outcome::Acked(offset));
                }
                Answer::Refused(Refused { status: 409, .. }) if is_void => {}
                Answer::Refused(refused) => self.on_refusal(refused)?,
                Answer::Impostor { .. } => return Err(Failure::Cut),
                Answer::Options { .. } | Answer::Progress { .. } | Answer::Deleted => {}
            }
        }
        Ok(())
    }

    fn create(&mut self) -> Result<(), Failure> {
        let (name, total) = {
            let transfer = self.hub.transfer.borrow();
            let transfer = transfer.as_ref().ok_or(Failure::NotKept)?;
            (transfer.name.clone(), transfer.total)
        };
        let claim = Claim {
            method: "PUT",
            path: &name,
            length: total,
            content_type: CONTENT_TYPE,
            expires: 0,
        };
        let token = token::make(SECRET, Scheme::V2, &claim);
        let mut target = String::<96>::new();
        core::fmt::write(&mut target, format_args!("{TUS_PATH}?v2={}", token.as_str()))
            .expect("a token has 64 digits");
        let create = Create {
            target: &target,
            length: Some(total),
            filename: &name,
            filetype: Some(CONTENT_TYPE),
            content: 0,
        };
        let peer = peer(self.hub);
        let client = &mut self.client;
        refill(&mut self.head, &mut self.head_at, |out| client.create(out, &peer, &create))
    }

    fn ask(&mut self) -> Result<(), Failure> {
        let peer = peer(self.hub);
        let transfer = self.hub.transfer.borrow();
        let location = transfer.as_ref().and_then(|transfer| transfer.location.as_ref());
        let target = location.ok_or(Failure::Gone)?;
        let client = &mut self.client;
        refill(&mut self.head, &mut self.head_at, |out| client.head(out, &peer, target))
    }

    /// Starts the next append if there is something to send, and room for it.
    fn append(&mut self) -> Result<(), Failure> {
        let Mode::Appending { next } = self.mode else { return Ok(()) };
        if self.client.outstanding().len() >= DEPTH {
            return Ok(());
        }
        let transfer = self.hub.transfer.borrow();
        let Some(transfer) = transfer.as_ref() else { return Ok(()) };
        let (limits, acked) = {
            let core = self.hub.core.borrow();
            let Some(view) = core.view(transfer.id) else { return Ok(()) };
            (core.limits(transfer.id), view.acked)
        };
        // Bytes sent over the link that was left may still be landing: no more is risked on that
        // than the beginning.
        let is_ahead = acked < self.from;
        if is_ahead && next > self.from {
            return Ok(());
        }
        let part = PART.min(u64::from(limits.chunk_bytes));
        let least = if is_ahead { part } else { 0 };
        let room = (acked + u64::from(limits.window_bytes)).saturating_sub(next).max(least);
        let length = (transfer.total - next).min(room).min(part);
        let is_worth_it = length == part || next + length == transfer.total;
        if length == 0 || !is_worth_it {
            return Ok(());
        }
        let append = Append {
            target: transfer.location.as_ref().ok_or(Failure::Gone)?,
            offset: next,
            length,
            declare_length: None,
            awaits: is_ahead,
            last: next + length == transfer.total,
        };
        let peer = peer(self.hub);
        let client = &mut self.client;
        refill(&mut self.head, &mut self.head_at, |out| client.append(out, &peer, &append))?;
        self.mode = Mode::Appending { next: next + length };
        self.body = next..next + length;
        Ok(())
    }

    fn report_drained(&mut self) {
        if let Mode::Held { next, reported: false } = self.mode
            && self.client.outstanding().len() == 0
        {
            self.mode = Mode::Held { next, reported: true };
            self.report(Outcome::Drained);
        }
    }

    fn on_refusal(&mut self, refused: Refused) -> Result<(), Failure> {
        let later = Duration::from_secs(u64::from(refused.retry_after_s.unwrap_or(0)));
        let is_create = matches!(refused.verb, Verb::Create { .. });
        Err(match (refused.status, refused.offset) {
            (409, Some(offset)) if !is_create => {
                self.hub.vouch(offset)?;
                // Appends behind this one are refused for the same reason: one report is enough.
                if self.mode != Mode::Quiet {
                    self.mode = Mode::Quiet;
                    self.report(Outcome::Failed(Failure::Conflict { offset }));
                }
                return Ok(());
            }
            (409, _) if is_create => Failure::Refused(409),
            // A portal's 404 is not the upstream's.
            (403 | 404 | 410, _) if !is_create && refused.genuine => Failure::Gone,
            (408 | 409 | 423 | 429 | 500 | 502 | 503 | 504, _) => Failure::Busy(later),
            (403 | 404 | 410, _) if !is_create => Failure::Busy(later),
            (status, _) => Failure::Refused(status),
        })
    }

    fn report(&self, outcome: Outcome) {
        self.hub.report(self.attempt, outcome);
    }
}

/// The upload's URL stands for its token.
fn peer(hub: &Hub) -> Peer<'_> {
    Peer { authority: &hub.settings.authority, authorization: None }
}

/// Has a head written; what was there has left.
fn refill(
    head: &mut Vec<u8, OUTBOX>,
    at: &mut usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize, NotSent>,
) -> Result<(), Failure> {
    *at = 0;
    head.resize_default(OUTBOX).expect("it is its capacity");
    let length = write(head).map_err(|why| match why {
        NotSent::Unfit(Unfit::Full) => Failure::Refused(431),
        NotSent::Unfit(Unfit::Forbidden) => Failure::Refused(400),
        // The server ends this connection: the next one takes the request.
        NotSent::Closing | NotSent::PipelineFull | NotSent::BodyPending => Failure::Cut,
    });
    head.truncate(length.unwrap_or(0));
    length.map(|_| ())
}
