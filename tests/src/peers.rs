//! Other people's programs, as `ci/peers` installed them.

use crate::Upstream;
use crate::spawn::target;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

impl Upstream {
    /// @tus/server, the reference tus server.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    pub fn tus_server() -> Self {
        let packages = installed("node_modules");
        let packages = packages.parent().expect("it is in a folder");
        Self::Program(vec!["node".into(), ours("tus-server.mjs").into(), packages.into()])
    }

    /// Prosody with `http_file_share`.
    pub fn prosody() -> Self {
        let config = ours("prosody.cfg.lua").into();
        Self::Program(vec!["prosody".into(), "-F".into(), "--config".into(), config])
    }

    /// xmpp-http-upload, which checks `v2` tokens.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    pub fn xmpp_http_upload() -> Self {
        let program = installed("bin/xmpp-http-upload");
        Self::Program(vec![ours("xmpp-http-upload").into(), program.into()])
    }
}

/// A tus client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TusClient {
    /// The reference client, on Node.js.
    JavaScript,
    /// tuspy.
    Python,
}

impl TusClient {
    /// The program and the arguments that send `file` as `name` to where `url` creates uploads.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    pub fn command(self, file: &Path, name: &str, url: &str) -> Vec<OsString> {
        let mut line: Vec<OsString> = match self {
            Self::JavaScript => {
                let packages = installed("node_modules");
                let packages = packages.parent().expect("it is in a folder").to_owned();
                vec!["node".into(), ours("tus-js-client.mjs").into(), packages.into()]
            }
            Self::Python => vec![installed("venv/bin/python").into(), ours("tuspy.py").into()],
        };
        line.extend([file.into(), name.into(), url.into()]);
        line
    }
}

/// What `ci/peers` put there.
fn installed(path: &str) -> PathBuf {
    let path = target().join("peers").join(path);
    assert!(path.exists(), "{} is missing: run ci/peers", path.display());
    path
}

/// Our own side of it.
fn ours(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(file)
}
