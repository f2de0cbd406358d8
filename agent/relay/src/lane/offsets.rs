//! A lane in tus or in the IETF's draft: creates, asks, and appends in pipelined requests whose
//! bodies are what is held.

use super::session::{Dialect, HEAD, nonsense};
use super::{Lane, Order, Outbox};
use baton_core::{Duration, Failure, Outcome};
use baton_hal::Transport;
use baton_wire::http::{Eof, NotSent, Peer};
use baton_wire::upload::plan::{Bounds, DEPTH, Plan, Progress, next_append};
use baton_wire::upload::{Answer, Append, Client, Create, Protocol, Refused, Verb};
use core::ops::Range;

/// Whether a session appends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// It was not asked to.
    #[default]
    Quiet,
    /// From `next` on.
    Appending { next: u64 },
    /// Not before it is told to go on.
    Held { next: u64, reported: bool },
}

/// One connection's uploads by offset.
pub(super) struct Offsets {
    protocol: Protocol,
    client: Client<HEAD, DEPTH>,
    /// To be asked before anything is appended.
    question: Option<Question>,
    /// Appends without an answer that were sent behind one that was refused.
    void: usize,
    mode: Mode,
    /// Where it took over, or wants to.
    from: u64,
    /// Appends under way are void in a way that this connection can't outlive.
    is_spent: bool,
    /// What is reported once the server takes the upload for whole.
    finishing: Option<Outcome>,
}

/// What is asked first.
#[derive(Clone, Copy, Debug)]
enum Question {
    Create,
    Offset,
    /// Nothing: it is told that the file is whole, which an answer has left open.
    Finish,
}

impl<T: Transport + 'static> Dialect<T> for Offsets {
    fn obey(&mut self, lane: &Lane<T>, order: Order) -> Result<(), Failure> {
        match order {
            Order::Create => self.question = Some(Question::Create),
            Order::Ask => self.question = Some(Question::Offset),
            Order::Append { from } => {
                if is_fenced(lane) && self.client.ready() != Err(NotSent::Closing) {
                    self.void = self.unanswered();
                } else {
                    self.is_spent = !self.is_answered();
                }
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
        }
        Ok(())
    }

    fn next(&mut self, lane: &Lane<T>, out: &mut Outbox) -> Result<Option<Range<u64>>, Failure> {
        match self.question.take() {
            Some(Question::Create) => self.create(lane, out).map(|()| Some(0..0)),
            Some(Question::Offset) => self.ask(lane, out).map(|()| Some(0..0)),
            Some(Question::Finish) => self.finish(lane, out).map(|()| Some(0..0)),
            None => {
                self.report_drained(lane);
                self.append(lane, out)
            }
        }
    }

    fn wrote(&mut self, bytes: u64) {
        self.client.wrote_body(bytes);
    }

    fn hear(&mut self, lane: &Lane<T>, mut input: &[u8]) -> Result<(), Failure> {
        loop {
            let (used, said) = self.client.handle_input(input).map_err(nonsense)?;
            let said = match said {
                Some(answer) => Some(lane.understand(self.protocol, answer)?),
                None => None,
            };
            input = &input[used..];
            let is_answer = !matches!(said, None | Some(Said::Progress(_)));
            let is_void = is_answer && self.void > 0;
            self.void -= usize::from(is_void);
            match said {
                Some(Said::Done(outcome)) => {
                    lane.report(self.finishing.take().unwrap_or(outcome));
                }
                Some(Said::Progress(offset)) => lane.report(Outcome::Acked(offset)),
                Some(Said::Open(_)) if self.finishing.is_some() => return Err(Failure::Cut),
                Some(Said::Open(outcome)) => {
                    self.finishing = Some(outcome);
                    self.question = Some(Question::Finish);
                }
                Some(Said::Refused(Refused { status: 409, .. })) if is_void => {}
                Some(Said::Refused(refused)) => self.on_refusal(lane, refused)?,
                Some(Said::Nothing) => {}
                None if input.is_empty() => return Ok(()),
                None => {}
            }
        }
    }

    fn is_spent(&self) -> bool {
        self.is_spent
    }

    fn renew(&mut self) {
        self.client = Client::new(self.protocol);
        self.void = 0;
        self.is_spent = false;
        self.finishing = None;
    }

    fn is_sending(&self) -> bool {
        matches!(self.mode, Mode::Appending { .. })
    }

    fn is_settled(&self) -> bool {
        self.is_answered()
    }

    fn is_asking(&self) -> bool {
        self.client.outstanding().all(|verb| verb == Verb::Head)
    }

    fn eof(&self) -> Eof {
        self.client.eof()
    }
}

impl Offsets {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            client: Client::new(protocol),
            question: None,
            void: 0,
            mode: Mode::Quiet,
            from: 0,
            is_spent: false,
            finishing: None,
        }
    }

    fn create<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        out: &mut Outbox,
    ) -> Result<(), Failure> {
        let transfer = &lane.transfer;
        let upstream = &lane.hub.settings.upstream;
        let signed = lane.hub.sign(transfer, "PUT");
        let target = signed.target(&lane.hub.tus_target());
        let create = Create {
            target: &target,
            length: Some(transfer.total),
            filename: &transfer.name,
            filetype: Some(&transfer.content_type),
            content: 0,
        };
        let peer = Peer { authority: &upstream.authority, authorization: signed.header.as_deref() };
        let client = &mut self.client;
        out.refill(|out| client.create(out, &peer, &create))
    }

    fn ask<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        out: &mut Outbox,
    ) -> Result<(), Failure> {
        let location = lane.location()?;
        let peer = lane.peer();
        let client = &mut self.client;
        out.refill(|out| client.head(out, &peer, &location))
    }

    /// An empty append that says that the file ends here.
    fn finish<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        out: &mut Outbox,
    ) -> Result<(), Failure> {
        let (location, peer) = (lane.location()?, lane.peer());
        let append = Append {
            target: &location,
            offset: lane.transfer.total,
            length: 0,
            declare_length: None,
            awaits: false,
            last: true,
        };
        out.refill(|out| self.client.append(out, &peer, &append))
    }

    /// Starts the next append, if one is due.
    fn append<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        out: &mut Outbox,
    ) -> Result<Option<Range<u64>>, Failure> {
        let Mode::Appending { next } = self.mode else { return Ok(None) };
        let transfer = &lane.transfer;
        let (limits, acked) = {
            let core = lane.hub.core.borrow();
            let Some(view) = core.view(transfer.id) else { return Ok(None) };
            (core.limits(transfer.id), view.acked)
        };
        let progress = Progress {
            total: transfer.total,
            received: transfer.received(),
            acked,
            from: self.from,
            next,
            unanswered: self.unanswered(),
        };
        let bounds = Bounds {
            window: u64::from(limits.window_bytes),
            chunk: u64::from(limits.chunk_bytes),
            delivery_rate: lane.gauge.last.get().delivery_rate,
            pipelined: is_fenced(lane),
            limits: transfer.limits.get(),
        };
        let Some(Plan { range, awaits }) = next_append(&progress, &bounds) else {
            return Ok(None);
        };
        let location = lane.location()?;
        let append = Append {
            target: &location,
            offset: range.start,
            length: range.end - range.start,
            declare_length: None,
            awaits,
            last: range.end == transfer.total,
        };
        let peer = lane.peer();
        let client = &mut self.client;
        out.refill(|out| client.append(out, &peer, &append))?;
        self.mode = Mode::Appending { next: range.end };
        Ok(Some(range))
    }

    fn report_drained<T: Transport + 'static>(&mut self, lane: &Lane<T>) {
        if let Mode::Held { next, reported: false } = self.mode
            && self.unanswered() == 0
        {
            self.mode = Mode::Held { next, reported: true };
            lane.report(Outcome::Drained);
        }
    }

    fn on_refusal<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        refused: Refused,
    ) -> Result<(), Failure> {
        let later = Duration::from_secs(u64::from(refused.retry_after_s.unwrap_or(0)));
        let is_create = matches!(refused.verb, Verb::Create { .. });
        if let Some(other) = refused.interop
            && is_create
            && self.protocol != Protocol::Resumable(other)
        {
            lane.hub.upstream.adopt(other);
            return Err(Failure::Cut);
        }
        if refused.done && !is_create {
            // What was appended had been taken over another link; or the server can't use it.
            if refused.offset != Some(lane.transfer.total) {
                return Err(Failure::Refused(refused.status));
            }
            lane.vouch(lane.transfer.total)?;
            lane.report(Outcome::Acked(lane.transfer.total));
            return Ok(());
        }
        Err(match (refused.status, refused.offset) {
            (409, Some(offset)) if !is_create => {
                lane.vouch(offset)?;
                // Appends behind this one are refused for the same reason: one report is enough.
                if self.mode != Mode::Quiet {
                    self.mode = Mode::Quiet;
                    lane.report(Outcome::Failed(Failure::Conflict { offset }));
                }
                return Ok(());
            }
            (409, _) if is_create => Failure::Refused(409),
            // A portal's 404 is not the upstream's.
            (403 | 404 | 410, _) if !is_create && refused.genuine => Failure::Gone,
            (403 | 404 | 408 | 409 | 410 | 423 | 429 | 460 | 500 | 502 | 503 | 504, _)
                if !is_create || !matches!(refused.status, 403 | 404 | 410) =>
            {
                Failure::Busy(later)
            }
            _ => Failure::Refused(refused.status),
        })
    }

    fn unanswered(&self) -> usize {
        self.client.outstanding().len()
    }

    /// Nothing is unanswered, and the server takes another request.
    fn is_answered(&self) -> bool {
        self.unanswered() == 0 && self.client.ready().is_ok()
    }
}

/// A server that fences refuses what is under way behind a refused append in good order; of
/// others, who knows.
fn is_fenced<T: Transport>(lane: &Lane<T>) -> bool {
    lane.transfer.spoken.resume().is_early()
}

/// What an answer means for the lane, free of the buffer that it came in.
enum Said {
    Done(Outcome),
    /// The server has so much of what is under way.
    Progress(u64),
    /// It has every byte, and does not know that these are all.
    Open(Outcome),
    Refused(Refused),
    Nothing,
}

impl<T: Transport + 'static> Lane<T> {
    /// The upload's URL stands for its token.
    fn peer(&self) -> Peer<'_> {
        Peer { authority: &self.hub.settings.upstream.authority, authorization: None }
    }

    fn location(&self) -> Result<String, Failure> {
        self.transfer.location.borrow().clone().ok_or(Failure::Gone)
    }

    /// The upstream can't hold what was never written: to believe it would leave a hole.
    fn vouch(&self, offset: u64) -> Result<(), Failure> {
        let is_possible = offset <= self.transfer.written();
        if is_possible { Ok(()) } else { Err(Failure::Absurd { offset }) }
    }

    fn understand(&self, protocol: Protocol, answer: Answer<'_>) -> Result<Said, Failure> {
        let total = self.transfer.total;
        Ok(match answer {
            Answer::Created { location, limits, .. } => {
                let target =
                    location.resolve(&self.peer(), &self.hub.tus_target()).map_err(|error| {
                        tracing::warn!(%error, "the upstream's Location");
                        Failure::Refused(502)
                    })?;
                self.transfer.location.replace(Some(target.as_str().to_owned()));
                self.transfer.limits.set(limits);
                match protocol {
                    Protocol::Resumable(_) if total == 0 => Said::Open(Outcome::Created),
                    Protocol::Resumable(_) | Protocol::Tus => Said::Done(Outcome::Created),
                }
            }
            Answer::Offset { offset, done, .. } => {
                self.vouch(offset)?;
                let is_open = offset == total && done == Some(false);
                let outcome = Outcome::Offset(offset);
                if is_open { Said::Open(outcome) } else { Said::Done(outcome) }
            }
            Answer::Appended { offset, done } => {
                self.vouch(offset)?;
                let is_open = offset == total && done == Some(false);
                let outcome = Outcome::Acked(offset);
                if is_open { Said::Open(outcome) } else { Said::Done(outcome) }
            }
            // The last byte counts once the upload is taken for whole.
            Answer::Progress { offset } => {
                self.vouch(offset)?;
                Said::Progress(offset.min(total.saturating_sub(1)))
            }
            Answer::Refused(refused) => Said::Refused(refused),
            Answer::Impostor { status, .. } => {
                tracing::warn!(
                    status,
                    "something that is not the upstream answered: a captive portal?"
                );
                return Err(self.impostor());
            }
            Answer::Options { .. } | Answer::Deleted => Said::Nothing,
        })
    }
}
