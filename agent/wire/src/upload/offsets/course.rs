//! How an attempt stands, and what an answer makes of that.

use super::{Heard, Order, Standing};
use crate::upload::{Answer, Protocol, Refused, Verb};
use baton_core::{Duration, Failure, Outcome};

/// Whether it appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It was not asked to.
    Quiet,
    /// From `next` on.
    Appending { next: u64 },
    /// Not before it is told to go on.
    Held { next: u64, reported: bool },
}

/// What is asked before anything is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Create,
    Offset,
    /// None: the upload is told to be whole.
    Finish,
}

/// One attempt.
pub(super) struct Course {
    protocol: Protocol,
    pub(super) question: Option<Question>,
    pub(super) mode: Mode,
    /// Where it took over, or wants to.
    pub(super) from: u64,
    /// Requests without an answer that were sent behind an append that was refused.
    pub(super) void: usize,
    /// What is reported once the server takes the upload for whole.
    pub(super) finishing: Option<Outcome>,
}

impl Course {
    pub(super) const fn new(protocol: Protocol) -> Self {
        Self { protocol, question: None, mode: Mode::Quiet, from: 0, void: 0, finishing: None }
    }

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Create => self.question = Some(Question::Create),
            Order::Ask => self.question = Some(Question::Offset),
            Order::Append { from } => {
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

    pub(super) fn understand<'a>(
        &mut self,
        at: &Standing,
        answer: Answer<'a>,
    ) -> Result<Heard<'a>, Failure> {
        let total = at.total;
        if let Answer::Progress { offset } = answer {
            vouch(at, offset)?;
            // The last byte counts once the upload is taken for whole.
            return Ok(Heard::Outcome(Outcome::Acked(offset.min(total.saturating_sub(1)))));
        }
        let is_void = self.void > 0;
        self.void -= usize::from(is_void);
        let is_open = |offset, done| offset == total && done == Some(false);
        let outcome = match answer {
            Answer::Created { location, limits, .. } => {
                let is_open = match self.protocol {
                    Protocol::Resumable(_) => total == 0,
                    Protocol::Tus => false,
                };
                let outcome = self.conclude(Outcome::Created, is_open)?;
                return Ok(Heard::Created { location, limits, outcome });
            }
            Answer::Offset { offset, done, .. } => {
                vouch(at, offset)?;
                self.conclude(Outcome::Offset(offset), is_open(offset, done))?
            }
            Answer::Appended { offset, done } => {
                vouch(at, offset)?;
                self.conclude(Outcome::Acked(offset), is_open(offset, done))?
            }
            Answer::Refused(Refused { status: 409, .. }) if is_void => None,
            Answer::Refused(refused) => return self.on_refusal(at, refused),
            Answer::Impostor { status, .. } => return Ok(Heard::Impostor { status }),
            Answer::Progress { .. } | Answer::Options { .. } | Answer::Deleted => None,
        };
        Ok(outcome.map_or(Heard::Nothing, Heard::Outcome))
    }

    /// What is to be reported of a yes. The server may have every byte, and not know that these are all: then
    /// it is told first, once.
    fn conclude(&mut self, outcome: Outcome, is_open: bool) -> Result<Option<Outcome>, Failure> {
        if !is_open {
            return Ok(Some(self.finishing.take().unwrap_or(outcome)));
        }
        if self.finishing.is_some() {
            return Err(Failure::Cut);
        }
        self.finishing = Some(outcome);
        self.question = Some(Question::Finish);
        Ok(None)
    }

    fn on_refusal<'a>(&mut self, at: &Standing, refused: Refused) -> Result<Heard<'a>, Failure> {
        let later = Duration::from_secs(u64::from(refused.retry_after_s.unwrap_or(0)));
        let is_create = matches!(refused.verb, Verb::Create { .. });
        if let Some(other) = refused.interop
            && is_create
            && self.protocol != Protocol::Resumable(other)
        {
            return Ok(Heard::Other(other));
        }
        if refused.done && !is_create {
            // What was appended had been taken over another link; or the server can't use it.
            if refused.offset != Some(at.total) {
                return Err(Failure::Refused(refused.status));
            }
            vouch(at, at.total)?;
            return Ok(Heard::Outcome(Outcome::Acked(at.total)));
        }
        Err(match (refused.status, refused.offset) {
            (409, Some(offset)) if !is_create => {
                vouch(at, offset)?;
                // Appends behind this one are refused for the same reason: one report is enough.
                let is_news = self.mode != Mode::Quiet;
                self.mode = Mode::Quiet;
                let conflict = Outcome::Failed(Failure::Conflict { offset });
                return Ok(if is_news { Heard::Outcome(conflict) } else { Heard::Nothing });
            }
            (409, _) if is_create => Failure::Refused(409),
            // A portal's 404 is not the upstream's.
            (403 | 404 | 410, _) if !is_create && refused.genuine => Failure::Gone,
            (403 | 404 | 410, _) if is_create => Failure::Refused(refused.status),
            (403 | 404 | 408 | 409 | 410 | 423 | 429 | 460 | 500 | 502 | 503 | 504, _) => {
                Failure::Busy(later)
            }
            (status, _) => Failure::Refused(status),
        })
    }
}

/// The server can't hold what was never written: to believe it would leave a hole.
fn vouch(at: &Standing, offset: u64) -> Result<(), Failure> {
    if offset <= at.written { Ok(()) } else { Err(Failure::Absurd { offset }) }
}
