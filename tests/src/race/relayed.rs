//! Baton: a client's upload through the agent, to `baton serve` or to @tus/server.

use super::{Contender, Course};
use crate::{Scene, Setup, Upstream};
use baton_lab::{Lab, Rate, Sandbox};
use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

/// A client that uploads through an agent.
pub struct Relayed {
    scene: Scene,
    curl: Option<Child>,
    uploads: u32,
    /// The file that grows.
    work: Option<PathBuf>,
    /// What was stored of uploads that ended.
    ended: u64,
}

/// Longer than any race: a sparse file costs nothing until it is sent.
const FILE_BYTES: u64 = 8 << 30;

/// `[relay] hold` does not matter here; curl's own patience must not either.
const CLIENT_PATIENCE: [&str; 2] = ["--max-time", "36000"];

impl Relayed {
    /// The agent with `upstream`; `config` is added to its configuration.
    ///
    /// # Panics
    ///
    /// If the scene can't be set.
    pub fn new(sandbox: &Sandbox, course: &Course, upstream: Upstream, config: &str) -> Self {
        let scene = Scene::new(
            sandbox,
            Setup {
                delay: course.delay(),
                jitter: course.jitter(),
                rate: Rate::Bps(Course::RATE_BPS),
                upstream,
                config: config.into(),
                congestion_control: course.congestion,
                seed: course.seed,
                ..Setup::default()
            },
        );
        let file = fs::File::create(scene.dir().join("endless.bin")).expect("a new file");
        file.set_len(FILE_BYTES).expect("a sparse file");
        Self { scene, curl: None, uploads: 0, work: None, ended: 0 }
    }

    /// The scene.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    fn start(&mut self) {
        self.ended += self.size();
        self.work = None;
        self.uploads += 1;
        let file = self.scene.dir().join("endless.bin");
        let name = format!("{}.bin", self.uploads);
        self.curl = Some(self.scene.curl(&file, &name, &CLIENT_PATIENCE));
    }

    fn size(&mut self) -> u64 {
        if self.work.is_none() {
            self.work = growing(&self.scene.dir().join("store"));
        }
        let size = self.work.as_ref().and_then(|path| fs::metadata(path).ok());
        size.map_or(0, |facts| facts.len())
    }
}

/// A file that holds the beginning of an upload.
fn growing(store: &Path) -> Option<PathBuf> {
    // The least that a server's own notes do not reach.
    const NOTES: u64 = 16 * 1024;
    fs::read_dir(store).ok()?.flatten().find_map(|entry| {
        let facts = entry.metadata().ok()?;
        if facts.is_dir() {
            return growing(&entry.path());
        }
        (facts.len() > NOTES).then(|| entry.path())
    })
}

impl Contender for Relayed {
    fn lab(&self) -> &Lab {
        &self.scene.lab
    }

    fn stored(&mut self) -> u64 {
        self.ended + self.size()
    }

    fn landed(&mut self) -> u64 {
        self.stored()
    }

    /// One transfer lasts for the whole race.
    fn begin(&mut self) {
        match self.curl.as_mut().map(Child::try_wait) {
            None => self.start(),
            Some(Ok(None)) => {}
            Some(ended) => panic!("the upload ended: {ended:?}\n{}", self.scene.agent.log()),
        }
    }

    /// A second: twice what an agent waits before it gives a silent link up.
    fn aftermath(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn has_standby(&mut self, carrier: &str) -> bool {
        let links = self.scene.links();
        let mut links = links.as_array().into_iter().flatten();
        links.any(|link| link["name"] != carrier && CAN_CARRY.iter().any(|s| link["state"] == *s))
    }

    fn log(&self) -> String {
        self.scene.agent.log()
    }
}

/// States in which a link takes an upload over.
const CAN_CARRY: [&str; 4] = ["healthy", "settling", "hold_down", "suppressed"];

impl Drop for Relayed {
    fn drop(&mut self) {
        if let Some(mut curl) = self.curl.take() {
            let _ = curl.kill();
            let _ = curl.wait();
        }
    }
}
