//! Where a chain grows.

use super::{Entry, Shelf, ShelfError, Walk, Whose, device};
use baton_core::spool::{HEADER, Header, LEDGER, Opened, Position, Record, encode};
use baton_hal::{Segment, Segments};

/// The last segment of a chain, open.
pub(super) struct Tail<S> {
    segment: S,
    len: u64,
    salt: u64,
    /// The next segment begins with it as well.
    whose: Whose,
}

impl<S> Tail<S> {
    pub(super) fn len(&self) -> u64 {
        self.len
    }
}

impl<S: Segments> Shelf<S> {
    /// Creates the `index`th segment of a chain, which begins with whose it is.
    pub(super) fn begin_segment(
        &mut self,
        id: u64,
        index: u32,
        opened: &Opened<'_>,
    ) -> Result<(), ShelfError> {
        let position = Position { chain: id, index };
        let (salt, first_seq) = (self.draw_salt(), self.next_seq(id)?);
        let record = Record::Opened(*opened);
        let len = encode(&mut self.buf[HEADER..], salt, first_seq, &record)?;
        self.buf[..HEADER].copy_from_slice(&Header { position, salt, first_seq }.encode());
        let mut segment = self.segments.create(position).map_err(device)?;
        self.is_folder_stale = true;
        if id != LEDGER {
            self.entry_mut(id)?.last = index;
        }
        segment.append(&self.buf[..HEADER + len]).map_err(device)?;
        let len = (HEADER + len) as u64;
        self.tails.insert(id, Tail { segment, len, salt, whose: Whose::of(opened) });
        self.on_written(id, first_seq, &record, len);
        Ok(())
    }

    /// Appends a record, to the next segment if it does not fit this one.
    pub(super) fn put(&mut self, id: u64, record: &Record<'_>) -> Result<(), ShelfError> {
        let len = self.encode(id, record)? as u64;
        if self.tail(id)?.len + len > self.limits.segment {
            self.sync_tail(id)?;
            let whose = self.tail(id)?.whose.clone();
            let next = self.entry(id)?.last + 1;
            self.begin_segment(id, next, &whose.opened())?;
        }
        self.append(id, record)
    }

    /// Appends a record to the segment that is open.
    pub(super) fn append(&mut self, id: u64, record: &Record<'_>) -> Result<(), ShelfError> {
        let (seq, len) = (self.next_seq(id)?, self.encode(id, record)?);
        let tail = self.tails.get_mut(&id).ok_or(ShelfError::NoSuch(id))?;
        let at = tail.len;
        let appended = tail.segment.append(&self.buf[..len]).map_err(device);
        tail.len += len as u64;
        if appended.is_err() {
            // Half of it may be there: nothing goes behind that.
            self.tails.remove(&id);
            return appended;
        }
        self.on_written(id, seq, record, len as u64);
        if let (Record::Committed { .. }, Ok(entry)) = (record, self.entry_mut(id)) {
            entry.committed_at = (entry.last, at);
        }
        Ok(())
    }

    fn encode(&mut self, id: u64, record: &Record<'_>) -> Result<usize, ShelfError> {
        let (salt, seq) = (self.tail(id)?.salt, self.next_seq(id)?);
        Ok(encode(&mut self.buf[..], salt, seq, record)?)
    }

    /// Appends a note to a chain that is committed, and flushes it.
    pub(super) fn put_durably(&mut self, id: u64, record: &Record<'_>) -> Result<(), ShelfError> {
        let before = self.entry(id)?.chain;
        let noted = self
            .reopen(id)
            .and_then(|()| self.put(id, record))
            .and_then(|()| self.sync_tail(id))
            .and_then(|()| self.sync_folder());
        self.tails.remove(&id);
        if noted.is_err() {
            // It may be there or not: what is believed is what was sure before.
            let entry = self.entry_mut(id)?;
            let next_seq = entry.chain.next_seq().max(before.next_seq() + 1);
            entry.chain = before.skipping_to(next_seq);
            entry.is_doubtful = true;
        }
        noted
    }

    /// Opens the last segment of a chain for more, or begins another where its end is in doubt.
    fn reopen(&mut self, id: u64) -> Result<(), ShelfError> {
        let whose = self.whose(id)?;
        let Entry { last, is_doubtful, .. } = *self.entry(id)?;
        if is_doubtful {
            self.begin_segment(id, last + 1, &whose.opened())?;
            self.entry_mut(id)?.is_doubtful = false;
            return Ok(());
        }
        let mut walk = Walk::open(&self.segments, Position { chain: id, index: last })?;
        let (commit, at) = self.entry(id)?.committed_at;
        if commit == last {
            walk.seek(at);
        }
        while walk.step()?.is_some() {}
        let (len, salt) = (walk.at(), walk.salt());
        self.tails.insert(id, Tail { segment: walk.into_segment(), len, salt, whose });
        Ok(())
    }

    /// Flushes what was appended. After an error nothing more is: it may never get there.
    pub(super) fn sync_tail(&mut self, id: u64) -> Result<(), ShelfError> {
        self.tally.flushes += 1;
        let synced = self.tail(id)?.segment.sync().map_err(device);
        if synced.is_err() {
            self.tails.remove(&id);
        }
        synced
    }

    /// Flushes the folder, if there are new segments in it.
    pub(super) fn sync_folder(&mut self) -> Result<(), ShelfError> {
        if self.is_folder_stale { self.flush_folder() } else { Ok(()) }
    }

    /// Flushes the folder.
    pub(super) fn flush_folder(&mut self) -> Result<(), ShelfError> {
        self.tally.flushes += 1;
        self.segments.sync().map_err(device)?;
        self.is_folder_stale = false;
        Ok(())
    }

    fn on_written(&mut self, id: u64, seq: u32, record: &Record<'_>, len: u64) {
        self.tally.written_bytes += len;
        if id == LEDGER {
            self.ledger.apply(seq, record);
        } else if let Ok(entry) = self.entry_mut(id) {
            entry.chain.apply(seq, record);
            entry.bytes += len;
        }
    }

    fn next_seq(&self, id: u64) -> Result<u32, ShelfError> {
        if id == LEDGER { Ok(self.ledger.next_seq()) } else { Ok(self.entry(id)?.chain.next_seq()) }
    }

    fn tail(&mut self, id: u64) -> Result<&mut Tail<S::Segment>, ShelfError> {
        self.tails.get_mut(&id).ok_or(ShelfError::NoSuch(id))
    }

    /// splitmix64: not secret, only never the same.
    fn draw_salt(&mut self) -> u64 {
        self.salts = self.salts.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.salts ^ self.salts >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
