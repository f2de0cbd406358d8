//! Segments: the files that the spool is made of.

use baton_core::spool::Position;

/// A folder of segments. It is a handle: a clone is the same folder, and may be used by another
/// thread.
///
/// Everything here may wait for the device: it is called where waiting is allowed.
///
/// # What a power cut leaves
///
/// - What was appended before a [`Segment::sync`] that returned `Ok` stays as it is.
/// - Of what was appended since, any part may be there, in any order, and in between anything:
///   zeros, or what other files held before. The segment may be longer than what is there of it.
/// - Whether a segment exists that was created or removed since the last [`Segments::sync`] is
///   open, for each of them by itself. Its content obeys the rules above.
///
/// A process that is killed without a power cut loses nothing that a call had returned from.
pub trait Segments: Clone + Send + 'static {
    /// What goes wrong.
    type Error: crate::Error + Send + 'static;
    /// One of the files.
    type Segment: Segment<Error = Self::Error>;

    /// Creates an empty segment. One that is there already is an error.
    fn create(&self, at: Position) -> Result<Self::Segment, Self::Error>;

    /// Opens a segment that is there; `ErrorKind::Missing` if it is not.
    fn open(&self, at: Position) -> Result<Self::Segment, Self::Error>;

    /// Removes a segment; one that is not there is as good. Handles that are open stay readable.
    fn remove(&self, at: Position) -> Result<(), Self::Error>;

    /// Tells every segment there is, by position, with its length, in any order. Foreign files are
    /// overlooked. After an error, some were told.
    fn list(&self, found: &mut dyn FnMut(Position, u64)) -> Result<(), Self::Error>;

    /// Makes creations and removals survive a power cut. After an error, which of them do is open.
    fn sync(&self) -> Result<(), Self::Error>;
}

/// One segment. It only ever grows.
pub trait Segment: Send {
    /// What goes wrong.
    type Error: crate::Error;

    /// Puts `bytes` behind what is there: `ErrorKind::Full` if the device has no room. After an
    /// error, some of them may be there: append nothing more, begin another segment.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Makes what was appended survive a power cut. After an error it may never do so, whatever a
    /// later call says: what was appended since the last success is lost.
    fn sync(&mut self) -> Result<(), Self::Error>;

    /// Fills `buf` from `at` on; less only at the end of the segment.
    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<usize, Self::Error>;
}
