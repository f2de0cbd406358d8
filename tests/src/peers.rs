//! Other people's programs.

use crate::Upstream;
use crate::spawn::target;
use std::path::Path;

impl Upstream {
    /// @tus/server, the reference tus server, as `ci/peers` installed it.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    pub fn tus_server() -> Self {
        let packages = target().join("peers");
        assert!(packages.join("node_modules").exists(), "no @tus/server: run ci/peers");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/tus.mjs");
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        Self::Program(vec!["node".into(), text(&program), text(&packages)])
    }
}
