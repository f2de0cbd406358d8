//! What the object store holds of one upload.

use super::remote::Remote;
use crate::info::State;
use core::time::Duration;
use futures_util::TryStreamExt;
use object_store::{ObjectMeta, path::Path};
use std::{io, time::SystemTime};

/// The objects of an upload, as a list of its folder shows them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Says what the upload is; without it there is none.
    pub(super) has_info: bool,
    /// Says the length that was declared after the beginning.
    pub(super) has_length: bool,
    /// Says how it ended, and when that was.
    pub(super) ended: Option<SystemTime>,
    /// When the youngest object was created.
    pub(super) touched: Option<SystemTime>,
    /// The bytes, in order and without a gap.
    pub(super) pieces: Vec<Piece>,
}

/// Some bytes of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) path: Path,
    pub(super) at: u64,
    pub(super) length: u64,
}

impl Seen {
    /// Looks at an upload's folder.
    pub(super) async fn of(remote: &Remote, folder: &Path) -> io::Result<Self> {
        let mut seen = Self::default();
        let mut objects = remote.list(folder);
        while let Some(object) = objects.try_next().await? {
            seen.add(object);
        }
        Ok(seen)
    }

    /// Takes in the next object. They come in the order of their names, and so of their offsets.
    pub(super) fn add(&mut self, object: ObjectMeta) {
        let modified = SystemTime::from(object.last_modified);
        self.touched = self.touched.max(Some(modified));
        match object.location.filename().unwrap_or_default() {
            INFO => self.has_info = true,
            LENGTH => self.has_length = true,
            END => self.ended = Some(modified),
            leaf => {
                let at = leaf.strip_prefix('p').and_then(|digits| digits.parse().ok());
                // What does not continue it is no part of it: the rest of an upload that is
                // being removed.
                if at == Some(self.reached()) {
                    let (at, length) = (self.reached(), object.size);
                    self.pieces.push(Piece { path: object.location, at, length });
                }
            }
        }
    }

    /// Where the next byte belongs.
    pub(super) fn reached(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.at + piece.length)
    }

    /// Whether nothing was created for so long.
    pub(super) fn is_older_than(&self, age: Duration, now: SystemTime) -> bool {
        let since = |then| now.duration_since(then).unwrap_or_default();
        self.touched.is_some_and(|touched| since(touched) >= age)
    }
}

/// The names of an upload's objects in its folder.
pub(super) const INFO: &str = "info";
pub(super) const LENGTH: &str = "length";
pub(super) const END: &str = "end";

/// The name of the piece whose first byte is at `offset`: names sort as offsets do.
pub(super) fn leaf(offset: u64) -> String {
    format!("p{offset:020}")
}

/// How the upload ended, from the object that says so.
pub(super) async fn read_end(remote: &Remote, folder: &Path) -> io::Result<State> {
    let text = remote.read(&folder.clone().join(END)).await?;
    let state = core::str::from_utf8(&text).ok().and_then(State::parse);
    state.ok_or_else(|| torn(END))
}

/// The length that was declared, from the object that says so.
pub(super) async fn read_length(remote: &Remote, folder: &Path) -> io::Result<u64> {
    let text = remote.read(&folder.clone().join(LENGTH)).await?;
    let length = core::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
    length.ok_or_else(|| torn(LENGTH))
}

/// Objects are created whole: this one was not written by us.
pub(super) fn torn(leaf: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("an upload's object `{leaf}` is not ours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(leaf: &str, size: u64, at_s: u64) -> ObjectMeta {
        ObjectMeta {
            location: Path::from(format!("x/.baton/h/{leaf}")),
            last_modified: (SystemTime::UNIX_EPOCH + Duration::from_secs(at_s)).into(),
            size,
            e_tag: None,
            version: None,
        }
    }

    fn seen(objects: &[(&str, u64)]) -> Seen {
        let mut seen = Seen::default();
        objects.iter().for_each(|(leaf, size)| seen.add(object(leaf, *size, *size)));
        seen
    }

    #[test]
    fn pieces_count_as_far_as_they_continue_each_other() {
        let (first, second, beyond) = (leaf(0), leaf(10), leaf(31));
        let all = seen(&[("info", 50), (&first, 10), (&second, 20), (&beyond, 5)]);

        assert!(all.has_info && !all.has_length && all.ended.is_none());
        assert_eq!(all.reached(), 30);
        assert_eq!(all.pieces.iter().map(|piece| piece.at).collect::<Vec<_>>(), [0, 10]);
        assert_eq!(seen(&[(&second, 20)]).reached(), 0);
        assert_eq!(seen(&[("probe", 20), ("pieces", 7), ("p", 1)]).reached(), 0);
    }

    #[test]
    fn names_of_pieces_sort_as_their_offsets_do() {
        let offsets = [0, 1, 9, 10, 99, 1 << 20, u64::MAX - 1, u64::MAX];

        assert!(offsets.map(leaf).is_sorted());
        assert!(offsets.iter().all(|&at| leaf(at)[1..].parse() == Ok(at)));
    }

    #[test]
    fn the_youngest_object_tells_the_age() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let all = seen(&[("info", 50), ("length", 70)]);

        assert!(all.is_older_than(Duration::from_secs(30), now));
        assert!(!all.is_older_than(Duration::from_secs(31), now));
        assert!(!Seen::default().is_older_than(Duration::ZERO, now));
    }
}
