//! A lane in tus: as `agent/relay/src/lane/offsets.rs`, on the same client of `baton-wire`.

use baton_core::{ClassLimits, Duration, Failure, Outcome, UploadView};
use baton_wire::http::{Eof, NotSent, Peer};
use baton_wire::resumable::Limits;
use baton_wire::upload::plan::{Bounds, DEPTH, Plan, Progress, next_append};
use baton_wire::upload::{Answer, Append, Client, Create, Protocol, Refused, Verb};
use core::ops::Range;

/// Longest head of an answer.
pub(super) const HEAD: usize = 2048;

/// Room for one request head.
const OUTBOX: usize = 4096;

/// Where uploads are created.
pub(crate) const TARGET: &str = "/files/";

const PEER: Peer<'static> = Peer { authority: "203.0.113.10:9000", authorization: None };

/// What the core wants of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Create,
    Ask,
    Append { from: u64 },
    Hold,
    Unhold,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Quiet,
    Appending {
        next: u64,
    },
    Held {
        next: u64,
        reported: bool,
    },
}

#[derive(Clone, Copy, Debug)]
enum Question {
    Create,
    Offset,
}

/// What a lane knows of its upload.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) total: u64,
    pub(super) received: u64,
    /// Highest byte that was ever handed to a connection.
    pub(super) written: u64,
    pub(super) location: Option<&'a str>,
    pub(super) view: Option<UploadView>,
    pub(super) limits: ClassLimits,
    /// Bytes a second, as the transport last measured it.
    pub(super) delivery_rate: u64,
}

/// What an answer comes to.
#[derive(Debug)]
pub(super) enum Heard {
    Outcome(Outcome),
    /// It was created there.
    Location(String),
    /// Whoever answers is not the upstream.
    Impostor,
}

/// One connection's uploads by offset.
pub(super) struct Offsets {
    client: Client<HEAD, DEPTH>,
    question: Option<Question>,
    /// Appends without an answer that were sent behind one that was refused.
    void: usize,
    mode: Mode,
    from: u64,
    is_spent: bool,
}

impl Offsets {
    pub(super) fn new() -> Self {
        Self {
            client: Client::new(Protocol::Tus),
            question: None,
            void: 0,
            mode: Mode::Quiet,
            from: 0,
            is_spent: false,
        }
    }

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Create => self.question = Some(Question::Create),
            Order::Ask => self.question = Some(Question::Offset),
            Order::Append { from } => {
                if self.client.ready() == Err(NotSent::Closing) {
                    self.is_spent = !self.is_answered();
                } else {
                    self.void = self.unanswered();
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
    }

    /// The next request, if one is due: its head, and the bytes of the upload that follow it.
    pub(super) fn next(
        &mut self,
        it: &Subject<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Range<u64>>, Failure> {
        match self.question.take() {
            Some(Question::Create) => {
                let create = Create {
                    target: TARGET,
                    length: Some(it.total),
                    filename: it.name,
                    filetype: None,
                    content: 0,
                };
                refill(out, |out| self.client.create(out, &PEER, &create)).map(|()| Some(0..0))
            }
            Some(Question::Offset) => {
                let location = it.location.ok_or(Failure::Gone)?;
                refill(out, |out| self.client.head(out, &PEER, location)).map(|()| Some(0..0))
            }
            None => self.append(it, out),
        }
    }

    /// Held, and every append was answered: told once.
    pub(super) fn drained(&mut self) -> bool {
        let Mode::Held { next, reported: false } = self.mode else { return false };
        let is_drained = self.unanswered() == 0;
        self.mode = Mode::Held { next, reported: is_drained };
        is_drained
    }

    fn append(
        &mut self,
        it: &Subject<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Range<u64>>, Failure> {
        let (Mode::Appending { next }, Some(view)) = (self.mode, it.view) else { return Ok(None) };
        let progress = Progress {
            total: it.total,
            received: it.received,
            acked: view.acked,
            from: self.from,
            next,
            unanswered: self.unanswered(),
        };
        let bounds = Bounds {
            window: u64::from(it.limits.window_bytes),
            chunk: u64::from(it.limits.chunk_bytes),
            delivery_rate: it.delivery_rate,
            pipelined: true,
            limits: Limits::NONE,
        };
        let Some(Plan { range, awaits }) = next_append(&progress, &bounds) else {
            return Ok(None);
        };
        let append = Append {
            target: it.location.ok_or(Failure::Gone)?,
            offset: range.start,
            length: range.end - range.start,
            declare_length: None,
            awaits,
            last: range.end == it.total,
        };
        refill(out, |out| self.client.append(out, &PEER, &append))?;
        self.mode = Mode::Appending { next: range.end };
        Ok(Some(range))
    }

    pub(super) fn wrote(&mut self, bytes: u64) {
        self.client.wrote_body(bytes);
    }

    /// Reads the next answer in `input`; how much of that was used. Without an answer, all of it was.
    pub(super) fn hear(
        &mut self,
        it: &Subject<'_>,
        input: &[u8],
    ) -> Result<(usize, Option<Vec<Heard>>), Failure> {
        let (used, answer) = self.client.handle_input(input).map_err(|_| Failure::Cut)?;
        let Some(answer) = answer else { return Ok((used, None)) };
        let is_void = self.void > 0;
        self.void -= usize::from(is_void);
        let vouch = |offset| {
            if offset <= it.written { Ok(offset) } else { Err(Failure::Absurd { offset }) }
        };
        let heard = match answer {
            Answer::Created { location, .. } => {
                let target = location.resolve(&PEER, TARGET).map_err(|_| Failure::Refused(502))?;
                let location = target.as_str().to_owned();
                vec![Heard::Location(location), Heard::Outcome(Outcome::Created)]
            }
            Answer::Offset { offset, .. } => vec![Heard::Outcome(Outcome::Offset(vouch(offset)?))],
            Answer::Appended { offset, .. } => vec![Heard::Outcome(Outcome::Acked(vouch(offset)?))],
            Answer::Refused(Refused { status: 409, .. }) if is_void => Vec::new(),
            Answer::Refused(refused) => {
                self.on_refusal(refused, vouch)?.into_iter().map(Heard::Outcome).collect()
            }
            Answer::Impostor { .. } => vec![Heard::Impostor],
            Answer::Progress { .. } | Answer::Options { .. } | Answer::Deleted => Vec::new(),
        };
        Ok((used, Some(heard)))
    }

    fn on_refusal(
        &mut self,
        refused: Refused,
        vouch: impl Fn(u64) -> Result<u64, Failure>,
    ) -> Result<Option<Outcome>, Failure> {
        let later = Duration::from_secs(u64::from(refused.retry_after_s.unwrap_or(0)));
        let is_create = matches!(refused.verb, Verb::Create { .. });
        Err(match (refused.status, refused.offset) {
            (409, Some(offset)) if !is_create => {
                vouch(offset)?;
                let is_news = self.mode != Mode::Quiet;
                self.mode = Mode::Quiet;
                return Ok(is_news.then_some(Outcome::Failed(Failure::Conflict { offset })));
            }
            (403 | 404 | 410, _) if !is_create && refused.genuine => Failure::Gone,
            (403 | 404 | 408 | 409 | 410 | 423 | 429 | 460 | 500 | 502 | 503 | 504, _)
                if !is_create || !matches!(refused.status, 403 | 404 | 409 | 410) =>
            {
                Failure::Busy(later)
            }
            (status, _) => Failure::Refused(status),
        })
    }

    pub(super) fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Another connection: nothing asked on the one before is answered on it.
    pub(super) fn renew(&mut self) {
        self.client = Client::new(Protocol::Tus);
        (self.void, self.is_spent) = (0, false);
    }

    pub(super) fn is_sending(&self) -> bool {
        matches!(self.mode, Mode::Appending { .. })
    }

    pub(super) fn is_asking(&self) -> bool {
        self.client.outstanding().all(|verb| verb == Verb::Head)
    }

    /// Nothing is unanswered, and the server takes another request.
    pub(super) fn is_answered(&self) -> bool {
        self.unanswered() == 0 && self.client.ready().is_ok()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.client.eof() == Eof::Idle
    }

    fn unanswered(&self) -> usize {
        self.client.outstanding().len()
    }
}

/// Has a head written into `out`.
pub(super) fn refill(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut [u8]) -> Result<usize, NotSent>,
) -> Result<(), Failure> {
    out.clear();
    out.resize(OUTBOX, 0);
    let len = write(out).map_err(|_| Failure::Cut)?;
    out.truncate(len);
    Ok(())
}

/// The question of a probe.
pub(super) fn probe(out: &mut Vec<u8>) -> Client<HEAD, 1> {
    let mut client = Client::new(Protocol::Tus);
    refill(out, |out| client.options(out, &PEER, TARGET)).expect("a short head, and the first");
    client
}
