//! What the agent remembers over a restart: its format on disk.
//!
//! One small file, written anew as a whole: the driver writes it beside the old one, flushes, and
//! renames. So there is always a whole one, and one that is not is not ours.
//!
//! # Bytes, version 1
//!
//! All integers are little-endian.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 8 | `BATONMEM` |
//! | 8 | 2 | version: 1 |
//! | 10 | 2 | zero |
//! | 12 | 4 | length of the entries |
//! | 16 | 4 | CRC32C of bytes 0..16 and the entries |
//! | 20 | n | entries: each an [`Entry`] in [postcard](https://postcard.jamesmunns.com)'s wire format |
//!
//! A new variant of [`Entry`] or a new field is a new version; a version that is not known is not
//! read.

use crate::spool::crc32c;
use crate::{ClientId, PATHS, PathRecord};
use serde::{Deserialize, Serialize};

/// One thing to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry<'a> {
    /// The operator holds everything on this link.
    #[serde(borrow)]
    Held(&'a str),
    /// What a link carried.
    Spent(Spent<'a>),
    /// A client.
    Client(Known),
}

/// What a link has carried in the budget's month: [`Account`](crate::Account) by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent<'a> {
    /// Its interface.
    pub link: &'a str,
    /// Which month, as the driver counts them; 0: nobody knew.
    pub month: u32,
    /// Bytes in both directions.
    pub carried_bytes: u64,
    /// Those of them that moved on suspicion alone.
    pub hedged_bytes: u64,
    /// How long probes must rest.
    pub owed_s: u32,
}

/// What is known of a client: [`ClientProfile`](crate::ClientProfile).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Who.
    pub id: ClientId,
    /// When it uploaded last, by the wall clock, in seconds since 1970; 0: the clock was not set.
    pub seen_s: u64,
    /// By link, the one used last first.
    pub paths: [Option<PathRecord>; PATHS],
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadMemory {
    /// Something else.
    NotOurs,
    /// Another version wrote it.
    Version(u16),
    /// It is not as it was written.
    Damaged,
}

impl core::fmt::Display for BadMemory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotOurs => f.write_str("not a file of Baton's"),
            Self::Version(version) => write!(f, "written by another Baton, in format {version}"),
            Self::Damaged => f.write_str("damaged"),
        }
    }
}

/// There is more to remember than the buffer has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Writes the file; its length in `buf`.
pub fn encode<'a>(
    buf: &mut [u8],
    entries: impl IntoIterator<Item = Entry<'a>>,
) -> Result<usize, Overflow> {
    let (header, room) = buf.split_first_chunk_mut::<HEADER>().ok_or(Overflow)?;
    let mut len = 0;
    for entry in entries {
        let free = room.get_mut(len..).ok_or(Overflow)?;
        len += postcard::to_slice(&entry, free).map_err(|_| Overflow)?.len();
    }
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header[10..12].fill(0);
    header[12..16].copy_from_slice(&u32::try_from(len).map_err(|_| Overflow)?.to_le_bytes());
    let crc = crc32c(&[&header[..16], &room[..len]]);
    header[16..].copy_from_slice(&crc.to_le_bytes());
    Ok(HEADER + len)
}

/// Reads a file.
pub fn decode(bytes: &[u8]) -> Result<Entries<'_>, BadMemory> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(BadMemory::NotOurs)?;
    let [magic @ .., v0, v1, _, _, l0, l1, l2, l3, c0, c1, c2, c3] = header;
    if *magic != MAGIC {
        return Err(BadMemory::NotOurs);
    }
    let version = u16::from_le_bytes([*v0, *v1]);
    if version != VERSION {
        return Err(BadMemory::Version(version));
    }
    let len = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
    let crc = u32::from_le_bytes([*c0, *c1, *c2, *c3]);
    if rest.len() != len || crc32c(&[&header[..16], rest]) != crc {
        return Err(BadMemory::Damaged);
    }
    Ok(Entries { rest })
}

/// The entries of a file that is whole.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        // Whoever can forge the checksum can leave entries out as well.
        let (entry, rest) = postcard::take_from_bytes(self.rest).ok()?;
        self.rest = rest;
        Some(entry)
    }
}

/// Bytes before the entries.
const HEADER: usize = 20;
const MAGIC: [u8; 8] = *b"BATONMEM";
const VERSION: u16 = 1;

#[cfg(test)]
mod tests;
