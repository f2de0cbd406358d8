//! The spool on disk: its format, and what its records add up to.
//!
//! A spooled upload is a *chain* of segments, files of a bounded size that hold records. A chain
//! is only ever appended to; what it stands for is the fold of its records ([`Chain`]). Chain 0 is
//! the [`Ledger`]: what was lost, and how much was ever written.
//!
//! # The order of things
//!
//! - *Taking in*: append the data and [`Record::Committed`], flush the segments and their folder,
//!   acknowledge to the client.
//! - *Delivering*: append [`Record::Delivering`] before the first byte leaves, so that a copy found
//!   upstream after a crash is known to be ours; on progress, the watermark, a flush, and only then
//!   are segments below it removed.
//! - *Ending*: append [`Record::Ended`], flush, remove the other segments, flush the folder, remove
//!   the segment with the record, flush the folder. So no crash leaves a chain that looks alive.
//! - *Losing* (an eviction, damage): [`Record::Lost`] into the ledger and a flush come first.
//!
//! # Bytes, version 1
//!
//! All integers are little-endian. A segment is a header and records, each right after the one
//! before:
//!
//! | at | bytes | of the header |
//! |---|---|---|
//! | 0 | 8 | `BATONSPL` |
//! | 8 | 2 | version: 1 |
//! | 10 | 2 | zero |
//! | 12 | 4 | position of the segment in its chain |
//! | 16 | 8 | the chain |
//! | 24 | 8 | salt: random, so that no record of an older file passes for one of this |
//! | 32 | 4 | sequence number of its first record |
//! | 36 | 4 | CRC32C of bytes 0..36 |
//!
//! | at | bytes | of a record |
//! |---|---|---|
//! | 0 | 2 | `B5 0A` |
//! | 2 | 2 | length of the payload |
//! | 4 | 4 | sequence number: counts the chain's records |
//! | 8 | 4 | CRC32C of the salt, bytes 0..8, and the payload |
//! | 12 | n | payload: a [`Record`] in [postcard](https://postcard.jamesmunns.com)'s wire format |
//!
//! Every segment begins with a [`Record::Opened`], so each says by itself whose it is. A new
//! variant of [`Record`] or a new field is a new version; a version that is not known is not
//! touched.

mod chain;
mod crc;
mod ledger;
mod policy;
mod record;
mod segment;

pub use chain::{Chain, Standing};
pub use crc::crc32c;
pub use ledger::{LEDGER, Ledger};
pub use policy::{Eviction, Urgency, precedence};
pub use record::{Cause, Loss, MAX_RECORD, Opened, PIECE, Record, Tally, Token, TooLong, encode};
pub use segment::{BadHeader, HEADER, Header, Position, Records, Step, VERSION};

#[cfg(test)]
mod tests;
