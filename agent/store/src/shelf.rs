//! Where finished files go.
//!
//! ```text
//!  work file ── same content stored? ── line in the ledger ── sync ── name ── remember content
//! ```
//!
//! A crash between any two steps leaves the work file, which is put in its place again or cleared
//! away at the next start, and at worst a line of the ledger that says nothing of any file.

use crate::{
    conn::unix_s,
    contents::{Contents, Savings},
    digest::{self, Sum},
    folder::{Folder, PlaceError, Placed},
    ledger::{Entry, Ledger, Tally, Verdict},
    mark::Mark,
    name::Name,
    user::User,
};
use core::time::Duration;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::SystemTime,
};

/// The folder, with what is known of the files in it.
pub(crate) struct Shelf {
    folder: Arc<Folder>,
    contents: Option<Contents>,
    ledger: Ledger,
    sums: Mutex<VecDeque<(Mark, Sum)>>,
}

/// How many digests are remembered: who asks for one has most likely just sent the file.
const SUMS: usize = 256;

/// 2020-01-01. A clock that shows an earlier time was not set.
const CLOCK_SET_S: u64 = 1_577_836_800;

const TWIN: &str = ".twin";

impl Shelf {
    /// A shelf in `folder`. `share` stores every content once; `durable` is whether the ledger must
    /// survive a power loss.
    pub(crate) fn open(folder: Arc<Folder>, share: bool, durable: bool) -> io::Result<Self> {
        let contents = if share { Contents::open(Arc::clone(&folder))? } else { None };
        let ledger = Ledger::open(Arc::clone(&folder), durable)?;
        Ok(Self { folder, contents, ledger, sums: Mutex::default() })
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Gives the finished work file `leaf` its `name`, durably, as [`Folder::place`] does.
    pub(crate) fn place(
        &self,
        leaf: &str,
        name: &Name,
        user: &User,
        now: SystemTime,
    ) -> Result<Placed, PlaceError> {
        if self.folder.mark(name)?.is_some() {
            return self.folder.place(leaf, name);
        }
        let Some(contents) = &self.contents else { return self.put(leaf, name, user, now) };
        let data = self.folder.open_work(leaf)?;
        let sum = digest::of_file_now(&data)?;
        let twin = format!("{leaf}{TWIN}");
        let is_shared = contents.twin(&data, &sum, &twin)?;
        let source = if is_shared { &twin } else { leaf };
        self.remember(Mark::of(&self.folder.open_work(source)?.metadata()?), sum);
        let placed = self.put(source, name, user, now);
        if is_shared {
            tracing::info!(name = name.as_str(), "content shared");
            if let Err(error) = self.folder.remove_work(&twin) {
                tracing::warn!(%error, "a link stays until the next start");
            }
        } else if placed.is_ok() {
            contents.remember(leaf, &sum);
        }
        placed
    }

    fn put(
        &self,
        source: &str,
        name: &Name,
        user: &User,
        now: SystemTime,
    ) -> Result<Placed, PlaceError> {
        let mark = Mark::of(&self.folder.open_work(source)?.metadata()?);
        let (user, name) = (user.clone(), name.clone());
        let noted =
            self.ledger.note(Entry { time_s: unix_s(now), mark, user, name: name.clone() })?;
        let placed = self.folder.place(source, &name)?;
        match placed {
            Placed::New => noted.confirm(),
            Placed::Same => drop(noted),
        }
        Ok(placed)
    }

    /// Goes through everything that was stored: removes what is older than `ttl`, and tells what is
    /// there and what is not any more, as far as it came.
    pub(crate) fn review(
        &self,
        ttl: Option<Duration>,
        now: SystemTime,
        tally: &mut Tally,
    ) -> io::Result<()> {
        let now_s = unix_s(now);
        let mut expired = 0;
        let reviewed = self.ledger.review(tally, |entry| {
            let there = self.folder.mark(&entry.name)?;
            if !there.is_some_and(|mark| entry.mark.is_kept_by(mark)) {
                return Ok(Verdict::Drop);
            }
            let Some(ttl) = ttl.filter(|_| now_s >= CLOCK_SET_S) else { return Ok(Verdict::Keep) };
            if entry.time_s < CLOCK_SET_S {
                return Ok(Verdict::Retime(now_s));
            }
            if now_s.saturating_sub(entry.time_s) < ttl.as_secs() {
                return Ok(Verdict::Keep);
            }
            self.folder.remove(&entry.name)?;
            tracing::debug!(name = entry.name.as_str(), "expired");
            expired += 1;
            Ok(Verdict::Drop)
        });
        if expired > 0 {
            tracing::info!(files = expired, "files removed: their time was over");
        }
        reviewed
    }

    /// Forgets contents that have no name any more; what sharing the others spares.
    pub(crate) fn tidy(&self) -> io::Result<Savings> {
        self.contents.as_ref().map_or(Ok(Savings::default()), Contents::tidy)
    }

    /// The digest of the file that bears `mark`, where it is known already.
    pub(crate) fn known_sum(&self, mark: Mark) -> Option<Sum> {
        self.sums().iter().find(|(known, _)| *known == mark).map(|(_, sum)| *sum)
    }

    /// Remembers a digest.
    pub(crate) fn remember(&self, mark: Mark, sum: Sum) {
        let mut sums = self.sums();
        sums.retain(|(known, _)| *known != mark);
        sums.truncate(SUMS - 1);
        sums.push_front((mark, sum));
    }

    fn sums(&self) -> MutexGuard<'_, VecDeque<(Mark, Sum)>> {
        self.sums.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

#[cfg(test)]
mod tests;
