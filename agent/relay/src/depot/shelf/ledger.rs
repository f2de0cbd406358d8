//! What was lost and what was written, on disk as well.

use super::{Shelf, ShelfError, Whose};
use baton_core::spool::{Cause, LEDGER, Loss, Position, Record, Tally};
use baton_hal::Segments;

/// An upload that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) total: u64,
    pub(crate) at_s: u64,
    pub(crate) cause: Cause,
}

/// Losses that are remembered by name, besides being counted.
const LOSSES_KEPT: usize = 16;

/// Bytes written until the sums are noted again: a restart forgets no more wear than this.
const TALLY_EVERY: u64 = 16 << 20;

impl<S: Segments> Shelf<S> {
    /// The sums over its life.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The last losses, oldest first.
    pub(crate) fn losses(&self) -> impl Iterator<Item = &Lost> {
        self.losses.iter()
    }

    /// Says durably that an upload is lost.
    pub(super) fn record_loss(&mut self, lost: Lost) -> Result<(), ShelfError> {
        let Lost { id, ref name, total, at_s, cause } = lost;
        self.put_in_ledger(&Record::Lost(Loss { id, name, total, at_s, cause }))?;
        self.sync_tail(LEDGER)?;
        self.sync_folder()?;
        match cause {
            Cause::Evicted => self.tally.evicted += 1,
            Cause::Dropped => self.tally.dropped += 1,
            Cause::Damaged => self.tally.damaged += 1,
        }
        self.remember(lost);
        Ok(())
    }

    pub(super) fn remember(&mut self, lost: Lost) {
        if self.losses.len() == LOSSES_KEPT {
            self.losses.pop_front();
        }
        self.losses.push_back(lost);
    }

    /// The sums are noted now and then, without a flush of their own.
    pub(super) fn note_wear(&mut self) {
        if self.tally.written_bytes - self.tallied < TALLY_EVERY {
            return;
        }
        self.tallied = self.tally.written_bytes;
        if let Err(error) = self.put_in_ledger(&Record::Tally(self.tally)) {
            tracing::warn!(%error, "the spool's wear is not noted");
        }
    }

    fn put_in_ledger(&mut self, record: &Record<'_>) -> Result<(), ShelfError> {
        let most = self.limits.segment;
        if self.tails.get(&LEDGER).is_none_or(|tail| tail.len() >= most) {
            self.rotate_ledger()?;
        }
        self.append(LEDGER, record)
    }

    /// A new segment begins with the sums, so the old ones are needed no more. The first loss after
    /// a start begins one as well: behind an old one there may be half a record.
    fn rotate_ledger(&mut self) -> Result<(), ShelfError> {
        let old = self.ledger_at.clone();
        let next = old.end() + 1;
        self.ledger_at = *old.start()..=next;
        self.begin_segment(LEDGER, next, &Whose::default().opened())?;
        self.append(LEDGER, &Record::Tally(self.tally))?;
        self.sync_tail(LEDGER)?;
        self.sync_folder()?;
        for index in old {
            self.remove(Position { chain: LEDGER, index })?;
        }
        self.ledger_at = next..=next;
        self.flush_folder()
    }
}
