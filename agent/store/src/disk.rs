//! A folder as storage: finished files in it, uploads in its work folder.

use crate::{
    blocking::blocking,
    digest,
    folder::{Folder, Found, PlaceError},
    id::Id,
    name::Name,
    options::Options,
    storage::{Appender, Meta, Storage, Stored, Whole},
    upload::{Intent, Turn, Upload, WriteError},
    uploads::{AppendError, Failure, Uploads},
    whole,
};
use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    rc::Rc,
    sync::Arc,
    time::SystemTime,
};
use tokio::time::Instant;

/// Read from the disk at once.
const BLOCK: u64 = 64 << 10;

/// A folder, held by one process at a time, and the uploads in it.
pub(crate) struct Disk {
    folder: Arc<Folder>,
    uploads: Uploads,
}

impl Disk {
    /// Finds the uploads that an earlier process left in `folder`.
    pub(crate) fn open(folder: Folder, options: &Options) -> io::Result<Self> {
        let folder = Arc::new(folder);
        let uploads = Uploads::open(Arc::clone(&folder), options)?;
        tracing::info!(dir = %options.dir.display(), uploads = uploads.count(), "serving");
        Ok(Self { folder, uploads })
    }
}

impl Storage for Disk {
    type Stored = OnDisk;
    type Whole = Named;
    type Turn = DiskTurn;

    async fn find(&self, name: &Name) -> io::Result<Found> {
        let (folder, name) = (Arc::clone(&self.folder), name.clone());
        blocking(move || folder.find(&name)).await
    }

    async fn open(&self, name: &Name) -> io::Result<OnDisk> {
        let (folder, name) = (Arc::clone(&self.folder), name.clone());
        let opened = blocking(move || {
            let file = folder.read(&name)?;
            let meta = file.metadata()?;
            Ok((file, meta))
        });
        let (file, meta) = opened.await?;
        Ok(OnDisk { file: Arc::new(file), meta, block: Vec::new() })
    }

    async fn whole(&self, name: Name) -> io::Result<Named> {
        Ok(Named { whole: whole::Whole::create(Arc::clone(&self.folder))?, name })
    }

    async fn create(&self, name: Name, length: Option<u64>) -> Result<Rc<Upload>, Failure> {
        self.uploads.create(name, length).await
    }

    async fn upload(&self, id: Id) -> io::Result<Option<Rc<Upload>>> {
        Ok(self.uploads.find(id))
    }

    async fn append(&self, upload: &Rc<Upload>, intent: Intent) -> Result<DiskTurn, AppendError> {
        let (turn, file) = self.uploads.append(upload, intent).await?;
        Ok(DiskTurn { turn, file })
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
    }
}

/// A finished file on the disk.
pub(crate) struct OnDisk {
    file: Arc<File>,
    meta: Metadata,
    block: Vec<u8>,
}

impl Stored for OnDisk {
    fn meta(&self) -> Meta {
        let meta = &self.meta;
        let (ino, size, s, ns) = (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
        // Files are replaced, never rewritten.
        let tag = format!("\"{ino:x}-{size:x}-{s:x}-{ns:x}\"");
        Meta { size, tag, modified: meta.modified().ok() }
    }

    async fn digest(&mut self) -> io::Result<[u8; 32]> {
        digest::of_file(Arc::clone(&self.file)).await
    }

    async fn read(&mut self, at: u64, end: u64) -> io::Result<&[u8]> {
        let (file, mut block) = (Arc::clone(&self.file), core::mem::take(&mut self.block));
        block.resize((end - at).min(BLOCK) as usize, 0);
        self.block = blocking(move || file.read_exact_at(&mut block, at).map(|()| block)).await?;
        Ok(&self.block)
    }
}

/// A file under way, and its name to be.
pub(crate) struct Named {
    whole: whole::Whole,
    name: Name,
}

impl Whole for Named {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.whole.write(bytes)
    }

    async fn finish(self) -> Result<(), PlaceError> {
        self.whole.finish(self.name).await
    }
}

/// A turn, and the file to write to; there is none where there is no room.
pub(crate) struct DiskTurn {
    turn: Turn,
    file: Option<File>,
}

impl Appender for DiskTurn {
    fn reached(&self) -> u64 {
        self.turn.reached()
    }

    async fn lost(&self) {
        self.turn.lost().await;
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        let file = self.file.as_ref().ok_or(WriteError::TooLarge)?;
        self.turn.write(file, bytes, Instant::now())
    }
}
