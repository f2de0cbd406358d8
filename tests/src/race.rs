//! Failover measured: the time in which nothing new reaches the far end after a link died.
//!
//! # Method
//!
//! A gap begins just before the fault is switched on and ends with the first byte that is new to
//! the far end and came over another link. What the far end holds is looked at every millisecond,
//! and beside it what its kernel has received in order over the dying link.
//!
//! - Bytes that were on the way over the dying link may still arrive: after a loss of carrier
//!   all that the emulator's queue held. They end no gap. From the moment another link has carried more
//!   than questions and handshakes ([`CHATTER`]), growth at the far end is new only as far as it
//!   exceeds what came in over the dying link since. This may count the gap a millisecond or two
//!   too long, and never too short.
//! - Bytes that the far end had before are not new: a transfer that begins again from zero has
//!   its gap end where it passes the old mark. Its first byte, new or not, is noted apart.
//! - A fault strikes at a random phase, after a second in which one and the same link carried a
//!   steady transfer, and while another link could take over. Links take turns in dying: it is
//!   always the one that carries.

mod mptcp;
mod plain;
mod received;
mod relayed;

pub use mptcp::Mptcp;
pub use plain::Retrying;
pub use relayed::Relayed;

use received::Received;

use baton_lab::{Lab, Link, LinkSpec, Rate, Sandbox, Shape, now};
use clap::ValueEnum;
use core::net::Ipv4Addr;
use core::time::Duration;
use serde_json::{Value, json};
use std::thread::sleep;

/// How a link dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// The cable is pulled at the gateway's end: its kernel says so.
    Carrier,
    /// Every frame is dropped, both ways, and nobody says so.
    Hole,
}

impl Fault {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Carrier, Self::Hole];

    /// The name in options and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Hole => "hole",
        }
    }

    /// Breaks the link, or mends it.
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    pub fn set(self, link: &Link, on: bool) {
        match self {
            Self::Carrier => link.carrier(!on).unwrap_or_else(|error| panic!("{error}")),
            Self::Hole => link.black_hole(on),
        }
    }
}

/// One way to get bytes to the far end over links that die.
pub trait Contender {
    /// The network that it runs in.
    fn lab(&self) -> &Lab;

    /// Bytes that the far end holds, each counted once.
    fn stored(&mut self) -> u64;

    /// Bytes that reached the far end, repeated ones included.
    fn landed(&mut self) -> u64;

    /// Called once all links are whole: begins a transfer if one has to.
    fn begin(&mut self);

    /// How long a fault lasts beyond its gap: as long as it takes to become a settled matter.
    fn aftermath(&self) -> Duration;

    /// Whether a link other than this one is ready to take over.
    fn has_standby(&mut self, carrier: &str) -> bool;

    /// What to print if it never gets anywhere.
    fn log(&self) -> String;
}

/// What all links of a race have in common.
#[derive(Clone, Debug)]
pub struct Course {
    /// Round trip, without queues.
    pub rtt: Duration,
    /// Congestion control at both ends.
    pub congestion: &'static str,
    /// Seeds the emulator and the phases.
    pub seed: u64,
}

impl Course {
    /// What each link serves.
    pub const RATE_BPS: u64 = 20_000_000;

    /// One way.
    pub fn delay(&self) -> Duration {
        self.rtt / 2
    }

    /// Each frame's delay differs by up to as much: 5 % of the round trip, each way.
    pub fn jitter(&self) -> Duration {
        self.rtt / 20
    }

    /// The lab for contenders that need no agent.
    ///
    /// # Panics
    ///
    /// If it can't be built.
    pub(crate) fn lab(&self, sandbox: &Sandbox) -> Lab {
        let shape = Shape {
            delay: self.delay(),
            jitter: self.jitter(),
            rate: Rate::Bps(Self::RATE_BPS),
            queue_bytes: crate::scene::QUEUE_BYTES,
            ..Shape::default()
        };
        let specs = LINKS.map(|name| LinkSpec::symmetric(name, shape.clone()));
        Lab::with_congestion_control(sandbox, &specs, self.seed, self.congestion)
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The links of every race, best first.
pub(crate) const LINKS: [&str; 3] = ["eth0", "wlan0", "wwan0"];

/// What one fault came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// How the link died.
    pub fault: Fault,
    /// Which.
    pub link: &'static str,
    /// When, in milliseconds since 1970, to be found in logs.
    pub at_ms: u64,
    /// From the fault to the first new byte stored over another link; `None`: none came.
    pub gap: Option<Duration>,
    /// From the fault to the first byte over another link, new or repeated.
    pub first: Option<Duration>,
}

impl Trial {
    /// As an object, times in milliseconds.
    pub fn to_json(self) -> Value {
        json!({
            "fault": self.fault.name(),
            "link": self.link,
            "at_ms": self.at_ms,
            "gap_ms": self.gap.map(ms),
            "first_ms": self.first.map(ms),
        })
    }
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

/// Kills the link that carries, again and again, `trials` times with each of `faults`.
pub fn race(
    contender: &mut dyn Contender,
    faults: &[Fault],
    trials: usize,
    seed: u64,
    mut each: impl FnMut(Trial),
) {
    let mut phases = Phases(seed | 1);
    for _ in 0..trials {
        for fault in faults {
            contender.begin();
            each(trial(contender, *fault, phases.next()));
        }
    }
}

fn trial(contender: &mut dyn Contender, fault: Fault, phase: Duration) -> Trial {
    let carrier = steady_carrier(contender, phase);
    let link = contender.lab().link(carrier).clone();
    let at_ms = crate::evidence::wall_ms();
    let mut view = View::open(contender, &link);
    let struck = now();
    fault.set(&link, true);
    let (mut gap, mut first) = (None, None);
    while gap.is_none() && now() - struck < PATIENCE {
        sleep(GRAIN);
        let seen = view.look(contender);
        let at = now() - struck;
        gap = seen.stored.then_some(at);
        first = first.or(seen.landed.then_some(at));
    }
    sleep(contender.aftermath());
    fault.set(&link, false);
    Trial { fault, link: carrier, at_ms, gap, first }
}

/// How often is looked.
const GRAIN: Duration = Duration::from_millis(1);

/// A gap that is longer has no end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that other links may have carried without a byte of the transfer: the questions, handshakes and probes of
/// a few hundred milliseconds on two links.
const CHATTER: u64 = 4096;

/// What the far end holds, compared with what came over the dying link.
struct View {
    received: Received,
    /// The gateway's address on the dying link.
    dying: Ipv4Addr,
    others: Vec<Link>,
    /// What the others had carried at the fault.
    before: u64,
    last: Sums,
    /// The sums when the others had carried more than chatter.
    mark: Option<Sums>,
}

#[derive(Clone, Copy)]
struct Sums {
    stored: u64,
    landed: u64,
    dying: u64,
}

/// Whether growth was seen that only another link can have brought.
struct Seen {
    stored: bool,
    landed: bool,
}

impl View {
    fn open(contender: &mut dyn Contender, dying: &Link) -> Self {
        let links = contender.lab().links().iter().cloned();
        let others: Vec<Link> = links.filter(|link| link.name() != dying.name()).collect();
        let number = LINKS.iter().position(|name| *name == dying.name()).expect("one of these");
        let dying = Ipv4Addr::new(10, 0, number as u8 + 1, 2);
        let mut received = Received::open(contender.lab());
        let last = Sums::read(contender, &mut received, dying);
        Self { received, dying, before: passed(&others), others, last, mark: None }
    }

    fn look(&mut self, contender: &mut dyn Contender) -> Seen {
        let news = passed(&self.others) - self.before;
        let sums = Sums::read(contender, &mut self.received, self.dying);
        if news > CHATTER {
            self.mark.get_or_insert(self.last);
        }
        self.last = sums;
        let exceeds = |of: fn(&Sums) -> u64| {
            self.mark.is_some_and(|mark| of(&sums) - of(&mark) > sums.dying - mark.dying)
        };
        Seen { stored: exceeds(|sums| sums.stored), landed: exceeds(|sums| sums.landed) }
    }
}

impl Sums {
    /// In this order: what arrives between the two looks makes the gap longer, not shorter.
    fn read(contender: &mut dyn Contender, received: &mut Received, dying: Ipv4Addr) -> Self {
        let (stored, landed) = (contender.stored(), contender.landed());
        Self { stored, landed, dying: received.from(dying) }
    }
}

fn passed(links: &[Link]) -> u64 {
    links.iter().map(|link| link.stats().up.passed.bytes).sum()
}

/// Waits for a steady transfer and a standby, then lets `phase` pass. The link that carries.
fn steady_carrier(contender: &mut dyn Contender, phase: Duration) -> &'static str {
    let end = now() + UNSTEADY;
    let mut steady = Steady::default();
    loop {
        if let Some(carrier) = steady.watch(contender, SLICES_STEADY)
            && contender.has_standby(carrier)
        {
            sleep(phase);
            if steady.watch(contender, SLICES_STILL) == Some(carrier) {
                return carrier;
            }
        }
        assert!(now() < end, "no steady transfer within {UNSTEADY:?}\n{}", contender.log());
    }
}

/// How long a contender may take to get a steady transfer under way.
const UNSTEADY: Duration = Duration::from_secs(60);

/// Slices that make a steady second, and that show it is still so.
const SLICES_STEADY: u32 = 20;
const SLICES_STILL: u32 = 1;

/// How long a slice is, and what must be carried in each, and stored on average: a quarter of
/// what the link serves.
const SLICE: Duration = Duration::from_millis(50);
const SLICE_BYTES: u64 = Course::RATE_BPS / 8 / 20 / 4;

#[derive(Default)]
struct Steady {
    carrier: Option<&'static str>,
    /// Since the carrier is the same.
    slices: u32,
    /// What was stored after the first of them.
    stored: u64,
}

impl Steady {
    /// Watches one slice more; the carrier, if it was the same in the last `wanted` ones.
    fn watch(&mut self, contender: &mut dyn Contender, wanted: u32) -> Option<&'static str> {
        let counts = |contender: &dyn Contender| -> Vec<u64> {
            let links = contender.lab().links().iter();
            links.map(|link| link.stats().up.passed.bytes).collect()
        };
        let before = counts(contender);
        sleep(SLICE);
        let after = counts(contender);
        let carried: Vec<u64> = after.iter().zip(before).map(|(after, b)| after - b).collect();
        let all: u64 = carried.iter().sum();
        // Nine tenths: the rest is questions, probes and the end of what went before.
        let most = carried.iter().position(|bytes| *bytes * 10 > all * 9 && *bytes >= SLICE_BYTES);
        let carrier = most.map(|place| LINKS[place]);
        let stored = contender.stored();
        if carrier != self.carrier {
            *self = Self { carrier, slices: 0, stored };
        }
        let due = u64::from(self.slices) * SLICE_BYTES;
        self.slices += 1;
        carrier.filter(|_| self.slices >= wanted && stored.saturating_sub(self.stored) >= due)
    }
}

/// Evenly from nothing to half a second: longer than any round trip, queue or timer here.
struct Phases(u64);

impl Phases {
    fn next(&mut self) -> Duration {
        // Xorshift (Marsaglia 2003); the low bits are its weak ones.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros((self.0 >> 32) % 500_000)
    }
}
