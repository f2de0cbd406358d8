//! Who works on the shelf, on a thread of its own kind: one that may wait for the disk.

use super::Kept;
use super::parcel::{Parcel, Reader};
use super::shelf::{Lost, Shelf, ShelfError, Whose};
use crate::sign::unix_now;
use baton_core::spool::{Cause, Standing, Tally};
use baton_hal::Segments;
use tokio::sync::{mpsc, oneshot, watch};

/// One thing to be done.
pub(super) enum Job {
    Begin {
        whose: Whose,
        progress: Vec<(u64, u64)>,
        reply: Reply<u64>,
    },
    Push {
        id: u64,
        bytes: Vec<u8>,
        reply: Reply<Vec<u8>>,
    },
    Commit {
        id: u64,
        sha256: [u8; 32],
        reply: Reply<()>,
    },
    Abandon(u64),
    /// What goes next, apart from those that are under way.
    Next {
        busy: Vec<u64>,
        reply: oneshot::Sender<Option<Parcel>>,
    },
    /// A try begins: durable before the first byte leaves.
    Start {
        id: u64,
        reply: Reply<()>,
    },
    Locate {
        id: u64,
        location: String,
    },
    End {
        id: u64,
        reply: Reply<()>,
    },
    Fail {
        id: u64,
        status: u16,
        reason: String,
        reply: Reply<()>,
    },
    Retry {
        id: u64,
        reply: Reply<()>,
    },
    Lose {
        id: u64,
        cause: Cause,
        reply: Reply<()>,
    },
    List(oneshot::Sender<Vec<Kept>>),
}

type Reply<R> = oneshot::Sender<Result<R, ShelfError>>;

/// Tells somebody; the upload that nobody knows of, if nobody listens any more.
type Answer = Box<dyn FnOnce() -> Option<u64>>;

fn answer<R: 'static>(reply: oneshot::Sender<R>, result: R) -> Answer {
    Box::new(move || {
        let _ = reply.send(result);
        None
    })
}

/// How the spool stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) size: u64,
    pub(crate) used: u64,
    /// Uploads that wait for their delivery, or are on it.
    pub(crate) kept: usize,
    /// Uploads that the upstream refused.
    pub(crate) failed: usize,
    pub(crate) tally: Tally,
    /// The last ones, oldest first.
    pub(crate) losses: Vec<Lost>,
}

pub(super) struct Keeper<S: Segments> {
    shelf: Shelf<S>,
    summary: watch::Sender<Summary>,
}

impl<S: Segments> Keeper<S> {
    pub(super) fn new(shelf: Shelf<S>) -> (Self, watch::Receiver<Summary>) {
        let (summary, shown) = watch::channel(Summary::default());
        let keeper = Self { shelf, summary };
        keeper.show();
        (keeper, shown)
    }

    /// Works until nobody has anything to be done any more. Commits that came meanwhile share a
    /// flush. Whoever is answered finds the summary as it is then.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let (mut commits, mut committers, mut answers) = (Vec::new(), Vec::new(), Vec::new());
            let more = core::iter::from_fn(|| jobs.try_recv().ok());
            for job in core::iter::once(first).chain(more) {
                if let Job::Commit { id, sha256, reply } = job {
                    commits.push((id, sha256));
                    committers.push(reply);
                } else {
                    answers.extend(self.work(job));
                }
            }
            if !commits.is_empty() {
                let results = self.shelf.commit(&commits);
                let told = committers.into_iter().zip(results);
                answers.extend(told.map(|(reply, result)| answer(reply, result)));
            }
            if !answers.is_empty() {
                self.show();
            }
            for answer in answers {
                if let Some(orphan) = answer() {
                    self.shelf.abandon(orphan);
                }
            }
        }
    }

    /// Does it. What changes the summary is answered after that is shown. Whoever asked may have
    /// gone: it is done all the same.
    fn work(&mut self, job: Job) -> Option<Answer> {
        let shelf = &mut self.shelf;
        match job {
            Job::Push { id, mut bytes, reply } => {
                let pushed = shelf.push(id, &bytes);
                bytes.clear();
                let _ = reply.send(pushed.map(|()| bytes));
                None
            }
            Job::Next { busy, reply } => {
                let _ = reply.send(self.parcel(&busy));
                None
            }
            Job::List(reply) => {
                let _ = reply.send(self.list());
                None
            }
            Job::Begin { whose, progress, reply } => {
                let begun = shelf.begin(&whose.opened(), &progress);
                // Nobody else knows of one whose client has gone.
                Some(Box::new(move || reply.send(begun).err().and_then(Result::ok)))
            }
            // Those are done together.
            Job::Commit { id, sha256, reply } => {
                Some(answer(reply, shelf.commit(&[(id, sha256)]).remove(0)))
            }
            Job::Abandon(id) => {
                shelf.abandon(id);
                Some(Box::new(|| None))
            }
            Job::Locate { id, location } => {
                if let Err(error) = shelf.note(id, 0, Some(&location)) {
                    tracing::warn!(%error, "spool: where the upstream has an upload is not noted");
                }
                Some(Box::new(|| None))
            }
            Job::Start { id, reply } => Some(answer(reply, shelf.note(id, 0, None))),
            Job::End { id, reply } => Some(answer(reply, shelf.end(id))),
            Job::Fail { id, status, reason, reply } => {
                Some(answer(reply, shelf.fail(id, status, &reason)))
            }
            Job::Retry { id, reply } => Some(answer(reply, shelf.retry(id))),
            Job::Lose { id, cause, reply } => {
                Some(answer(reply, shelf.lose(id, unix_now(), cause)))
            }
        }
    }

    /// What can't be read is lost: it is said so, and the next one is looked at.
    fn parcel(&mut self, busy: &[u64]) -> Option<Parcel> {
        loop {
            let chain = self.shelf.next(busy)?;
            let described = self.shelf.describe(chain.id());
            match described.and_then(|described| Ok((described, self.shelf.extent(chain.id())?))) {
                Ok((described, (segments, extent))) => {
                    let reader = Reader::new(segments, chain.id(), extent);
                    return Some(Parcel { chain, described, body: Box::new(reader) });
                }
                Err(error) => {
                    tracing::error!(%error, "spool");
                    self.shelf.lose(chain.id(), unix_now(), Cause::Damaged).ok()?;
                }
            }
        }
    }

    fn list(&self) -> Vec<Kept> {
        let kept = self.shelf.chains().filter(|chain| chain.standing() != Standing::Unfinished);
        let kept = kept.map(|chain| {
            let described = self.shelf.describe(chain.id()).unwrap_or_default();
            let super::shelf::Described { whose, failure, .. } = described;
            Kept { chain: *chain, name: whose.name, client: whose.client, failure }
        });
        kept.collect()
    }

    fn show(&self) {
        let count =
            |standing| self.shelf.chains().filter(|chain| chain.standing() == standing).count();
        self.summary.send_replace(Summary {
            size: self.shelf.size(),
            used: self.shelf.used(),
            kept: count(Standing::Kept),
            failed: count(Standing::Failed),
            tally: *self.shelf.tally(),
            losses: self.shelf.losses().cloned().collect(),
        });
    }
}
