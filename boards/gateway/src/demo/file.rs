//! The file that is uploaded, and the folder for everything else.

use crate::assembly;
use crate::failure::Failure;
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// Length of a file that is made up: some twenty seconds on the links of the demo.
const SIZE: u64 = 48 << 20;

/// What is read or written at once.
const CHUNK: usize = 1 << 20;

/// A folder that goes away when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes one that nobody else may look into.
    pub(super) fn create() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("baton-demo-{:016x}", assembly::seed()));
        DirBuilder::new().mode(0o700).create(&path).map_err(|e| {
            Failure::No(format!(
                "{}: {e}; name a folder that may be written in TMPDIR",
                path.display()
            ))
        })?;
        Ok(Self(path))
    }

    /// The agent's control socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// The agent's spool.
    pub(super) fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// What the upstream serves.
    pub(super) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Where the upstream stores a file of that name.
    pub(super) fn stored(&self, name: &str) -> PathBuf {
        self.store().join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("baton: {}: {error}; it may be removed", self.0.display());
        }
    }
}

/// A file that was opened.
pub(super) struct Source {
    file: File,
    path: PathBuf,
    /// Its name, without folders.
    pub(super) name: String,
    /// Its length in bytes.
    pub(super) size: u64,
}

impl Source {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Usage(format!("{}: {why}", path.display()));
        let file = File::open(path).map_err(|e| wrong(&e.to_string()))?;
        let facts = file.metadata().map_err(|e| wrong(&e.to_string()))?;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| wrong("its name is not UTF-8"))?.to_owned();
        if !facts.is_file() {
            return Err(wrong("not a plain file"));
        }
        Ok(Self { file, path: path.to_owned(), name, size: facts.len() })
    }

    /// Another handle, at the file's beginning.
    pub(super) fn handle(&self) -> Result<File, Failure> {
        self.file.try_clone().map_err(|e| self.trouble(&e))
    }

    /// Its SHA-256. Lets others run between chunks: large files take seconds.
    pub(super) async fn hash(&self) -> Result<Hash, Failure> {
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        let mut at = 0;
        loop {
            let read = self.file.read_at(&mut chunk, at).map_err(|e| self.trouble(&e))?;
            if read == 0 {
                return Ok(hash.finalize().into());
            }
            hash.update(&chunk[..read]);
            at += read as u64;
            tokio::task::yield_now().await;
        }
    }

    fn trouble(&self, error: &io::Error) -> Failure {
        Failure::No(format!("{}: {error}", self.path.display()))
    }
}

/// Writes a file of bytes that no one has seen before.
pub(super) async fn make_up(folder: &Folder) -> Result<Source, Failure> {
    let path = folder.0.join("demo.bin");
    let advice = |e| {
        let room = crate::draw::size(3 * SIZE);
        Failure::No(format!("{}: {e}; name a folder with {room} of room in TMPDIR", path.display()))
    };
    let mut file = BufWriter::with_capacity(CHUNK, File::create_new(&path).map_err(advice)?);
    // xorshift64 (Marsaglia 2003): no compressible pattern, and quick. Its state is never zero.
    let mut state = assembly::seed() | 1;
    for word in 0..SIZE / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).map_err(advice)?;
        if word % (CHUNK as u64) == 0 {
            tokio::task::yield_now().await;
        }
    }
    file.flush().map_err(advice)?;
    Source::open(&path)
}
