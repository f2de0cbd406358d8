//! Programs under test.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program under test: `$BATON`, else the newest build beside this test's own.
///
/// # Panics
///
/// If it was not built.
pub fn baton() -> PathBuf {
    if let Some(path) = std::env::var_os("BATON") {
        return path.into();
    }
    let release = target().join("release/baton");
    assert!(release.exists(), "{} is missing: cargo build --release", release.display());
    release
}

/// What runs as the agent: `$BATON_AGENT`, else [`baton`]. It may be a script that runs a program for
/// another processor in its emulator.
pub fn agent() -> PathBuf {
    std::env::var_os("BATON_AGENT").map_or_else(baton, PathBuf::from)
}

/// Where cargo builds.
///
/// # Panics
///
/// If this was not built by it.
pub(crate) fn target() -> PathBuf {
    let here = std::env::current_exe().expect("a test knows its own path");
    let target = here.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists());
    target.expect("tests run from target/").into()
}

/// A folder of its own, removed with the value.
pub struct TempDir(PathBuf);

/// A folder for one test.
///
/// # Panics
///
/// If it can't be made.
pub fn temp_dir(name: &str) -> TempDir {
    let path = std::env::temp_dir().join(format!("baton-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a folder in the temporary folder");
    TempDir(path)
}

impl TempDir {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running program, killed when dropped; what it says is in a file.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it with its output in `log`.
    pub fn start(command: &mut Command, log: PathBuf) -> io::Result<Self> {
        let out = File::options().create(true).append(true).open(&log)?;
        let child = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn()?;
        Ok(Self { child, log })
    }

    /// Everything it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
