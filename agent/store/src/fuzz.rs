//! Doors to private parsers, for `tests/fuzz`. What is read is given back as it would be written.

use crate::{digest, info::Info, ledger};

/// The text of an upload's info file.
pub fn upload_info(text: &str) -> Option<String> {
    Info::decode(text).map(|info| info.encode())
}

/// The same with its right checksum.
pub fn sealed_info(body: &str) -> String {
    format!("{body}check {}\n", digest::check(body))
}

/// A line of the ledger.
pub fn ledger_line(line: &str) -> Option<String> {
    ledger::decode(line).map(|entry| ledger::encode(&entry))
}

/// The same with its right checksum.
pub fn sealed_line(body: &str) -> String {
    format!("{body}{}", digest::check(body))
}
