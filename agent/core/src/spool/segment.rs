//! A segment: its header, and the walk over its records.

use super::record::{FRAME, MARK, decode};
use super::{Record, crc32c};

/// Bytes of a header.
pub const HEADER: usize = 40;

/// The version that is written here, and the newest that is read.
pub const VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"BATONSPL";

/// Which segment: its chain, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The chain; 0 is the ledger.
    pub chain: u64,
    /// Counts the chain's segments.
    pub index: u32,
}

/// First bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which segment.
    pub position: Position,
    /// Goes into every checksum.
    pub salt: u64,
    /// Sequence number of its first record.
    pub first_seq: u32,
}

/// Why a segment can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// It was never whole, or is damaged.
    Torn,
    /// It was written by a newer program: to be left alone.
    Version(u16),
}

impl Header {
    /// The bytes of it.
    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.position.index.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.position.chain.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.first_seq.to_le_bytes());
        let crc = crc32c(&[&bytes[..36]]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads it from the start of a segment.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes = bytes.first_chunk::<HEADER>().ok_or(BadHeader::Torn)?;
        let crc = u32::from_le_bytes(four(bytes, 36));
        if bytes[..8] != MAGIC || crc != crc32c(&[&bytes[..36]]) {
            return Err(BadHeader::Torn);
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        Ok(Self {
            position: Position {
                chain: eight(bytes, 16),
                index: u32::from_le_bytes(four(bytes, 12)),
            },
            salt: eight(bytes, 24),
            first_seq: u32::from_le_bytes(four(bytes, 32)),
        })
    }
}

fn four(bytes: &[u8; HEADER], at: usize) -> [u8; 4] {
    [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
}

fn eight(bytes: &[u8; HEADER], at: usize) -> u64 {
    let (low, high) = (four(bytes, at), four(bytes, at + 4));
    u64::from(u32::from_le_bytes(high)) << 32 | u64::from(u32::from_le_bytes(low))
}

/// The records of one segment, as far as they are whole.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    salt: u64,
    at: usize,
}

/// What comes next in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole record.
    Record {
        /// Its sequence number.
        seq: u32,
        /// What it says.
        record: Record<'a>,
    },
    /// No whole record, though there are bytes: torn if nothing follows, damaged if something does.
    Bad,
    /// The end.
    End,
}

impl<'a> Records<'a> {
    /// Those in `bytes`, which begin with one: behind a segment's header, or further on.
    pub fn new(bytes: &'a [u8], salt: u64) -> Self {
        Self { bytes, salt, at: 0 }
    }

    /// Place of the next record in the bytes.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Goes on to the next record. A bad one is not passed.
    pub fn step(&mut self) -> Step<'a> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match decode(rest, self.salt) {
            Some((seq, record, len)) => {
                self.at += len;
                Step::Record { seq, record }
            }
            None if rest.is_empty() => Step::End,
            None => Step::Bad,
        }
    }

    /// Passes a bad record: on to the next whole one, if there is one.
    pub fn pass_bad(&mut self) -> bool {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        let next = rest
            .windows(FRAME)
            .enumerate()
            .filter(|(_, window)| window.starts_with(&MARK))
            .find(|(at, _)| decode(&rest[*at..], self.salt).is_some());
        if let Some((at, _)) = next {
            self.at += 1 + at;
        }
        next.is_some()
    }
}
