//! What tells one content of a file from any other under the same name.

use core::fmt;
use std::{fs::Metadata, os::unix::fs::MetadataExt};

/// Inode, size and time of the last change. Stored files are replaced, never rewritten, so a file
/// that still bears its mark still has its content, unless somebody forged the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    ino: u64,
    pub(crate) size: u64,
    mtime_s: i64,
    mtime_ns: i64,
}

impl Mark {
    /// The mark of the file that `meta` is about.
    pub(crate) fn of(meta: &Metadata) -> Self {
        let (mtime_s, mtime_ns) = (meta.mtime(), meta.mtime_nsec());
        Self { ino: meta.ino(), size: meta.len(), mtime_s, mtime_ns }
    }

    /// Whether it may be of the same file, or of a copy that kept the time: one from a backup, say.
    pub(crate) fn is_kept_by(self, other: Self) -> bool {
        let without_place = |mark: Self| (mark.size, mark.mtime_s, mark.mtime_ns);
        without_place(self) == without_place(other)
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut part = || u64::from_str_radix(parts.next()?, 16).ok();
        let (ino, size, s, ns) = (part()?, part()?, part()?, part()?);
        let whole = parts.next().is_none();
        whole.then_some(Self { ino, size, mtime_s: s as i64, mtime_ns: ns as i64 })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ino, size, mtime_s, mtime_ns } = self;
        write!(f, "{ino:x}-{size:x}-{mtime_s:x}-{mtime_ns:x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_nothing_else_is_one() {
        for mtime_s in [0, 1_800_000_000, -1] {
            let mark = Mark { ino: 12, size: u64::MAX, mtime_s, mtime_ns: 999_999_999 };
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
        for other in ["", "1-2-3", "1-2-3-4-5", "1-2-3-x", "1--2-3", "-1-2-3-4"] {
            assert_eq!(Mark::parse(other), None, "{other}");
        }
    }
}
