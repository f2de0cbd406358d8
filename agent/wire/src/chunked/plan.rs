//! How a file is cut into chunks, and what a session is known by.

use core::fmt;
use heapless::String;

/// A file and the length of its chunks, but for the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    size: u64,
    chunk_size: u64,
}

/// A session's name. Whoever knows it may learn the file's, so its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(String<64>);

/// What a server opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// How the file is cut.
    pub plan: Plan,
}

impl Plan {
    /// A plan with chunks of `chunk_size` bytes; none where that is 0, or where there would be more
    /// chunks than `u32` numbers.
    pub fn new(size: u64, chunk_size: u64) -> Option<Self> {
        let plan = Self { size, chunk_size };
        (chunk_size > 0 && u32::try_from(plan.counted()).is_ok()).then_some(plan)
    }

    /// Length of the whole file.
    pub const fn size(self) -> u64 {
        self.size
    }

    /// Length of every chunk but the last.
    pub const fn chunk_size(self) -> u64 {
        self.chunk_size
    }

    /// How many chunks there are to send. An empty file has one, or it would never be assembled.
    pub fn chunks(self) -> u32 {
        u32::try_from(self.counted().max(1)).expect("checked when it was made")
    }

    /// How many chunks the server says there are: none of an empty file.
    pub(super) const fn counted(self) -> u64 {
        self.size.div_ceil(self.chunk_size)
    }

    /// Where in the file a chunk begins, and how long it is; `None` if there is no such chunk.
    pub fn range(self, chunk: u32) -> Option<(u64, u64)> {
        if chunk >= self.chunks() {
            return None;
        }
        let start = u64::from(chunk) * self.chunk_size;
        Some((start, self.chunk_size.min(self.size - start)))
    }
}

impl SessionId {
    /// A name of up to 64 letters, digits, `-` and `_`: all that servers give, and harmless in a
    /// path, a query and a field.
    pub fn new(id: &str) -> Option<Self> {
        let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        (!id.is_empty() && is_plain).then(|| id.try_into().ok().map(Self)).flatten()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_cut_into_whole_chunks_and_a_rest() {
        let plan = Plan::new(11, 5).unwrap();

        assert_eq!(plan.chunks(), 3);
        let ranges = (0..4).map(|chunk| plan.range(chunk));
        assert!(ranges.eq([Some((0, 5)), Some((5, 5)), Some((10, 1)), None]));
    }

    #[test]
    fn an_empty_file_has_one_empty_chunk_that_the_server_does_not_count() {
        let plan = Plan::new(0, 5).unwrap();

        assert_eq!((plan.chunks(), plan.counted()), (1, 0));
        assert_eq!((plan.range(0), plan.range(1)), (Some((0, 0)), None));
    }

    #[test]
    fn a_plan_that_can_not_be_numbered_is_none() {
        assert_eq!(Plan::new(5, 0), None);
        assert_eq!(Plan::new(u64::MAX, 1), None);
        assert_eq!(Plan::new(u64::MAX, u64::MAX).map(Plan::chunks), Some(1));
    }

    #[test]
    fn ids_that_would_mean_something_elsewhere_are_none() {
        for id in ["sess_0123456789abcdef", "a", "A-9", &"x".repeat(64)] {
            assert_eq!(SessionId::new(id).as_ref().map(SessionId::as_str), Some(id));
        }
        for id in ["", "..", "../x", "a/b", "a b", "a&b", "a\r\nb", "ä", &"x".repeat(65)] {
            assert_eq!(SessionId::new(id), None, "{id}");
        }
        assert_eq!(format!("{:?}", SessionId::new("s3cret")), "Some(SessionId)");
    }

    proptest! {
        #[test]
        fn the_chunks_are_the_file(size in 0u64..10_000, chunk_size in 1u64..3000) {
            let plan = Plan::new(size, chunk_size).unwrap();
            let mut end = 0;
            for chunk in 0..plan.chunks() {
                let (start, length) = plan.range(chunk).unwrap();
                prop_assert_eq!(start, end);
                end += length;
            }
            prop_assert_eq!(end, size);
        }
    }
}
