//! Segments as files of one folder.

use baton_core::spool::Position;
use baton_hal::{ErrorKind, Segment, Segments};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of segments, which no other process uses at the same time. Files are opened with
/// O_CLOEXEC, as the standard library does, and are for their owner alone: they may hold tokens.
#[derive(Clone, Debug)]
pub struct FileSegments(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Locked for as long as the folder is used, and what its flush goes to.
    handle: Flock<File>,
}

/// A segment's file.
#[derive(Debug)]
pub struct FileSegment(File);

/// What went wrong with the folder or a file in it.
#[derive(Debug)]
pub enum SegmentError {
    /// Another process has the folder.
    InUse(PathBuf),
    /// The file system said no.
    Io(PathBuf, io::Error),
}

impl core::fmt::Display for SegmentError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::InUse(path) => {
                write!(f, "another agent has its spool in {}", path.display())
            }
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl baton_hal::Error for SegmentError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::InUse(_) => ErrorKind::NotPermitted,
            Self::Io(_, error) => match error.raw_os_error() {
                Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => ErrorKind::Full,
                Some(libc::ENOENT) => ErrorKind::Missing,
                Some(libc::EPERM | libc::EACCES | libc::EROFS) => ErrorKind::NotPermitted,
                Some(_) | None => ErrorKind::Other,
            },
        }
    }
}

impl FileSegments {
    /// The folder at `path`, made if it is not there.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let wrong = |error| SegmentError::Io(path.to_owned(), error);
        std::fs::create_dir_all(path).map_err(wrong)?;
        let folder = File::open(path).map_err(wrong)?;
        let handle = Flock::lock(folder, FlockArg::LockExclusiveNonblock)
            .map_err(|_| SegmentError::InUse(path.to_owned()))?;
        // Its own name is durable as well, or all in it was for nothing.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))
            .and_then(|parent| parent.sync_all())
            .map_err(wrong)?;
        Ok(Self(Arc::new(Folder { path: path.to_owned(), handle })))
    }

    fn file(
        &self,
        at: Position,
        open: impl FnOnce(&Path) -> io::Result<File>,
    ) -> Result<FileSegment, SegmentError> {
        let path = self.0.path.join(name(at));
        open(&path).map(FileSegment).map_err(|error| SegmentError::Io(path, error))
    }
}

impl Segments for FileSegments {
    type Error = SegmentError;
    type Segment = FileSegment;

    fn create(&self, at: Position) -> Result<FileSegment, SegmentError> {
        let mut options = File::options();
        options.read(true).append(true).create_new(true).mode(0o600);
        self.file(at, |path| options.open(path))
    }

    fn open(&self, at: Position) -> Result<FileSegment, SegmentError> {
        self.file(at, |path| File::options().read(true).append(true).open(path))
    }

    fn remove(&self, at: Position) -> Result<(), SegmentError> {
        let path = self.0.path.join(name(at));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SegmentError::Io(path, error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn list(&self, found: &mut dyn FnMut(Position, u64)) -> Result<(), SegmentError> {
        let wrong = |error| SegmentError::Io(self.0.path.clone(), error);
        for entry in std::fs::read_dir(&self.0.path).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            if let Some(at) = entry.file_name().to_str().and_then(position) {
                found(at, entry.metadata().map_err(wrong)?.len());
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), SegmentError> {
        self.0.handle.sync_all().map_err(|error| SegmentError::Io(self.0.path.clone(), error))
    }
}

impl FileSegment {
    fn wrong(error: io::Error) -> SegmentError {
        SegmentError::Io("a segment of the spool".into(), error)
    }
}

impl Segment for FileSegment {
    type Error = SegmentError;

    fn append(&mut self, bytes: &[u8]) -> Result<(), SegmentError> {
        self.0.write_all(bytes).map_err(Self::wrong)
    }

    fn sync(&mut self) -> Result<(), SegmentError> {
        self.0.sync_data().map_err(Self::wrong)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<usize, SegmentError> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.0.read_at(&mut buf[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Self::wrong(error)),
            }
        }
        Ok(filled)
    }
}

/// Whether a folder, or the nearest above it that exists, forgets everything at a power cut: `Some`
/// names its file system.
pub fn volatile(path: &Path) -> Option<&'static str> {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match statfs(existing).ok()?.filesystem_type() {
        TMPFS_MAGIC => Some("tmpfs"),
        RAMFS_MAGIC => Some("ramfs"),
        _ => None,
    }
}

/// linux/magic.h
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

fn name(at: Position) -> String {
    format!("{:016x}-{:08x}.spool", at.chain, at.index)
}

fn position(name: &str) -> Option<Position> {
    let (chain, index) = name.strip_suffix(".spool")?.split_once('-')?;
    let at = Position {
        chain: u64::from_str_radix(chain, 16).ok()?,
        index: u32::from_str_radix(index, 16).ok()?,
    };
    // Only what was written here is read: `+1-1.spool` is somebody else's.
    (self::name(at) == name).then_some(at)
}

#[cfg(test)]
mod tests;
