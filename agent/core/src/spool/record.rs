//! What a chain is made of.

use super::crc32c;
use serde::{Deserialize, Serialize, Serializer};

/// Most client bytes in one record: as many as a block of the pool, which is what they come in.
pub const PIECE: usize = 16 * 1024;

/// Most bytes of one record: a whole piece, its frame, and what postcard adds.
pub const MAX_RECORD: usize = PIECE + 64;

/// First bytes of a record: where to look for the next one behind a damaged one.
pub(super) const MARK: [u8; 2] = [0xb5, 0x0a];

/// Bytes before a payload.
pub(super) const FRAME: usize = 12;

/// One entry of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// Whose chain this is: first in each of its segments.
    #[serde(borrow)]
    Opened(Opened<'a>),
    /// The client's bytes from `offset` on.
    Data {
        /// Place of the first one in the file.
        offset: u64,
        /// At most [`PIECE`].
        #[serde(serialize_with = "as_bytes")]
        bytes: &'a [u8],
    },
    /// All of it is here: once this is durable, the client is told so.
    Committed {
        /// Length of the file.
        total: u64,
        /// Of the whole file.
        sha256: [u8; 32],
    },
    /// It is on its way, or about to be.
    Delivering {
        /// Bytes that the upstream has for good: those below may be gone here.
        acked: u64,
        /// The upstream's URL for it, once it has one; `None` leaves the last one.
        location: Option<&'a str>,
    },
    /// The upstream refused for good: kept until an operator decides.
    Failed {
        /// HTTP status; 0 where there was none.
        status: u16,
        /// For the operator.
        reason: &'a str,
    },
    /// Another try is wanted, from the beginning.
    Retried,
    /// Nothing of it is needed any more: delivered, or its loss is in the ledger.
    Ended,
    /// In the ledger: an upload that had been acknowledged will not arrive.
    Lost(Loss<'a>),
    /// In the ledger: the sums so far, first in each of its segments behind [`Self::Opened`].
    Tally(Tally),
}

/// What is known of an upload at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened<'a> {
    /// Decoded path without its leading slash.
    pub name: &'a str,
    /// Media type.
    pub content_type: &'a str,
    /// What the client brought to prove that it may.
    pub token: Token<'a>,
    /// Who sent it, for display.
    pub client: &'a str,
    /// Its length, if the client said so.
    pub total: Option<u64>,
    /// RFC 9218 section 4.1: 0 goes first, 7 last.
    pub urgency: u8,
    /// Wall clock in seconds since 1970, for display: a box without a battery may be wrong.
    pub at_s: u64,
}

/// A client's own proof that it may upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Token<'a> {
    /// None that must be passed on: the agent signs.
    None,
    /// A query string.
    Query(&'a str),
    /// An Authorization header's value.
    Header(&'a str),
}

/// An upload that was acknowledged and will not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss<'a> {
    /// Its chain.
    pub id: u64,
    /// Its name.
    pub name: &'a str,
    /// Its length.
    pub total: u64,
    /// When, by the wall clock, in seconds since 1970.
    pub at_s: u64,
    /// Why.
    pub cause: Cause,
}

/// Why an acknowledged upload will not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// It made room for a younger one.
    Evicted,
    /// An operator dropped it.
    Dropped,
    /// Its bytes on disk are not what they were.
    Damaged,
}

impl Cause {
    /// The name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Dropped => "dropped",
            Self::Damaged => "damaged",
        }
    }
}

/// Sums over the life of the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Bytes that were written to the disk.
    pub written_bytes: u64,
    /// Flushes of files and of the folder.
    pub flushes: u64,
    /// Acknowledged uploads that made room.
    pub evicted: u64,
    /// Acknowledged uploads that an operator dropped.
    pub dropped: u64,
    /// Acknowledged uploads that were damaged on disk.
    pub damaged: u64,
    /// Chains below this were used: a number is never used twice.
    pub next_chain: u64,
}

/// A record does not fit: a name or a token is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl core::fmt::Display for TooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("its name and token are too long to be spooled")
    }
}

/// Writes a record with its frame; its length in `buf`.
pub fn encode(buf: &mut [u8], salt: u64, seq: u32, record: &Record<'_>) -> Result<usize, TooLong> {
    let (frame, room) = buf.split_at_mut_checked(FRAME).ok_or(TooLong)?;
    let payload = postcard::to_slice(record, room).map_err(|_| TooLong)?;
    let len = u16::try_from(payload.len()).map_err(|_| TooLong)?;
    if FRAME + payload.len() > MAX_RECORD {
        return Err(TooLong);
    }
    frame[..2].copy_from_slice(&MARK);
    frame[2..4].copy_from_slice(&len.to_le_bytes());
    frame[4..8].copy_from_slice(&seq.to_le_bytes());
    let crc = crc32c(&[&salt.to_le_bytes(), &frame[..8], payload]);
    frame[8..].copy_from_slice(&crc.to_le_bytes());
    Ok(FRAME + usize::from(len))
}

/// Reads the record at the start of `bytes`, and its length with the frame. `None`: there is none.
pub(super) fn decode(bytes: &[u8], salt: u64) -> Option<(u32, Record<'_>, usize)> {
    let (frame, rest) = bytes.split_first_chunk::<FRAME>()?;
    let [m0, m1, l0, l1, s0, s1, s2, s3, c0, c1, c2, c3] = *frame;
    let payload = rest.get(..usize::from(u16::from_le_bytes([l0, l1])))?;
    let is_whole = [m0, m1] == MARK
        && crc32c(&[&salt.to_le_bytes(), &frame[..8], payload])
            == u32::from_le_bytes([c0, c1, c2, c3]);
    let record = is_whole.then(|| postcard::from_bytes(payload).ok()).flatten()?;
    Some((u32::from_le_bytes([s0, s1, s2, s3]), record, FRAME + payload.len()))
}

/// At once, where the default would go byte by byte; the wire format is the same.
fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}
