//! Breaks promises, so that tests see them noticed.

use super::Gateway;
use baton_core::{BLOCK_SIZE, UploadId};

impl Gateway {
    /// Other bytes than the clients sent.
    pub(crate) fn spoil_memory(&mut self) {
        self.arena.iter_mut().for_each(|byte| *byte = !*byte);
    }

    /// A block that the pool never gave.
    pub(crate) fn claim_block(&mut self) {
        for transfer in self.transfers.values_mut() {
            transfer.received += BLOCK_SIZE as u64;
        }
    }

    /// Lanes that end without a word.
    pub(crate) fn lose_lanes(&mut self) {
        self.lanes.clear();
    }

    /// Some upload under way.
    pub(crate) fn any_upload(&self) -> Option<UploadId> {
        self.transfers.keys().next().copied()
    }
}
