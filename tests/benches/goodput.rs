//! Goodput, side by side: a file through the agent against the same file in one long request
//! straight to the same server, over the same link, in turns.
//!
//! A round trip of 50 ms, 20 Mbit/s and a window of 512 KB: four times what the path holds. What
//! is lost is waiting for answers (then the link was idle) or bytes that are not the file (then it
//! was busy). Each protocol has a process and a sandbox of its own, one after the other.
//!
//! With `--fault` the link dies [`STRIKES`] after each file through the agent has begun, and another carries on; the
//! request beside it has no fault, since it could not go on.

use baton_lab::{Rate, Sandbox};
use baton_tests::{Fault, Figures, Scene, Setup, Upstream};
use clap::{Parser, ValueEnum};
use core::time::Duration;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;

/// Measures how much of a link each protocol makes use of.
#[derive(Parser)]
struct Options {
    /// Files each way.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Size of the file in MiB.
    #[arg(long, default_value_t = 16)]
    size: u64,
    /// Round trip in milliseconds.
    #[arg(long, default_value_t = 50)]
    rtt: u64,
    /// How the link dies in the middle of what the agent sends.
    #[arg(long, value_enum)]
    fault: Option<Fault>,
    /// Only these: may be given again.
    #[arg(long, value_enum)]
    protocol: Vec<Way>,
    /// Where every file is written to.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure the one protocol, in this process.
    #[arg(long, hide = true)]
    cell: bool,
    /// cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    Tus,
    Resumable,
    HmacChunked,
    Put,
    TusServer,
}

/// Of the link that carries, and of the two that could.
const RATE_BPS: u64 = 20_000_000;

/// Least share of one long request that the agent is to reach with `baton serve`.
const AIM: f64 = 0.95;

/// From a file's beginning to the fault.
const STRIKES: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let options = Options::parse();
    if options.cell {
        return run_cell(&options);
    }
    let mut rows = Vec::new();
    for way in options.ways() {
        let child = options.start(*way);
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        rows.extend(said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()));
    }
    print!("{}", report(&options, &rows));
    if let Some(file) = &options.json
        && let Err(error) = std::fs::write(file, format!("{:#}\n", json!(rows)))
    {
        eprintln!("{}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    let is_whole = rows.len() == options.ways().len() * options.rounds * 2;
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Options {
    fn ways(&self) -> &[Way] {
        if self.protocol.is_empty() { Way::value_variants() } else { &self.protocol }
    }

    fn start(&self, way: Way) -> std::process::Output {
        let fault = self.fault.map(|fault| format!("--fault={}", fault.name()));
        Command::new("/proc/self/exe")
            .args(fault)
            .args(["--cell", "--protocol", &way.option()])
            .args(["--rounds", &self.rounds.to_string(), "--size", &self.size.to_string()])
            .args(["--rtt", &self.rtt.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .output()
            .expect("this program starts again")
    }
}

impl Way {
    fn option(self) -> String {
        let value = self.to_possible_value().expect("none is skipped");
        value.get_name().to_owned()
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Tus => "`tus`, `baton serve`",
            Self::Resumable => "`resumable`, `baton serve`",
            Self::HmacChunked => "`hmac-chunked`, `baton serve`",
            Self::Put => "`put`, `baton serve`",
            Self::TusServer => "`tus`, @tus/server",
        }
    }

    const fn protocol(self) -> &'static str {
        match self {
            Self::Tus | Self::TusServer => "tus",
            Self::Resumable => "resumable",
            Self::HmacChunked => "hmac-chunked",
            Self::Put => "put",
        }
    }

    fn upstream(self) -> Upstream {
        match self {
            Self::Tus | Self::Resumable | Self::HmacChunked | Self::Put => Upstream::Store,
            Self::TusServer => Upstream::tus_server(),
        }
    }
}

/// Sends files both ways, and prints a line of JSON for each.
fn run_cell(options: &Options) -> ExitCode {
    let sandbox = match Sandbox::enter() {
        Ok(sandbox) => sandbox,
        Err(refusal) => {
            eprintln!("no sandbox: {refusal}");
            return ExitCode::FAILURE;
        }
    };
    let way = options.ways()[0];
    let setup = Setup {
        delay: Duration::from_millis(options.rtt) / 2,
        rate: Rate::Bps(RATE_BPS),
        upstream: way.upstream(),
        protocol: way.protocol(),
        // The class whose window is 512 KB.
        config: "links.eth0.class = \"wifi\"\n".into(),
        ..Setup::default()
    };
    let scene = Scene::new(&sandbox, setup);
    let size = options.size << 20;
    let file = scene.file("file.bin", size);
    for round in 0..options.rounds {
        for relayed in [false, true] {
            let name = format!("{round}-{relayed}.bin");
            let before = carried(&scene);
            let seconds = if relayed {
                relay(&scene, &file, &name, options.fault)
            } else if way == Way::TusServer {
                patch(&scene, &file, size)
            } else {
                put(&scene, &file, &name, size)
            };
            let carried = carried(&scene) - before;
            let row = json!({
                "way": way.option(),
                "relayed": relayed,
                "seconds": seconds,
                "mbps": size as f64 * 8e-6 / seconds,
                "busy": carried as f64 * 8.0 / RATE_BPS as f64 / seconds,
                "overhead": carried as f64 / size as f64 - 1.0,
            });
            eprintln!("{row}");
            println!("{row}");
        }
    }
    ExitCode::SUCCESS
}

/// Bytes that the links carried to the upstream, headers included.
fn carried(scene: &Scene) -> u64 {
    scene.lab.links().iter().map(|link| link.stats().up.passed.bytes).sum()
}

/// Through the agent; the seconds that it took.
fn relay(scene: &Scene, file: &Path, name: &str, fault: Option<Fault>) -> f64 {
    let mut curl = scene.lab.lan.command("curl");
    curl.args(["-w", "%{http_code} %{time_total}", "-T"]).arg(file);
    curl.arg(format!("http://192.168.1.1:8080/{name}"));
    time(curl, scene, fault)
}

/// One PUT, straight to `baton serve`.
fn put(scene: &Scene, file: &Path, name: &str, size: u64) -> f64 {
    let mut token = scene.command(&["token", "make", "--scheme", "v", "--path", name]);
    token.args(["--size", &size.to_string(), "--secret-file"]).arg(scene.dir().join("secret"));
    let token = token.output().expect("baton makes tokens").stdout;
    let token = String::from_utf8_lossy(&token).trim().to_owned();
    let mut curl = scene.lab.gateway.command("curl");
    curl.args(["-w", "%{http_code} %{time_total}", "-T"]).arg(file);
    curl.arg(format!("http://203.0.113.10:9000/{name}?{token}"));
    time(curl, scene, None)
}

/// One PATCH of the whole file, straight to a tus server.
fn patch(scene: &Scene, file: &Path, size: u64) -> f64 {
    let mut create = scene.lab.gateway.command("curl");
    create.args(["-s", "-o", "/dev/null", "-w", "%header{location}", "-X", "POST"]);
    create.args(["-H", "Tus-Resumable: 1.0.0", "-H", &format!("Upload-Length: {size}")]);
    create.arg("http://203.0.113.10:9000/files/");
    let location = create.output().expect("curl is installed: apt-get install curl").stdout;
    let mut curl = scene.lab.gateway.command("curl");
    curl.args(["-w", "%{http_code} %{time_total}", "-X", "PATCH", "-T"]).arg(file);
    curl.args(["-H", "Tus-Resumable: 1.0.0", "-H", "Upload-Offset: 0"]);
    curl.args(["-H", "Content-Type: application/offset+octet-stream"]);
    curl.arg(String::from_utf8_lossy(&location).trim());
    time(curl, scene, None)
}

fn time(mut curl: Command, scene: &Scene, fault: Option<Fault>) -> f64 {
    let curl = curl.args(["-s", "-o", "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let curl = curl.spawn().expect("curl is installed: apt-get install curl");
    let out = match fault {
        None => curl.wait_with_output(),
        Some(fault) => {
            sleep(STRIKES);
            let status = scene.status();
            let link = scene.lab.link(status["active_link"].as_str().expect("one carries"));
            fault.set(link, true);
            let out = curl.wait_with_output();
            fault.set(link, false);
            out
        }
    };
    let out = out.expect("curl ends").stdout;
    let said = String::from_utf8_lossy(&out).into_owned();
    match said.split_once(' ') {
        Some(("200" | "201" | "204", seconds)) => seconds.parse().expect("curl tells seconds"),
        Some(_) | None => panic!("{said}\n{}", scene.agent.log()),
    }
}

fn report(options: &Options, rows: &[Value]) -> String {
    let mut text = format!(
        "\n{} MiB over 20 Mbit/s, round trip {} ms, window 512 KB, CUBIC{}: medians of {}.\n\n\
         | upstream | one long request, Mbit/s | the agent, Mbit/s | seconds | share | links busy | beyond the file |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
        options.size,
        options.rtt,
        options.fault.map_or_else(String::new, |fault| format!(", a fault ({})", fault.name())),
        options.rounds,
    );
    let mut aims = String::new();
    for way in options.ways() {
        let median = |relayed: bool, of: &str| {
            let own = rows.iter().filter(|row| row["way"] == way.option());
            let own = own.filter(|row| row["relayed"] == relayed);
            let figures: Figures = own.filter_map(|row| row[of].as_f64()).collect();
            figures.percentile(50)
        };
        let (direct, ours) = (median(false, "mbps"), median(true, "mbps"));
        let share = ours / direct;
        text += &format!(
            "| {} | {direct:.2} | {ours:.2} | {:.2} | {:.1} % | {:.1} % | {:.1} % |\n",
            way.title(),
            median(true, "seconds"),
            share * 100.0,
            median(true, "busy") * 100.0,
            median(true, "overhead") * 100.0,
        );
        if *way != Way::TusServer && options.fault.is_none() {
            let verdict = if share >= AIM { "met" } else { "missed" };
            aims += &format!("- {}: aim {:.0} %: {verdict}\n", way.title(), AIM * 100.0);
        }
    }
    text + "\n" + &aims
}
