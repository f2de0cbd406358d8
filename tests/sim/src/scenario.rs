//! What happens to links and clients, and when.

use crate::gateway::Arrival;
use crate::link::{Facts, LinkPlan};
use crate::world::{Run, World};
use baton_core::{Duration, Policy, Signal};
use baton_lab::{Bursts, Rate, Shape};

/// A run to be made.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// In reports and file names.
    pub name: String,
    /// Of everything random in it.
    pub seed: u64,
    /// The links, at most four.
    pub links: Vec<LinkPlan>,
    /// What happens, since the start.
    pub script: Vec<(Duration, Step)>,
    /// How long it lasts.
    pub until: Duration,
    /// What the agent goes by.
    pub policy: Policy,
    /// More switches within an hour break a promise.
    pub switches_an_hour: usize,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// A client comes with a file.
    Upload(Arrival),
    /// The kernel says something else of a link.
    Facts(usize, Facts),
    /// A link changes its character.
    Shape(usize, Way, Change),
    /// It holds everything for a while.
    Stall(usize, Duration),
    /// Somebody else answers over it, or no longer.
    Portal(usize, bool),
    /// It is attached to another network, with another address.
    Roam(usize),
    /// Its radio says how it is.
    Signal(usize, Signal),
    /// It is in a foreign network, or home again.
    Abroad(usize, bool),
    /// The operator wants a link.
    Override(Option<usize>),
}

/// Directions of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Both.
    Both,
    /// From the gateway.
    Up,
    /// To the gateway.
    Down,
}

/// What changes of a link's shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It drops everything, silently.
    Hole(bool),
    /// Independent loss.
    Loss(u32),
    /// Loss in bursts.
    Bursts(Option<Bursts>),
    /// One way.
    Delay(Duration),
    /// Bits a second.
    Rate(u64),
    /// The largest packet that passes.
    Largest(Option<usize>),
}

impl Change {
    pub(crate) fn apply(&self, shape: &mut Shape) {
        match self {
            Self::Hole(on) => shape.black_hole = *on,
            Self::Loss(ppm) => shape.loss_ppm = *ppm,
            Self::Bursts(bursts) => shape.bursts = *bursts,
            Self::Delay(delay) => shape.delay = *delay,
            Self::Rate(bps) => shape.rate = Rate::Bps(*bps),
            Self::Largest(bytes) => shape.largest_packet = *bytes,
        }
    }
}

impl Step {
    /// For the log, where the log does not tell it anyway.
    pub(crate) fn describe(&self) -> Option<String> {
        match self {
            Self::Upload(_) | Self::Facts(..) | Self::Signal(..) => None,
            Self::Shape(link, way, change) => Some(format!("link {link} {way:?}: {change:?}")),
            Self::Stall(link, lasts) => Some(format!("link {link} stalls for {lasts:?}")),
            Self::Portal(link, on) => Some(format!("link {link} portal: {on}")),
            Self::Roam(link) => Some(format!("link {link} roams")),
            Self::Abroad(link, on) => Some(format!("link {link} abroad: {on}")),
            Self::Override(link) => Some(format!("override {link:?}")),
        }
    }
}

impl Scenario {
    /// Runs it to its end.
    pub fn run(&self) -> Run {
        World::new(self).run(false)
    }

    /// Runs it until every upload has ended.
    pub fn run_uploads(&self) -> Run {
        World::new(self).run(true)
    }

    /// Adds a step.
    #[must_use]
    pub fn at(mut self, ms: u64, step: Step) -> Self {
        self.script.push((Duration::from_millis(ms), step));
        self
    }

    /// Adds an upload from a client on a LAN of 100 Mbit/s.
    #[must_use]
    pub fn upload(self, ms: u64, bytes: u64) -> Self {
        let at = Duration::from_millis(ms);
        self.at(ms, Step::Upload(Arrival { at, bytes, lan_bps: LAN_BPS }))
    }
}

/// A client on Fast Ethernet.
pub const LAN_BPS: u64 = 100_000_000;
