//! The flash as a ring of segments, in the format of the core's spool.
//!
//! ```text
//!   flash:  | segment | segment | segment | ...      each SEGMENT bytes, of some chain or free
//!   chain:  Opened Data Data ... Data | Opened Data ... Data Committed Delivering ... Ended
//! ```
//!
//! A chain is one log. What a reset leaves of it is found again by [`Journal::recover`]: a log that was
//! whole is delivered from its watermark on, one that was being written ends where its last whole record
//! does. The order of writing and removing is that of [`baton_core::spool`].

mod cursor;
mod recover;

pub use cursor::Cursor;

use baton_core::spool::{
    self, Chain, HEADER, Header, Opened, Position, Record, Standing, Token, precedence,
};
use embedded_storage::nor_flash::NorFlash;
use heapless::Vec;
use sha2::{Digest, Sha256};

/// Bytes of a segment: sixteen sectors. What is free is found by segments, and each begins with 100 bytes
/// of who it is.
pub const SEGMENT: usize = 64 * 1024;

/// Segments at most.
pub const SEGMENTS: usize = 16;

/// Logs at most: as many as the ring holds, and the one that is written.
pub const CHAINS: usize = 4;

/// Most bytes of a log in one record: what a reset may cost, and what a reader holds in memory.
pub const PIECE: usize = 1024;

/// A record with a whole piece.
const RECORD: usize = PIECE + 64;

/// What data leaves free at the end of a segment: for the commit, the upload's URL, a watermark every few
/// pieces, and the end.
const RESERVE: usize = 2048;

const _: () = assert!(RESERVE >= 64 + 2 * baton_wire::url::MAX_TARGET + 32 * (SEGMENT / WATERMARK));

/// Progress that is worth a record.
pub const WATERMARK: usize = 16 * 1024;

/// Why a log can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No segment is free: what is there is kept, and what is new has to wait.
    Full,
    /// The device says so, or what was written is not there.
    Flash,
}

/// A log that is to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its chain.
    pub chain: u64,
    /// Its length.
    pub total: u64,
    /// What the upstream has for good.
    pub acked: u64,
    /// Of all of it.
    pub sha256: [u8; 32],
}

/// The ring.
pub struct Journal<F> {
    flash: F,
    segments: [Option<Segment>; SEGMENTS],
    chains: Vec<Chain, CHAINS>,
    writing: Option<Writing>,
    next_chain: u64,
    seed: u64,
    folder: &'static str,
    content_type: &'static str,
}

/// A segment that is in use.
#[derive(Clone, Copy, Debug)]
struct Segment {
    position: Position,
    salt: u64,
    /// Of the first byte of data in it.
    offset: u64,
    /// Bytes that are written.
    end: usize,
}

/// The log that is being written.
struct Writing {
    chain: u64,
    sha256: Sha256,
}

impl<F: NorFlash> Journal<F> {
    /// Puts bytes behind the log that is being written, or begins one; at most [`PIECE`].
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let chain = match &self.writing {
            Some(writing) => writing.chain,
            None => self.begin()?,
        };
        let offset = self.chain(chain).ok_or(Error::Flash)?.end();
        let place = self.last_segment(chain).ok_or(Error::Flash)?;
        if self.segments[place].is_some_and(|held| held.end + RECORD + RESERVE > SEGMENT) {
            self.extend(chain)?;
        }
        self.write(chain, &Record::Data { offset, bytes })?;
        if let Some(writing) = &mut self.writing {
            writing.sha256.update(bytes);
        }
        Ok(())
    }

    /// Bytes of the log that is being written.
    pub fn pending(&self) -> u64 {
        let chain = self.writing.as_ref().and_then(|writing| self.chain(writing.chain));
        chain.map_or(0, Chain::end)
    }

    /// The log that is being written is whole.
    pub fn commit(&mut self) -> Result<(), Error> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        self.commit_as(writing.chain, writing.sha256.finalize().into())
    }

    /// The log to deliver next.
    pub fn next(&self) -> Option<Log> {
        let kept = self.chains.iter().filter(|chain| chain.standing() == Standing::Kept);
        let chain = kept.min_by(|one, other| precedence(one, other))?;
        let (total, acked, sha256) = (chain.end(), chain.acked(), *chain.sha256());
        Some(Log { chain: chain.id(), total, acked, sha256 })
    }

    /// The upstream has `acked` bytes of a log for good, under that URL.
    pub fn progress(
        &mut self,
        chain: u64,
        acked: u64,
        location: Option<&str>,
    ) -> Result<(), Error> {
        self.write(chain, &Record::Delivering { acked, location })
    }

    /// A log is delivered, or will never be: its segments are free.
    pub fn end(&mut self, chain: u64) -> Result<(), Error> {
        self.write(chain, &Record::Ended)?;
        let last = self.last_segment(chain);
        let others = (0..SEGMENTS).filter(|place| Some(*place) != last);
        let of_chain = |held: &Segment| held.position.chain == chain;
        for place in others.chain(last) {
            if self.segments[place].as_ref().is_some_and(of_chain) {
                self.clear(place)?;
            }
        }
        self.chains.retain(|known| known.id() != chain);
        Ok(())
    }

    fn begin(&mut self) -> Result<u64, Error> {
        let chain = self.next_chain;
        self.chains.push(Chain::new(chain, 0)).map_err(|_| Error::Full)?;
        if let Err(error) = self.extend(chain) {
            self.chains.pop();
            return Err(error);
        }
        self.next_chain += 1;
        self.writing = Some(Writing { chain, sha256: Sha256::new() });
        Ok(chain)
    }

    fn commit_as(&mut self, chain: u64, sha256: [u8; 32]) -> Result<(), Error> {
        let total = self.chain(chain).ok_or(Error::Flash)?.end();
        self.write(chain, &Record::Committed { total, sha256 })
    }

    /// Another segment for a chain.
    fn extend(&mut self, chain: u64) -> Result<(), Error> {
        let place = self.segments.iter().position(Option::is_none).ok_or(Error::Full)?;
        let index = match self.last_segment(chain) {
            Some(last) => self.segments[last].map_or(0, |held| held.position.index + 1),
            None => 0,
        };
        let (offset, first_seq) =
            self.chain(chain).map(|chain| (chain.end(), chain.next_seq())).ok_or(Error::Flash)?;
        let position = Position { chain, index };
        // No record of what was here before may pass for one of this.
        let salt = (self.seed ^ chain << 32 ^ u64::from(index)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (from, to) = (place * SEGMENT, (place + 1) * SEGMENT);
        self.flash.erase(from as u32, to as u32).map_err(|_| Error::Flash)?;
        let header = Header { position, salt, first_seq }.encode();
        self.flash.write(from as u32, &header).map_err(|_| Error::Flash)?;
        self.segments[place] = Some(Segment { position, salt, offset, end: HEADER });
        let opened = Opened {
            name: self.folder,
            content_type: self.content_type,
            token: Token::None,
            client: "sensor",
            total: None,
            urgency: 3,
            at_s: 0,
        };
        self.write(chain, &Record::Opened(opened))
    }

    /// A record behind the others of its chain.
    fn write(&mut self, chain: u64, record: &Record<'_>) -> Result<(), Error> {
        let place = self.last_segment(chain).ok_or(Error::Flash)?;
        let known = self.chains.iter_mut().find(|known| known.id() == chain).ok_or(Error::Flash)?;
        let held = self.segments[place].as_mut().ok_or(Error::Flash)?;
        let (mut bytes, seq) = ([0; RECORD], known.next_seq());
        let len = spool::encode(&mut bytes, held.salt, seq, record).map_err(|_| Error::Full)?;
        if held.end + len > SEGMENT {
            return Err(Error::Full);
        }
        let at = (place * SEGMENT + held.end) as u32;
        // What failed in the middle is passed over by whoever reads.
        held.end += len;
        self.flash.write(at, &bytes[..len]).map_err(|_| Error::Flash)?;
        known.apply(seq, record);
        Ok(())
    }

    fn clear(&mut self, place: usize) -> Result<(), Error> {
        let from = place * SEGMENT;
        self.flash.erase(from as u32, (from + F::ERASE_SIZE) as u32).map_err(|_| Error::Flash)?;
        self.segments[place] = None;
        Ok(())
    }

    fn chain(&self, chain: u64) -> Option<&Chain> {
        self.chains.iter().find(|known| known.id() == chain)
    }

    fn last_segment(&self, chain: u64) -> Option<usize> {
        self.held(chain).max_by_key(|(_, held)| held.position.index).map(|(place, _)| place)
    }

    fn held(&self, chain: u64) -> impl Iterator<Item = (usize, Segment)> {
        let held = self.segments.iter().enumerate();
        held.filter_map(|(place, held)| Some((place, (*held)?)))
            .filter(move |(_, held)| held.position.chain == chain)
    }
}

#[cfg(test)]
mod tests;
