//! An upload on its way out, and the bytes of it.

use super::shelf::{Described, ShelfError, Walk};
use baton_core::spool::{Chain, Position, Record};
use baton_hal::Segments;
use core::cell::RefCell;
use core::ops::RangeInclusive;

/// An upload to be delivered.
pub(crate) struct Parcel {
    pub(crate) chain: Chain,
    pub(crate) described: Described,
    pub(crate) body: Box<dyn ReadAt + Send>,
}

/// Bytes that are kept somewhere.
pub(crate) trait ReadAt {
    /// Fills `buf` from `offset` on, or some of it.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, ShelfError>;
}

/// The bytes of a chain. One record is kept: a connection takes it in several parts.
pub(super) struct Reader<S: Segments> {
    segments: S,
    id: u64,
    extent: RangeInclusive<u32>,
    place: RefCell<Option<Place<S::Segment>>>,
}

/// Where reading was last.
struct Place<S> {
    walk: Walk<S>,
    index: u32,
    /// Of the record's first byte.
    offset: u64,
    bytes: Vec<u8>,
}

impl<S> Place<S> {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

impl<S: Segments> Reader<S> {
    pub(super) fn new(segments: S, id: u64, extent: RangeInclusive<u32>) -> Self {
        Self { segments, id, extent, place: RefCell::default() }
    }

    /// The segment that has `offset`, at its beginning. Those before it may be gone.
    fn locate(&self, offset: u64) -> Result<Place<S::Segment>, ShelfError> {
        let (mut low, mut high) = (*self.extent.start(), *self.extent.end());
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let begins = match self.open(middle) {
                Ok(mut place) => self.advance(&mut place)?.then_some(place.offset),
                Err(ShelfError::LetGo(_)) => Some(0),
                Err(error) => return Err(error),
            };
            // One without data is behind all of it.
            if begins.is_some_and(|begins| begins <= offset) {
                low = middle
            } else {
                high = middle - 1
            }
        }
        self.open(low)
    }

    fn open(&self, index: u32) -> Result<Place<S::Segment>, ShelfError> {
        let walk = Walk::open(&self.segments, Position { chain: self.id, index })?;
        Ok(Place { walk, index, offset: 0, bytes: Vec::new() })
    }

    /// On to the next data in the segment; whether there is any.
    fn advance(&self, place: &mut Place<S::Segment>) -> Result<bool, ShelfError> {
        while let Some((_, record)) = place.walk.step()? {
            if let Record::Data { offset, bytes } = record {
                place.offset = offset;
                place.bytes.clear();
                place.bytes.extend_from_slice(bytes);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// On to the record that has `offset`.
    fn seek(
        &self,
        mut place: Place<S::Segment>,
        offset: u64,
    ) -> Result<Place<S::Segment>, ShelfError> {
        // Behind bytes that are there, a gap is damage; before all of them, they were let go of.
        let mut is_within = !place.bytes.is_empty();
        while !(place.offset..place.end()).contains(&offset) {
            if place.offset > offset {
                let gap = if is_within { ShelfError::Damaged } else { ShelfError::LetGo };
                return Err(gap(self.id));
            }
            if self.advance(&mut place)? {
                is_within |= place.offset <= offset;
                continue;
            }
            if place.index >= *self.extent.end() {
                return Err(ShelfError::Damaged(self.id));
            }
            is_within = true;
            place = self.open(place.index + 1)?;
        }
        Ok(place)
    }
}

impl<S: Segments> ReadAt for Reader<S> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, ShelfError> {
        let last = self.place.borrow_mut().take();
        let from = match last.filter(|last| last.offset <= offset) {
            Some(last) if offset <= last.end() => last,
            Some(_) | None => self.locate(offset)?,
        };
        let place = self.seek(from, offset)?;
        let bytes = &place.bytes[(offset - place.offset) as usize..];
        let len = bytes.len().min(buf.len());
        buf[..len].copy_from_slice(&bytes[..len]);
        self.place.replace(Some(place));
        Ok(len)
    }
}
