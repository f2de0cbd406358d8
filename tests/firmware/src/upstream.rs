//! `baton serve`, and what it has.

use crate::Options;
use sha2::{Digest, Sha256};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The firmware's own.
const SECRET: &str = "a secret of this unit and its upstream";

pub(crate) struct Upstream {
    server: Child,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Upstream {
    pub(crate) fn start(options: &Options, folder: &Path) -> Self {
        let store = folder.join("store");
        fs::create_dir_all(&store).expect("the folder can be made");
        let secret = folder.join("secret");
        fs::write(&secret, SECRET).expect("it can be written");
        let port = free_port();
        let log = fs::File::create(folder.join("serve.log")).expect("it can be written");
        let server = Command::new(&options.baton)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--dir"])
            .arg(&store)
            .arg("--secret-file")
            .arg(&secret)
            .stdout(log.try_clone().expect("a file can be"))
            .stderr(log)
            .spawn()
            .expect("baton serve starts");
        Self { server, folder: store, port }
    }

    /// Bytes of uploads that are under way.
    pub(crate) fn partial_bytes(&self) -> u64 {
        let Ok(entries) = fs::read_dir(self.folder.join(".baton")) else { return 0 };
        let data = entries.flatten().filter(|entry| {
            Path::new(&entry.file_name()).extension().is_some_and(|end| end == "data")
        });
        data.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
    }

    /// The SHA-256 of a stored file; `None`: it is not there.
    pub(crate) fn sha256(&self, name: &str) -> Option<String> {
        let bytes = fs::read(self.folder.join(name)).ok()?;
        Some(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What is stored under that name.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).expect("it is stored")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}
