//! What a chain's records add up to.
//!
//! ```text
//! Filling ─▶ Kept      Committed: acknowledged to the client
//! Kept    ─▶ Kept      Delivering: the watermark
//!         ─▶ Failed    Failed
//! Failed  ─▶ Kept      Retried: from the beginning
//! any     ─▶ Ended     Ended
//! ```
//!
//! The same fold serves the writer and the recovery, so what is recovered can't differ from what
//! was believed. It takes whatever comes: records that are missing show in the standing.

use super::{Opened, Record};

/// One spooled upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    id: u64,
    urgency: u8,
    at_s: u64,
    next_seq: u32,
    phase: Phase,
    /// End of the data.
    end: u64,
    /// End of the last stretch of data that is not there.
    hole: u64,
    /// What the upstream has for good, as the disk knows it.
    acked: u64,
    begun: bool,
    /// Records that were not there.
    missing: u32,
    sha256: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Filling,
    Kept,
    Failed,
    Ended,
    /// What follows a commit came, and the commit did not.
    Headless,
}

/// What a chain is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its client was told nothing: without that client it is worth nothing.
    Unfinished,
    /// Whole, and to be delivered.
    Kept,
    /// Whole, and refused by the upstream: for an operator to decide.
    Failed,
    /// To be removed.
    Ended,
    /// Its client may have been told that it is safe, and it is not whole.
    Damaged,
}

impl Chain {
    /// A chain without records, whose first one will be `next_seq`: not 0 where segments at its
    /// beginning were removed.
    pub const fn new(id: u64, next_seq: u32) -> Self {
        Self {
            id,
            urgency: 0,
            at_s: 0,
            next_seq,
            phase: Phase::Filling,
            end: 0,
            hole: 0,
            acked: 0,
            begun: false,
            missing: 0,
            sha256: [0; 32],
        }
    }

    /// Which one; the younger, the greater.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// RFC 9218's urgency.
    pub const fn urgency(&self) -> u8 {
        self.urgency
    }

    /// When it was opened, by the wall clock.
    pub const fn at_s(&self) -> u64 {
        self.at_s
    }

    /// Sequence number of its next record.
    pub const fn next_seq(&self) -> u32 {
        self.next_seq
    }

    /// Bytes from the client: the length of the file, once all of it came.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that the upstream has for good: those below may be gone here.
    pub const fn acked(&self) -> u64 {
        self.acked
    }

    /// Whether a try to deliver it was begun.
    pub const fn begun(&self) -> bool {
        self.begun
    }

    /// SHA-256 of the whole file, once all of it came.
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// Records that were not there, so far.
    pub const fn missing(&self) -> u32 {
        self.missing
    }

    /// What it is good for.
    pub const fn standing(&self) -> Standing {
        match self.phase {
            Phase::Filling => Standing::Unfinished,
            Phase::Ended => Standing::Ended,
            Phase::Headless => Standing::Damaged,
            Phase::Kept | Phase::Failed if self.hole > self.acked => Standing::Damaged,
            Phase::Kept => Standing::Kept,
            Phase::Failed => Standing::Failed,
        }
    }

    /// The same, with what comes next numbered so: a record was written that may not be there.
    #[must_use]
    pub const fn skipping_to(self, next_seq: u32) -> Self {
        Self { next_seq, ..self }
    }

    /// Takes one more record.
    pub fn apply(&mut self, seq: u32, record: &Record<'_>) {
        self.missing = self.missing.saturating_add(seq.saturating_sub(self.next_seq));
        self.next_seq = seq.saturating_add(1);
        match record {
            Record::Opened(Opened { urgency, at_s, .. }) => {
                self.urgency = *urgency;
                self.at_s = *at_s;
            }
            Record::Data { offset, bytes } => {
                self.reach(*offset);
                self.end = offset.saturating_add(bytes.len() as u64);
            }
            Record::Committed { total, sha256 } => {
                self.reach(*total);
                self.sha256 = *sha256;
                self.pass_to(Phase::Kept);
            }
            Record::Delivering { acked, .. } => {
                self.acked = self.acked.max(*acked);
                self.begun = true;
                self.require_commit();
            }
            Record::Failed { .. } => {
                self.require_commit();
                self.pass_to(Phase::Failed);
            }
            Record::Retried => {
                self.require_commit();
                self.pass_to(Phase::Kept);
            }
            Record::Ended => self.pass_to(Phase::Ended),
            // The ledger's: here they mean nothing.
            Record::Lost(_) | Record::Tally(_) => {}
        }
    }

    /// There is data up to `offset`, whether it was seen or not.
    fn reach(&mut self, offset: u64) {
        if offset != self.end {
            self.hole = offset;
            self.end = offset;
        }
    }

    fn require_commit(&mut self) {
        if self.phase == Phase::Filling {
            self.phase = Phase::Headless;
        }
    }

    fn pass_to(&mut self, next: Phase) {
        self.phase = match (self.phase, next) {
            (Phase::Ended, _) => Phase::Ended,
            (Phase::Headless, Phase::Kept | Phase::Failed) => Phase::Headless,
            (_, next) => next,
        };
    }
}

// The index of the spool has one for each upload, set aside at start.
const _: () = assert!(size_of::<Chain>() <= 112);
