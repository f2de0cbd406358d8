//! One resumable upload: its offset, and who may append.

use crate::{
    info::{Info, State},
    name::Name,
    quota::{OverQuota, Room},
    user::User,
};
use baton_hal::Id;
use baton_wire::tus::fence::{Fence, Verdict};
use core::{
    cell::{Cell, RefCell},
    time::Duration,
};
use std::{fs::File, io, os::unix::fs::FileExt, rc::Rc};
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, sleep},
};

/// An upload as the registry holds it. While it grows, its work file holds exactly
/// [`Upload::stored`] bytes.
pub(crate) struct Upload {
    pub(crate) id: Id,
    pub(crate) name: Name,
    pub(crate) user: User,
    pub(crate) length: Cell<Option<u64>>,
    pub(crate) state: Cell<State>,
    /// Bytes known to be on the disk.
    pub(crate) synced: Cell<u64>,
    /// When anything last changed, for expiry. Not by the wall clock: that may jump by years
    /// when a machine without a battery learns the time.
    pub(crate) touched: Cell<Instant>,
    /// Held while the file is put in its place or removed.
    pub(crate) ending: Mutex<()>,
    /// What it may take of the quotas, until it ends.
    pub(crate) room: RefCell<Option<Room>>,
    fence: RefCell<Fence<u64>>,
    /// How often bytes that had been taken were lost.
    losses: Cell<u64>,
    turns: Cell<u64>,
    turn_lost: Notify,
}

/// What an append says of itself before its first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intent {
    /// `Upload-Offset`.
    pub(crate) offset: u64,
    /// The body's length, unless it is chunked.
    pub(crate) body: Option<u64>,
    /// `Upload-Length`, where the length was deferred.
    pub(crate) declares: Option<u64>,
}

/// Why an append is not taken. Nothing was disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its offset is not the stored one.
    Offset,
    /// It is more, or declares more, than the upload may have.
    TooLarge,
    /// It contradicts the length that was declared before, or its own offset.
    Length,
    /// The length that it declares is beyond a quota.
    OverQuota(OverQuota),
    /// The upload has ended otherwise.
    Ended(State),
}

/// Why bytes of an append are not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Another append has taken over, or the upload has ended.
    Fenced,
    /// More than the upload may have.
    TooLarge,
    /// More than the user may have.
    OverQuota(OverQuota),
    /// The disk refused. What was written before stays.
    Io(io::Error),
}

impl Upload {
    /// An upload of which `stored` bytes are there.
    pub(crate) fn new(id: Id, info: Info, stored: u64, touched: Instant) -> Self {
        Self {
            id,
            name: info.name,
            user: info.user,
            length: Cell::new(info.length),
            state: Cell::new(info.state),
            synced: Cell::new(0),
            touched: Cell::new(touched),
            ending: Mutex::new(()),
            room: RefCell::default(),
            fence: RefCell::new(Fence::new(stored)),
            losses: Cell::new(0),
            turns: Cell::new(0),
            turn_lost: Notify::new(),
        }
    }

    /// What the file beside the bytes should say.
    pub(crate) fn info(&self) -> Info {
        Info {
            name: self.name.clone(),
            length: self.length.get(),
            state: self.state.get(),
            user: self.user.clone(),
        }
    }

    /// Bytes written: what an append must continue at.
    pub(crate) fn stored(&self) -> u64 {
        self.fence.borrow().stored()
    }

    /// Whether all bytes are there and the file is not yet in its place.
    pub(crate) fn is_full(&self) -> bool {
        self.state.get() == State::Growing && self.length.get() == Some(self.stored())
    }

    /// Whether nobody appends.
    pub(crate) fn is_idle(&self) -> bool {
        self.fence.borrow().holder().is_none()
    }

    /// Compare and swap: an append at the stored offset takes the upload over from whoever is
    /// appending; any other is refused and disturbs nobody.
    pub(crate) fn take_over(self: &Rc<Self>, intent: Intent, max: u64) -> Result<Turn, Refused> {
        match self.state.get() {
            State::Growing | State::Placed => {}
            ended @ (State::Refused | State::Expired) => return Err(Refused::Ended(ended)),
        }
        let length = match (self.length.get(), intent.declares) {
            (Some(known), Some(declared)) if known != declared => return Err(Refused::Length),
            (None, Some(declared)) if declared < intent.offset => return Err(Refused::Length),
            (None, Some(declared)) if declared > max => return Err(Refused::TooLarge),
            (known, declared) => known.or(declared),
        };
        let limit = length.unwrap_or(max);
        // An offset beyond the limit is not the stored one either.
        let room = limit.checked_sub(intent.offset).ok_or(Refused::Offset)?;
        if intent.body.is_some_and(|body| body > room) {
            return Err(Refused::TooLarge);
        }
        if self.length.get() != length {
            self.make_room(intent.declares.unwrap_or_default()).map_err(Refused::OverQuota)?;
        }
        let id = self.turns.get() + 1;
        self.turns.set(id);
        match self.fence.borrow_mut().append(id, intent.offset) {
            Verdict::Granted { .. } => {}
            // Writes here are over before anyone else has a say, so there is no waiting for one.
            Verdict::Conflict { .. } | Verdict::Wait => return Err(Refused::Offset),
        }
        self.turn_lost.notify_waiters();
        self.length.set(length);
        let reached = Cell::new(intent.offset);
        Ok(Turn { upload: Rc::clone(self), id, limit, reached, losses: self.losses.get() })
    }

    fn make_room(&self, bytes: u64) -> Result<(), OverQuota> {
        self.room.borrow_mut().as_mut().map_or(Ok(()), |room| room.grow_to(bytes))
    }

    /// Waits for the stored offset to grow to `offset`, as long as it grows. The bytes were sent
    /// over a connection that is gone by now: what the network still holds of them arrives, or not.
    pub(crate) async fn await_offset(&self, offset: u64) {
        let end = Instant::now() + LANDING;
        while self.state.get() == State::Growing
            && self.stored() < offset
            && self.touched.get().elapsed() < STILL
            && Instant::now() < end
        {
            sleep(GLANCE).await;
        }
    }

    /// Ends the upload; whoever is appending is told.
    pub(crate) fn end(&self, state: State, now: Instant) {
        self.state.set(state);
        self.touched.set(now);
        self.room.take();
        self.move_to(self.stored());
    }

    /// Sets the offset, since bytes were lost; whoever is appending is told that it is no longer
    /// theirs.
    pub(crate) fn rewind(&self, stored: u64) {
        self.losses.set(self.losses.get() + 1);
        self.move_to(stored);
    }

    /// The same without a loss: others have brought it there.
    pub(crate) fn move_to(&self, stored: u64) {
        self.fence.replace(Fence::new(stored));
        self.turn_lost.notify_waiters();
    }

    /// Whether none of a turn's bytes were lost since.
    pub(crate) fn has_kept(&self, receipt: Receipt) -> bool {
        self.losses.get() == receipt.losses
    }
}

/// The right to append, until somebody else takes it or it is dropped.
pub(crate) struct Turn {
    upload: Rc<Upload>,
    id: u64,
    limit: u64,
    reached: Cell<u64>,
    losses: u64,
}

/// What was written in a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipt {
    /// The offset behind the last byte.
    pub(crate) reached: u64,
    losses: u64,
}

impl Turn {
    /// What was written so far.
    pub(crate) fn receipt(&self) -> Receipt {
        Receipt { reached: self.reached.get(), losses: self.losses }
    }

    /// Resolves when the turn is lost.
    pub(crate) async fn lost(&self) {
        while self.is_held() {
            self.upload.turn_lost.notified().await;
        }
    }

    fn is_held(&self) -> bool {
        self.upload.fence.borrow().holder() == Some(self.id)
    }

    /// Appends `bytes`. After an error what was written of them stays and counts.
    pub(crate) fn write(&self, file: &File, bytes: &[u8], now: Instant) -> Result<(), WriteError> {
        self.write_with(bytes, now, |fitting, start| write_at(file, fitting, start))
    }

    /// The same by `write`, which is told the bytes and where the first of them belongs, and tells
    /// how many it has written and why not all.
    pub(crate) fn write_with(
        &self,
        bytes: &[u8],
        now: Instant,
        write: impl FnOnce(&[u8], u64) -> (usize, io::Result<()>),
    ) -> Result<(), WriteError> {
        let mut fence = self.upload.fence.borrow_mut();
        let at = fence.stored();
        let room = usize::try_from(self.limit.saturating_sub(at)).unwrap_or(usize::MAX);
        let fitting = bytes.len().min(room);
        if self.upload.length.get().is_none() {
            self.upload.make_room(at + fitting as u64).map_err(WriteError::OverQuota)?;
        }
        let start = fence.write(self.id).map_err(|_| WriteError::Fenced)?;
        let (count, result) = write(&bytes[..fitting], start);
        fence.wrote(count as u64);
        self.reached.set(fence.stored());
        self.upload.touched.set(now);
        result.map_err(WriteError::Io)?;
        if fitting < bytes.len() { Err(WriteError::TooLarge) } else { Ok(()) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.upload.fence.borrow_mut().release(self.id);
    }
}

/// Bytes that come no sooner come no more. 20 ms: at 1 Mbit/s a full frame takes 12.
const STILL: Duration = Duration::from_millis(20);

/// The longest queue worth waiting for.
const LANDING: Duration = Duration::from_secs(1);

/// How late the end of such a wait may be noticed.
const GLANCE: Duration = Duration::from_millis(1);

/// Writes all it can; how much that was, and why it was not everything.
fn write_at(file: &File, bytes: &[u8], start: u64) -> (usize, io::Result<()>) {
    let mut count = 0;
    while count < bytes.len() {
        match file.write_at(&bytes[count..], start + count as u64) {
            Ok(0) => return (count, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (count, Err(error)),
        }
    }
    (count, Ok(()))
}
