//! One chunked session: a file whose parts come in any order.
//!
//! Its record is a small file beside the bytes:
//!
//! ```text
//! baton session 1
//! name a/b.jpg
//! user ann
//! size 10485761
//! chunk 5242880
//! check 0123456789abcdef  first 8 bytes of the SHA-256 of all lines above
//! 2                       a chunk that is there
//! 0
//! placed                  or `refused`: how it ended
//! ```
//!
//! Lines are appended, each once its chunk is on the disk; an incomplete last line is none.

use crate::{digest, info::State, name::Name, quota::Room, user::User};
use baton_hal::Id;
use baton_wire::chunked::Plan;
use core::cell::{Cell, RefCell};
use std::{collections::BTreeSet, fs::File, io, os::unix::fs::FileExt, rc::Rc, sync::Arc};
use tokio::{sync::Mutex, time::Instant};

const HEADER: &str = "baton session 1";

/// A session as the registry holds it.
pub(crate) struct Session {
    pub(crate) id: Id,
    pub(crate) name: Name,
    pub(crate) user: User,
    pub(crate) plan: Plan,
    pub(crate) state: Cell<State>,
    /// When anything last changed, for expiry.
    pub(crate) touched: Cell<Instant>,
    /// Held while a chunk is recorded, or the file put in its place or removed.
    pub(crate) ending: Mutex<()>,
    /// What it may take of the quotas, until it ends.
    pub(crate) room: RefCell<Option<Room>>,
    stored: RefCell<BTreeSet<u32>>,
    writers: Cell<u32>,
}

/// What a record tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: Name,
    pub(crate) user: User,
    pub(crate) plan: Plan,
    pub(crate) stored: BTreeSet<u32>,
    pub(crate) state: State,
}

/// One copy of a chunk on its way. Several may be: any of them may be the first that is whole.
pub(crate) struct Copy {
    session: Rc<Session>,
    number: u32,
    file: Arc<File>,
    start: u64,
    length: u64,
    done: Cell<u64>,
}

/// Why bytes of a chunk are not written.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// The chunk is there by another copy, or the session has ended.
    Needless,
    /// More than a chunk has.
    TooLong,
    /// The disk refused.
    Io(io::Error),
}

impl Session {
    /// The session that `record` tells of.
    pub(crate) fn new(id: Id, record: Record, touched: Instant) -> Rc<Self> {
        let Record { name, user, plan, stored, state } = record;
        Rc::new(Self {
            id,
            name,
            user,
            plan,
            state: Cell::new(state),
            touched: Cell::new(touched),
            ending: Mutex::new(()),
            room: RefCell::default(),
            stored: RefCell::new(stored),
            writers: Cell::new(0),
        })
    }

    /// Whether a chunk is there.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.stored.borrow().contains(&number)
    }

    /// A chunk is on the disk, and recorded.
    pub(crate) fn stored(&self, number: u32) {
        self.stored.borrow_mut().insert(number);
    }

    /// How many chunks are there.
    pub(crate) fn chunks(&self) -> u32 {
        u32::try_from(self.stored.borrow().len()).unwrap_or(u32::MAX)
    }

    /// How many bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let length = |number: &u32| self.plan.range(*number).map_or(0, |(_, length)| length);
        self.stored.borrow().iter().map(length).sum()
    }

    /// Whether all bytes are there and the file is not yet in its place.
    pub(crate) fn is_full(&self) -> bool {
        self.state.get() == State::Growing && self.chunks() == self.plan.chunks()
    }

    /// Whether nobody sends a chunk.
    pub(crate) fn is_idle(&self) -> bool {
        self.writers.get() == 0
    }

    /// Begins to write a chunk to `file`; `None` if the plan has no such chunk.
    pub(crate) fn copy(self: &Rc<Self>, number: u32, file: File) -> Option<Copy> {
        let (start, length) = self.plan.range(number)?;
        self.writers.set(self.writers.get() + 1);
        let (session, file) = (Rc::clone(self), Arc::new(file));
        Some(Copy { session, number, file, start, length, done: Cell::new(0) })
    }
}

impl Copy {
    /// Which chunk it is of.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The file that it is written to.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Whether all of it was written.
    pub(crate) fn is_whole(&self) -> bool {
        self.done.get() == self.length
    }

    /// Writes the next bytes. Nothing is written to a chunk that is there.
    pub(crate) fn write(&self, bytes: &[u8], now: Instant) -> Result<(), CopyError> {
        let session = &self.session;
        if session.has(self.number) || session.state.get() != State::Growing {
            return Err(CopyError::Needless);
        }
        let done = self.done.get();
        if bytes.len() as u64 > self.length - done {
            return Err(CopyError::TooLong);
        }
        self.file.write_all_at(bytes, self.start + done).map_err(CopyError::Io)?;
        self.done.set(done + bytes.len() as u64);
        session.touched.set(now);
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.session.writers.set(self.session.writers.get() - 1);
    }
}

impl Record {
    /// The record of a session that begins.
    pub(crate) fn encode(&self) -> String {
        let (name, user, plan) = (self.name.as_str(), self.user.as_str(), self.plan);
        let (size, chunk) = (plan.size(), plan.chunk_size());
        let body = format!("{HEADER}\nname {name}\nuser {user}\nsize {size}\nchunk {chunk}\n");
        let check = digest::check(&body);
        format!("{body}check {check}\n")
    }

    /// Reads a record; `None` if its head is torn or foreign.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let (text, _torn) = text.rsplit_once('\n')?;
        let mut lines = text.split('\n');
        let mut body = String::new();
        let mut field = |prefix: &str| {
            let line = lines.next()?;
            body.push_str(line);
            body.push('\n');
            line.strip_prefix(prefix)
        };
        field(HEADER).filter(|rest| rest.is_empty())?;
        let name = Name::parse(field("name ")?).ok()?;
        let user = User::parse(field("user ")?).ok()?;
        let (size, chunk) = (field("size ")?.parse().ok()?, field("chunk ")?.parse().ok()?);
        let plan = Plan::new(size, chunk)?;
        if lines.next()?.strip_prefix("check ")? != digest::check(&body) {
            return None;
        }
        let (mut stored, mut state) = (BTreeSet::new(), State::Growing);
        for line in lines {
            match (line, line.parse()) {
                (PLACED, _) => state = State::Placed,
                (REFUSED, _) => state = State::Refused,
                // A line that a power loss has spoilt.
                (_, number) => stored.extend(number.ok().filter(|&n| plan.range(n).is_some())),
            }
        }
        Some(Self { name, user, plan, stored, state })
    }
}

/// The line that says how a session ended.
pub(crate) fn end_line(state: State) -> Option<&'static str> {
    match state {
        State::Placed => Some(PLACED),
        State::Refused => Some(REFUSED),
        State::Growing | State::Expired => None,
    }
}

const PLACED: &str = "placed";
const REFUSED: &str = "refused";

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            name: Name::parse("a/ö b.jpg").unwrap(),
            user: User::parse("ann").unwrap(),
            plan: Plan::new(11, 5).unwrap(),
            stored: BTreeSet::new(),
            state: State::Growing,
        }
    }

    #[test]
    fn version_1_on_the_disk_stays_readable() {
        let golden = "baton session 1\nname a/ö b.jpg\nuser ann\nsize 11\nchunk 5\ncheck ";
        let text = record().encode();

        assert!(text.starts_with(golden) && text.len() == golden.len() + 17, "{text}");
        assert_eq!(Record::decode(&text), Some(record()));
        let ended = Record::decode(&format!("{text}2\n0\n1\nplaced\n")).unwrap();
        assert_eq!((ended.stored, ended.state), (BTreeSet::from([0, 1, 2]), State::Placed));
    }

    #[test]
    fn a_torn_line_and_a_chunk_that_can_not_be_are_passed_over() {
        let text = record().encode();
        for (tail, stored) in
            [("1", &[][..]), ("1\n2", &[1]), ("1\n\0\0\n2\n", &[1, 2]), ("3\n0\n", &[0])]
        {
            let read = Record::decode(&format!("{text}{tail}")).unwrap();
            assert!(read.stored.iter().eq(stored), "{tail:?}");
        }
    }

    #[test]
    fn a_head_torn_or_changed_anywhere_is_refused() {
        let text = record().encode();
        for cut in 0..text.len() {
            assert_eq!(Record::decode(&String::from_utf8_lossy(&text.as_bytes()[..cut])), None);
        }
        for at in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(Record::decode(&String::from_utf8_lossy(&bytes)), None, "byte {at}");
        }
    }
}
