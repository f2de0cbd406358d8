//! SIGKILL at any instant, of the agent or of the upstream, while clients upload and links flap:
//! what was acknowledged arrives, whole and once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Rate, Sandbox, now};
use baton_tests::{Scene, Setup, sha256_of, wait_until};
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

baton_lab::tests![
    nothing_acknowledged_is_lost_when_the_agent_is_killed,
    nothing_acknowledged_is_lost_when_the_upstream_is_killed,
];

/// Clients at once.
const CLIENTS: u64 = 8;

/// Files that each client sends in one round.
const FILES: u64 = 3;

/// Rounds: 300 with `BATON_FULL=1`.
fn rounds() -> u64 {
    let is_full = std::env::var_os("BATON_FULL").is_some_and(|value| value == "1");
    if is_full { 300 } else { 10 }
}

/// What is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victim {
    Agent,
    Upstream,
}

fn nothing_acknowledged_is_lost_when_the_agent_is_killed(sandbox: &Sandbox) {
    run(sandbox, Victim::Agent);
}

fn nothing_acknowledged_is_lost_when_the_upstream_is_killed(sandbox: &Sandbox) {
    run(sandbox, Victim::Upstream);
}

fn run(sandbox: &Sandbox, victim: Victim) {
    let seed = std::env::var("BATON_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("BATON_SEED={seed}");
    // Each round has its time.
    baton_lab::prolong(rounds() as u32 * 30);
    let setup = Setup {
        delay: Duration::from_millis(3),
        rate: Rate::Bps(60_000_000),
        config: "relay.mode = \"spool\"\nrelay.spool_volatile = true\n".into(),
        seed,
        ..Setup::default()
    };
    let mut scene = Scene::new(sandbox, setup);
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut sums, start) = (Sums::default(), now());
    for round in 0..rounds() {
        let sent = play(&mut scene, victim, round, &mut chance);
        check(&scene, round, sent, &mut sums);
    }
    println!(
        "{} rounds in {:.0} s: {} files sent, {} acknowledged, {} arrived unacknowledged, 0 lost",
        rounds(),
        (now() - start).as_secs_f32(),
        sums.sent,
        sums.acknowledged,
        sums.extra
    );
    assert!(sums.acknowledged > rounds(), "hardly anything was acknowledged");
}

#[derive(Default)]
struct Sums {
    sent: u64,
    acknowledged: u64,
    /// Nobody was told that they are safe, and they are.
    extra: u64,
}

/// One client's files, and what the agent said of each.
struct Sent {
    files: Vec<(String, PathBuf)>,
    curl: Child,
}

/// One round: everybody uploads, links flap, something is killed at some instant and started again,
/// everything is delivered.
fn play(scene: &mut Scene, victim: Victim, round: u64, chance: &mut Chance) -> Vec<Sent> {
    // In every third round there is no link until the end.
    let is_dark = round % 3 == 2;
    if is_dark {
        set_carriers(scene, false);
    }
    let sent = (0..CLIENTS).map(|client| begin(scene, round, client, chance)).collect();
    let end = now() + Duration::from_millis(chance.below(600));
    while now() < end {
        if !is_dark {
            flap(scene, chance);
        }
        std::thread::sleep(Duration::from_millis(chance.below(40)).min(end.saturating_sub(now())));
    }
    match victim {
        Victim::Agent => {
            scene.agent.kill();
            calm(scene);
            scene.restart_agent();
        }
        Victim::Upstream => {
            scene.kill_upstream();
            std::thread::sleep(Duration::from_millis(chance.below(200)));
            calm(scene);
            scene.start_upstream();
        }
    }
    sent
}

fn set_carriers(scene: &Scene, on: bool) {
    for link in scene.lab.links() {
        link.carrier(on).unwrap();
    }
}

fn flap(scene: &Scene, chance: &mut Chance) {
    let links = scene.lab.links();
    let link = &links[chance.below(links.len() as u64) as usize];
    match chance.below(4) {
        0 => link.carrier(false).unwrap(),
        1 => link.black_hole(true),
        _ => {
            link.carrier(true).unwrap();
            link.black_hole(false);
        }
    }
}

fn calm(scene: &Scene) {
    for link in scene.lab.links() {
        link.black_hole(false);
    }
    set_carriers(scene, true);
}

/// Some files by one client, one after another, each with a content of its own.
fn begin(scene: &Scene, round: u64, client: u64, chance: &mut Chance) -> Sent {
    let mut curl = scene.lab.lan.command("curl");
    curl.args(["--silent", "--max-time", "20", "-w", "%{http_code} %{url_effective}\\n"]);
    let files: Vec<(String, PathBuf)> = (0..FILES)
        .map(|index| {
            let name = format!("r{round}/c{client}-{index}.bin");
            let size = [chance.below(2000), chance.below(100_000), chance.below(600_000)];
            let path = scene.dir().join(name.replace('/', "-"));
            std::fs::write(&path, content(chance, size[index as usize])).unwrap();
            curl.arg("-T").arg(&path).arg(format!("http://192.168.1.1:8080/{name}"));
            (name, path)
        })
        .collect();
    let curl = curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    Sent { files, curl: curl.spawn().expect("curl is installed: apt-get install curl") }
}

fn content(chance: &mut Chance, size: u64) -> Vec<u8> {
    (0..size.div_ceil(8)).flat_map(|_| chance.next().to_le_bytes()).take(size as usize).collect()
}

/// Everything that was acknowledged is upstream, under its name, as it was, and nowhere else.
fn check(scene: &Scene, round: u64, sent: Vec<Sent>, sums: &mut Sums) {
    let mut acknowledged = Vec::new();
    let mut all = BTreeMap::new();
    for Sent { files, curl } in sent {
        let said = String::from_utf8(curl.wait_with_output().unwrap().stdout).unwrap();
        for (name, path) in files {
            if said.lines().any(|line| line.starts_with("201 ") && line.ends_with(&name)) {
                acknowledged.push(name.clone());
            }
            all.insert(name, path);
        }
    }
    wait_until("everything is delivered", Duration::from_secs(60), || {
        let status = scene.command_json(&["status"])?;
        (status["spool"]["kept"] == 0).then_some(())
    });
    let status = scene.status();
    assert_eq!(status["spool"]["failed"], 0, "round {round}\n{}", scene.agent.log());
    for name in &acknowledged {
        let (there, ours) = (scene.stored(name), &all[name]);
        assert!(there.exists(), "round {round}: {name} is lost\n{}", scene.agent.log());
        assert_eq!(sha256_of(&there), sha256_of(ours), "round {round}: {name} differs");
    }
    // What is there, acknowledged or not, is one of the files that were sent, and whole.
    let folder = scene.stored(&format!("r{round}"));
    let there: Vec<String> = names(&folder);
    for leaf in &there {
        let name = format!("r{round}/{leaf}");
        let ours = all.get(&name).unwrap_or_else(|| panic!("round {round}: {name} was never sent"));
        assert_eq!(sha256_of(&folder.join(leaf)), sha256_of(ours), "round {round}: {name} differs");
    }
    sums.sent += all.len() as u64;
    sums.acknowledged += acknowledged.len() as u64;
    sums.extra += (there.len() - acknowledged.len()) as u64;
    for path in all.values() {
        std::fs::remove_file(path).unwrap();
    }
    let _ = std::fs::remove_dir_all(folder);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// xorshift64: the same rounds for the same seed, as far as clocks allow.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound.max(1)
    }
}
