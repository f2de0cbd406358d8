//! A folder as storage: finished files in it, uploads in its work folder.

use crate::{
    blocking::blocking,
    contents::Savings,
    digest,
    digest::Sum,
    folder::{Folder, PlaceError, Placed},
    gate::Gate,
    ledger::Tally,
    mark::Mark,
    name::Name,
    options::Options,
    quota::Room,
    sessions::Sessions,
    shelf::Shelf,
    storage::{Appender, Meta, New, Storage, Stored, Whole},
    upload::{Intent, Receipt, Turn, Upload, WriteError},
    uploads::{AppendError, Failure, Uploads},
    whole,
};
use baton_hal::Id;
use core::time::Duration;
use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::FileExt,
    rc::Rc,
    sync::Arc,
    time::SystemTime,
};
use tokio::time::Instant;

/// Read from the disk at once.
const BLOCK: u64 = 64 << 10;

/// A folder, held by one process at a time, and the uploads in it.
pub(crate) struct Disk {
    shelf: Arc<Shelf>,
    gate: Rc<Gate>,
    uploads: Uploads,
    sessions: Sessions,
    file_ttl: Option<Duration>,
}

impl Disk {
    /// Finds the uploads that an earlier process left in `folder`.
    pub(crate) fn open(folder: Folder, options: &Options) -> io::Result<Self> {
        let file_ttl = options.file_ttl;
        let folder = Arc::new(folder);
        let gate = Rc::new(Gate::new(Arc::clone(&folder), options));
        let quota = gate.quota();
        let durable = quota.is_limited() || file_ttl.is_some();
        let shelf = Arc::new(Shelf::open(folder, options.deduplicate, durable)?);
        if quota.is_limited() {
            let mut tally = Tally::default();
            shelf.review(file_ttl, SystemTime::now(), &mut tally)?;
            tally.kept.iter().for_each(|(user, bytes)| quota.count(user, *bytes));
        }
        let uploads = Uploads::open(Arc::clone(&shelf), Rc::clone(&gate), options)?;
        let sessions = Sessions::open(Arc::clone(&shelf), Rc::clone(&gate), options)?;
        tracing::info!(
            dir = %options.dir.display(),
            uploads = uploads.count(),
            counted = quota.used(),
            "serving"
        );
        Ok(Self { shelf, gate, uploads, sessions, file_ttl })
    }
}

impl Storage for Disk {
    type Stored = OnDisk;
    type Whole = Named;
    type Turn = DiskTurn;

    async fn open(&self, name: &Name) -> io::Result<OnDisk> {
        let (folder, name) = (Arc::clone(self.shelf.folder()), name.clone());
        let opened = blocking(move || {
            let file = folder.read(&name)?;
            let meta = file.metadata()?;
            Ok((file, meta))
        });
        let (file, meta) = opened.await?;
        let shelf = Arc::clone(&self.shelf);
        Ok(OnDisk { file: Arc::new(file), meta, shelf, block: Vec::new() })
    }

    async fn whole(&self, new: New) -> Result<Named, Failure> {
        let room = self.gate.admit(&new).await?;
        let whole = whole::Whole::create(Arc::clone(&self.shelf))?;
        Ok(Named { whole, new, room, count: 0, max: self.gate.max })
    }

    async fn create(&self, new: New) -> Result<Rc<Upload>, Failure> {
        self.uploads.create(new).await
    }

    async fn upload(&self, id: Id) -> io::Result<Option<Rc<Upload>>> {
        Ok(self.uploads.find(id))
    }

    async fn append(&self, upload: &Rc<Upload>, intent: Intent) -> Result<DiskTurn, AppendError> {
        let (turn, file) = self.uploads.append(upload, intent).await?;
        Ok(DiskTurn { turn, file })
    }

    async fn refresh(&self, _upload: &Upload) -> io::Result<()> {
        // The folder is locked: there are no others.
        Ok(())
    }

    async fn settle(&self, upload: &Upload) -> Result<u64, Failure> {
        self.uploads.settle(upload).await
    }

    async fn settle_at(&self, upload: &Upload, offset: u64) -> Result<u64, Failure> {
        self.uploads.settle_at(upload, offset).await
    }

    async fn remove(&self, upload: &Upload) -> io::Result<()> {
        self.uploads.remove(upload).await
    }

    fn expires(&self, upload: &Upload) -> SystemTime {
        self.uploads.expires(upload)
    }

    async fn sweep(&self, now: Instant) {
        self.uploads.sweep(now).await;
        self.sessions.sweep(now).await;
    }

    fn sessions(&self) -> Option<&Sessions> {
        Some(&self.sessions)
    }

    async fn tidy(&self, now: SystemTime) {
        let (shelf, ttl) = (Arc::clone(&self.shelf), self.file_ttl);
        let reviewed = blocking(move || {
            let mut tally = Tally::default();
            let reviewed = shelf.review(ttl, now, &mut tally);
            Ok((tally, reviewed.and_then(|()| shelf.tidy())))
        });
        let savings = reviewed.await.and_then(|(tally, savings)| {
            tally.dropped.iter().for_each(|(user, bytes)| self.gate.quota().free(user, *bytes));
            savings
        });
        match savings {
            Ok(Savings { files: 0, .. }) => {}
            Ok(Savings { files, bytes }) => tracing::info!(files, bytes, "spared by sharing"),
            Err(error) => tracing::warn!(%error, "not tidied"),
        }
    }
}

/// A finished file on the disk.
pub(crate) struct OnDisk {
    file: Arc<File>,
    meta: Metadata,
    shelf: Arc<Shelf>,
    block: Vec<u8>,
}

impl Stored for OnDisk {
    fn meta(&self) -> Meta {
        let mark = Mark::of(&self.meta);
        Meta { size: mark.size, tag: format!("\"{mark}\""), modified: self.meta.modified().ok() }
    }

    fn known_digest(&self) -> Option<Sum> {
        self.shelf.known_sum(Mark::of(&self.meta))
    }

    async fn digest(&mut self) -> io::Result<Sum> {
        let sum = digest::of_file(Arc::clone(&self.file)).await?;
        self.shelf.remember(Mark::of(&self.meta), sum);
        Ok(sum)
    }

    async fn read(&mut self, at: u64, end: u64) -> io::Result<&[u8]> {
        let (file, mut block) = (Arc::clone(&self.file), core::mem::take(&mut self.block));
        block.resize((end - at).min(BLOCK) as usize, 0);
        self.block = blocking(move || file.read_exact_at(&mut block, at).map(|()| block)).await?;
        Ok(&self.block)
    }
}

/// A file under way, and what it will be.
pub(crate) struct Named {
    whole: whole::Whole,
    new: New,
    /// None is needed for what is there already.
    room: Option<Room>,
    count: u64,
    max: u64,
}

impl Whole for Named {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.count += bytes.len() as u64;
        if self.count > self.max {
            return Err(WriteError::TooLarge);
        }
        if let Some(room) = &mut self.room {
            room.grow_to(self.count).map_err(WriteError::OverQuota)?;
        }
        self.whole.write(bytes).map_err(WriteError::Io)
    }

    async fn finish(self) -> Result<(), PlaceError> {
        let placed = self.whole.finish(self.new.name, self.new.user).await?;
        if let Some(room) = self.room
            && placed == Placed::New
        {
            room.keep(self.count);
        }
        Ok(())
    }
}

/// A turn, and the file to write to; there is none where there is no room.
pub(crate) struct DiskTurn {
    turn: Turn,
    file: Option<File>,
}

impl Appender for DiskTurn {
    fn receipt(&self) -> Receipt {
        self.turn.receipt()
    }

    async fn lost(&self) {
        self.turn.lost().await;
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        let file = self.file.as_ref().ok_or(WriteError::TooLarge)?;
        self.turn.write(file, bytes, Instant::now())
    }
}
