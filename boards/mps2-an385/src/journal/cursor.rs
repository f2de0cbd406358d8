//! Reading a log, piece by piece.

use super::{Error, Journal, RECORD, SEGMENT};
use baton_core::spool::{HEADER, Record, Records, Step};
use baton_wire::url::Target;
use core::ops::Range;
use embedded_storage::nor_flash::NorFlash;

/// A place in a log, and the record that was read last. Each of several readers has its own.
#[derive(Debug)]
pub struct Cursor {
    record: [u8; RECORD],
    /// The data within it.
    data: Range<usize>,
    /// Where in the log that data begins.
    offset: u64,
    chain: u64,
    /// The segment, and where in it the next record begins.
    next: Option<(usize, usize)>,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { record: [0; RECORD], data: 0..0, offset: 0, chain: 0, next: None }
    }
}

impl Cursor {
    /// Before the first record of a segment.
    pub(super) fn start(&mut self, chain: u64, place: usize) {
        (self.chain, self.data, self.next) = (chain, 0..0, Some((place, HEADER)));
    }

    /// The record that was read last.
    pub(super) fn bytes(&self, length: usize) -> &[u8] {
        &self.record[..length]
    }

    /// The data from `offset` on that is at hand.
    fn at_hand(&self, offset: u64) -> Option<Range<usize>> {
        let into = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        (into < self.data.len()).then(|| self.data.start + into..self.data.end)
    }
}

impl<F: NorFlash> Journal<F> {
    /// Bytes of a log from `offset` on: at least one, at most a piece.
    pub fn read<'c>(
        &mut self,
        cursor: &'c mut Cursor,
        chain: u64,
        offset: u64,
    ) -> Result<&'c [u8], Error> {
        let is_here = cursor.chain == chain && cursor.at_hand(offset).is_some();
        if !is_here {
            let is_next =
                cursor.chain == chain && cursor.offset + cursor.data.len() as u64 == offset;
            if !is_next {
                self.seek(cursor, chain, offset)?;
            }
            while cursor.at_hand(offset).is_none() {
                self.step(cursor)?.ok_or(Error::Flash)?;
            }
        }
        let range = cursor.at_hand(offset).ok_or(Error::Flash)?;
        Ok(&cursor.record[range])
    }

    /// The URL under which a log is being delivered, if one was written.
    pub fn location(&mut self, chain: u64) -> Option<Target> {
        let (mut cursor, mut found) = (Cursor::default(), None);
        self.seek(&mut cursor, chain, 0).ok()?;
        while let Ok(Some(length)) = self.step(&mut cursor) {
            let salt = self.segments[cursor.next?.0]?.salt;
            let record = Records::new(cursor.bytes(length), salt).step();
            if let Step::Record { record: Record::Delivering { location: Some(url), .. }, .. } =
                record
            {
                found = Target::try_from(url).ok();
            }
        }
        found
    }

    /// Before the first record of the segment that has that byte.
    fn seek(&self, cursor: &mut Cursor, chain: u64, offset: u64) -> Result<(), Error> {
        let held = self.held(chain).filter(|(_, held)| held.offset <= offset);
        let (place, _) = held.max_by_key(|(_, held)| held.position.index).ok_or(Error::Flash)?;
        cursor.start(chain, place);
        Ok(())
    }

    /// Reads the next record of the chain; its length, `None` at the end of the chain. Records that are
    /// not whole end their segment: behind them nothing was written to it.
    fn step(&mut self, cursor: &mut Cursor) -> Result<Option<usize>, Error> {
        while let Some((place, _)) = cursor.next {
            if let Some(length) = self.step_within(cursor, place)? {
                return Ok(Some(length));
            }
            let index = self.segments[place].ok_or(Error::Flash)?.position.index;
            let following = self.held(cursor.chain).filter(|(_, held)| held.position.index > index);
            let next = following.min_by_key(|(_, held)| held.position.index);
            cursor.next = next.map(|(place, _)| (place, HEADER));
        }
        Ok(None)
    }

    /// The same within one segment.
    pub(super) fn step_within(
        &mut self,
        cursor: &mut Cursor,
        place: usize,
    ) -> Result<Option<usize>, Error> {
        let held = self.segments[place].ok_or(Error::Flash)?;
        let Some((_, at)) = cursor.next else { return Ok(None) };
        let bytes = &mut cursor.record[..held.end.saturating_sub(at).min(RECORD)];
        self.flash.read((place * SEGMENT + at) as u32, bytes).map_err(|_| Error::Flash)?;
        let mut records = Records::new(bytes, held.salt);
        let Step::Record { record, .. } = records.step() else { return Ok(None) };
        let length = records.at();
        if let Record::Data { offset, bytes } = record {
            // They are what the record ends with.
            (cursor.offset, cursor.data) = (offset, length - bytes.len()..length);
        }
        cursor.next = Some((place, at + length));
        Ok(Some(length))
    }
}
