//! The spooled uploads on their segments. Everything here waits for the disk.
//!
//! What is on disk, and in which order it gets there, is said by [`baton_core::spool`].

mod error;
mod ledger;
mod recovery;
mod room;
mod tail;
mod walk;
mod whose;

pub(crate) use error::ShelfError;
pub(crate) use ledger::Lost;
pub(crate) use recovery::Found;
pub(crate) use room::Limits;
pub(crate) use walk::Walk;
pub(crate) use whose::{OwnedToken, Whose};

use baton_core::spool::{
    Cause, Chain, LEDGER, Ledger, Opened, PIECE, Position, Record, Standing, Tally, precedence,
};
use baton_hal::Segments;
use core::ops::RangeInclusive;
use error::device;
use std::collections::{BTreeMap, VecDeque};
use tail::Tail;

/// All spooled uploads.
pub(crate) struct Shelf<S: Segments> {
    segments: S,
    limits: Limits,
    /// By id, which is by age. Its capacity is set aside at start.
    entries: Vec<Entry>,
    /// Where records go: of uploads that come in, or are noted upon, and of the ledger.
    tails: BTreeMap<u64, Tail<S::Segment>>,
    ledger: Ledger,
    /// The ledger's segments that may be there.
    ledger_at: RangeInclusive<u32>,
    tally: Tally,
    /// Bytes written when the sums were last noted.
    tallied: u64,
    losses: VecDeque<Lost>,
    /// Segments were created since the folder was flushed.
    is_folder_stale: bool,
    /// Draws salts.
    salts: u64,
    /// A record on its way to the disk.
    buf: Box<[u8]>,
}

/// One upload in the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) chain: Chain,
    /// Its segments that are there, from this one on.
    first: u32,
    last: u32,
    /// Bytes that they have.
    bytes: u64,
    /// Bytes that are kept free for what was announced, those that are there included.
    reserved: u64,
    /// Where its commit is: notes come behind that.
    committed_at: (u32, u64),
    /// Behind its last record there may be half of another.
    is_doubtful: bool,
}

// What one costs in memory, of the 64 KiB that a client may.
const _: () = assert!(size_of::<Entry>() <= 168);

/// How far a commit is before the folder is flushed.
enum Commit {
    /// It was durable before.
    Safe,
    /// The segments are.
    Synced,
}

/// What is noted of an upload on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) whose: Whose,
    /// The upstream's URL for it.
    pub(crate) location: Option<String>,
    /// Why the upstream refused it, if it did.
    pub(crate) failure: Option<(u16, String)>,
}

impl<S: Segments> Shelf<S> {
    /// What is to be delivered next, apart from those of `busy`.
    pub(crate) fn next(&self, busy: &[u64]) -> Option<Chain> {
        let waits =
            |chain: &Chain| chain.standing() == Standing::Kept && !busy.contains(&chain.id());
        self.entries.iter().map(|entry| entry.chain).filter(waits).min_by(precedence)
    }

    /// Every upload, oldest first.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.entries.iter().map(|entry| &entry.chain)
    }

    /// A new upload. `progress` says what the upstream has of those under way: that may be let go
    /// of, and those are never evicted.
    pub(crate) fn begin(
        &mut self,
        opened: &Opened<'_>,
        progress: &[(u64, u64)],
    ) -> Result<u64, ShelfError> {
        let reserved = self.cost(opened.total.unwrap_or(0), opened);
        self.make_room(reserved, progress, opened.at_s)?;
        let id = self.tally.next_chain.max(LEDGER + 1);
        self.tally.next_chain = id + 1;
        self.entries.push(Entry {
            chain: Chain::new(id, 0),
            first: 0,
            last: 0,
            bytes: 0,
            reserved,
            committed_at: (0, 0),
            is_doubtful: false,
        });
        let begun = self.begin_segment(id, 0, opened);
        if begun.is_err() {
            self.forget(id);
        }
        begun.map(|()| id)
    }

    /// The next bytes of an upload that comes in. After an error it is given up.
    pub(crate) fn push(&mut self, id: u64, bytes: &[u8]) -> Result<(), ShelfError> {
        self.require(id, &[Standing::Unfinished])?;
        let pushed = bytes.chunks(self.limits.piece.min(PIECE)).try_for_each(|bytes| {
            self.reserve(id, bytes.len() as u64)?;
            let offset = self.entry(id)?.chain.end();
            self.put(id, &Record::Data { offset, bytes })
        });
        if pushed.is_err() {
            self.forget(id);
        }
        pushed
    }

    /// Makes uploads durable that are all here: what comes back `Ok` may be acknowledged. One flush
    /// of the folder serves them all.
    pub(crate) fn commit(&mut self, all: &[(u64, [u8; 32])]) -> Vec<Result<(), ShelfError>> {
        let synced: Vec<_> =
            all.iter().map(|(id, sha256)| self.commit_one(*id, sha256, all)).collect();
        let folder = self.sync_folder();
        let results = all.iter().zip(synced).map(|((id, _), synced)| match synced {
            Ok(Commit::Safe) => Ok(()),
            Ok(Commit::Synced) if folder.is_ok() => {
                self.tails.remove(id);
                self.entry_mut(*id)?.reserved = 0;
                Ok(())
            }
            Ok(Commit::Synced) => {
                self.forget(*id);
                folder.clone()
            }
            Err(error) => {
                self.abandon(*id);
                Err(error)
            }
        });
        let results = results.collect();
        self.note_wear();
        results
    }

    fn commit_one(
        &mut self,
        id: u64,
        sha256: &[u8; 32],
        all: &[(u64, [u8; 32])],
    ) -> Result<Commit, ShelfError> {
        if self.require(id, &[Standing::Kept]).is_ok() {
            // Asked again by somebody who did not wait for the answer.
            return Ok(Commit::Safe);
        }
        self.require(id, &[Standing::Unfinished])?;
        if self.has_twin(id, sha256, all)? {
            self.forget(id);
            return Ok(Commit::Safe);
        }
        let total = self.entry(id)?.chain.end();
        let synced = self
            .put(id, &Record::Committed { total, sha256: *sha256 })
            .and_then(|()| self.sync_tail(id));
        if synced.is_err() {
            // It is not taken for kept, whatever of it may be there.
            self.forget(id);
        }
        synced.map(|()| Commit::Synced)
    }

    /// Whether the same file is kept under the same name: a client that was not told so sends it
    /// again. One that is only being committed does not count.
    fn has_twin(
        &self,
        id: u64,
        sha256: &[u8; 32],
        committing: &[(u64, [u8; 32])],
    ) -> Result<bool, ShelfError> {
        let end = self.entry(id)?.chain.end();
        let is_alike = |chain: &&Chain| {
            chain.standing() == Standing::Kept
                && (chain.end(), chain.sha256()) == (end, sha256)
                && committing.iter().all(|(other, _)| *other != chain.id())
        };
        let alike: Vec<u64> = self.chains().filter(is_alike).map(Chain::id).collect();
        if alike.is_empty() {
            return Ok(false);
        }
        let name = self.whose(id)?.name;
        Ok(alike.into_iter().any(|twin| self.whose(twin).is_ok_and(|whose| whose.name == name)))
    }

    /// Gives up an upload that its client was told nothing of.
    pub(crate) fn abandon(&mut self, id: u64) {
        if self.require(id, &[Standing::Unfinished]).is_ok() {
            self.forget(id);
        }
    }

    /// Notes how far the delivery is. Afterwards segments below `acked` are gone.
    pub(crate) fn note(
        &mut self,
        id: u64,
        acked: u64,
        location: Option<&str>,
    ) -> Result<(), ShelfError> {
        self.require(id, &[Standing::Kept])?;
        self.put_durably(id, &Record::Delivering { acked, location })?;
        self.trim(id)
    }

    /// The upstream refused for good.
    pub(crate) fn fail(&mut self, id: u64, status: u16, reason: &str) -> Result<(), ShelfError> {
        self.require(id, &[Standing::Kept])?;
        self.put_durably(id, &Record::Failed { status, reason })
    }

    /// Another try, of one that had failed.
    pub(crate) fn retry(&mut self, id: u64) -> Result<(), ShelfError> {
        self.require(id, &[Standing::Failed])?;
        self.put_durably(id, &Record::Retried)
    }

    /// It was delivered.
    pub(crate) fn end(&mut self, id: u64) -> Result<(), ShelfError> {
        self.require(id, &[Standing::Kept, Standing::Failed])?;
        let noted = self.put_durably(id, &Record::Ended);
        // A device too full for the note gets room in this way. If the removal does not survive, it
        // is delivered again, and the upstream takes that for what it is.
        let removed = self.discard(id);
        noted.and(removed)
    }

    /// It is given up although it was acknowledged: the ledger says so first.
    pub(crate) fn lose(&mut self, id: u64, at_s: u64, cause: Cause) -> Result<(), ShelfError> {
        self.require(id, &[Standing::Kept, Standing::Failed])?;
        let name = self.whose(id).map_or_else(|_| String::new(), |whose| whose.name);
        let total = self.entry(id)?.chain.end();
        self.record_loss(Lost { id, name, total, at_s, cause })?;
        self.end(id)
    }

    /// What is noted of an upload on disk.
    pub(crate) fn describe(&self, id: u64) -> Result<Described, ShelfError> {
        let Entry { chain, last, committed_at: (commit, at), .. } = *self.entry(id)?;
        let mut described = Described { whose: self.whose(id)?, ..Described::default() };
        for index in commit..=last {
            let Some(mut walk) = self.walk(id, index)? else { continue };
            if index == commit {
                walk.seek(at);
            }
            while let Some((_, record)) = walk.step()? {
                described.take(&record, chain.acked());
            }
        }
        Ok(described)
    }

    /// Whose upload it is: every segment says so first.
    pub(crate) fn whose(&self, id: u64) -> Result<Whose, ShelfError> {
        let Entry { first, last, .. } = *self.entry(id)?;
        for index in (first..=last).rev() {
            let Some(mut walk) = self.walk(id, index)? else { continue };
            if let Some((_, Record::Opened(opened))) = walk.step()? {
                return Ok(Whose::of(&opened));
            }
        }
        Err(ShelfError::Damaged(id))
    }

    /// The segments that hold an upload's bytes, for whoever reads them.
    pub(crate) fn extent(&self, id: u64) -> Result<(S, RangeInclusive<u32>), ShelfError> {
        let Entry { first, committed_at: (commit, _), .. } = *self.entry(id)?;
        Ok((self.segments.clone(), first..=commit))
    }

    /// A segment, from its beginning. `None`: it was begun for a note that was never there.
    fn walk(&self, id: u64, index: u32) -> Result<Option<Walk<S::Segment>>, ShelfError> {
        match Walk::open(&self.segments, Position { chain: id, index }) {
            Ok(walk) => Ok(Some(walk)),
            Err(ShelfError::Damaged(_) | ShelfError::LetGo(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes all of a chain whose end is on disk: that segment last, so that no crash leaves the
    /// chain without it.
    fn discard(&mut self, id: u64) -> Result<(), ShelfError> {
        let Entry { first, last, .. } = *self.entry(id)?;
        self.tails.remove(&id);
        self.entries.retain(|entry| entry.chain.id() != id);
        for index in first..last {
            self.remove(Position { chain: id, index })?;
        }
        if first < last {
            self.flush_folder()?;
        }
        self.remove(Position { chain: id, index: last })?;
        self.flush_folder()
    }

    /// Removes what was never acknowledged: in any order, for without its commit it is nothing. It
    /// takes no room any more, whatever the device says.
    fn forget(&mut self, id: u64) {
        self.tails.remove(&id);
        let Ok(Entry { chain, first, last, .. }) = self.entry(id).copied() else { return };
        let was_committing = chain.standing() != Standing::Unfinished;
        self.entries.retain(|entry| entry.chain.id() != id);
        // The last one first: that is where a commit would be that was not acknowledged.
        let removed = (first..=last).rev().try_for_each(|index| {
            self.remove(Position { chain: id, index })?;
            if index == last && first < last && was_committing {
                self.flush_folder()
            } else {
                Ok(())
            }
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "an upload that came to nothing stays in the spool until the next start");
        }
    }

    fn remove(&self, at: Position) -> Result<(), ShelfError> {
        self.segments.remove(at).map_err(device)
    }

    fn require(&self, id: u64, standings: &[Standing]) -> Result<(), ShelfError> {
        let stands = standings.contains(&self.entry(id)?.chain.standing());
        if stands { Ok(()) } else { Err(ShelfError::NoSuch(id)) }
    }

    fn entry(&self, id: u64) -> Result<&Entry, ShelfError> {
        let at = self.entries.binary_search_by_key(&id, |entry| entry.chain.id());
        at.map(|at| &self.entries[at]).map_err(|_| ShelfError::NoSuch(id))
    }

    fn entry_mut(&mut self, id: u64) -> Result<&mut Entry, ShelfError> {
        let at = self.entries.binary_search_by_key(&id, |entry| entry.chain.id());
        at.map(|at| &mut self.entries[at]).map_err(|_| ShelfError::NoSuch(id))
    }
}

impl Described {
    /// Notes come in order. What a retry begins anew has no URL, unless bytes are only there.
    fn take(&mut self, record: &Record<'_>, acked: u64) {
        match record {
            Record::Delivering { location: Some(location), .. } => {
                self.location = Some((*location).to_owned());
            }
            Record::Failed { status, reason } => {
                self.failure = Some((*status, (*reason).to_owned()));
            }
            Record::Retried => {
                self.failure = None;
                self.location = self.location.take().filter(|_| acked > 0);
            }
            Record::Delivering { location: None, .. }
            | Record::Opened(_)
            | Record::Data { .. }
            | Record::Committed { .. }
            | Record::Ended
            | Record::Lost(_)
            | Record::Tally(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
