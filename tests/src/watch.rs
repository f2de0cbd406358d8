//! Looking at what happens.

use core::time::Duration;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// Looks every few milliseconds until `look` finds something.
///
/// # Panics
///
/// If it does not within `patience`.
pub fn wait_until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = baton_lab::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(baton_lab::now() < end, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// SHA-256 of a file.
///
/// # Panics
///
/// If it can't be read.
pub fn sha256_of(path: &Path) -> String {
    let mut file =
        std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).expect("readable") {
            0 => return digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            n => digest.update(&buffer[..n]),
        }
    }
}
