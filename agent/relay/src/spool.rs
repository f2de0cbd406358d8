//! Files kept for a replay: what a `put` upstream can't resume is sent again from here.
//!
//! A spool file has no name: it is opened with O_TMPFILE, or its name is removed at once, so a crash
//! leaves nothing behind.
//! In `through` mode nothing here is a promise to the client; it only spares the client from
//! noticing a cut.

use core::cell::Cell;
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The room for spool files.
pub(crate) struct Spool {
    dir: PathBuf,
    room: Cell<u64>,
}

/// Why an upload was not spooled.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// It is larger than the room left: `spool_size` bounds it.
    Full { needed: u64, room: u64 },
    /// The file system said no.
    Io(io::Error),
}

impl core::fmt::Display for SpoolError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full { needed, room } => {
                write!(f, "{needed} bytes are needed and {room} are left: raise [relay] spool_size")
            }
            Self::Io(error) => write!(f, "{error}: check [relay] spool_dir"),
        }
    }
}

impl Spool {
    /// Room for `size` bytes in `dir`.
    pub(crate) fn new(dir: PathBuf, size: u64) -> Self {
        Self { dir, room: Cell::new(size) }
    }

    /// Bytes left.
    pub(crate) fn room(&self) -> u64 {
        self.room.get()
    }

    /// A file for up to `size` bytes, which are reserved until it is dropped.
    pub(crate) fn create(self: &Rc<Self>, size: u64) -> Result<SpoolFile, SpoolError> {
        let room = self.room.get();
        let left = room.checked_sub(size).ok_or(SpoolError::Full { needed: size, room })?;
        let file = std::fs::create_dir_all(&self.dir)
            .and_then(|()| nameless(&self.dir))
            .and_then(|file| set_aside(&file, size).map(|()| file))
            .map_err(SpoolError::Io)?;
        self.room.set(left);
        Ok(SpoolFile { file, reserved: Cell::new(size), freed: Cell::new(0), spool: self.clone() })
    }
}

/// A file without a name.
fn nameless(dir: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    let opened = options.clone().custom_flags(libc::O_TMPFILE).open(dir);
    match opened.as_ref().err().and_then(io::Error::raw_os_error) {
        // jffs2 and vfat; the second is said by kernels that do not know the flag.
        Some(libc::EOPNOTSUPP | libc::EISDIR) => renounce(dir, &mut options),
        Some(_) | None => opened,
    }
}

/// A file whose name is removed at once: of a crash in between, the next one of that name is rid.
fn renounce(dir: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let path = dir.join(".replay");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = options.create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Has the disk set the room aside, where the file system can: it is not found full in the middle.
fn set_aside(file: &File, size: u64) -> io::Result<()> {
    let length = i64::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
    match fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, length) {
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
        Err(Errno::EINVAL) if size == 0 => Ok(()),
        set_aside => Ok(set_aside?),
    }
}

/// One upload's bytes on disk.
pub(crate) struct SpoolFile {
    file: File,
    reserved: Cell<u64>,
    /// Of that, what was given back.
    freed: Cell<u64>,
    spool: Rc<Spool>,
}

impl SpoolFile {
    /// Writes at `offset`. The page cache takes it: blocks are small and no sync is asked for.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), SpoolError> {
        let end = offset + bytes.len() as u64;
        let more = end.saturating_sub(self.reserved.get());
        if more > 0 {
            let room = self.spool.room.get();
            let left = room.checked_sub(more).ok_or(SpoolError::Full { needed: end, room })?;
            self.spool.room.set(left);
            self.reserved.set(end);
        }
        self.file.write_all_at(bytes, offset).map_err(SpoolError::Io)
    }

    /// Bytes that it may hold.
    pub(crate) fn room(&self) -> u64 {
        self.spool.room.get() + self.reserved.get() - self.freed.get()
    }

    /// Gives back the bytes between two offsets, from the first on; whether there are any.
    pub(crate) fn free(&self, from: u64, to: u64) -> bool {
        let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let (Ok(start), Ok(length)) = (i64::try_from(from), i64::try_from(to.saturating_sub(from)))
        else {
            return false;
        };
        // A file system without holes keeps them until the end: the room stays taken.
        if length == 0 || fallocate(&self.file, hole, start, length).is_err() {
            return false;
        }
        self.freed.update(|freed| freed + length.unsigned_abs());
        self.spool.room.update(|room| room + length.unsigned_abs());
        true
    }

    /// Reads what is there at `offset`.
    pub(crate) fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset)
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        self.spool.room.update(|room| room + self.reserved.get() - self.freed.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_reserved_grows_with_the_file_and_comes_back() {
        let dir = std::env::temp_dir();
        let spool = Rc::new(Spool::new(dir, 1000));

        let file = spool.create(600).expect("fits");
        assert!(matches!(spool.create(600), Err(SpoolError::Full { needed: 600, room: 400 })));
        file.write_at(&[7; 700], 0).expect("grows");
        assert_eq!(spool.room(), 300);
        assert!(matches!(file.write_at(&[7; 400], 700), Err(SpoolError::Full { .. })));

        let mut back = [0; 700];
        assert_eq!(file.read_at(&mut back, 0).expect("readable"), 700);
        assert_eq!(back, [7; 700]);
        drop(file);
        assert_eq!(spool.room(), 1000);
    }

    #[test]
    fn a_name_that_is_needed_is_gone_at_once_and_one_that_a_crash_left_is_no_obstacle() {
        let dir = std::env::temp_dir().join(format!("baton-renounce-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        std::fs::write(dir.join(".replay"), "left by a crash").expect("room");

        let files =
            [0, 1].map(|_| renounce(&dir, File::options().read(true).write(true)).expect("a file"));

        files[0].write_all_at(b"one", 0).expect("room");
        let mut back = [0; 3];
        assert_eq!(files[1].read_at(&mut back, 0).expect("readable"), 0, "each is its own");
        assert_eq!(files[0].read_at(&mut back, 0).expect("readable"), 3);
        assert_eq!(std::fs::read_dir(&dir).expect("a folder").count(), 0);
        std::fs::remove_dir(&dir).expect("empty");
    }

    #[test]
    fn what_no_disk_has_is_refused_before_the_first_byte() {
        let spool = Rc::new(Spool::new(std::env::temp_dir(), u64::MAX));

        for size in [1 << 60, u64::MAX] {
            assert!(matches!(spool.create(size), Err(SpoolError::Io(_))));
        }
        assert_eq!(spool.room(), u64::MAX);
    }

    #[test]
    fn a_missing_folder_names_the_key() {
        let spool = Rc::new(Spool::new("/proc/none".into(), 1000));

        let error = spool.create(1).map(|_| ()).expect_err("no such place");

        assert!(error.to_string().contains("spool_dir"), "{error}");
    }
}
