//! Reading a segment record by record.

use super::ShelfError;
use super::error::device;
use baton_core::spool::{HEADER, Header, MAX_RECORD, Position, Record, Records, Step};
use baton_hal::{Error, ErrorKind, Segment, Segments};

/// A place in one segment, and the record there.
pub(crate) struct Walk<S> {
    segment: S,
    header: Header,
    at: u64,
    record: Vec<u8>,
}

/// What is read for a record at first: more than most notes have.
const NOTE: usize = 512;

impl<S: Segment> Walk<S> {
    /// The beginning of a segment.
    pub(crate) fn open<F: Segments<Segment = S, Error = S::Error>>(
        segments: &F,
        position: Position,
    ) -> Result<Self, ShelfError> {
        let segment = segments.open(position).map_err(|error| {
            let is_gone = error.kind() == ErrorKind::Missing;
            if is_gone { ShelfError::LetGo(position.chain) } else { device(error) }
        })?;
        let mut header = [0; HEADER];
        let read = segment.read_at(0, &mut header).map_err(device)?;
        let header = Header::decode(&header[..read])
            .ok()
            .filter(|header| header.position == position)
            .ok_or(ShelfError::Damaged(position.chain))?;
        Ok(Self { segment, header, at: HEADER as u64, record: vec![0; NOTE] })
    }

    /// The record here, and its place; then on to the next. `None`: there is no whole one.
    pub(crate) fn step(&mut self) -> Result<Option<(u64, Record<'_>)>, ShelfError> {
        let at = self.at;
        let mut read = self.segment.read_at(at, &mut self.record).map_err(device)?;
        if read == NOTE && Records::new(&self.record, self.header.salt).step() == Step::Bad {
            self.record.resize(MAX_RECORD, 0);
            read = self.segment.read_at(at, &mut self.record).map_err(device)?;
        }
        let mut records = Records::new(&self.record[..read], self.header.salt);
        let step = records.step();
        self.at += records.at() as u64;
        Ok(match step {
            Step::Record { record, .. } => Some((at, record)),
            Step::Bad | Step::End => None,
        })
    }

    /// Goes to a record whose place is known.
    pub(crate) fn seek(&mut self, at: u64) {
        self.at = at;
    }

    /// Place of the next record.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Goes into the checksum of every record.
    pub(crate) fn salt(&self) -> u64 {
        self.header.salt
    }

    /// The file, for more.
    pub(crate) fn into_segment(self) -> S {
        self.segment
    }
}
