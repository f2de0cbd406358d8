//! All chunked sessions, in memory and in the work folder.
//!
//! A session is two work files: `ID.chunks`, with each chunk at its place, and `ID.session`, the
//! record (see [`crate::session`]). A chunk is flushed to the disk before it is recorded: a hole in
//! the file would go unnoticed, since nothing of this protocol is hashed.

use crate::{
    blocking::blocking,
    folder::{PlaceError, Placed},
    gate::Gate,
    info::State,
    options::{Options, Sync},
    session::{Copy, Record, Session, end_line},
    shelf::Shelf,
    storage::New,
    uploads::{Failure, on_our_clock},
};
use baton_hal::Id;
use baton_wire::chunked::Plan;
use core::{cell::RefCell, time::Duration};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    rc::Rc,
    sync::Arc,
    time::SystemTime,
};
use tokio::time::Instant;

/// How long the end of a session is remembered, for clients that missed the last answer.
const ENDS_KEPT: Duration = Duration::from_secs(3600);

const DATA: &str = ".chunks";
const RECORD: &str = ".session";

/// The registry.
pub(crate) struct Sessions {
    shelf: Arc<Shelf>,
    gate: Rc<Gate>,
    sync: Sync,
    chunk_size: u64,
    expire_after: Duration,
    by_id: RefCell<BTreeMap<Id, Rc<Session>>>,
}

impl Sessions {
    /// Finds the sessions that an earlier process left, and clears away its debris.
    pub(crate) fn open(shelf: Arc<Shelf>, gate: Rc<Gate>, options: &Options) -> io::Result<Self> {
        let mut by_id = BTreeMap::new();
        let leaves = shelf.folder().list_work()?;
        for id in leaves.iter().filter_map(|leaf| Id::parse(leaf.strip_suffix(RECORD)?)) {
            let Some(session) = recover(&shelf, id)? else { continue };
            if session.state.get() == State::Growing {
                let room = gate.admit_again(session.user.as_str(), session.plan.size());
                session.room.replace(Some(room));
            }
            by_id.insert(id, session);
        }
        for leaf in leaves {
            let Some((id, kind)) = leaf.split_at_checked(32) else { continue };
            let Some(id) = Id::parse(id) else { continue };
            let state = by_id.get(&id).map(|session| session.state.get());
            let is_needed =
                matches!((kind, state), (RECORD, Some(_)) | (DATA, Some(State::Growing)));
            let is_ours = [DATA, RECORD].iter().any(|ours| kind.starts_with(ours));
            if is_ours && !is_needed {
                shelf.folder().remove_work(&leaf)?;
            }
        }
        Ok(Self {
            shelf,
            gate,
            sync: options.sync,
            chunk_size: options.chunk_size,
            expire_after: options.expire_after,
            by_id: RefCell::new(by_id),
        })
    }

    /// Begins a session for a file of `size` bytes.
    pub(crate) async fn begin(&self, new: New, size: u64) -> Result<Rc<Session>, Failure> {
        let room = self.gate.admit(&new).await?;
        let plan = Plan::new(size, self.chunk_size).ok_or(Failure::TooLarge)?;
        let id = Id::random()?;
        let New { name, user, .. } = new;
        let record = Record { name, user, plan, stored: BTreeSet::new(), state: State::Growing };
        let (shelf, text) = (Arc::clone(&self.shelf), record.encode());
        let durable = self.sync == Sync::Always;
        blocking(move || {
            let folder = shelf.folder();
            folder.create_work(&data_leaf(id))?;
            let written = folder.write_work(&record_leaf(id), text.as_bytes(), durable);
            if written.is_err() {
                folder.remove_work(&data_leaf(id))?;
            }
            written
        })
        .await?;
        let session = Session::new(id, record, Instant::now());
        session.room.replace(room);
        self.by_id.borrow_mut().insert(id, Rc::clone(&session));
        Ok(session)
    }

    /// The session of that name, ended ones included.
    pub(crate) fn find(&self, id: Id) -> Option<Rc<Session>> {
        self.by_id.borrow().get(&id).cloned()
    }

    /// Begins to write a chunk; `None` if there is no such chunk.
    pub(crate) fn copy(&self, session: &Rc<Session>, number: u32) -> io::Result<Option<Copy>> {
        let file = self.shelf.folder().open_work(&data_leaf(session.id))?;
        Ok(session.copy(number, file))
    }

    /// Makes a chunk that was written whole durable, and records it.
    pub(crate) async fn record(&self, session: &Session, copy: Copy) -> Result<(), Failure> {
        let (id, number, file) = (session.id, copy.number(), copy.file());
        blocking(move || file.sync_data()).await?;
        let _ending = session.ending.lock().await;
        if session.has(number) {
            return Ok(());
        }
        if session.state.get() != State::Growing {
            return Err(Failure::Ended(session.state.get()));
        }
        let (shelf, durable) = (Arc::clone(&self.shelf), self.sync == Sync::Always);
        blocking(move || append(&shelf, id, &number.to_string(), durable)).await?;
        session.stored(number);
        session.touched.set(Instant::now());
        Ok(())
    }

    /// Puts a file of which all chunks are there in its place. How the session stands then.
    pub(crate) async fn settle(&self, session: &Session) -> Result<State, Failure> {
        let _ending = session.ending.lock().await;
        if !session.is_full() {
            return Ok(session.state.get());
        }
        let (id, shelf, now) = (session.id, Arc::clone(&self.shelf), SystemTime::now());
        let (name, user) = (session.name.clone(), session.user.clone());
        let placed = blocking(move || {
            let placed = match shelf.place(&data_leaf(id), &name, &user, now) {
                Ok(placed) => Some(placed),
                Err(PlaceError::Conflict) => None,
                Err(PlaceError::Unsynced(error) | PlaceError::Io(error)) => return Err(error),
            };
            let line = end_line(state_of(placed)).expect("it has ended");
            // As with uploads: the record tells the end before the data goes.
            let told = append(&shelf, id, line, false);
            if let Err(error) = told.and_then(|()| shelf.folder().remove_work(&data_leaf(id))) {
                tracing::warn!(session = %id.brief(), %error, "not cleared away");
            }
            Ok(placed)
        });
        let placed = placed.await?;
        if let Some(room) = session.room.take()
            && placed == Some(Placed::New)
        {
            room.keep(session.plan.size());
        }
        session.state.set(state_of(placed));
        session.touched.set(Instant::now());
        let (name, state) = (session.name.as_str(), session.state.get());
        tracing::info!(session = %session.id.brief(), name, ?state, "session ended");
        Ok(state)
    }

    /// Ends what waits for nothing but its name, and gives up what has waited too long.
    pub(crate) async fn sweep(&self, now: Instant) {
        let all: Vec<_> = self.by_id.borrow().values().cloned().collect();
        for session in all {
            let swept = if session.is_full() {
                self.settle(&session).await.map(drop)
            } else if session.is_idle() && self.due(&session) <= now {
                self.remove(&session).await.map_err(Failure::Io)
            } else {
                continue;
            };
            if let Err(error) = swept {
                tracing::warn!(session = %session.id.brief(), ?error, "not swept");
            }
        }
    }

    fn due(&self, session: &Session) -> Instant {
        let kept = match session.state.get() {
            State::Growing => self.expire_after,
            State::Placed | State::Refused | State::Expired => self.expire_after.min(ENDS_KEPT),
        };
        session.touched.get() + kept
    }

    async fn remove(&self, session: &Session) -> io::Result<()> {
        let _ending = session.ending.lock().await;
        self.by_id.borrow_mut().remove(&session.id);
        session.state.set(State::Expired);
        session.room.take();
        let (id, shelf) = (session.id, Arc::clone(&self.shelf));
        blocking(move || {
            shelf.folder().remove_work(&record_leaf(id))?;
            shelf.folder().remove_work(&data_leaf(id))
        })
        .await
    }
}

fn state_of(placed: Option<Placed>) -> State {
    if placed.is_some() { State::Placed } else { State::Refused }
}

/// Reads back one session. `None` where there is nothing to carry on from.
fn recover(shelf: &Shelf, id: Id) -> io::Result<Option<Rc<Session>>> {
    let folder = shelf.folder();
    let text = folder.read_work(&record_leaf(id))?;
    let Some(record) = Record::decode(&String::from_utf8_lossy(&text)) else { return Ok(None) };
    // What is torn must not become one line with the next.
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let record_file = folder.open_work(&record_leaf(id))?;
    let mut changed = record_file.metadata()?.modified()?;
    if whole < text.len() {
        record_file.set_len(whole as u64)?;
    }
    if record.state == State::Growing {
        match folder.open_work(&data_leaf(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            data => changed = changed.max(data?.metadata()?.modified()?),
        }
    }
    Ok(Some(Session::new(id, record, on_our_clock(changed))))
}

fn append(shelf: &Shelf, id: Id, line: &str, durable: bool) -> io::Result<()> {
    let mut file = shelf.folder().append_work(&record_leaf(id))?;
    let length = file.metadata()?.len();
    if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
        // A full disk may have taken a part.
        file.set_len(length)?;
        return Err(error);
    }
    if durable { file.sync_data() } else { Ok(()) }
}

fn data_leaf(id: Id) -> String {
    format!("{id}{DATA}")
}

fn record_leaf(id: Id) -> String {
    format!("{id}{RECORD}")
}

#[cfg(test)]
mod tests;
