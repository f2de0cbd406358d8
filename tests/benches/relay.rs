//! What it costs to carry a file through: Baton beside nginx and socat, at full speed.
//!
//! The relay runs in the gateway, the client beside it on loopback, the upstream behind a veth pair:
//! Baton takes a link with a default route, and nothing is slower than the machine. The upstream is
//! `baton serve` on a file system in memory, with nginx before it where TLS is to be ended. What
//! relays write goes to a disk, and is counted as it is in `/proc/PID/io`.
//!
//! Every relay runs from the beginning to the end and carries one file in each round, the rounds
//! one after another: what else the machine does meets them all. Files differ, so that nothing is
//! stored by an earlier one's content.

use baton_lab::{Change, Lab, Route, Sandbox, UPSTREAM_V4, now};
use baton_tests::{
    Certified, Figures, Process, Secured, Tmpfs, baton, sha256_of, temp_dir, wait_until,
};
use clap::Parser;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

/// Sends a file through every relay, round by round.
#[derive(Parser)]
struct Options {
    /// Rounds.
    #[arg(long, default_value_t = 5)]
    trials: usize,
    /// Size of the file in MiB.
    #[arg(long, default_value_t = 256)]
    mib: u64,
    /// Only relays whose name has this in it.
    #[arg(long, default_value = "")]
    only: String,
    /// cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

const MIB: u64 = 1 << 20;
/// Where `baton serve` listens.
const STORE: u16 = 9000;
/// How long anything may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at how large a relay is.
const GLANCE: Duration = Duration::from_millis(10);
/// Of utime and stime in `/proc/PID/stat`: USER_HZ, the same on every architecture here.
const TICKS_A_SECOND: f64 = 100.0;

fn main() -> ExitCode {
    let options = Options::parse();
    let sandbox = match Sandbox::enter() {
        Ok(sandbox) => sandbox,
        Err(refusal) => {
            eprintln!("no sandbox: {refusal}");
            return ExitCode::FAILURE;
        }
    };
    let mut bench = Bench::new(&sandbox, &options);
    let mut racers: Vec<Racer> = bench.relays().into_iter().map(Racer::new).collect();
    for round in 0..options.trials {
        for racer in &mut racers {
            racer.run(&mut bench, round == 0);
        }
    }
    print!("{}", report(&racers, options.mib * MIB));
    ExitCode::SUCCESS
}

/// One way from the client to the upstream.
struct Relay {
    name: &'static str,
    upstream: &'static str,
    /// Where the client sends to.
    at: SocketAddr,
    /// `None`: there is nothing between.
    process: Option<Process>,
}

struct Bench<'a> {
    lab: Lab,
    store: Tmpfs,
    dir: baton_tests::TempDir,
    source: PathBuf,
    secured: Secured,
    options: &'a Options,
    files: u64,
    _upstream: [Process; 2],
}

impl<'a> Bench<'a> {
    fn new(sandbox: &Sandbox, options: &'a Options) -> Self {
        let lab = Lab::new(sandbox, &[], 1).unwrap_or_else(|error| panic!("{error}"));
        connect(&lab).unwrap_or_else(|error| panic!("{error}"));
        let dir = temp_dir("relay");
        let store = Tmpfs::mount(&dir.path().join("store"), 4 * options.mib * MIB + (64 << 20));
        let source = store.path().join(".source");
        write_source(&source, options.mib * MIB);
        fs::write(dir.path().join("secret"), "a secret of the bench\n").expect("a secret");
        let mut serve = lab.upstream.command(baton().to_str().expect("a path in UTF-8"));
        serve.args(["serve", "--listen", &format!("{UPSTREAM_V4}:{STORE}")]);
        serve.arg("--dir").arg(store.path().join("files"));
        serve.arg("--secret-file").arg(dir.path().join("secret"));
        // What is deleted is to leave no content behind.
        let config = dir.path().join("serve.toml");
        fs::write(&config, "server.deduplication_enabled = false\n").expect("a configuration");
        serve.arg("--config").arg(config);
        let serve = Process::start(&mut serve, dir.path().join("serve.log")).expect("it starts");
        let secured = Secured::new("relay-tls", &Certified::default());
        let proxy = secured.start(&lab, &format!("{UPSTREAM_V4}:{STORE}"));
        for port in [STORE, 9443] {
            listens(&lab, (UPSTREAM_V4, port).into());
        }
        Self { lab, store, dir, source, secured, options, files: 0, _upstream: [serve, proxy] }
    }

    fn relays(&self) -> Vec<Relay> {
        let mut relays = Vec::new();
        for upstream in ["http", "https"] {
            let direct = Relay {
                name: "nothing between",
                upstream,
                at: (UPSTREAM_V4, STORE).into(),
                process: None,
            };
            relays.extend((upstream == "http").then_some(direct));
            relays.extend([
                self.baton(upstream, "Baton, tus", "tus"),
                self.baton(upstream, "Baton, put", "put"),
                self.nginx(upstream, "nginx, buffering off", "off"),
                self.nginx(upstream, "nginx, buffering on", "on"),
                self.socat(upstream),
            ]);
        }
        relays.retain(|relay| relay.name.contains(&self.options.only));
        relays
    }

    /// Starts a relay, and waits until it listens.
    fn relay(
        &self,
        name: &'static str,
        upstream: &'static str,
        port: u16,
        command: &mut Command,
    ) -> Relay {
        let log = self.dir.path().join(format!("{port}.log"));
        let process =
            Process::start(command, log).unwrap_or_else(|error| panic!("{name}: {error}"));
        let at = (Ipv4Addr::LOCALHOST, port).into();
        listens(&self.lab, at);
        Relay { name, upstream, at, process: Some(process) }
    }

    fn baton(&self, upstream: &'static str, name: &'static str, protocol: &str) -> Relay {
        let port = port(name, upstream);
        let dir = self.dir.path().join(port.to_string());
        fs::create_dir_all(dir.join("spool")).expect("a folder");
        let config = format!(
            "relay.listen = \"127.0.0.1:{port}\"\nrelay.spool_dir = \"{dir}/spool\"\nrelay.spool_size = \"4GB\"\n\
             upstream.url = \"{url}\"\nupstream.protocol = \"{protocol}\"\nsecurity.secret_file = \"{secret}\"\n\
             control.socket = \"{dir}/control.sock\"\nlinks.ignore = [\"lan0\"]\n{ca}",
            dir = dir.display(),
            url = url(upstream),
            secret = self.dir.path().join("secret").display(),
            ca = if upstream == "https" {
                format!("upstream.ca_file = \"{}\"\n", self.secured.authority().display())
            } else {
                String::new()
            },
        );
        let path = dir.join("baton.toml");
        fs::write(&path, config).expect("a configuration");
        let mut command = self.lab.gateway.command(baton().to_str().expect("a path in UTF-8"));
        command.arg("run").arg("--config").arg(path);
        self.relay(name, upstream, port, &mut command)
    }

    fn nginx(&self, upstream: &'static str, name: &'static str, buffering: &str) -> Relay {
        let port = port(name, upstream);
        let dir = self.dir.path().join(port.to_string());
        fs::create_dir_all(&dir).expect("a folder");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("  {what}_temp_path {}/{what};\n", dir.display()))
            .concat();
        let config = format!(
            "user root;\ndaemon off;\nmaster_process off;\npid {dir}/nginx.pid;\nerror_log stderr;\nevents {{}}\n\
             http {{\n  access_log off;\n  client_max_body_size 0;\n{temporary}  server {{\n    listen 127.0.0.1:{port};\n\
             location / {{\n      proxy_pass {url};\n      proxy_http_version 1.1;\n      proxy_request_buffering {buffering};\n\
             }}\n  }}\n}}\n",
            dir = dir.display(),
            url = url(upstream),
        );
        let path = dir.join("nginx.conf");
        fs::write(&path, config).expect("a configuration");
        let mut command = self.lab.gateway.command("nginx");
        command.arg("-c").arg(path);
        self.relay(name, upstream, port, &mut command)
    }

    fn socat(&self, upstream: &'static str) -> Relay {
        let port = port("socat", upstream);
        let to = match upstream {
            "https" => format!("OPENSSL:{UPSTREAM_V4}:9443,verify=0"),
            _ => format!("TCP:{UPSTREAM_V4}:{STORE}"),
        };
        let mut command = self.lab.gateway.command("socat");
        command.arg(format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork")).arg(to);
        self.relay("socat", upstream, port, &mut command)
    }

    /// Sends one file to a relay; how long that took. `is_checked`: the stored one is compared.
    fn send(&mut self, to: SocketAddr, is_checked: bool) -> Duration {
        self.files += 1;
        let name = format!("{}.bin", self.files);
        let mut source =
            File::options().read(true).write(true).open(&self.source).expect("it is there");
        source.write_all(&self.files.to_ne_bytes()).expect("room for what it had");
        source.seek(SeekFrom::Start(0)).expect("a file");
        let (size, token) = (self.options.mib * MIB, self.token(&name));
        let begun = now();
        let status =
            self.lab.gateway.run(|| put(to, &format!("/{name}?{token}"), size, &mut source));
        let taken = now() - begun;
        let stored = self.store.path().join("files").join(&name);
        assert!(status.starts_with("HTTP/1.1 201"), "{to}: {status}\n{}", self.logs());
        assert_eq!(stored.metadata().expect("it is stored").len(), size);
        assert!(!is_checked || sha256_of(&stored) == sha256_of(&self.source), "{to}: another file");
        fs::remove_file(stored).expect("it is there");
        taken
    }

    fn token(&self, name: &str) -> String {
        let mut command = Command::new(baton());
        command.args(["token", "make", "--scheme", "v3", "--expires", "+300", "--path", name]);
        command.arg("--secret-file").arg(self.dir.path().join("secret"));
        let out = command.output().expect("it runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    fn logs(&self) -> String {
        let logs = fs::read_dir(self.dir.path()).expect("a folder").flatten();
        let logs = logs.filter(|file| file.path().extension().is_some_and(|end| end == "log"));
        logs.map(|log| fs::read_to_string(log.path()).unwrap_or_default()).collect()
    }
}

/// A veth pair, and the gateway's default route over it.
fn connect(lab: &Lab) -> Result<(), baton_lab::LabError> {
    let address = |host| IpAddr::from([10, 0, 1, host]);
    lab.gateway.add_veth("eth0", &lab.upstream, "eth0")?;
    for (namespace, host) in [(&lab.gateway, 2), (&lab.upstream, 1)] {
        namespace.interface_up("eth0", true)?;
        namespace.address(Change::Add, "eth0", address(host), 24)?;
    }
    let to = (Ipv4Addr::UNSPECIFIED.into(), 0);
    let via = Some(address(1));
    let route = Route { to, via, interface: "eth0", metric: 100, congestion_control: None };
    lab.gateway.route(Change::Add, &route)
}

fn url(upstream: &str) -> String {
    let port = if upstream == "https" { 9443 } else { STORE };
    format!("{upstream}://{UPSTREAM_V4}:{port}")
}

/// One of its own for each relay.
fn port(name: &str, upstream: &str) -> u16 {
    let names =
        ["Baton, tus", "Baton, put", "nginx, buffering off", "nginx, buffering on", "socat"];
    let place = names.iter().position(|known| *known == name).unwrap_or_default() as u16;
    8100 + 2 * place + u16::from(upstream == "https")
}

fn listens(lab: &Lab, at: SocketAddr) {
    wait_until(&format!("{at} listens"), PATIENCE, || {
        lab.gateway.run(|| TcpStream::connect(at)).ok()
    });
}

fn write_source(path: &Path, size: u64) {
    let mut file = File::create(path).expect("room in memory");
    let block: Vec<u8> =
        (0..MIB as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for _ in 0..size / MIB {
        file.write_all(&block).expect("room in memory");
    }
}

/// A client that costs as little as one can: the kernel copies. Returns what it was answered.
fn put(to: SocketAddr, target: &str, size: u64, source: &mut File) -> String {
    let mut stream = TcpStream::connect(to).expect("somebody listens");
    let head = format!(
        "PUT {target} HTTP/1.1\r\nHost: {UPSTREAM_V4}:{STORE}\r\nContent-Length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("a new connection");
    if let Err(error) = std::io::copy(source, &mut stream) {
        return error.to_string();
    }
    let mut answer = [0; 1024];
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("not zero");
    match stream.read(&mut answer) {
        Ok(n) => String::from_utf8_lossy(&answer[..n]).into_owned(),
        Err(error) => error.to_string(),
    }
}

/// What a relay came to.
struct Racer {
    relay: Relay,
    seconds: Vec<f64>,
    /// Of all rounds.
    cpu: f64,
    written: u64,
    /// Of the process and those that it started, at most.
    resident: u64,
}

impl Racer {
    fn new(relay: Relay) -> Self {
        Self { relay, seconds: Vec::new(), cpu: 0.0, written: 0, resident: 0 }
    }

    fn run(&mut self, bench: &mut Bench<'_>, is_first: bool) {
        let pid = self.relay.process.as_ref().map(Process::id);
        let before = pid.map(Cost::of).unwrap_or_default();
        let (running, is_over) = mpsc::channel::<()>();
        // A child that has ended tells nothing any more.
        let watch = thread::spawn(move || {
            let mut peak = 0;
            while is_over.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(pid.map_or(0, resident));
            }
            peak
        });
        let taken = bench.send(self.relay.at, is_first);
        drop(running);
        let resident = watch.join().expect("it only reads");
        let after = pid.map(Cost::of).unwrap_or_default();
        self.seconds.push(taken.as_secs_f64());
        self.resident = self.resident.max(resident);
        self.cpu += after.cpu - before.cpu;
        self.written += after.written - before.written;
    }
}

/// What a process has used since it began, and those children of it that have ended.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    cpu: f64,
    written: u64,
}

impl Cost {
    fn of(pid: u32) -> Self {
        // A child is counted once its parent has taken notice of its end.
        wait_until("children to end", PATIENCE, || children(pid).is_empty().then_some(()));
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
        // proc_pid_stat(5): the name in brackets is the second field; utime is the 14th, then
        // stime, cutime and cstime.
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(4);
        let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
        let io = fs::read_to_string(format!("/proc/{pid}/io")).expect("a process of ours");
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        let written = written.and_then(|bytes| bytes.parse().ok()).expect("a number");
        Self { cpu: ticks / TICKS_A_SECOND, written }
    }
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Peak resident bytes of a process and its children.
fn resident(pid: u32) -> u64 {
    let of = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
    };
    of(pid) + children(pid).into_iter().map(of).sum::<u64>()
}

/// A table in Markdown.
fn report(racers: &[Racer], size: u64) -> String {
    let mut text = format!(
        "\n{} MiB, {} trials; the relay's own cost, MB of 10^6 bytes, MiB of memory and disk a file\n\n\
         | upstream | relay | MB/s, median | least | most | CPU s/GiB | peak RSS, MiB | to disk, MiB |\n\
         |---|---|---:|---:|---:|---:|---:|---:|\n",
        size / MIB,
        racers.first().map_or(0, |racer| racer.seconds.len()),
    );
    let mib = |bytes: u64| bytes as f64 / MIB as f64;
    for racer in racers {
        let rates: Figures =
            racer.seconds.iter().map(|seconds| size as f64 / 1e6 / seconds).collect();
        let count = rates.count() as f64;
        let [median, least, most] = [50, 1, 100].map(|percent| rates.percentile(percent));
        let (upstream, name) = (racer.relay.upstream, racer.relay.name);
        text += &format!("| {upstream} | {name} | {median:.0} | {least:.0} | {most:.0} |");
        text += &match racer.relay.process {
            Some(_) => format!(
                " {:.2} | {:.1} | {:.0} |\n",
                racer.cpu / (mib(size) / 1024.0 * count),
                mib(racer.resident),
                mib(racer.written) / count,
            ),
            None => " | | |\n".to_owned(),
        };
    }
    text
}
