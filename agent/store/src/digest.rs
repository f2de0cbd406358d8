//! SHA-256 of stored files, for RFC 9530's `Repr-Digest`.

use crate::blocking::blocking;
use sha2::{Digest, Sha256};
use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

/// Hashed in one go on a worker thread: the end of the program waits no longer than for that.
const STEP: u64 = 4 << 20;
const BLOCK: usize = 64 << 10;

/// A SHA-256.
pub(crate) type Sum = [u8; 32];

/// What shows that a line of ours is whole: the first 8 bytes of its SHA-256, in hexadecimal.
pub(crate) fn check(line: &str) -> String {
    hex(&Sha256::digest(line)[..8])
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a whole file, in one go.
pub(crate) fn of_file_now(file: &File) -> io::Result<Sum> {
    let (mut hash, mut at) = (Sha256::new(), 0);
    loop {
        let (hashed, count) = hash_step(file, at, hash)?;
        (hash, at) = (hashed, at + count);
        if count < STEP {
            return Ok(hash.finalize().into());
        }
    }
}

/// SHA-256 of a whole file. Dropping the future stops the work.
pub(crate) async fn of_file(file: Arc<File>) -> io::Result<Sum> {
    let mut hash = Sha256::new();
    let mut at = 0;
    loop {
        let file = Arc::clone(&file);
        let step = blocking(move || hash_step(&file, at, hash)).await?;
        hash = step.0;
        at += step.1;
        if step.1 < STEP {
            return Ok(hash.finalize().into());
        }
    }
}

fn hash_step(file: &File, start: u64, mut hash: Sha256) -> io::Result<(Sha256, u64)> {
    let mut block = vec![0; BLOCK];
    let mut done = 0;
    while done < STEP {
        let count = file.read_at(&mut block, start + done)?;
        if count == 0 {
            break;
        }
        hash.update(&block[..count]);
        done += count as u64;
    }
    Ok((hash, done))
}
