//! All resumable uploads, in memory and in the work folder.
//!
//! An upload is two work files: `ID.data` grows as bytes arrive, `ID.info` says where they go
//! (see [`crate::info`]). Everything here may be cut off by SIGKILL between any two system calls:
//! [`Uploads::open`] carries on from whatever it finds.

use crate::{
    blocking::blocking,
    folder::{Folder, PlaceError, Placed},
    gate::Gate,
    info::{Info, State},
    options::{Options, Sync},
    quota::OverQuota,
    shelf::Shelf,
    storage::New,
    upload::{Intent, Refused, Turn, Upload},
    whole::WHOLE,
};
use baton_hal::Id;
use core::{cell::RefCell, time::Duration};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    rc::Rc,
    sync::Arc,
    time::SystemTime,
};
use tokio::time::Instant;

/// How long the end of an upload is remembered: long enough for any client that missed the last
/// answer, short enough that a busy server holds few.
const ENDS_KEPT: Duration = Duration::from_secs(3600);

/// The registry. One in each process: the folder is locked.
pub(crate) struct Uploads {
    folder: Arc<Folder>,
    shelf: Arc<Shelf>,
    gate: Rc<Gate>,
    sync: Sync,
    expire_after: Duration,
    by_id: RefCell<BTreeMap<Id, Rc<Upload>>>,
}

/// Why an upload is not created or not vouched for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The name holds a file of another length, or no file at all.
    Exists,
    /// Longer than allowed.
    TooLarge,
    /// No room is left for it.
    OverQuota(OverQuota),
    /// What was taken is lost: another server went on with the upload, which is at this offset.
    #[cfg_attr(not(feature = "s3"), expect(dead_code, reason = "a folder has one server"))]
    Moved(u64),
    /// The upload has ended, and not by success.
    Ended(State),
    /// The disk refused.
    Io(io::Error),
}

/// Why an append does not begin.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// By the rules.
    Refused(Refused),
    /// By the disk.
    Io(io::Error),
}

impl Uploads {
    /// Finds the uploads that an earlier process left, and clears away its debris.
    pub(crate) fn open(shelf: Arc<Shelf>, gate: Rc<Gate>, options: &Options) -> io::Result<Self> {
        let folder = Arc::clone(shelf.folder());
        let mut by_id = BTreeMap::new();
        let leaves = folder.list_work()?;
        for id in leaves.iter().filter_map(|leaf| Id::parse(leaf.strip_suffix(INFO)?)) {
            if let Some(upload) = recover(&folder, id)? {
                if upload.state.get() == State::Growing {
                    let bytes = upload.length.get().unwrap_or_else(|| upload.stored());
                    upload.room.replace(Some(gate.admit_again(upload.user.as_str(), bytes)));
                }
                by_id.insert(id, Rc::new(upload));
            }
        }
        for leaf in leaves {
            let Some((id, kind)) = leaf.split_at_checked(32) else { continue };
            let Some(id) = Id::parse(id) else { continue };
            let state = by_id.get(&id).map(|upload| upload.state.get());
            let is_needed = matches!((kind, state), (INFO, Some(_)) | (DATA, Some(State::Growing)));
            let is_ours = [DATA, INFO, WHOLE].iter().any(|ours| kind.starts_with(ours));
            if is_ours && !is_needed {
                folder.remove_work(&leaf)?;
            }
        }
        Ok(Self {
            folder,
            shelf,
            gate,
            sync: options.sync,
            expire_after: options.expire_after,
            by_id: RefCell::new(by_id),
        })
    }

    /// Starts an upload.
    pub(crate) async fn create(&self, new: New) -> Result<Rc<Upload>, Failure> {
        let room = self.gate.admit(&new).await?;
        let id = Id::random()?;
        let New { name, user, length } = new;
        let info = Info { name, length, state: State::Growing, user };
        let (folder, durable) = (Arc::clone(&self.folder), self.sync == Sync::Always);
        let written = info.clone();
        blocking(move || {
            folder.create_work(&data_leaf(id))?;
            // Syncs the folder, and with it the data file's entry.
            if let Err(error) = write_info(&folder, id, &written, durable) {
                folder.remove_work(&data_leaf(id))?;
                return Err(error);
            }
            Ok(())
        })
        .await?;
        let upload = Rc::new(Upload::new(id, info, 0, Instant::now()));
        upload.room.replace(room);
        self.by_id.borrow_mut().insert(id, Rc::clone(&upload));
        Ok(upload)
    }

    /// The upload of that name, ended ones included.
    pub(crate) fn find(&self, id: Id) -> Option<Rc<Upload>> {
        self.by_id.borrow().get(&id).cloned()
    }

    /// How many are known.
    pub(crate) fn count(&self) -> usize {
        self.by_id.borrow().len()
    }

    /// Takes the upload over, if the append may (see [`Upload::take_over`]). The file is where to
    /// write; there is none where there is no room.
    pub(crate) async fn append(
        &self,
        upload: &Rc<Upload>,
        intent: Intent,
    ) -> Result<(Turn, Option<File>), AppendError> {
        let known = upload.length.get();
        let turn = upload.take_over(intent, self.gate.max).map_err(AppendError::Refused)?;
        if upload.length.get() != known {
            let _ending = upload.ending.lock().await;
            if let Err(error) = self.write_info(upload).await {
                upload.length.set(known);
                return Err(error.into());
            }
        }
        let has_room = upload.state.get() == State::Growing && !upload.is_full();
        let file = has_room.then(|| self.folder.open_work(&data_leaf(upload.id))).transpose()?;
        Ok((turn, file))
    }

    /// The offset that may be told to the client: it survives what [`Sync`] promises. Told of the
    /// last byte only once the file is in its place, durably.
    pub(crate) async fn settle(&self, upload: &Upload) -> Result<u64, Failure> {
        if upload.is_full() {
            self.place(upload).await?;
        }
        let stored = upload.stored();
        match upload.state.get() {
            State::Placed => Ok(stored),
            State::Growing => self.sync(upload, stored).await,
            ended @ (State::Refused | State::Expired) => Err(Failure::Ended(ended)),
        }
    }

    /// The same for an offset that was reached earlier; less is returned if the disk failed since.
    pub(crate) async fn settle_at(&self, upload: &Upload, offset: u64) -> Result<u64, Failure> {
        match upload.length.get() == Some(offset) {
            true => self.settle(upload).await,
            false => self.sync(upload, offset).await,
        }
    }

    async fn sync(&self, upload: &Upload, offset: u64) -> Result<u64, Failure> {
        if self.sync == Sync::Always && upload.synced.get() < offset {
            let _ending = upload.ending.lock().await;
            if upload.state.get() == State::Growing {
                let (folder, leaf) = (Arc::clone(&self.folder), data_leaf(upload.id));
                let synced = blocking(move || Ok(folder.open_work(&leaf)?.sync_data()));
                synced.await?.map_err(|error| self.roll_back(upload, error))?;
                upload.synced.set(offset.max(upload.synced.get()));
            }
        }
        Ok(offset.min(upload.stored()))
    }

    async fn place(&self, upload: &Upload) -> Result<(), Failure> {
        let _ending = upload.ending.lock().await;
        if !upload.is_full() {
            return Ok(());
        }
        let (id, info, shelf) = (upload.id, upload.info(), Arc::clone(&self.shelf));
        let now = SystemTime::now();
        let placed = blocking(move || {
            let (state, placed) = match shelf.place(&data_leaf(id), &info.name, &info.user, now) {
                Ok(placed) => (State::Placed, Some(placed)),
                Err(PlaceError::Conflict) => (State::Refused, None),
                Err(error @ (PlaceError::Unsynced(_) | PlaceError::Io(_))) => {
                    return Ok(Err(error));
                }
            };
            // In this order: without the data, the info must already tell how it ended. If a full
            // disk keeps it from telling, the data stays and a restart comes here again.
            let ended = Info { state, ..info };
            let told = write_info(shelf.folder(), id, &ended, false);
            if let Err(error) = told.and_then(|()| shelf.folder().remove_work(&data_leaf(id))) {
                tracing::warn!(upload = %id.brief(), %error, "not cleared away");
            }
            Ok(Ok((state, placed)))
        });
        match placed.await? {
            Ok((state, placed)) => {
                let name = upload.name.as_str();
                if let Some(room) = upload.room.take()
                    && placed == Some(Placed::New)
                {
                    room.keep(upload.stored());
                }
                tracing::info!(upload = %id.brief(), name, ?state, "upload ended");
                upload.end(state, Instant::now());
                Ok(())
            }
            Err(PlaceError::Unsynced(error)) => Err(self.roll_back(upload, error)),
            Err(PlaceError::Io(error)) => Err(Failure::Io(error)),
            Err(PlaceError::Conflict) => Err(Failure::Ended(State::Refused)),
        }
    }

    /// The disk lost what the kernel had taken. A later sync would claim success (Linux reports
    /// a lost page once), so nothing beyond the last good sync counts any more.
    fn roll_back(&self, upload: &Upload, error: io::Error) -> Failure {
        let synced = upload.synced.get();
        tracing::warn!(upload = %upload.id.brief(), to = synced, %error, "bytes lost by the disk");
        upload.rewind(synced);
        match self.folder.open_work(&data_leaf(upload.id)).and_then(|file| file.set_len(synced)) {
            Ok(()) => Failure::Io(error),
            Err(worse) => Failure::Io(worse),
        }
    }

    /// Ends an upload at the client's wish. A file in its place stays there.
    pub(crate) async fn remove(&self, upload: &Upload) -> io::Result<()> {
        let _ending = upload.ending.lock().await;
        if self.by_id.borrow_mut().remove(&upload.id).is_none() {
            return Ok(());
        }
        upload.end(State::Expired, Instant::now());
        let (id, folder) = (upload.id, Arc::clone(&self.folder));
        blocking(move || {
            folder.remove_work(&info_leaf(id))?;
            folder.remove_work(&data_leaf(id))
        })
        .await
    }

    /// When an upload will be given up if nothing more comes, by the wall clock of now.
    pub(crate) fn expires(&self, upload: &Upload) -> SystemTime {
        SystemTime::now() + self.due(upload).saturating_duration_since(Instant::now())
    }

    fn due(&self, upload: &Upload) -> Instant {
        let kept = match upload.state.get() {
            State::Growing => self.expire_after,
            State::Placed | State::Refused | State::Expired => self.expire_after.min(ENDS_KEPT),
        };
        upload.touched.get() + kept
    }

    /// Gives up what has waited too long: first the bytes, later the memory of them.
    pub(crate) async fn sweep(&self, now: Instant) {
        let is_due = |upload: &Upload| upload.is_idle() && self.due(upload) <= now;
        let due: Vec<_> =
            self.by_id.borrow().values().filter(|upload| is_due(upload)).cloned().collect();
        for upload in due {
            let swept = match upload.state.get() {
                State::Growing => self.expire(&upload, now).await,
                State::Placed | State::Refused | State::Expired => self.remove(&upload).await,
            };
            if let Err(error) = swept {
                tracing::warn!(upload = %upload.id.brief(), %error, "not cleared away");
            }
        }
    }

    async fn expire(&self, upload: &Upload, now: Instant) -> io::Result<()> {
        let _ending = upload.ending.lock().await;
        if upload.state.get() != State::Growing || !upload.is_idle() {
            return Ok(());
        }
        tracing::info!(upload = %upload.id.brief(), stored = upload.stored(), "upload expired");
        upload.end(State::Expired, now);
        // First what frees space: the disk may be full.
        self.folder.remove_work(&data_leaf(upload.id))?;
        self.write_info(upload).await
    }

    async fn write_info(&self, upload: &Upload) -> io::Result<()> {
        let (id, info, folder) = (upload.id, upload.info(), Arc::clone(&self.folder));
        let durable = self.sync == Sync::Always;
        blocking(move || write_info(&folder, id, &info, durable)).await
    }
}

fn write_info(folder: &Folder, id: Id, info: &Info, durable: bool) -> io::Result<()> {
    folder.write_work(&info_leaf(id), info.encode().as_bytes(), durable)
}

/// Reads back one upload. `None` where there is nothing to carry on from.
fn recover(folder: &Folder, id: Id) -> io::Result<Option<Upload>> {
    let mut text = String::new();
    let mut info_file = folder.open_work(&info_leaf(id))?;
    // Not UTF-8 is not ours.
    let info = info_file.read_to_string(&mut text).ok().and_then(|_| Info::decode(&text));
    let Some(info) = info else { return Ok(None) };
    let changed = info_file.metadata()?.modified()?;
    if info.state != State::Growing {
        let stored = info.length.unwrap_or_default();
        return Ok(Some(Upload::new(id, info, stored, on_our_clock(changed))));
    }
    let data = match folder.open_work(&data_leaf(id)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        data => data?.metadata()?,
    };
    if info.length.is_some_and(|length| length < data.len()) {
        return Ok(None);
    }
    let changed = changed.max(data.modified()?);
    Ok(Some(Upload::new(id, info, data.len(), on_our_clock(changed))))
}

/// When that was; what seems to lie ahead is taken for now.
pub(crate) fn on_our_clock(changed: SystemTime) -> Instant {
    let age = changed.elapsed().unwrap_or_default();
    Instant::now().checked_sub(age).unwrap_or_else(Instant::now)
}

const DATA: &str = ".data";
const INFO: &str = ".info";

fn data_leaf(id: Id) -> String {
    format!("{id}{DATA}")
}

fn info_leaf(id: Id) -> String {
    format!("{id}{INFO}")
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<io::Error> for AppendError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests;
