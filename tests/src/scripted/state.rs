//! What all connections of a scripted upstream share.

use super::{Deed, Dialect, Script};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(super) struct Shared {
    pub(super) script: Script,
    state: Mutex<State>,
    /// A file lost its writer.
    pub(super) released: Condvar,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When, on [`baton_lab::now`]'s clock.
    pub at: Duration,
    /// Over which connection.
    pub connection: u64,
    /// Method and path.
    pub what: String,
    /// How it was refused, if the script says so.
    pub refused: Option<u16>,
}

pub(super) struct State {
    dir: PathBuf,
    /// By the path that stands for them.
    pub(super) files: BTreeMap<String, Entry>,
    pub(super) open: BTreeMap<u64, TcpStream>,
    pub(super) asked: Vec<Asked>,
    pub(super) behaves: bool,
    /// The next last append is not understood as that.
    pub(super) forgets_the_end: bool,
    /// A whole PUT came.
    pub(super) answered: bool,
    refusal: Option<(Duration, u16, Option<u32>)>,
    turn: Option<(u64, Deed)>,
    seed: u64,
}

/// A file, whole or not.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) stored: u64,
    /// It was said, and understood, that this is all.
    pub(super) is_whole: bool,
    /// Those that came, where it comes in chunks.
    pub(super) chunks: BTreeSet<u32>,
    /// Claimed beyond `stored`.
    pub(super) boast: u64,
    /// The connection that may write.
    pub(super) writer: Option<u64>,
    file: File,
    part: PathBuf,
}

impl Shared {
    pub(super) fn new(script: Script, dir: PathBuf, seed: u64) -> Self {
        let state = State {
            dir,
            files: BTreeMap::new(),
            open: BTreeMap::new(),
            asked: Vec::new(),
            behaves: false,
            forgets_the_end: script.forgets_the_end,
            answered: false,
            refusal: None,
            turn: script.turn,
            seed: seed.max(1),
        };
        Self { script, state: Mutex::new(state), released: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether whoever asks ends who writes, as most servers of tus and the draft's do.
    fn ends_writers(&self) -> bool {
        match self.script.dialect {
            Dialect::Tus | Dialect::Draft(_) => true,
            Dialect::FencedTus | Dialect::Put | Dialect::Chunked => false,
        }
    }

    /// Waits until nobody else writes to `path`, or ends who does after the script's patience.
    pub(super) fn claim(&self, path: &str, id: u64) -> MutexGuard<'_, State> {
        let is_free = |state: &mut State| {
            state.files.get(path).and_then(|entry| entry.writer).is_none_or(|writer| writer == id)
        };
        let patience = if self.ends_writers() { self.script.lock } else { Duration::ZERO };
        let (mut state, _) = self
            .released
            .wait_timeout_while(self.lock(), patience, |state| !is_free(state))
            .unwrap_or_else(PoisonError::into_inner);
        if self.ends_writers() && !is_free(&mut state) {
            let writer = state.files.get_mut(path).and_then(|entry| entry.writer.take());
            if let Some(stream) = writer.and_then(|writer| state.open.get(&writer)) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        state
    }
}

impl State {
    /// Begins a file that `path` stands for.
    pub(super) fn create(&mut self, path: &str, name: &str, length: u64) -> io::Result<()> {
        let part = self.dir.join(format!(".part-{}", self.asked.len()));
        let file = File::create(&part)?;
        let entry = Entry {
            name: name.to_owned(),
            length,
            stored: 0,
            is_whole: false,
            chunks: BTreeSet::new(),
            boast: 0,
            writer: None,
            file,
            part,
        };
        self.files.insert(path.to_owned(), entry);
        if length == 0 { self.append(path, &[]) } else { Ok(()) }
    }

    /// Stores bytes at the end of a file; whole, it takes its name. The script's turn may come.
    pub(super) fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let entry = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        self.place(path, entry.stored + entry.boast, bytes)
    }

    /// The same at a place in it.
    pub(super) fn place(&mut self, path: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        let entry = self.files.get_mut(path).ok_or(io::ErrorKind::NotFound)?;
        entry.file.write_all_at(bytes, at)?;
        entry.stored += bytes.len() as u64;
        let stored = entry.stored;
        if entry.told() == entry.length && entry.part.exists() {
            fs::rename(&entry.part, self.dir.join(&entry.name))?;
        }
        match self.turn {
            Some((at, deed)) if at <= stored && !self.behaves => {
                self.turn = None;
                self.perform(deed, path);
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A session's file is found under its name from now on, and the session no more.
    pub(super) fn shelve(&mut self, path: &str, name: &str, size: u64) {
        if let Some(entry) = self.files.remove(path)
            && entry.stored == size
        {
            self.files.insert(format!("/{name}"), entry);
        }
    }

    /// Does it, to the file of `path` where it concerns one.
    pub(super) fn perform(&mut self, deed: Deed, path: &str) {
        let entry = self.files.get_mut(path);
        match (deed, entry) {
            (Deed::Refuse { status, retry_after_s, lasts }, _) => {
                self.refusal = Some((baton_lab::now() + lasts, status, retry_after_s));
            }
            (Deed::Forget, _) => {
                self.files.remove(path);
            }
            (Deed::GoBack(to), Some(entry)) => entry.stored = entry.stored.min(to),
            (Deed::Boast(by), Some(entry)) => entry.boast = by,
            (Deed::Cut | Deed::GoBack(_) | Deed::Boast(_), _) => {}
        }
        for stream in self.open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How every request is answered at the moment, if not on its merits.
    pub(super) fn refusal(&self) -> Option<(u16, Option<u32>)> {
        let (until, status, retry_after_s) = self.refusal.filter(|_| !self.behaves)?;
        (baton_lab::now() < until).then_some((status, retry_after_s))
    }

    pub(super) fn note(&mut self, connection: u64, what: String, refused: Option<u16>) {
        self.asked.push(Asked { at: baton_lab::now(), connection, what, refused });
    }

    /// The request that was noted last was refused on its merits.
    pub(super) fn note_refusal(&mut self, status: u16) {
        if let Some(asked) = self.asked.last_mut() {
            asked.refused = Some(status);
        }
    }

    /// A connection ended.
    pub(super) fn close(&mut self, id: u64, script: &Script) {
        self.open.remove(&id);
        let is_put = script.dialect == Dialect::Put;
        self.files.retain(|_, entry| {
            let was_writing = entry.writer == Some(id);
            if was_writing {
                entry.writer = None;
            }
            let is_kept = !is_put || script.keeps_broken || entry.stored == entry.length;
            is_kept || !was_writing
        });
    }

    /// xorshift64: Marsaglia, "Xorshift RNGs", 2003.
    pub(super) fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }
}

impl Entry {
    /// How much it says that it holds.
    pub(super) fn told(&self) -> u64 {
        self.stored + self.boast
    }
}
