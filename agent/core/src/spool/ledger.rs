//! What the spool has lost and written over its life.

use super::{Cause, Record, Tally};

/// The ledger's chain.
pub const LEDGER: u64 = 0;

/// The fold of the ledger's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    tally: Tally,
    next_seq: u32,
}

impl Ledger {
    /// The sums.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The sums, to be added to.
    pub const fn tally_mut(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Sequence number of its next record.
    pub const fn next_seq(&self) -> u32 {
        self.next_seq
    }

    /// Takes one more record.
    pub fn apply(&mut self, seq: u32, record: &Record<'_>) {
        self.next_seq = seq.wrapping_add(1);
        match record {
            Record::Tally(tally) => self.tally = *tally,
            Record::Lost(loss) => match loss.cause {
                Cause::Evicted => self.tally.evicted += 1,
                Cause::Dropped => self.tally.dropped += 1,
                Cause::Damaged => self.tally.damaged += 1,
            },
            Record::Opened(_)
            | Record::Data { .. }
            | Record::Committed { .. }
            | Record::Delivering { .. }
            | Record::Failed { .. }
            | Record::Retried
            | Record::Ended => {}
        }
    }
}
