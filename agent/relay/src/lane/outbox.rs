//! A request's head on its way out.

use baton_core::Failure;
use baton_wire::http::NotSent;

/// Room for one request head with its token and metadata.
const OUTBOX: usize = 4096;

/// A request's head, as far as it was not written yet.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: heapless::Vec<u8, OUTBOX>,
    at: usize,
}

impl Outbox {
    /// Has a head put in; what was there has left.
    pub(super) fn refill(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize, NotSent>,
    ) -> Result<(), Failure> {
        self.at = 0;
        self.bytes.clear();
        // Zeroes the room that `write` is given; it is cut to what was written right after.
        let _ = self.bytes.resize_default(OUTBOX);
        let len = write(&mut self.bytes)?;
        self.bytes.truncate(len);
        Ok(())
    }

    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Takes what was written; returns how much of it was body.
    pub(super) fn wrote(&mut self, n: usize) -> u64 {
        let head = n.min(self.bytes.len() - self.at);
        self.at += head;
        (n - head) as u64
    }
}
