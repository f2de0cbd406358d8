//! Uploads that were acknowledged before they were delivered: `mode = "spool"`.
//!
//! ```text
//!   intake ──stow──▶ keeper, on a thread that may wait ──▶ segments
//!                       │                                     │
//!   courier ◀──parcel───┘        lanes ◀──bytes of a parcel───┘
//! ```
//!
//! What waits for the disk is done by the keeper; bytes of a parcel are read where they are sent,
//! from the page cache mostly. What is kept in memory for each upload is its entry in the index,
//! of which there are at most [`UPLOADS`], set aside at start.

mod courier;
mod keeper;
mod parcel;
mod shelf;

pub(crate) use courier::run as deliver;
pub(crate) use keeper::Summary;
pub(crate) use parcel::{Parcel, ReadAt};
pub(crate) use shelf::{Lost, OwnedToken, ShelfError, Whose};

use crate::sign::unix_now;
use baton_core::UploadId;
use baton_core::spool::{Cause, Chain, Eviction, PIECE, Standing};
use baton_hal::Segments;
use core::cell::RefCell;
use keeper::{Job, Keeper};
use shelf::{Found, Limits, Shelf};
use std::collections::BTreeMap;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Uploads that wait at once: the index takes 168 bytes for each.
const UPLOADS: usize = 4096;

/// A spool of less than [`UPLOADS`] files of so many bytes has no use for that index.
const LEAST: u64 = 4096;

/// Jobs that wait for the disk: every client has at most one.
const JOBS: usize = 256;

/// What is configured of the depot.
#[derive(Clone, Copy, Debug)]
pub struct DepotOptions {
    /// Bytes on disk at most.
    pub size: u64,
    /// What gives way when that is used up.
    pub eviction: Eviction,
    /// Must differ at every start.
    pub seed: u64,
}

/// Why there is no depot.
#[derive(Debug)]
pub struct DepotError(ShelfError);

impl core::fmt::Display for DepotError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// The spooled uploads, for the tasks of the agent.
pub struct Depot {
    jobs: mpsc::Sender<Job>,
    summary: watch::Receiver<Summary>,
    /// Something came in, or may be tried again.
    news: Notify,
    /// Uploads that are being delivered, or rest between two tries.
    pub(crate) under_way: RefCell<BTreeMap<u64, UnderWay>>,
}

/// A delivery.
#[derive(Debug)]
pub(crate) struct UnderWay {
    name: String,
    /// The core's name for it, once it has one.
    pub(crate) upload: Option<UploadId>,
}

impl Depot {
    /// Takes up what an earlier run has left. Must be called on a runtime.
    pub async fn open<S: Segments>(segments: S, options: DepotOptions) -> Result<Self, DepotError> {
        let limits = Limits {
            size: options.size,
            // Few files for a large spool, and a small one is still let go of in parts.
            segment: (options.size / 64).clamp(64 << 10, 1 << 20),
            uploads: (options.size / LEAST).try_into().unwrap_or(UPLOADS).clamp(64, UPLOADS),
            piece: PIECE,
            eviction: options.eviction,
        };
        let opening = tokio::task::spawn_blocking(move || {
            Shelf::open(segments, limits, options.seed, unix_now())
        });
        let opened = opening.await.map_err(|error| ShelfError::Device(error.to_string()));
        let (shelf, found) = opened.and_then(|opened| opened).map_err(DepotError)?;
        for found in &found {
            match found {
                Found::Unfinished { .. } => tracing::info!("spool: {found}"),
                Found::NotesMissing { .. } => tracing::warn!("spool: {found}"),
                Found::Damaged(_) => tracing::error!("spool: {found}"),
            }
        }
        let (jobs, inbox) = mpsc::channel(JOBS);
        let (keeper, summary) = Keeper::new(shelf);
        tokio::task::spawn_blocking(move || keeper.run(inbox));
        let summary_now = summary.borrow().clone();
        tracing::info!(kept = summary_now.kept, failed = summary_now.failed, "spool");
        Ok(Self { jobs, summary, news: Notify::new(), under_way: RefCell::default() })
    }

    /// How it stands.
    pub(crate) fn summary(&self) -> Summary {
        self.summary.borrow().clone()
    }

    /// A new upload; its number. `progress` says how far those under way are.
    pub(crate) async fn begin(
        &self,
        whose: Whose,
        progress: Vec<(u64, u64)>,
    ) -> Result<u64, ShelfError> {
        self.ask(|reply| Job::Begin { whose, progress, reply }).await?
    }

    /// The next bytes: what is in `bytes`, which are taken once there is a place in the queue, and
    /// come back empty. Cancel-safe: they are on their way then, or still there.
    pub(crate) async fn push(&self, id: u64, bytes: &RefCell<Vec<u8>>) -> Result<(), ShelfError> {
        let (reply, answer) = oneshot::channel();
        let place = self.jobs.reserve().await.map_err(|_| gone())?;
        place.send(Job::Push { id, bytes: bytes.take(), reply });
        let back = answer.await.map_err(|_| gone())??;
        bytes.replace(back);
        Ok(())
    }

    /// All of it is there: once this returns `Ok`, it is durable.
    pub(crate) async fn commit(&self, id: u64, sha256: [u8; 32]) -> Result<(), ShelfError> {
        self.ask(|reply| Job::Commit { id, sha256, reply }).await??;
        self.news.notify_one();
        Ok(())
    }

    /// Gives up an upload that its client was told nothing of.
    pub(crate) fn abandon(&self, id: u64) {
        self.tell(Job::Abandon(id));
    }

    /// Where the upstream has it, to be noted for the next start.
    pub(crate) fn note_location(&self, id: u64, location: String) {
        self.tell(Job::Locate { id, location });
    }

    /// What an operator wants done with it: tried again, or dropped.
    pub(crate) async fn retry(&self, id: u64) -> Result<(), ShelfError> {
        self.ask(|reply| Job::Retry { id, reply }).await??;
        self.news.notify_one();
        Ok(())
    }

    /// Gives up an upload that was acknowledged. The ledger says so.
    pub(crate) async fn lose(&self, id: u64, cause: Cause) -> Result<(), ShelfError> {
        if self.under_way.borrow().contains_key(&id) {
            return Err(ShelfError::UnderWay(id));
        }
        self.ask(|reply| Job::Lose { id, cause, reply }).await?
    }

    /// Every upload that is kept, oldest first.
    pub(crate) async fn list(&self) -> Vec<Kept> {
        self.ask(Job::List).await.unwrap_or_default()
    }

    async fn ask<R>(&self, job: impl FnOnce(oneshot::Sender<R>) -> Job) -> Result<R, ShelfError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// For jobs that nobody waits for.
    fn tell(&self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            // The next start finds out by itself: what is told so is a courtesy.
            tracing::debug!("the spool's keeper is busy");
        }
    }
}

fn gone() -> ShelfError {
    ShelfError::Device("the spool's keeper has ended".into())
}

/// An upload that is kept, for display.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) chain: Chain,
    pub(crate) name: String,
    pub(crate) client: String,
    /// Why the upstream refused it, if it did.
    pub(crate) failure: Option<(u16, String)>,
}

impl Kept {
    /// Whether the upstream refused it.
    pub(crate) fn has_failed(&self) -> bool {
        self.chain.standing() == Standing::Failed
    }
}

#[cfg(test)]
mod tests;
