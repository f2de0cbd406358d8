//! Where it plays: links in network namespaces, or over loopback where the kernel allows none.

use super::loopback::{Line, Lines};
use super::script::Change;
use crate::cli::DemoLinks;
use crate::failure::Failure;
use baton_core::{Class, Duration};
use baton_lab::{Lab, LabError, LinkSpec, Rate, Sandbox, Shape, UPSTREAM_V4};
use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

/// A link of the demo.
struct Plan {
    name: &'static str,
    class: Class,
    /// Its rate, in units of [`unit()`].
    share: u64,
    /// One way.
    delay: Duration,
    jitter: Duration,
}

/// Best first.
const PLANS: [Plan; 3] = [
    plan("eth0", Class::Ethernet, 6, 5, 0),
    plan("wlan0", Class::Wifi, 4, 10, 1),
    plan("wwan0", Class::Lte, 2, 25, 4),
];

const fn plan(name: &'static str, class: Class, share: u64, delay_ms: u64, jitter_ms: u64) -> Plan {
    let [delay, jitter] = [Duration::from_millis(delay_ms), Duration::from_millis(jitter_ms)];
    Plan { name, class, share, delay, jitter }
}

impl Plan {
    fn shape(&self, unit: u64) -> Shape {
        let (delay, jitter) = (self.delay, self.jitter);
        Shape { delay, jitter, rate: Rate::Bps(self.share * unit), ..Shape::default() }
    }

    fn line(&self, number: u8, unit: u64) -> Line {
        Line::new(self.name, number, self.class, self.share * unit, self.delay)
    }
}

/// Bits a second in a share: less for a short file, that there be something to see, and never more
/// than the emulator carries with ease on a small machine.
fn unit(size: u64) -> u64 {
    (size / 6).clamp(4_000_000, 8_000_000)
}

/// Whether there are namespaces, and if not, why.
pub(super) enum Ground {
    Namespaces(Sandbox),
    Loopback { why: String },
}

impl Ground {
    /// Enters namespaces if the kernel lets this process, which must have one thread.
    pub(super) fn choose(wanted: Option<DemoLinks>) -> Result<Self, Failure> {
        let refused = match wanted {
            Some(DemoLinks::Loopback) => Some("as asked for".to_owned()),
            Some(DemoLinks::Kernel) => None,
            Some(DemoLinks::Rehearsal) | None => rehearsal(),
        };
        if let Some(why) = refused {
            return Ok(Self::Loopback { why });
        }
        let sandbox = Sandbox::enter().map_err(|e| Failure::No(format!("{e}; {MEND}")))?;
        // The sandbox has it die with its parent by SIGKILL, and then its folder would stay.
        nix::sys::prctl::set_pdeathsig(None).map_err(|e| Failure::No(e.to_string()))?;
        Ok(Self::Namespaces(sandbox))
    }
}

/// Why there can't be namespaces with all that the demo needs, if there can't. A process whom the
/// kernel refuses halfway is of no more use: another one tries.
fn rehearsal() -> Option<String> {
    let mut trial = Command::new("/proc/self/exe");
    trial.args(["demo", "--links", "rehearsal"]).stdin(Stdio::null()).stderr(Stdio::null());
    match trial.output() {
        Ok(done) if done.status.success() => None,
        Ok(done) if done.stdout.is_empty() => Some(format!("a trial ended with {}", done.status)),
        Ok(done) => Some(String::from_utf8_lossy(&done.stdout).trim().to_owned()),
        Err(error) => Some(format!("run /proc/self/exe: {error}")),
    }
}

/// Tries it, says why not, and fails if so.
pub(super) fn rehearse() -> Result<(), Failure> {
    let refused = match Sandbox::enter() {
        Ok(sandbox) => lab(&sandbox, unit(0)).err().map(|e| e.to_string()),
        Err(refusal) => Some(refusal.to_string()),
    };
    match refused {
        None => Ok(()),
        Some(why) => {
            crate::commands::print(&why)?;
            Err(Failure::No("no namespaces here".into()))
        }
    }
}

fn lab(sandbox: &Sandbox, unit: u64) -> Result<Lab, LabError> {
    let links = PLANS.each_ref().map(|plan| LinkSpec::symmetric(plan.name, plan.shape(unit)));
    Lab::new(sandbox, &links, SEED)
}

/// Which frames are lost of those that could be.
const SEED: u64 = 1;

/// What gives a user namespaces.
const MEND: &str = "allow unprivileged user namespaces, or run it as root";

/// Where someone plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Upstream,
    Gateway,
    Lan,
}

/// The links, and what they join.
pub(super) struct World {
    stage: Stage,
    unit: u64,
}

enum Stage {
    Namespaces(Lab),
    Loopback { lines: Lines, why: String },
}

impl World {
    /// Builds it for a file of `size` bytes.
    pub(super) fn build(ground: Ground, size: u64) -> Result<Self, Failure> {
        let unit = unit(size);
        let stage = match ground {
            Ground::Namespaces(sandbox) => Stage::Namespaces(
                lab(&sandbox, unit).map_err(|e| Failure::No(format!("{e}; {MEND}")))?,
            ),
            Ground::Loopback { why } => {
                let lines = (1..).zip(&PLANS).map(|(number, plan)| plan.line(number, unit));
                Stage::Loopback { lines: Lines::new(lines.collect()), why }
            }
        };
        Ok(Self { stage, unit })
    }

    /// The links, where they are none of the kernel's.
    pub(super) fn lines(&self) -> Option<&Lines> {
        match &self.stage {
            Stage::Namespaces(_) => None,
            Stage::Loopback { lines, .. } => Some(lines),
        }
    }

    /// What it is made of, for people.
    pub(super) fn description(&self) -> String {
        let mut text = match &self.stage {
            Stage::Namespaces(_) => {
                "Three links, as interfaces in network namespaces of this process's own:\n"
                    .to_owned()
            }
            Stage::Loopback { why, .. } => format!(
                "There are no network namespaces here:\n  {why}\nFor real interfaces, {MEND}.\n\
                 Three links, emulated over loopback; all else is the same:\n"
            ),
        };
        for plan in &PLANS {
            let (rate, rtt) = (plan.share * self.unit, 2 * plan.delay.as_millis());
            let rate = rate as f64 / 1e6;
            let _ = writeln!(text, "  {:6} {rate:4.0} Mbit/s, {rtt} ms round trip", plan.name);
        }
        text
    }

    /// How long a file of `size` bytes may take, on the slowest link and with a lot of time lost.
    pub(super) fn patience(&self, size: u64) -> Duration {
        Duration::from_secs(60 + size * 8 / self.unit)
    }

    /// Where the upstream listens; port 0 where any will do.
    pub(super) fn upstream(&self) -> SocketAddr {
        match &self.stage {
            Stage::Namespaces(_) => (UPSTREAM_V4, 9000).into(),
            Stage::Loopback { .. } => (Ipv4Addr::LOCALHOST, 0).into(),
        }
    }

    /// Where the agent listens; port 0 where any will do.
    pub(super) fn lan(&self) -> SocketAddr {
        match &self.stage {
            Stage::Namespaces(_) => (IpAddr::from([192, 168, 1, 1]), 8080).into(),
            Stage::Loopback { .. } => (Ipv4Addr::LOCALHOST, 0).into(),
        }
    }

    /// Starts a thread there.
    pub(super) fn spawn(
        &self,
        place: Place,
        work: impl FnOnce() + Send + 'static,
    ) -> JoinHandle<()> {
        match (&self.stage, place) {
            (Stage::Namespaces(lab), Place::Upstream) => lab.upstream.spawn_thread(work),
            (Stage::Namespaces(lab), Place::Gateway) => lab.gateway.spawn_thread(work),
            (Stage::Namespaces(lab), Place::Lan) => lab.lan.spawn_thread(work),
            (Stage::Loopback { .. }, Place::Upstream | Place::Gateway | Place::Lan) => {
                thread::spawn(work)
            }
        }
    }

    /// Does something to a link.
    pub(super) fn change(&self, link: &str, change: Change) -> Result<(), Failure> {
        let rate =
            PLANS.iter().find(|plan| plan.name == link).map_or(0, |plan| plan.share * self.unit);
        match &self.stage {
            Stage::Namespaces(lab) => {
                change_link(lab.link(link), change, rate).map_err(|e| Failure::No(e.to_string()))
            }
            Stage::Loopback { lines, .. } => {
                lines.change(link, |line| change_line(line, change, rate));
                Ok(())
            }
        }
    }
}

fn change_link(link: &baton_lab::Link, change: Change, rate: u64) -> Result<(), LabError> {
    let set = |rate, loss_ppm| {
        link.set(|shape| (shape.rate, shape.loss_ppm) = (Rate::Bps(rate), loss_ppm));
    };
    match change {
        Change::CableOut => link.carrier(false)?,
        Change::CableIn => link.carrier(true)?,
        Change::BlackHole => link.black_hole(true),
        Change::Delivers => link.black_hole(false),
        Change::SlowAndLossy => set(rate / 10, ONE_IN_TEN),
        Change::AsNew => set(rate, 0),
    }
    Ok(())
}

fn change_line(line: &mut Line, change: Change, rate: u64) {
    match change {
        Change::CableOut => line.set_carrier(false),
        Change::CableIn => line.set_carrier(true),
        Change::BlackHole => line.black_hole = true,
        Change::Delivers => line.black_hole = false,
        Change::SlowAndLossy => (line.rate, line.loss_ppm) = (rate / 10, ONE_IN_TEN),
        Change::AsNew => (line.rate, line.loss_ppm) = (rate, 0),
    }
}

const ONE_IN_TEN: u32 = 100_000;
