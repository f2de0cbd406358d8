//! A lane in tus: creates, asks, and appends in pipelined requests whose bodies are what is held.

use super::{Lane, Order, Outbox};
use crate::upstream::sign;
use baton_core::{Duration, Failure, Observation, Outcome, Resume};
use baton_hal::{Stream, Transport};
use baton_wire::http::{Eof, Error as HttpError, NotSent, Peer};
use baton_wire::tus::{Answer, Append, Client, Create, Refused, Verb};
use core::ops::Range;
use std::rc::Rc;
use tokio::sync::mpsc;

/// Requests that may be unanswered on one connection.
const DEPTH: usize = 32;

/// Longest head of an answer.
const HEAD: usize = 2048;

/// Least and most bytes of one append: a request head is 1 % of the least, and an answer to the
/// most comes every 26 ms at 20 Mbit/s, which is soon enough for a proof.
const PART: Range<u64> = 16 * 1024..64 * 1024;

/// Works until the core lets go of the lane (`Ok`) or it fails.
pub(super) async fn run<T: Transport + 'static>(
    lane: &Lane<T>,
    mut orders: mpsc::Receiver<Order>,
) -> Result<(), Failure> {
    let Some((stream, early)) = lane.open(&mut orders).await? else { return Ok(()) };
    let mut session = Session::new(lane, stream);
    for order in early {
        session.obey(order).await?;
    }
    let mut received = lane.transfer.watch_received();
    let ended = loop {
        if let Err(failure) = session.begin_append() {
            break Err(failure);
        }
        session.report_drained();
        let stream = session.stream.clone();
        let step = tokio::select! {
            // Orders first: a lane that was dropped says and believes nothing more.
            biased;
            order = orders.recv() => match order {
                Some(order) => session.obey(order).await,
                None => break Ok(()),
            },
            () = stream.readable() => session.read(),
            () = stream.writable(), if session.has_output() => session.write(),
            _ = received.changed(), if session.is_appending() => Ok(()),
        };
        if let Err(failure) = step {
            break Err(failure);
        }
    };
    if ended.is_ok() {
        session.hear_out().await;
    }
    let is_clean = session.is_reusable() && session.tus.eof() == Eof::Idle;
    lane.disconnect(session.stream, is_clean);
    ended
}

/// Whether a session appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It was not asked to.
    Quiet,
    /// From `next` on.
    Appending { next: u64 },
    /// Not before it is told to go on.
    Held { next: u64, reported: bool },
}

struct Session<'a, T: Transport> {
    lane: &'a Lane<T>,
    stream: Rc<T::Stream>,
    tus: Client<HEAD, DEPTH>,
    out: Outbox,
    /// What is still to be written of the append under way.
    body: Range<u64>,
    /// Appends without an answer that were sent behind one that was refused.
    void: usize,
    mode: Mode,
    /// Where it took over, or wants to.
    from: u64,
}

impl<'a, T: Transport + 'static> Session<'a, T> {
    fn new(lane: &'a Lane<T>, stream: Rc<T::Stream>) -> Self {
        Self {
            lane,
            stream,
            tus: Client::new(),
            out: Outbox::default(),
            body: 0..0,
            void: 0,
            mode: Mode::Quiet,
            from: 0,
        }
    }

    async fn obey(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            Order::Create => self.create(),
            Order::Ask => self.ask(),
            Order::Append { from } => {
                if self.is_fenced() && self.tus.ready() != Err(NotSent::Closing) {
                    self.void = self.unanswered();
                } else if !self.is_reusable() {
                    self.reconnect().await?;
                }
                self.mode = Mode::Appending { next: from };
                self.from = from;
                Ok(())
            }
            Order::Hold => {
                if let Mode::Appending { next } = self.mode {
                    self.mode = Mode::Held { next, reported: false };
                }
                Ok(())
            }
            Order::Unhold => {
                if let Mode::Held { next, .. } = self.mode {
                    self.mode = Mode::Appending { next };
                }
                Ok(())
            }
        }
    }

    /// A server that fences refuses what is under way behind a refused append in good order;
    /// of others, who knows.
    fn is_fenced(&self) -> bool {
        self.lane.transfer.spoken.resume() == Resume::Fenced
    }

    /// Appends that are under way on the old connection are void: the upstream refused one, or
    /// takes no more there.
    async fn reconnect(&mut self) -> Result<(), Failure> {
        self.stream.abort();
        self.stream = self.lane.connect().await?;
        self.tus = Client::new();
        self.out = Outbox::default();
        self.body = 0..0;
        self.void = 0;
        Ok(())
    }

    fn create(&mut self) -> Result<(), Failure> {
        let transfer = &self.lane.transfer;
        let upstream = &self.lane.hub.settings.upstream;
        let signed = sign(&self.lane.hub.rules.borrow(), transfer, "PUT");
        let target = signed.target(&self.lane.hub.tus_target());
        let create = Create {
            target: &target,
            length: Some(transfer.total),
            filename: &transfer.name,
            filetype: Some(&transfer.content_type),
            content: 0,
        };
        let peer = Peer { authority: &upstream.authority, authorization: signed.header.as_deref() };
        let tus = &mut self.tus;
        self.out.refill(|out| tus.create(out, &peer, &create))
    }

    fn ask(&mut self) -> Result<(), Failure> {
        let location = self.location()?;
        let peer = self.peer();
        let tus = &mut self.tus;
        self.out.refill(|out| tus.head(out, &peer, &location))
    }

    /// The upload's URL stands for its token.
    fn peer(&self) -> Peer<'a> {
        Peer { authority: &self.lane.hub.settings.upstream.authority, authorization: None }
    }

    fn location(&self) -> Result<String, Failure> {
        self.lane.transfer.location.borrow().clone().ok_or(Failure::Gone)
    }

    /// Starts the next append if there is something to send, room for it, and it is worth a request.
    fn begin_append(&mut self) -> Result<(), Failure> {
        let Mode::Appending { next } = self.mode else { return Ok(()) };
        if self.has_output() || self.unanswered() >= DEPTH {
            return Ok(());
        }
        let transfer = &self.lane.transfer;
        let (limits, acked) = {
            let core = self.lane.hub.core.borrow();
            let Some(view) = core.view(transfer.id) else { return Ok(()) };
            (core.limits(transfer.id), view.acked)
        };
        // Bytes sent over the link that was left may still be landing: no more is risked on that
        // than the beginning.
        let is_ahead = acked < self.from;
        if is_ahead && next > self.from {
            return Ok(());
        }
        let window = u64::from(limits.window_bytes);
        let most = if is_ahead { PART.start } else { PART.end };
        let part = (window / 4).clamp(PART.start, most).min(u64::from(limits.chunk_bytes));
        let held = transfer.received().saturating_sub(next);
        // There is room for it in a window smaller than that of the link that was left.
        let least = if is_ahead { part } else { 0 };
        let room = (acked + window).saturating_sub(next).max(least);
        let len = held.min(room).min(part);
        let is_worth_it = len == part || next + len == transfer.total || self.unanswered() == 0;
        if len == 0 || !is_worth_it {
            return Ok(());
        }
        let location = self.location()?;
        let append = Append {
            target: &location,
            offset: next,
            length: len,
            declare_length: None,
            awaits: is_ahead,
        };
        let peer = self.peer();
        let tus = &mut self.tus;
        self.out.refill(|out| tus.append(out, &peer, &append))?;
        self.lane.gauge.begin(next);
        self.body = next..next + len;
        self.mode = Mode::Appending { next: next + len };
        Ok(())
    }

    fn report_drained(&mut self) {
        if let Mode::Held { next, reported: false } = self.mode
            && self.is_answered()
        {
            self.mode = Mode::Held { next, reported: true };
            self.lane.report(Outcome::Drained);
        }
    }

    fn write(&mut self) -> Result<(), Failure> {
        let wrote = self.lane.write(&self.stream, self.out.pending(), self.body.clone())?;
        let body = self.out.wrote(wrote);
        self.body.start += body;
        self.tus.wrote_body(body);
        self.lane.gauge.wrote(wrote as u64 - body, body);
        if body > 0 {
            self.lane.transfer.on_written(self.body.start);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Failure> {
        let mut input = [0; HEAD];
        let read = self
            .stream
            .try_read(&mut input)
            .map_err(|error| self.lane.hub.blame(self.lane.link, &error))?;
        let mut rest = match read {
            None => return Ok(()),
            Some(0) => return Err(Failure::Cut),
            Some(n) => &input[..n],
        };
        loop {
            let (used, said) = self.tus.handle_input(rest).map_err(nonsense)?;
            let said = match said {
                Some(answer) => Some(self.lane.understand(answer)?),
                None => None,
            };
            rest = &rest[used..];
            let is_void = said.is_some() && self.void > 0;
            self.void -= usize::from(is_void);
            match said {
                Some(Said::Outcome(outcome)) => self.lane.report(outcome),
                Some(Said::Refused(Refused { status: 409, .. })) if is_void => {}
                Some(Said::Refused(refused)) => self.on_refusal(refused)?,
                Some(Said::Nothing) => {}
                None if rest.is_empty() => return Ok(()),
                None => {}
            }
        }
    }

    fn on_refusal(&mut self, refused: Refused) -> Result<(), Failure> {
        let later = Duration::from_secs(u64::from(refused.retry_after_s.unwrap_or(0)));
        let is_create = matches!(refused.verb, Verb::Create { .. });
        Err(match (refused.status, refused.offset) {
            (409, Some(offset)) if !is_create => {
                self.lane.vouch(offset)?;
                // Appends behind this one are refused for the same reason: one report is enough.
                if self.mode != Mode::Quiet {
                    self.mode = Mode::Quiet;
                    self.lane.report(Outcome::Failed(Failure::Conflict { offset }));
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
        self.tus.outstanding().len()
    }

    fn is_appending(&self) -> bool {
        matches!(self.mode, Mode::Appending { .. })
    }

    fn has_output(&self) -> bool {
        !self.out.pending().is_empty() || !self.body.is_empty()
    }

    /// Where another link answered first: the answer that nobody waits for any more leaves a
    /// connection as good as new, for the next time.
    async fn hear_out(&mut self) {
        let is_asking = self.tus.outstanding().all(|verb| verb == Verb::Head);
        if self.has_output() || !is_asking {
            return;
        }
        let timeout = self.lane.hub.core.borrow().policy().links.probe_timeout;
        let answered = async {
            while !self.is_answered() {
                self.stream.readable().await;
                if self.read().is_err() {
                    return;
                }
            }
        };
        // Without an answer it is not kept.
        let _ = tokio::time::timeout(timeout, answered).await;
    }

    /// Nothing is unanswered and nothing half written.
    fn is_answered(&self) -> bool {
        !self.has_output() && self.unanswered() == 0
    }

    /// The same, and the server takes another request.
    fn is_reusable(&self) -> bool {
        self.is_answered() && self.tus.ready().is_ok()
    }
}

/// What an answer means for the lane, free of the buffer that it came in.
enum Said {
    Outcome(Outcome),
    Refused(Refused),
    Nothing,
}

impl<T: Transport + 'static> Lane<T> {
    /// The upstream can't hold what was never written: to believe it would leave a hole.
    fn vouch(&self, offset: u64) -> Result<(), Failure> {
        let is_possible = offset <= self.transfer.written();
        if is_possible { Ok(()) } else { Err(Failure::Absurd { offset }) }
    }

    fn understand(&self, answer: Answer<'_>) -> Result<Said, Failure> {
        Ok(match answer {
            Answer::Created { location, .. } => {
                let peer =
                    Peer { authority: &self.hub.settings.upstream.authority, authorization: None };
                let target = location.resolve(&peer, &self.hub.tus_target()).map_err(|error| {
                    tracing::warn!(%error, "the upstream's Location");
                    Failure::Refused(502)
                })?;
                self.transfer.location.replace(Some(target.as_str().to_owned()));
                Said::Outcome(Outcome::Created)
            }
            Answer::Offset { offset, .. } => {
                self.vouch(offset)?;
                Said::Outcome(Outcome::Offset(offset))
            }
            Answer::Appended { offset } => {
                self.vouch(offset)?;
                Said::Outcome(Outcome::Acked(offset))
            }
            Answer::Refused(refused) => Said::Refused(refused),
            Answer::Impostor { status, .. } => {
                tracing::warn!(
                    status,
                    "something that is not the upstream answered: a captive portal?"
                );
                self.hub.observe(self.link, Observation::Impostor);
                return Err(Failure::Cut);
            }
            Answer::Options { .. } | Answer::Deleted => Said::Nothing,
        })
    }
}

fn nonsense(error: HttpError) -> Failure {
    tracing::debug!(%error, "upstream's answer");
    Failure::Cut
}
