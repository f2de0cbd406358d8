//! An object store as storage: several servers stand in front of one bucket, and an upload begun
//! at one is resumed at another.
//!
//! What arrives is held in memory until it is worth an object, or until somebody wants to know the
//! offset: then it becomes a piece (see [`remote`]). Creating the object at an offset is the
//! compare-and-swap between servers: of several, exactly one is carried out, and the others learn
//! where the upload now is from a list. Every object is created once and never rewritten, so a
//! crash leaves nothing half done, and any server carries on from the list.

mod assembly;
mod client;
mod object;
mod pieces;
mod remote;
mod sweep;

use crate::{
    folder::PlaceError,
    info::{Info, State},
    name::Name,
    options::{self, Options},
    sessions::Sessions,
    storage::{Appender, New, Storage, Whole},
    upload::{Intent, Receipt, Refused, Turn, Upload, WriteError},
    uploads::{AppendError, Failure},
};
use assembly::Assembly;
use baton_hal::Id;
use core::{
    cell::{Cell, RefCell},
    time::Duration,
};
use futures_util::{StreamExt, TryStreamExt};
use hyper::body::Bytes;
use object::Object;
use object_store::path::Path;
use pieces::{END, INFO, LENGTH, Seen};
use remote::{Created, Remote};
use std::{collections::BTreeMap, io, rc::Rc, time::SystemTime};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

/// The longest piece, and what an upload may hold in memory. At 30 ms for a PUT it lets 30 MB/s
/// through.
const PIECE: usize = 1 << 20;

/// Pieces that are being read ahead while a file is put together.
const AHEAD: usize = 4;

/// How long the end of an upload is remembered: see [`crate::uploads`].
const ENDS_KEPT: Duration = Duration::from_secs(3600);

/// A bucket, and the uploads that this server has to do with.
pub(crate) struct Bucket {
    core: Rc<Core>,
    swept: Cell<Option<Instant>>,
}

struct Core {
    remote: Rc<Remote>,
    max: u64,
    expire_after: Duration,
    by_id: RefCell<BTreeMap<Id, Rc<Held>>>,
    /// Distinguishes this process.
    maker: Id,
    makers: Cell<u64>,
}

/// An upload, and what of it is not in the bucket yet: the bytes from [`Upload::synced`] to
/// [`Upload::stored`].
struct Held {
    upload: Rc<Upload>,
    folder: Path,
    tail: RefCell<Vec<u8>>,
    /// Names who creates the next piece. Another one whenever the tail is thrown away.
    maker: RefCell<String>,
    /// Held while anything is done about the upload in the bucket.
    busy: Mutex<()>,
}

impl Bucket {
    /// Reaches the bucket, and sees that it is fit for this.
    pub(crate) async fn open(bucket: &options::Bucket, options: &Options) -> io::Result<Self> {
        let remote = Rc::new(Remote::open(bucket, options.store_silence).await?);
        tracing::info!(%bucket, "serving");
        let core = Core {
            remote,
            max: options.max_upload_size,
            expire_after: options.expire_after,
            by_id: RefCell::default(),
            maker: Id::random()?,
            makers: Cell::default(),
        };
        Ok(Self { core: Rc::new(core), swept: Cell::default() })
    }
}

impl Storage for Bucket {
    type Stored = Object;
    type Whole = Arriving;
    type Turn = BucketTurn;

    async fn open(&self, name: &Name) -> io::Result<Object> {
        let remote = &self.core.remote;
        let meta = remote.find(&remote.file(name)?).await?;
        Ok(Object::new(Rc::clone(remote), meta.ok_or(io::ErrorKind::NotFound)?))
    }

    async fn whole(&self, new: New) -> Result<Arriving, Failure> {
        let core = &self.core;
        let path = core.admit(&new).await?;
        let assembly = Assembly::new(Rc::clone(&core.remote), path, core.max);
        Ok(Arriving { assembly, max: core.max })
    }

    async fn create(&self, new: New) -> Result<Rc<Upload>, Failure> {
        let core = &self.core;
        core.admit(&new).await?;
        let id = Id::random()?;
        let folder = core.remote.folder(id);
        let New { name, user, length } = new;
        let info = Info { name, user, length, state: State::Growing };
        let (path, text) = (folder.clone().join(INFO), Bytes::from(info.encode()));
        let maker = core.next_maker();
        // The id is new: whoever has created the object, it was this.
        let (Created::Ours(_) | Created::Others) =
            core.remote.create(&path, text, Some(&maker)).await?;
        let upload = Upload::new(id, info, 0, Instant::now());
        Ok(Rc::clone(&core.hold(upload, folder).upload))
    }

    async fn upload(&self, id: Id) -> io::Result<Option<Rc<Upload>>> {
        Ok(self.core.find(id).await?.map(|held| Rc::clone(&held.upload)))
    }

    async fn append(&self, upload: &Rc<Upload>, intent: Intent) -> Result<BucketTurn, AppendError> {
        let (core, held) = (&self.core, self.core.held(upload));
        let known = upload.length.get();
        let taken = match upload.take_over(intent, core.max) {
            // Another server may have had more of it, or less than this one was told to await.
            Err(Refused::Offset) => {
                core.refresh(&held).await?;
                upload.take_over(intent, core.max)
            }
            taken => taken,
        };
        let turn = taken.map_err(AppendError::Refused)?;
        if upload.length.get() != known
            && let Some(declared) = upload.length.get()
        {
            upload.length.set(known);
            core.declare(&held, declared).await?;
        }
        Ok(BucketTurn { turn, core: Rc::clone(core), held })
    }

    async fn refresh(&self, upload: &Upload) -> io::Result<()> {
        self.core.refresh(&self.core.held(upload)).await
    }

    async fn settle(&self, upload: &Upload) -> Result<u64, Failure> {
        self.core.settle(&self.core.held(upload)).await
    }

    async fn settle_at(&self, upload: &Upload, _offset: u64) -> Result<u64, Failure> {
        match self.settle(upload).await {
            Err(Failure::Moved(offset)) => Ok(offset),
            settled => settled,
        }
    }

    async fn remove(&self, upload: &Upload) -> io::Result<()> {
        let held = self.core.held(upload);
        let busy = held.busy.lock().await;
        self.core.end(&held, &busy, State::Expired).await
    }

    fn expires(&self, upload: &Upload) -> SystemTime {
        let kept = match upload.state.get() {
            State::Growing => self.core.expire_after,
            State::Placed | State::Refused | State::Expired => {
                self.core.expire_after.min(ENDS_KEPT)
            }
        };
        let due = upload.touched.get() + kept;
        SystemTime::now() + due.saturating_duration_since(Instant::now())
    }

    fn sessions(&self) -> Option<&Sessions> {
        None
    }

    async fn sweep(&self, now: Instant) {
        self.sweep_if_due(now).await;
    }

    async fn tidy(&self, _now: SystemTime) {}
}

impl Core {
    /// Where the file would be stored, if it may.
    async fn admit(&self, new: &New) -> Result<Path, Failure> {
        if new.length.is_some_and(|length| length > self.max) {
            return Err(Failure::TooLarge);
        }
        let path = self.remote.file(&new.name)?;
        match (self.remote.find(&path).await?, new.length) {
            (Some(there), Some(length)) if there.size != length => Err(Failure::Exists),
            (Some(_) | None, _) => Ok(path),
        }
    }

    fn next_maker(&self) -> String {
        self.makers.set(self.makers.get() + 1);
        format!("{}-{}", self.maker, self.makers.get())
    }

    fn hold(&self, upload: Upload, folder: Path) -> Rc<Held> {
        let id = upload.id;
        let held = Held {
            upload: Rc::new(upload),
            folder,
            tail: RefCell::default(),
            maker: RefCell::new(self.next_maker()),
            busy: Mutex::default(),
        };
        // Two that asked for it at once hold the same one.
        Rc::clone(self.by_id.borrow_mut().entry(id).or_insert_with(|| Rc::new(held)))
    }

    fn held(&self, upload: &Upload) -> Rc<Held> {
        let by_id = self.by_id.borrow();
        Rc::clone(by_id.get(&upload.id).expect("an upload is held as long as anyone knows it"))
    }

    /// The upload as this server knows it, else as the bucket does.
    async fn find(&self, id: Id) -> io::Result<Option<Rc<Held>>> {
        if let Some(held) = self.by_id.borrow().get(&id) {
            return Ok(Some(Rc::clone(held)));
        }
        let folder = self.remote.folder(id);
        let seen = Seen::of(&self.remote, &folder).await?;
        if !seen.has_info {
            return Ok(None);
        }
        let text = self.remote.read(&folder.clone().join(INFO)).await?;
        let info = core::str::from_utf8(&text).ok().and_then(Info::decode);
        let info = info.ok_or_else(|| pieces::torn(INFO))?;
        let touched = seen
            .touched
            .and_then(|touched| Instant::now().checked_sub(touched.elapsed().unwrap_or_default()));
        let upload = Upload::new(id, info, 0, touched.unwrap_or_else(Instant::now));
        let held = self.hold(upload, folder);
        let busy = held.busy.lock().await;
        self.take_in(&held, &busy, &seen).await?;
        drop(busy);
        Ok(Some(held))
    }

    /// Learns what other servers have done.
    async fn refresh(&self, held: &Held) -> io::Result<()> {
        let busy = held.busy.lock().await;
        match self.flush(held, &busy).await {
            Err(Failure::Io(error)) => Err(error),
            Ok(()) => self.look(held, &busy).await.map(drop),
            // It has been learned on the way.
            Err(
                Failure::Moved(_)
                | Failure::Exists
                | Failure::TooLarge
                | Failure::OverQuota(_)
                | Failure::Ended(_),
            ) => Ok(()),
        }
    }

    async fn look(&self, held: &Held, busy: &MutexGuard<'_, ()>) -> io::Result<Seen> {
        let seen = Seen::of(&self.remote, &held.folder).await?;
        self.take_in(held, busy, &seen).await?;
        Ok(seen)
    }

    async fn take_in(
        &self,
        held: &Held,
        _busy: &MutexGuard<'_, ()>,
        seen: &Seen,
    ) -> io::Result<()> {
        let upload = &held.upload;
        if upload.state.get() != State::Growing {
            return Ok(());
        }
        if seen.has_length && upload.length.get().is_none() {
            upload.length.set(Some(pieces::read_length(&self.remote, &held.folder).await?));
        }
        let state = match (seen.has_info, seen.ended) {
            (true, None) => State::Growing,
            (true, Some(_)) => pieces::read_end(&self.remote, &held.folder).await?,
            (false, _) => State::Expired,
        };
        let reached = match state {
            State::Growing => seen.reached(),
            State::Placed => upload.length.get().unwrap_or_default(),
            State::Refused | State::Expired => upload.stored(),
        };
        if state != State::Growing {
            upload.end(state, Instant::now());
        } else if reached <= upload.synced.get() {
            return Ok(());
        }
        let lost = core::mem::take(&mut *held.tail.borrow_mut());
        held.maker.replace(self.next_maker());
        upload.synced.set(reached);
        match lost.is_empty() {
            true => upload.move_to(reached),
            false => upload.rewind(reached),
        }
        Ok(())
    }

    /// Creates pieces of what is in memory.
    async fn flush(&self, held: &Held, busy: &MutexGuard<'_, ()>) -> Result<(), Failure> {
        while let Some(piece) = held.next_piece() {
            let path = held.folder.clone().join(pieces::leaf(held.upload.synced.get()));
            let maker = held.maker.borrow().clone();
            match self.remote.create(&path, piece, Some(&maker)).await? {
                Created::Ours(length) => held.is_safe(length),
                Created::Others => {
                    self.look(held, busy).await?;
                    let upload = &held.upload;
                    tracing::info!(upload = %upload.id.brief(), "another server took over");
                    return match upload.state.get() {
                        State::Growing | State::Placed => Err(Failure::Moved(upload.synced.get())),
                        ended @ (State::Refused | State::Expired) => Err(Failure::Ended(ended)),
                    };
                }
            }
        }
        Ok(())
    }

    async fn settle(&self, held: &Held) -> Result<u64, Failure> {
        let upload = &held.upload;
        let busy = held.busy.lock().await;
        self.flush(held, &busy).await?;
        if upload.is_full() {
            self.place(held, &busy).await?;
        }
        match upload.state.get() {
            State::Growing | State::Placed => Ok(upload.synced.get()),
            ended @ (State::Refused | State::Expired) => Err(Failure::Ended(ended)),
        }
    }

    /// Puts the pieces together under the file's name. Another server may be at the same: one
    /// of them creates the file, and the other finds the same content there.
    async fn place(&self, held: &Held, busy: &MutexGuard<'_, ()>) -> Result<(), Failure> {
        let upload = &held.upload;
        let seen = self.look(held, busy).await?;
        if !upload.is_full() {
            return Ok(());
        }
        let paths: Vec<Path> = seen.pieces.into_iter().map(|piece| piece.path).collect();
        let path = self.remote.file(&upload.name)?;
        let mut assembly = Assembly::new(Rc::clone(&self.remote), path, self.max);
        let mut bytes =
            futures_util::stream::iter(&paths).map(|path| self.remote.read(path)).buffered(AHEAD);
        while let Some(bytes) = bytes.try_next().await? {
            assembly.write(&bytes).await?;
        }
        let state = match assembly.finish().await {
            Ok(()) => State::Placed,
            Err(PlaceError::Conflict) => State::Refused,
            Err(PlaceError::Io(error) | PlaceError::Unsynced(error)) => return Err(error.into()),
        };
        let name = upload.name.as_str();
        tracing::info!(upload = %upload.id.brief(), name, ?state, "upload ended");
        if let Err(error) = self.end(held, busy, state).await {
            // The file is in its place. Another server comes to the same end, or it expires.
            tracing::warn!(upload = %upload.id.brief(), %error, "its end is not told to others");
            upload.end(state, Instant::now());
        }
        Ok(())
    }

    /// Tells other servers how it ended, then removes the pieces: without them, the end must be
    /// known.
    async fn end(&self, held: &Held, busy: &MutexGuard<'_, ()>, state: State) -> io::Result<()> {
        let text = Bytes::from_static(state.name().as_bytes());
        let path = held.folder.clone().join(END);
        match self.remote.create(&path, text, None).await? {
            Created::Ours(_) => held.upload.end(state, Instant::now()),
            Created::Others => drop(self.look(held, busy).await?),
        }
        held.tail.borrow_mut().clear();
        let (remote, folder) = (Rc::clone(&self.remote), held.folder.clone());
        let brief = held.upload.id.brief().to_string();
        tokio::task::spawn_local(async move {
            let removed = async {
                let seen = Seen::of(&remote, &folder).await?;
                remote.delete(seen.pieces.into_iter().map(|piece| piece.path).collect()).await
            };
            if let Err(error) = removed.await {
                tracing::warn!(upload = brief, %error, "pieces stay until the next sweep");
            }
        });
        Ok(())
    }

    /// Makes a length known to all that was not at the beginning.
    async fn declare(&self, held: &Held, length: u64) -> Result<(), AppendError> {
        let busy = held.busy.lock().await;
        let path = held.folder.clone().join(LENGTH);
        let made = self.remote.create(&path, length.to_string().into(), None).await?;
        let known = match made {
            Created::Ours(_) => length,
            Created::Others => pieces::read_length(&self.remote, &held.folder).await?,
        };
        held.upload.length.set(Some(known));
        drop(busy);
        match known == length {
            true => Ok(()),
            false => Err(AppendError::Refused(Refused::Length)),
        }
    }
}

impl Held {
    fn next_piece(&self) -> Option<Bytes> {
        let tail = self.tail.borrow();
        let piece = &tail[..tail.len().min(PIECE)];
        (!piece.is_empty()).then(|| Bytes::copy_from_slice(piece))
    }

    /// So many bytes of the tail are in the bucket now.
    fn is_safe(&self, length: u64) {
        let mut tail = self.tail.borrow_mut();
        let count = usize::try_from(length).unwrap_or(usize::MAX).min(tail.len());
        tail.drain(..count);
        self.upload.synced.set(self.upload.synced.get() + count as u64);
    }
}

/// A turn at an upload in a bucket.
pub(crate) struct BucketTurn {
    turn: Turn,
    core: Rc<Core>,
    held: Rc<Held>,
}

impl Appender for BucketTurn {
    fn receipt(&self) -> Receipt {
        self.turn.receipt()
    }

    async fn lost(&self) {
        self.turn.lost().await;
    }

    async fn write(&self, mut bytes: &[u8]) -> Result<(), WriteError> {
        while !bytes.is_empty() {
            let room = PIECE.saturating_sub(self.held.tail.borrow().len());
            if room == 0 {
                let busy = self.held.busy.lock().await;
                self.core.flush(&self.held, &busy).await.map_err(|failure| match failure {
                    Failure::Io(error) => WriteError::Io(error),
                    Failure::Moved(_)
                    | Failure::Ended(_)
                    | Failure::Exists
                    | Failure::TooLarge
                    | Failure::OverQuota(_) => WriteError::Fenced,
                })?;
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.turn.write_with(now, Instant::now(), |fitting, _| {
                self.held.tail.borrow_mut().extend_from_slice(fitting);
                (fitting.len(), Ok(()))
            })?;
            bytes = later;
        }
        Ok(())
    }
}

/// A file that arrives in one request.
pub(crate) struct Arriving {
    assembly: Assembly,
    max: u64,
}

impl Whole for Arriving {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if self.assembly.length() + bytes.len() as u64 > self.max {
            return Err(WriteError::TooLarge);
        }
        self.assembly.write(bytes).await.map_err(WriteError::Io)
    }

    async fn finish(self) -> Result<(), PlaceError> {
        self.assembly.finish().await
    }
}
