//! Every stored content under the name of its SHA-256, so that it is stored once.
//!
//! The folder `sha256` in the work folder holds a hard link to one file of each content. A new file
//! of the same content gets its name as another link to that one. The index may be cut off, lost
//! or emptied at any time: what is missing in it is merely not shared.
//!
//! - Nothing is believed of an entry: before it is shared its bytes are compared. One that was
//!   changed behind our back stays where it is, and leaves the index.
//! - An entry that is the last link to its file only takes space: [`Contents::tidy`] drops it.
//! - A file with no room for more links leaves its place in the index to the next one.

use crate::{
    digest::{Sum, hex},
    folder::{Folder, NO_LINKS, open_at, same_content},
};
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag},
    unistd::{UnlinkatFlags, linkat, unlinkat},
};
use std::{fs::File, io, os::unix::fs::MetadataExt, path::PathBuf, sync::Arc};

/// The index.
pub(crate) struct Contents {
    folder: Arc<Folder>,
    index: File,
    path: PathBuf,
}

/// What sharing spares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Savings {
    /// Names that share the content of another.
    pub(crate) files: u64,
    /// Bytes that are not stored again.
    pub(crate) bytes: u64,
}

const INDEX: &str = "sha256";

/// A file to try links with.
const PROBE: &str = "probe";

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

impl Contents {
    /// Opens the index, creating it when missing. `None` where the file system has no links.
    pub(crate) fn open(folder: Arc<Folder>) -> io::Result<Option<Self>> {
        let (index, path) = folder.work_folder(INDEX)?;
        let contents = Self { folder, index, path };
        if contents.try_link().is_err_and(|errno| NO_LINKS.contains(&errno)) {
            tracing::info!("the file system has no hard links: every file is stored in full");
            return Ok(None);
        }
        Ok(Some(contents))
    }

    fn try_link(&self) -> nix::Result<()> {
        self.forget(PROBE)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
        open_at(self.folder.work(), PROBE, flags).map_err(|error| errno(&error))?;
        let linked = linkat(self.folder.work(), PROBE, &self.index, PROBE, AtFlags::empty());
        let removed = unlinkat(self.folder.work(), PROBE, UnlinkatFlags::NoRemoveDir);
        self.forget(PROBE)?;
        linked.and(removed)
    }

    /// Links the stored file of the same content as `data` to a fresh work file `twin`. `false`
    /// if there is none that may have another name.
    pub(crate) fn twin(&self, data: &File, sum: &Sum, twin: &str) -> io::Result<bool> {
        let entry = hex(sum);
        self.folder.remove_work(twin)?;
        // A link of our own first: what is compared can't be exchanged before it is used.
        match linkat(&self.index, entry.as_str(), self.folder.work(), twin, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::ENOENT) => return Ok(false),
            Err(errno) if NO_LINKS.contains(&errno) => {
                self.forget(&entry)?;
                return Ok(false);
            }
            Err(errno) => return Err(errno.into()),
        }
        match self.folder.open_work(twin).and_then(|there| same_content(data, &there)) {
            Ok(true) => return Ok(true),
            Ok(false) => tracing::warn!(sha256 = entry, "a stored file was changed by another"),
            Err(error) => tracing::warn!(sha256 = entry, %error, "a stored file can't be read"),
        }
        self.folder.remove_work(twin)?;
        self.forget(&entry)?;
        Ok(false)
    }

    /// Remembers the work file `leaf` as the one of its content, unless there is one.
    pub(crate) fn remember(&self, leaf: &str, sum: &Sum) {
        let entry = hex(sum);
        match linkat(self.folder.work(), leaf, &self.index, entry.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => tracing::debug!(%error, "a content is not remembered"),
        }
    }

    /// Drops the entries of files that have no name any more, and tells what the others spare.
    pub(crate) fn tidy(&self) -> io::Result<Savings> {
        let mut savings = Savings::default();
        for entry in std::fs::read_dir(&self.path)? {
            let Ok(entry) = entry?.file_name().into_string() else { continue };
            let meta = match open_at(&self.index, &entry, OFlag::O_PATH) {
                Ok(file) => file.metadata()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // A file that gets a name at this very moment loses its entry, no more.
            match meta.nlink() {
                0 | 1 => self.forget(&entry)?,
                links => {
                    savings.files += links - 2;
                    savings.bytes += (links - 2) * meta.len();
                }
            }
        }
        Ok(savings)
    }

    fn forget(&self, entry: &str) -> nix::Result<()> {
        match unlinkat(&self.index, entry, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

#[cfg(test)]
mod tests;
