//! A whole scene: upstream, agent, links, client.

use crate::names;
use crate::scripted::{Script, Scripted};
use crate::secured::{self, Secured};
use crate::spawn::{Process, TempDir, agent, baton, temp_dir};
use crate::watch::{sha256_of, wait_until};
use baton_lab::{Lab, LinkSpec, Namespace, Rate, Sandbox, Shape, UPSTREAM_V4, UPSTREAM_V6};
use core::net::SocketAddr;
use core::time::Duration;
use serde_json::Value;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What stands at the far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// `baton serve`.
    Store,
    /// A program of the test's own, started in the upstream's namespace: it listens on `$PORT`,
    /// keeps its files in `$STORE` and knows `$SECRET`.
    Program(Vec<OsString>),
    /// One that misbehaves as the script says.
    Scripted(Script),
    /// Nothing: the test brings its own.
    None,
}

/// How the configuration names the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// By its IPv4 address.
    V4,
    /// By its IPv6 address.
    V6,
    /// By a name, of which a server beyond the links knows the IPv4 address.
    Name,
}

impl Host {
    fn address(self) -> SocketAddr {
        match self {
            Self::V4 | Self::Name => (UPSTREAM_V4, PORT).into(),
            Self::V6 => (UPSTREAM_V6, PORT).into(),
        }
    }

    fn authority(self) -> String {
        match self {
            Self::V4 | Self::V6 => self.address().to_string(),
            Self::Name => format!("{}:{PORT}", names::UPSTREAM),
        }
    }
}

/// What each link queues: 52 ms at 20 Mbit/s.
pub(crate) const QUEUE_BYTES: usize = 128 * 1024;

/// What tokens are signed with.
pub const SECRET: &str = "a secret of the lab";

/// Where every upstream listens.
const PORT: u16 = 9000;

/// How a scene is set.
#[derive(Clone, Debug)]
pub struct Setup {
    /// One way of each link's round trip.
    pub delay: Duration,
    /// Added to each frame's delay, at most.
    pub jitter: Duration,
    /// Of each link.
    pub rate: Rate,
    /// What uploads go to.
    pub upstream: Upstream,
    /// How the agent finds it.
    pub host: Host,
    /// Who ends TLS before it, if anybody: then the agent is told an `https` URL.
    pub tls: Option<Secured>,
    /// `[upstream] protocol`.
    pub protocol: &'static str,
    /// Appended to the agent's configuration: keys as in `relay.hold = "3s"`, then sections. They
    /// go before what every scene has.
    pub config: String,
    /// Added to the agent's environment.
    pub environment: Vec<(&'static str, String)>,
    /// Congestion control of both ends.
    pub congestion_control: &'static str,
    /// Seeds the emulator.
    pub seed: u64,
}

impl Setup {
    fn url(&self) -> String {
        match &self.tls {
            Some(_) => format!("https://{UPSTREAM_V4}:{}", secured::PORT),
            None => format!("http://{}", self.host.authority()),
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            rate: Rate::Bps(40_000_000),
            upstream: Upstream::Store,
            host: Host::V4,
            tls: None,
            protocol: "tus",
            config: String::new(),
            environment: Vec::new(),
            congestion_control: "cubic",
            seed: 1,
        }
    }
}

/// A running scene.
pub struct Scene {
    /// The network.
    pub lab: Lab,
    /// The far end's process, if it has one.
    pub upstream: Option<Process>,
    /// What a scripted far end was asked, and what it did.
    pub scripted: Option<Scripted>,
    /// The agent.
    pub agent: Process,
    /// Ends TLS before the upstream.
    _proxy: Option<Process>,
    dir: TempDir,
    setup: Setup,
}

impl Scene {
    /// Sets the scene, and waits until the agent has an active link: that there is an agent, where
    /// it is set without an upstream.
    ///
    /// # Panics
    ///
    /// If any of it can't be set up.
    pub fn new(sandbox: &Sandbox, setup: Setup) -> Self {
        let shape = Shape {
            delay: setup.delay,
            jitter: setup.jitter,
            rate: setup.rate.clone(),
            queue_bytes: QUEUE_BYTES,
            ..Shape::default()
        };
        let specs = ["eth0", "wlan0", "wwan0"].map(|name| LinkSpec::symmetric(name, shape.clone()));
        let lab =
            Lab::with_congestion_control(sandbox, &specs, setup.seed, setup.congestion_control)
                .unwrap_or_else(|error| panic!("{error}"));
        let dir = temp_dir("scene");
        std::fs::create_dir_all(dir.path().join("store")).expect("a folder");
        std::fs::write(dir.path().join("secret"), format!("{SECRET}\n")).expect("a secret");
        if setup.host == Host::Name {
            names::serve(&lab, dir.path());
        }
        let upstream = start_upstream(&lab, dir.path(), &setup);
        let scripted = match &setup.upstream {
            Upstream::Scripted(script) => {
                let store = dir.path().join("store");
                let address = setup.host.address();
                Some(Scripted::start(&lab, address, store, script.clone(), setup.seed))
            }
            Upstream::Store | Upstream::Program(_) | Upstream::None => None,
        };
        let proxy =
            setup.tls.as_ref().map(|tls| tls.start(&lab, &setup.host.address().to_string()));
        let agent = start_agent(&lab, dir.path(), &setup);
        let mut scene = Self { lab, upstream, scripted, agent, _proxy: proxy, dir, setup };
        scene.wait_for_agent();
        scene
    }

    fn wait_for_agent(&mut self) {
        let end = baton_lab::now() + Duration::from_secs(10);
        loop {
            let status = self.try_status();
            let has_link = |status: &Value| !status["active_link"].is_null();
            let needs_link = self.setup.upstream != Upstream::None;
            if status.as_ref().is_some_and(|status| !needs_link || has_link(status)) {
                return;
            }
            let running = self.agent.is_running();
            assert!(
                running && baton_lab::now() < end,
                "no agent: {status:?}\n{}",
                self.agent.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ethernet, IP and TCP with timestamps.
    pub(crate) fn header_bytes(&self) -> u64 {
        match self.setup.host {
            Host::V4 | Host::Name => 14 + 20 + 32,
            Host::V6 => 14 + 40 + 32,
        }
    }

    /// The folder that is removed with the scene.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where a file of that name is stored by `baton serve`.
    pub fn stored(&self, name: &str) -> PathBuf {
        self.dir.path().join("store").join(name)
    }

    /// Kills the agent and starts another.
    pub fn restart_agent(&mut self) {
        self.agent.kill();
        self.agent = start_agent(&self.lab, self.dir.path(), &self.setup);
        self.wait_for_agent();
    }

    /// Kills the upstream.
    pub fn kill_upstream(&mut self) {
        self.upstream = None;
    }

    /// Resets every connection of the upstream: both ends are told.
    pub fn reset_connections(&self) {
        reset(&self.lab.upstream, &format!("sport = :{PORT}"));
    }

    /// Starts the upstream again.
    pub fn start_upstream(&mut self) {
        self.upstream = start_upstream(&self.lab, self.dir.path(), &self.setup);
    }

    /// A file of pseudo-random bytes.
    ///
    /// # Panics
    ///
    /// If the disk is full.
    pub fn file(&self, name: &str, size: u64) -> PathBuf {
        let path = self.dir.path().join(name);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a new file"));
        let (mut state, mut left) = (0x9e37_79b9_7f4a_7c15_u64 ^ size, size);
        while left > 0 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let bytes = state.to_le_bytes();
            let len = left.min(8) as usize;
            file.write_all(&bytes[..len]).expect("room for a test file");
            left -= len as u64;
        }
        path
    }

    /// `curl -T file http://192.168.1.1:8080/name`, begun; what it says is in its output.
    ///
    /// # Panics
    ///
    /// If there is no curl.
    pub fn curl(&self, file: &Path, name: &str, more: &[&str]) -> Child {
        self.lab
            .lan
            .command("curl")
            .args(["--silent", "--show-error", "--max-time", "280", "-w", "\n%{http_code}", "-T"])
            .arg(file)
            .args(more)
            .arg(format!("http://192.168.1.1:8080/{name}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("curl is installed: apt-get install curl")
    }

    /// `GET /v1/status`.
    ///
    /// # Panics
    ///
    /// If no agent answers.
    pub fn status(&self) -> Value {
        self.try_status().unwrap_or_else(|| panic!("no status\n{}", self.agent.log()))
    }

    fn try_status(&self) -> Option<Value> {
        self.command_json(&["status"])
    }

    /// `GET /v1/links`.
    ///
    /// # Panics
    ///
    /// If no agent answers.
    pub fn links(&self) -> Value {
        self.command_json(&["links"]).expect("an agent")
    }

    /// Runs `baton ... --json` against this scene's agent.
    pub fn command_json(&self, args: &[&str]) -> Option<Value> {
        let out = self.command(args).arg("--json").output().ok()?;
        out.status.success().then(|| serde_json::from_slice(&out.stdout).ok()).flatten()
    }

    /// `baton ...` for this scene's agent.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(baton());
        command.args(args).arg("--socket").arg(self.dir.path().join("control.sock"));
        command.stdin(Stdio::null());
        command
    }

    /// Bytes that the upstream holds of the upload under way, as the agent knows it.
    pub fn acked(&self) -> u64 {
        let uploads = self.command_json(&["uploads"]).unwrap_or_default();
        uploads[0]["acked"].as_u64().unwrap_or(0)
    }

    /// Waits until the upstream has `bytes` of the upload under way.
    ///
    /// # Panics
    ///
    /// If it does not get there.
    pub fn wait_for_bytes(&self, bytes: u64) {
        let end = baton_lab::now() + Duration::from_secs(60);
        while self.stored_bytes() < bytes {
            let stored = self.stored_bytes();
            assert!(baton_lab::now() < end, "{stored} of {bytes}\n{}", self.agent.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Bytes on the far end's disk, finished or not: what `baton serve` or a server that keeps
    /// its files in the scene's `store` has taken so far.
    pub fn stored_bytes(&self) -> u64 {
        largest_file(&self.dir.path().join("store"))
    }

    /// Waits for curl; its status and body.
    ///
    /// # Panics
    ///
    /// If it does not say a status.
    pub fn finish(&self, curl: Child) -> (u16, String) {
        let out = curl.wait_with_output().expect("curl ends");
        let text = String::from_utf8_lossy(&out.stdout).into_owned()
            + &String::from_utf8_lossy(&out.stderr);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let status = said.trim_end().rsplit('\n').next().and_then(|line| line.parse().ok());
        (status.unwrap_or_else(|| panic!("{text}\n{}", self.agent.log())), text)
    }

    /// Asserts that what is stored as `name` equals `file`.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn assert_stored(&self, file: &Path, name: &str) {
        assert_eq!(
            sha256_of(&self.stored(name)),
            sha256_of(file),
            "{name} differs\n{}",
            self.agent.log()
        );
    }

    /// Asserts that an upstream that stores by a name of its own has `file`, once, and no other
    /// file of that length.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn assert_stored_somewhere(&self, file: &Path) {
        let size = file.metadata().expect("the file").len();
        let mut stored = Vec::new();
        files(&self.dir.path().join("store"), &mut |path, length| {
            if length == size {
                stored.push(sha256_of(path));
            }
        });
        assert_eq!(stored, [sha256_of(file)], "{}", self.agent.log());
    }
}

/// Has the kernel end the connections of a namespace that fit, and send a reset to their other ends.
/// Waits for one, as a client may be between two.
///
/// # Panics
///
/// If there is no ss, or nothing to reset.
pub fn reset(at: &Namespace, fitting: &str) {
    wait_until("a connection to reset", Duration::from_secs(2), || {
        let out = at.command("ss").args(["-KHt", "state", "established", fitting]).output();
        let out = out.expect("ss is installed: apt-get install iproute2");
        (!out.stdout.is_empty()).then_some(())
    });
}

fn largest_file(dir: &Path) -> u64 {
    let mut largest = 0;
    files(dir, &mut |_, length| largest = largest.max(length));
    largest
}

/// Every file below a folder, and its length.
fn files(dir: &Path, each: &mut impl FnMut(&Path, u64)) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(facts) if facts.is_dir() => files(&entry.path(), each),
            Ok(facts) => each(&entry.path(), facts.len()),
            // It is gone meanwhile.
            Err(_) => {}
        }
    }
}

fn start_upstream(lab: &Lab, dir: &Path, setup: &Setup) -> Option<Process> {
    let listen = setup.host.address().to_string();
    let mut command = match &setup.upstream {
        Upstream::Scripted(_) | Upstream::None => return None,
        Upstream::Store => {
            let mut command = lab.upstream.command(baton().to_str().expect("a path in UTF-8"));
            command.args(["serve", "--listen", &listen, "--dir"]).arg(dir.join("store"));
            command.arg("--secret-file").arg(dir.join("secret"));
            command
        }
        Upstream::Program(line) => {
            let mut command = lab.upstream.command(&line[0]);
            command.args(&line[1..]).env("STORE", dir.join("store")).env("PORT", PORT.to_string());
            command.env("SECRET", SECRET);
            command
        }
    };
    let process =
        Process::start(&mut command, dir.join("upstream.log")).expect("the upstream starts");
    wait_until("the upstream listens", Duration::from_secs(20), || {
        lab.upstream.run(|| std::net::TcpStream::connect(&listen)).ok()
    });
    Some(process)
}

/// What a test configures goes before what every scene has.
fn last_of_each(config: &str) -> String {
    let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
    let lines: Vec<&str> = config.lines().collect();
    let is_last = |(at, line): &(usize, &&str)| {
        !key(line).is_some_and(|own| {
            own.contains('.') && lines[at + 1..].iter().any(|later| key(later) == Some(own.clone()))
        })
    };
    let kept = lines.iter().enumerate().filter(is_last).map(|(_, line)| format!("{line}\n"));
    kept.collect()
}

fn start_agent(lab: &Lab, dir: &Path, setup: &Setup) -> Process {
    let config = format!(
        "relay.listen = \"192.168.1.1:8080\"\nrelay.spool_dir = \"{dir}\"\nrelay.spool_size = \"1GB\"\n\
         upstream.url = \"{upstream}\"\nupstream.protocol = \"{protocol}\"\n\
         security.secret_file = \"{dir}/secret\"\ncontrol.socket = \"{dir}/control.sock\"\n\
         links.ignore = [\"lan0\"]\n{more}",
        dir = dir.display(),
        upstream = setup.url(),
        protocol = setup.protocol,
        more = setup.config,
    );
    let path = dir.join("baton.toml");
    std::fs::write(&path, last_of_each(&config)).expect("a configuration");
    let mut command = lab.gateway.command(agent().to_str().expect("a path in UTF-8"));
    command.arg("run").arg("--config").arg(&path).envs(setup.environment.iter().cloned());
    Process::start(&mut command, dir.join("agent.log")).expect("the agent starts")
}
