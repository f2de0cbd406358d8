//! What nobody comes back for: uploads that wait too long, and the memory of those that ended.

use super::{
    Bucket, Core, ENDS_KEPT,
    pieces::{END, Seen},
};
use crate::info::State;
use core::{mem, time::Duration};
use futures_util::TryStreamExt;
use hyper::body::Bytes;
use object_store::path::Path;
use std::{io, rc::Rc, time::SystemTime};
use tokio::time::Instant;

/// Listing the whole work folder costs a request for each 1000 objects, at every server.
const SWEEP_MAX: Duration = Duration::from_secs(600);

/// An upload that nobody asked about for so long is forgotten; the bucket knows it.
const FORGET_AFTER: Duration = Duration::from_secs(600);

impl Bucket {
    /// Looks through the work folder, a tenth of an upload's life after the last time. Times are
    /// the object store's, compared with this machine's wall clock: if that were wrong, no
    /// request would be let in (S3 refuses signatures from 15 minutes off).
    pub(super) async fn sweep_if_due(&self, now: Instant) {
        let core = &self.core;
        let period = (core.expire_after / 10).min(SWEEP_MAX);
        if self.swept.get().is_some_and(|swept| now < swept + period) {
            return;
        }
        self.swept.set(Some(now));
        core.forget(now);
        if let Err(error) = core.sweep(SystemTime::now()).await {
            tracing::warn!(%error, "the bucket was not swept");
        }
    }
}

impl Core {
    fn forget(&self, now: Instant) {
        let after = FORGET_AFTER.min(self.expire_after);
        self.by_id.borrow_mut().retain(|_, held| {
            let is_known = Rc::strong_count(held) > 1 || Rc::strong_count(&held.upload) > 1;
            is_known || !held.tail.borrow().is_empty() || held.upload.touched.get() + after > now
        });
    }

    async fn sweep(&self, now: SystemTime) -> io::Result<()> {
        let root = self.remote.work_folder();
        let mut objects = self.remote.list(&root);
        let mut group = Group::default();
        while let Some(object) = objects.try_next().await? {
            let folder = folder_of(&object.location).filter(|folder| *folder != root);
            if folder != group.folder {
                self.give_up(mem::take(&mut group), now).await?;
                group.folder = folder;
            }
            group.paths.push(object.location.clone());
            group.seen.add(object);
        }
        self.give_up(group, now).await
    }

    async fn give_up(&self, group: Group, now: SystemTime) -> io::Result<()> {
        let Group { folder: Some(folder), seen, paths } = group else { return Ok(()) };
        let is_over = |kept: Duration| seen.is_older_than(kept, now);
        match seen.ended {
            None if is_over(self.expire_after) => {
                tracing::info!(stored = seen.reached(), "upload expired");
                let text = Bytes::from_static(State::Expired.name().as_bytes());
                self.remote.create(&folder.join(END), text, None).await?;
                // Its pieces go with the next sweep: a server that was just about to add one,
                // or to put them together, has ended by then.
                Ok(())
            }
            Some(_) if is_over(self.expire_after.min(ENDS_KEPT)) => self.remote.delete(paths).await,
            Some(_) => {
                self.remote.delete(seen.pieces.into_iter().map(|piece| piece.path).collect()).await
            }
            None => Ok(()),
        }
    }
}

/// The objects of one upload.
#[derive(Default)]
struct Group {
    folder: Option<Path>,
    seen: Seen,
    paths: Vec<Path>,
}

fn folder_of(object: &Path) -> Option<Path> {
    let (folder, _) = object.as_ref().rsplit_once('/')?;
    Path::parse(folder).ok()
}
