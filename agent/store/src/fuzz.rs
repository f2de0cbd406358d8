//! Doors to private parsers, for `tests/fuzz`. What is read is given back as it would be written.

use crate::{
    digest,
    info::Info,
    ledger,
    session::{Record, end_line},
};

/// The text of an upload's info file.
pub fn upload_info(text: &str) -> Option<String> {
    Info::decode(text).map(|info| info.encode())
}

/// The text of a chunked session's record.
pub fn session(text: &str) -> Option<String> {
    let record = Record::decode(text)?;
    let chunks: String = record.stored.iter().map(|number| format!("{number}\n")).collect();
    let end = end_line(record.state).map(|line| format!("{line}\n"));
    Some(format!("{}{chunks}{}", record.encode(), end.unwrap_or_default()))
}

/// The head of either with its right checksum.
pub fn sealed(body: &str) -> String {
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
