//! A disk that is soon full.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs::{File, create_dir_all};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file system in memory, mounted in the sandbox until dropped. Processes started from now on
/// see it.
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one of `size` bytes.
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    pub fn mount(path: &Path, size: u64) -> Self {
        create_dir_all(path).expect("a folder to mount on");
        let options = format!("size={size}");
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))
            .expect("root of a sandbox may mount a tmpfs");
        Self(path.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Fills it but for `left` bytes; the file that does so.
    ///
    /// # Panics
    ///
    /// If it can't be written at all.
    pub fn fill(&self, left: usize) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).expect("room for a name");
        while file.write_all(&[0; 4096]).is_ok() {}
        let size = file.metadata().expect("an open file").len();
        file.set_len(size.saturating_sub(left as u64)).expect("made shorter");
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // It goes with the mount namespace in any case; the folder can be removed only without it.
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
