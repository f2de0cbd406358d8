//! What a start finds: everything that was acknowledged, and a word on whatever is not kept.

use super::{Entry, Limits, Lost, Shelf, ShelfError, device};
use baton_core::spool::{
    BadHeader, Cause, Chain, HEADER, Header, LEDGER, Ledger, MAX_RECORD, Position, Record, Records,
    Standing, Step,
};
use baton_hal::{Segment, Segments};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a start did not keep, or not all of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An upload of which not all had come: its client was told nothing.
    Unfinished { id: u64, name: String, bytes: u64 },
    /// An upload whose client may have been told that it is safe.
    Damaged(Lost),
    /// The upload is whole. How far its delivery was is not: the upstream is asked.
    NotesMissing { id: u64, name: String, records: u32 },
}

impl core::fmt::Display for Found {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unfinished { id, name, bytes } => write!(
                f,
                "upload {id} ({name}) had not come whole: {bytes} bytes dropped, its client was told nothing"
            ),
            Self::Damaged(Lost { id, name, total, .. }) => write!(
                f,
                "upload {id} ({name}, {total} bytes) is damaged on disk, and its client may believe it safe"
            ),
            Self::NotesMissing { id, name, records } => write!(
                f,
                "{records} notes on the delivery of upload {id} ({name}) are damaged: the upstream is asked"
            ),
        }
    }
}

/// One chain as it was found.
struct Read {
    chain: Chain,
    name: String,
    committed_at: (u32, u64),
    ended_at: Option<u32>,
    is_doubtful: bool,
    segments: Vec<(u32, u64)>,
}

impl<S: Segments> Shelf<S> {
    /// Takes up what is there. `salts` must be random; `at_s` dates what is found lost.
    pub(crate) fn open(
        segments: S,
        limits: Limits,
        salts: u64,
        at_s: u64,
    ) -> Result<(Self, Vec<Found>), ShelfError> {
        let mut shelf = Self {
            segments,
            limits,
            entries: set_aside(limits.uploads),
            tails: BTreeMap::new(),
            ledger: Ledger::default(),
            ledger_at: 0..=0,
            tally: baton_core::spool::Tally::default(),
            tallied: 0,
            losses: VecDeque::new(),
            is_folder_stale: false,
            salts,
            buf: vec![0; HEADER + MAX_RECORD].into_boxed_slice(),
        };
        let mut chains: BTreeMap<u64, Vec<(u32, u64)>> = BTreeMap::new();
        let mut found =
            |at: Position, len| chains.entry(at.chain).or_default().push((at.index, len));
        shelf.segments.list(&mut found).map_err(device)?;
        chains.values_mut().for_each(|segments| segments.sort_unstable());
        let lost = shelf.read_ledger(&chains.remove(&LEDGER).unwrap_or_default())?;
        let mut read = Vec::new();
        for (id, segments) in chains {
            shelf.tally.next_chain = shelf.tally.next_chain.max(id + 1);
            read.push(shelf.read_chain(id, segments)?);
        }
        let found = shelf.sort_out(read, &lost, at_s)?;
        shelf.tallied = shelf.tally.written_bytes;
        Ok((shelf, found))
    }

    /// Which uploads it says are lost.
    fn read_ledger(&mut self, segments: &[(u32, u64)]) -> Result<BTreeSet<u64>, ShelfError> {
        let mut lost = BTreeSet::new();
        for (index, len) in segments {
            let position = Position { chain: LEDGER, index: *index };
            let bytes = self.read_segment(position, *len)?;
            let Some(header) = header(&bytes, position)? else { continue };
            let mut records = Records::new(&bytes[HEADER..], header.salt);
            loop {
                match records.step() {
                    Step::Record { seq, record } => {
                        self.ledger.apply(seq, &record);
                        if let Record::Lost(loss) = record {
                            lost.insert(loss.id);
                            self.remember(Lost {
                                id: loss.id,
                                name: loss.name.to_owned(),
                                total: loss.total,
                                at_s: loss.at_s,
                                cause: loss.cause,
                            });
                        }
                    }
                    Step::Bad if records.pass_bad() => {}
                    Step::Bad | Step::End => break,
                }
            }
        }
        if let (Some((first, _)), Some((last, _))) = (segments.first(), segments.last()) {
            self.ledger_at = *first..=*last;
        }
        self.tally = *self.ledger.tally();
        // A number that is used again would be taken for what was lost.
        self.tally.next_chain = self.tally.next_chain.max(lost.last().map_or(0, |id| id + 1));
        Ok(lost)
    }

    fn read_chain(&self, id: u64, segments: Vec<(u32, u64)>) -> Result<Read, ShelfError> {
        let mut chain: Option<Chain> = None;
        let (mut name, mut committed_at, mut ended_at) = (String::new(), (0, 0), None);
        let mut is_doubtful = true;
        for (index, len) in &segments {
            let position = Position { chain: id, index: *index };
            let bytes = self.read_segment(position, *len)?;
            let Some(header) = header(&bytes, position)? else {
                is_doubtful = true;
                continue;
            };
            let chain = chain.get_or_insert(Chain::new(id, header.first_seq));
            let mut records = Records::new(&bytes[HEADER..], header.salt);
            is_doubtful = loop {
                let at = (HEADER + records.at()) as u64;
                match records.step() {
                    Step::Record { seq, record } => {
                        chain.apply(seq, &record);
                        match record {
                            Record::Opened(opened) => name = opened.name.to_owned(),
                            Record::Committed { .. } => committed_at = (*index, at),
                            Record::Ended => ended_at = Some(*index),
                            Record::Data { .. }
                            | Record::Delivering { .. }
                            | Record::Failed { .. }
                            | Record::Retried
                            | Record::Lost(_)
                            | Record::Tally(_) => {}
                        }
                    }
                    Step::Bad if records.pass_bad() => {}
                    Step::Bad => break true,
                    Step::End => break false,
                }
            };
        }
        let chain = chain.unwrap_or(Chain::new(id, 0));
        Ok(Read { chain, name, committed_at, ended_at, is_doubtful, segments })
    }

    /// Keeps what is to be kept, and removes the rest: what is lost only after the ledger says so.
    fn sort_out(
        &mut self,
        read: Vec<Read>,
        lost: &BTreeSet<u64>,
        at_s: u64,
    ) -> Result<Vec<Found>, ShelfError> {
        let (mut found, mut gone, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
        for one in read {
            let (id, standing) = (one.chain.id(), one.chain.standing());
            match standing {
                // What the ledger says is lost was being removed.
                _ if lost.contains(&id) => gone.push(one),
                Standing::Ended => gone.push(one),
                Standing::Kept | Standing::Failed => {
                    if one.chain.missing() > 0 {
                        let (name, records) = (one.name.clone(), one.chain.missing());
                        found.push(Found::NotesMissing { id, name, records });
                    }
                    self.keep(&one)?;
                }
                Standing::Damaged => damaged.push(one),
                Standing::Unfinished => {
                    let (name, bytes) = (one.name.clone(), one.chain.end());
                    found.push(Found::Unfinished { id, name, bytes });
                    gone.push(one);
                }
            }
        }
        self.sweep(&gone)?;
        for one in &damaged {
            let (id, total) = (one.chain.id(), one.chain.end());
            let lost = Lost { id, name: one.name.clone(), total, at_s, cause: Cause::Damaged };
            self.record_loss(lost.clone())?;
            found.push(Found::Damaged(lost));
        }
        self.sweep(&damaged)?;
        Ok(found)
    }

    /// Of segments that were being let go of, some may be back: those are of no use.
    fn keep(&mut self, read: &Read) -> Result<(), ShelfError> {
        let (id, commit) = (read.chain.id(), read.committed_at.0);
        let is_there = |index: u32| read.segments.iter().any(|(there, _)| *there == index);
        let mut first = commit;
        while first > 0 && is_there(first - 1) {
            first -= 1;
        }
        let (kept, stale): (Vec<_>, Vec<_>) =
            read.segments.iter().copied().partition(|(index, _)| *index >= first);
        for (index, _) in stale {
            self.remove(Position { chain: id, index })?;
        }
        self.entries.push(Entry {
            chain: read.chain,
            first,
            last: kept.last().map_or(commit, |(index, _)| *index),
            bytes: kept.iter().map(|(_, len)| len).sum(),
            reserved: 0,
            committed_at: read.committed_at,
            is_doubtful: read.is_doubtful,
        });
        Ok(())
    }

    /// Removes chains, the segment that says that a chain has ended after its others.
    fn sweep(&mut self, chains: &[Read]) -> Result<(), ShelfError> {
        if chains.is_empty() {
            return Ok(());
        }
        let all = |are_last: bool| {
            chains.iter().flat_map(move |read| {
                let of = |index: &u32| (read.ended_at == Some(*index)) == are_last;
                let indices = read.segments.iter().map(|(index, _)| *index).filter(of);
                // The last first: a commit must not outlive what it commits.
                let indices: Vec<u32> = indices.collect();
                indices.into_iter().rev().map(|index| Position { chain: read.chain.id(), index })
            })
        };
        for at in all(false) {
            self.remove(at)?;
        }
        self.flush_folder()?;
        if chains.iter().any(|read| read.ended_at.is_some()) {
            for at in all(true) {
                self.remove(at)?;
            }
            self.flush_folder()?;
        }
        Ok(())
    }

    fn read_segment(&self, at: Position, len: u64) -> Result<Vec<u8>, ShelfError> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let segment = self.segments.open(at).map_err(device)?;
        let read = segment.read_at(0, &mut bytes).map_err(device)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// An empty index whose memory is there already, touched: what the kernel promises now it can't
/// refuse later.
fn set_aside(uploads: usize) -> Vec<Entry> {
    let blank = Entry {
        chain: Chain::new(0, 0),
        first: 0,
        last: 0,
        bytes: 0,
        reserved: 0,
        committed_at: (0, 0),
        is_doubtful: false,
    };
    let mut entries = vec![blank; uploads];
    entries.clear();
    entries
}

/// The header that belongs there; `None`: it is torn.
fn header(bytes: &[u8], position: Position) -> Result<Option<Header>, ShelfError> {
    match Header::decode(bytes) {
        Ok(header) => Ok(Some(header).filter(|header| header.position == position)),
        Err(BadHeader::Torn) => Ok(None),
        Err(BadHeader::Version(version)) => Err(ShelfError::Newer { version }),
    }
}
