//! What a reset left.

use super::{CHAINS, Cursor, Error, Journal, SEGMENT, SEGMENTS, Segment};
use baton_core::spool::{Chain, HEADER, Header, Position, Records, Standing, Step};
use embedded_storage::nor_flash::NorFlash;
use heapless::Vec;
use sha2::{Digest, Sha256};

impl<F: NorFlash> Journal<F> {
    /// Takes the flash as it is. Logs that were being written end here; what can't be delivered any more
    /// is cleared. `seed`: a number that differs from start to start.
    pub fn recover(
        flash: F,
        folder: &'static str,
        content_type: &'static str,
        seed: u64,
    ) -> Result<Self, Error> {
        let mut journal = Self {
            flash,
            segments: [None; SEGMENTS],
            chains: Vec::new(),
            writing: None,
            next_chain: 1,
            seed,
            folder,
            content_type,
        };
        for place in 0..SEGMENTS {
            journal.find(place)?;
        }
        while let Some(chain) = journal.oldest_unread() {
            journal.fold(chain)?;
        }
        journal.settle()?;
        Ok(journal)
    }

    fn find(&mut self, place: usize) -> Result<(), Error> {
        let mut header = [0; HEADER];
        self.flash.read((place * SEGMENT) as u32, &mut header).map_err(|_| Error::Flash)?;
        // A segment whose header is not whole has nothing that was acknowledged to anybody.
        let Ok(Header { position, salt, .. }) = Header::decode(&header) else { return Ok(()) };
        self.segments[place] = Some(Segment { position, salt, offset: 0, end: SEGMENT });
        self.next_chain = self.next_chain.max(position.chain + 1);
        Ok(())
    }

    fn oldest_unread(&self) -> Option<u64> {
        let chains = self.segments.iter().flatten().map(|held| held.position.chain);
        chains.filter(|chain| self.chain(*chain).is_none()).min()
    }

    /// Reads all of a chain, and finds the ends of its segments.
    fn fold(&mut self, chain: u64) -> Result<(), Error> {
        let mut folded = Chain::new(chain, 0);
        let mut cursor = Cursor::default();
        let mut index = 0;
        while let Some(place) = self.place(Position { chain, index }) {
            let held = self.segments[place].as_mut().ok_or(Error::Flash)?;
            held.offset = folded.end();
            let (salt, mut at) = (held.salt, HEADER);
            cursor.start(chain, place);
            while let Some(length) = self.step_within(&mut cursor, place)? {
                if let Step::Record { seq, record } =
                    Records::new(cursor.bytes(length), salt).step()
                {
                    folded.apply(seq, &record);
                }
                at += length;
            }
            // A record that is not whole stays where it is: nothing can be written over it.
            let is_torn = !self.is_erased(place, at)?;
            self.segments[place].as_mut().ok_or(Error::Flash)?.end =
                if is_torn { SEGMENT } else { at };
            index += 1;
        }
        // The table is as long as the flash has logs; what does not fit was not written by this.
        self.chains.push(folded).map_err(|_| Error::Full)
    }

    fn place(&self, position: Position) -> Option<usize> {
        self.held(position.chain)
            .find(|(_, held)| held.position == position)
            .map(|(place, _)| place)
    }

    fn is_erased(&mut self, place: usize, at: usize) -> Result<bool, Error> {
        let mut bytes = [0; 64];
        let bytes = &mut bytes[..(SEGMENT - at).min(64)];
        self.flash.read((place * SEGMENT + at) as u32, bytes).map_err(|_| Error::Flash)?;
        Ok(bytes.iter().all(|byte| *byte == 0xff))
    }

    /// Each chain is to be delivered, or gone.
    fn settle(&mut self) -> Result<(), Error> {
        let found: Vec<(u64, Standing, u64), CHAINS> =
            self.chains.iter().map(|chain| (chain.id(), chain.standing(), chain.end())).collect();
        for (chain, standing, end) in found {
            match standing {
                Standing::Kept => {}
                Standing::Unfinished if end > 0 => self.salvage(chain, end)?,
                Standing::Unfinished | Standing::Failed | Standing::Ended | Standing::Damaged => {
                    self.forget(chain)?
                }
            }
        }
        Ok(())
    }

    /// A log that nobody writes any more is whole as it is.
    fn salvage(&mut self, chain: u64, end: u64) -> Result<(), Error> {
        let (mut sha256, mut cursor, mut offset) = (Sha256::new(), Cursor::default(), 0);
        while offset < end {
            let piece = self.read(&mut cursor, chain, offset)?;
            sha256.update(piece);
            offset += piece.len() as u64;
        }
        self.extend(chain)?;
        self.commit_as(chain, sha256.finalize().into())
    }

    fn forget(&mut self, chain: u64) -> Result<(), Error> {
        for place in 0..SEGMENTS {
            if self.segments[place].is_some_and(|held| held.position.chain == chain) {
                self.clear(place)?;
            }
        }
        self.chains.retain(|known| known.id() != chain);
        Ok(())
    }
}
