//! How much fits, and what gives way.

use super::{Entry, Shelf, ShelfError, Walk};
use baton_core::spool::{Cause, Eviction, HEADER, LEDGER, Opened, PIECE, Position, Record, Token};
use baton_hal::Segments;

/// Bounds of a shelf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of all segments together.
    pub(crate) size: u64,
    /// Bytes of one segment: a record that would go beyond begins the next one.
    pub(crate) segment: u64,
    /// Uploads at most: the index of so many is set aside at start.
    pub(crate) uploads: usize,
    /// Client bytes in one record, at most [`PIECE`].
    pub(crate) piece: usize,
    /// What gives way when it is full.
    pub(crate) eviction: Eviction,
}

/// What a record adds to the bytes in it: its frame, and postcard's tag, offset and length.
const RECORD_OVERHEAD: u64 = 32;

/// Kept free for the commit and for notes on the delivery.
const NOTES: u64 = 512;

impl<S: Segments> Shelf<S> {
    /// Bytes taken, and kept free for what was announced.
    pub(crate) fn used(&self) -> u64 {
        let uploads = self.entries.iter().map(|entry| entry.bytes.max(entry.reserved));
        uploads.sum::<u64>() + self.tails.get(&LEDGER).map_or(0, |tail| tail.len())
    }

    /// Bytes that it may hold.
    pub(crate) fn size(&self) -> u64 {
        self.limits.size
    }

    fn room(&self) -> u64 {
        self.limits.size.saturating_sub(self.used())
    }

    /// What `total` bytes take on disk.
    pub(super) fn cost(&self, total: u64, opened: &Opened<'_>) -> u64 {
        let token = match opened.token {
            Token::None => "",
            Token::Query(text) | Token::Header(text) => text,
        };
        let texts = [opened.name, opened.content_type, opened.client, token];
        let begin = HEADER as u64
            + texts.iter().map(|text| text.len() as u64).sum::<u64>()
            + 2 * RECORD_OVERHEAD;
        let piece = self.limits.piece.min(PIECE) as u64;
        let records = total.saturating_add(total.div_ceil(piece).saturating_mul(RECORD_OVERHEAD));
        // Of each segment the end may stay free, where the next record does not fit.
        let useful = self.limits.segment.saturating_sub(begin + piece + RECORD_OVERHEAD).max(1);
        let segments = records.div_ceil(useful).max(1);
        records.saturating_add(segments.saturating_mul(begin)).saturating_add(NOTES)
    }

    /// Keeps room for the next bytes of an upload, beyond what it had announced.
    pub(super) fn reserve(&mut self, id: u64, bytes: u64) -> Result<(), ShelfError> {
        let Entry { bytes: held, reserved, .. } = *self.entry(id)?;
        let wanted = held + bytes + RECORD_OVERHEAD + NOTES;
        if wanted <= reserved {
            return Ok(());
        }
        let (needed, room) = (wanted - held.max(reserved), self.room());
        if needed > room {
            return Err(ShelfError::Full { needed, room });
        }
        self.entry_mut(id)?.reserved = wanted;
        Ok(())
    }

    /// Room for a new upload: lets go of what the upstream has already, then evicts as the policy
    /// has it.
    pub(super) fn make_room(
        &mut self,
        needed: u64,
        progress: &[(u64, u64)],
        at_s: u64,
    ) -> Result<(), ShelfError> {
        if needed > self.room() {
            for (id, acked) in progress {
                // One that has ended meanwhile has given its room back already.
                if self.entry(*id).is_ok_and(|entry| entry.chain.acked() < *acked) {
                    self.note(*id, *acked, None)?;
                }
            }
        }
        let uploads = self.limits.uploads;
        while needed > self.room() || self.entries.len() >= uploads {
            let is_idle = |id: u64| progress.iter().all(|(busy, _)| *busy != id);
            let idle = self.chains().filter(|chain| is_idle(chain.id()));
            // What does not fit an empty spool costs nobody else's upload.
            match self.limits.eviction.victim(idle).filter(|_| needed <= self.limits.size) {
                Some(id) => self.lose(id, at_s, Cause::Evicted)?,
                None if self.entries.len() >= uploads => {
                    return Err(ShelfError::Crowded { uploads });
                }
                None => return Err(ShelfError::Full { needed, room: self.room() }),
            }
        }
        Ok(())
    }

    /// Removes segments of which the upstream has everything: the watermark is durable already.
    pub(super) fn trim(&mut self, id: u64) -> Result<(), ShelfError> {
        let Entry { chain, first, committed_at: (commit, _), .. } = *self.entry(id)?;
        let mut keep = first;
        // One is below the watermark if the next begins there or below. The commit stays.
        while keep < commit && self.first_offset(id, keep + 1)? <= chain.acked() {
            keep += 1;
        }
        if keep == first {
            return Ok(());
        }
        for index in first..keep {
            self.remove(Position { chain: id, index })?;
        }
        self.flush_folder()?;
        let mut bytes = 0;
        let mut found = |at: Position, len| bytes += if at.chain == id { len } else { 0 };
        self.segments.list(&mut found).map_err(super::device)?;
        let entry = self.entry_mut(id)?;
        entry.first = keep;
        entry.bytes = bytes;
        Ok(())
    }

    /// Where a segment's data begins; the end of the upload if it has none.
    fn first_offset(&self, id: u64, index: u32) -> Result<u64, ShelfError> {
        let mut walk = Walk::open(&self.segments, Position { chain: id, index })?;
        let whose = walk.step()?.is_some();
        Ok(match walk.step()? {
            Some((_, Record::Data { offset, .. })) if whose => offset,
            Some(_) | None => self.entry(id)?.chain.end(),
        })
    }
}
