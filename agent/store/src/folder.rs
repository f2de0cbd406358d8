//! The folder of stored files, and the work folder inside it.
//!
//! Names are walked part by part from an open directory, never following a symbolic link, so
//! that no name leads out whatever else happens in the folder.

use crate::{
    mark::Mark,
    name::{Name, WORK_FOLDER},
};
use core::fmt;
use nix::{
    errno::Errno,
    fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat},
    sys::stat::{Mode, mkdirat},
    unistd::{UnlinkatFlags, linkat, unlinkat},
};
use std::{
    fs::{File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Mutex,
};

/// The folder, held by one process at a time.
pub(crate) struct Folder {
    path: PathBuf,
    root: File,
    work: Flock<File>,
    renaming: Mutex<()>,
}

/// Why the folder can't be served.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// Another process serves it.
    Busy,
    /// It can't be created, read or written.
    Io(io::Error),
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet.
    Nothing,
    /// A file of this many bytes.
    File(u64),
    /// A folder or a link, or a part of the name on the way is no folder.
    Other,
}

/// How a file is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It was put there.
    New,
    /// The same content was there already.
    Same,
}

/// Why a file is not put in its place.
#[derive(Debug)]
pub(crate) enum PlaceError {
    /// The name holds something else.
    Conflict,
    /// The bytes may not be on the disk, although the kernel has taken them.
    Unsynced(io::Error),
    /// Anything else the disk said.
    Io(io::Error),
}

impl Folder {
    /// Opens `path`, creating it and its work folder when missing.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        std::fs::create_dir_all(path).map_err(OpenError::Io)?;
        let root = File::open(path).map_err(OpenError::Io)?;
        let work = open_folder(&root, WORK_FOLDER, Some(Mode::S_IRWXU)).map_err(OpenError::Io)?;
        let work = Flock::lock(work, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            if errno == Errno::EWOULDBLOCK { OpenError::Busy } else { OpenError::Io(errno.into()) }
        })?;
        Ok(Self { path: path.to_owned(), root, work, renaming: Mutex::new(()) })
    }

    /// Opens a finished file for reading. Whatever is no plain file is not found.
    pub(crate) fn read(&self, name: &Name) -> io::Result<File> {
        let (folders, leaf) = name.split();
        let open = || {
            let parent = self.walk(folders, None)?;
            // Not blocking: someone may have put a FIFO there.
            open_at(&parent, leaf, OFlag::O_RDONLY | OFlag::O_NONBLOCK)
        };
        match open() {
            Ok(file) if file.metadata()?.is_file() => Ok(file),
            // The last is what opening a socket gives.
            Err(error) if !is_one_of(&error, &[Errno::ENOTDIR, Errno::ELOOP, Errno::ENXIO]) => {
                Err(error)
            }
            Ok(_) | Err(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// What `name` stands for now.
    pub(crate) fn find(&self, name: &Name) -> io::Result<Found> {
        match self.look(name) {
            Ok(meta) if meta.is_file() => Ok(Found::File(meta.len())),
            Ok(_) => Ok(Found::Other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) if is_one_of(&error, NO_FOLDER) => Ok(Found::Other),
            Err(error) => Err(error),
        }
    }

    /// Gives the finished work file `leaf` its `name`, durably. Nothing is overwritten: where the
    /// same content is already in place, that is as good. Doing it again is harmless; the work
    /// file remains for the caller to remove, and may be gone already.
    pub(crate) fn place(&self, leaf: &str, name: &Name) -> Result<Placed, PlaceError> {
        let data = self.open_work(leaf).map_err(PlaceError::Io)?;
        data.sync_all().map_err(PlaceError::Unsynced)?;
        let mut tries = 0..EMPTIED;
        loop {
            let (folders, final_leaf) = name.split();
            let parent = self.walk(folders, Some(Mode::from_bits_truncate(0o777)))?;
            let placed = match linkat(&*self.work, leaf, &parent, final_leaf, AtFlags::empty()) {
                Ok(()) => Placed::New,
                Err(Errno::EEXIST) => self.require_same(&data, name)?,
                // The folder was empty, and `remove` took it away in between.
                Err(Errno::ENOENT) if tries.next().is_some() => continue,
                Err(errno) if NO_LINKS.contains(&errno) => {
                    self.rename(leaf, &data, &parent, name)?
                }
                Err(errno) => return Err(PlaceError::Io(errno.into())),
            };
            parent.sync_all()?;
            return Ok(placed);
        }
    }

    /// As good as a link where only this process must be kept from overwriting.
    fn rename(
        &self,
        leaf: &str,
        data: &File,
        parent: &File,
        name: &Name,
    ) -> Result<Placed, PlaceError> {
        let _alone = self.renaming.lock().unwrap_or_else(|poison| poison.into_inner());
        match self.find(name)? {
            Found::Nothing => {
                renameat(&*self.work, leaf, parent, name.split().1).map_err(io::Error::from)?;
                Ok(Placed::New)
            }
            Found::File(_) | Found::Other => self.require_same(data, name),
        }
    }

    fn require_same(&self, data: &File, name: &Name) -> Result<Placed, PlaceError> {
        let there = match self.read(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(PlaceError::Conflict);
            }
            there => there?,
        };
        if !same_content(data, &there)? {
            return Err(PlaceError::Conflict);
        }
        // Whoever wrote it may not have made it durable.
        there.sync_all()?;
        Ok(Placed::Same)
    }

    /// What tells the file of that name from any other; `None` if it is no file.
    pub(crate) fn mark(&self, name: &Name) -> io::Result<Option<Mark>> {
        match self.look(name) {
            Ok(meta) => Ok(meta.is_file().then(|| Mark::of(&meta))),
            Err(error) if is_one_of(&error, NO_FILE) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn look(&self, name: &Name) -> io::Result<Metadata> {
        let (folders, leaf) = name.split();
        let parent = self.walk(folders, None)?;
        open_at(&parent, leaf, OFlag::O_PATH)?.metadata()
    }

    /// Removes a stored file, and the folders that are empty without it.
    pub(crate) fn remove(&self, name: &Name) -> io::Result<()> {
        let mut path = name.as_str();
        let mut flag = UnlinkatFlags::NoRemoveDir;
        loop {
            let (folders, leaf) = path.rsplit_once('/').unwrap_or(("", path));
            let parent = self.walk(folders.split('/').filter(|part| !part.is_empty()), None)?;
            match (unlinkat(&parent, leaf, flag), flag) {
                (Ok(()), _) if folders.is_empty() => return Ok(()),
                (Ok(()), _) => (path, flag) = (folders, UnlinkatFlags::RemoveDir),
                // Others' files are in it.
                (Err(_), UnlinkatFlags::RemoveDir) => return Ok(()),
                (Err(errno), UnlinkatFlags::NoRemoveDir) => return Err(errno.into()),
            }
        }
    }

    /// Creates an empty work file.
    pub(crate) fn create_work(&self, leaf: &str) -> io::Result<File> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
        open_at(&self.work, leaf, flags)
    }

    /// Opens a work file for reading and writing.
    pub(crate) fn open_work(&self, leaf: &str) -> io::Result<File> {
        open_at(&self.work, leaf, OFlag::O_RDWR)
    }

    /// Opens a work file for appending, creating it when missing.
    pub(crate) fn append_work(&self, leaf: &str) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND;
        open_at(&self.work, leaf, flags)
    }

    /// All of a small work file.
    pub(crate) fn read_work(&self, leaf: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open_work(leaf)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Opens a folder in the work folder, creating it when missing. Its path is for listing it.
    pub(crate) fn work_folder(&self, leaf: &str) -> io::Result<(File, PathBuf)> {
        let folder = open_folder(&self.work, leaf, Some(Mode::S_IRWXU))?;
        Ok((folder, self.path.join(WORK_FOLDER).join(leaf)))
    }

    /// The work folder itself.
    pub(crate) fn work(&self) -> &File {
        &self.work
    }

    /// Replaces a small work file as a whole; `durable` against a power loss, too.
    pub(crate) fn write_work(&self, leaf: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
        let fresh = format!("{leaf}.new");
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
        let mut file = open_at(&self.work, &fresh, flags)?;
        let written = file.write_all(bytes).and_then(|()| {
            if durable {
                file.sync_data()?;
            }
            Ok(renameat(&*self.work, fresh.as_str(), &*self.work, leaf)?)
        });
        if written.is_err() {
            // A full disk: the old one, if any, still stands.
            let _ = self.remove_work(&fresh);
        } else if durable {
            self.work.sync_all()?;
        }
        written
    }

    /// Removes a work file; one that is gone already is as good.
    pub(crate) fn remove_work(&self, leaf: &str) -> io::Result<()> {
        match unlinkat(&*self.work, leaf, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The names of all work files.
    pub(crate) fn list_work(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(self.path.join(WORK_FOLDER))?;
        // A name that is not UTF-8 is not one of ours.
        entries.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default())).collect()
    }

    fn walk<'a>(
        &self,
        folders: impl Iterator<Item = &'a str>,
        create: Option<Mode>,
    ) -> io::Result<File> {
        let mut at = self.root.try_clone()?;
        for part in folders {
            at = open_folder(&at, part, create)?;
        }
        Ok(at)
    }
}

fn open_folder(parent: &File, name: &str, create: Option<Mode>) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
    match (open_at(parent, name, flags), create) {
        (Err(error), Some(mode)) if error.kind() == io::ErrorKind::NotFound => {
            match mkdirat(parent, name, mode) {
                Ok(()) | Err(Errno::EEXIST) => parent.sync_all()?,
                Err(errno) => return Err(errno.into()),
            }
            open_at(parent, name, flags)
        }
        (opened, _) => opened,
    }
}

pub(crate) fn open_at(folder: &File, leaf: &str, flags: OFlag) -> io::Result<File> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(openat(folder, leaf, flags, Mode::from_bits_truncate(0o666))?.into())
}

fn is_one_of(error: &io::Error, errnos: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|code| errnos.contains(&Errno::from_raw(code)))
}

/// A part of the name is a file or a link.
const NO_FOLDER: &[Errno] = &[Errno::ENOTDIR, Errno::ELOOP];

/// The same, or there is nothing at all.
const NO_FILE: &[Errno] = &[Errno::ENOTDIR, Errno::ELOOP, Errno::ENOENT];

/// FAT has no links, and every other file system has a limit to how many a file may have.
pub(crate) const NO_LINKS: &[Errno] =
    &[Errno::EPERM, Errno::EOPNOTSUPP, Errno::ENOSYS, Errno::EMLINK];

/// How often a folder may vanish while a file is put into it: files go once an hour or so.
const EMPTIED: u8 = 3;

/// Whether both have the same bytes.
pub(crate) fn same_content(one: &File, other: &File) -> io::Result<bool> {
    let (meta, other_meta) = (one.metadata()?, other.metadata()?);
    if (meta.dev(), meta.ino()) == (other_meta.dev(), other_meta.ino()) {
        return Ok(true);
    }
    if meta.len() != other_meta.len() {
        return Ok(false);
    }
    let (mut block, mut other_block) = (vec![0; COMPARED], vec![0; COMPARED]);
    let mut at = 0;
    while at < meta.len() {
        let count = one.read_at(&mut block, at)?;
        if count == 0 {
            return Ok(false);
        }
        let same = other.read_exact_at(&mut other_block[..count], at);
        if same.is_err() || block[..count] != other_block[..count] {
            return same.map(|()| false);
        }
        at += count as u64;
    }
    Ok(true)
}

/// Bytes compared at a time.
const COMPARED: usize = 64 << 10;

impl From<io::Error> for PlaceError {
    fn from(error: io::Error) -> Self {
        if is_one_of(&error, NO_FOLDER) { Self::Conflict } else { Self::Io(error) }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("another process serves this folder"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
