//! A run: the network, the agent, the upstream, and what the scenario does to them.

use crate::checks::Broken;
use crate::gateway::{App, Gateway, UploadEnd};
use crate::link::Facts;
use crate::net::{Net, Step as NetStep};
use crate::packet::Side;
use crate::scenario::{Scenario, Step, Way};
use crate::server::Server;
use baton_core::{Duration, Instant, Switch, Totals, Verdict};

/// Everything of one run.
pub(crate) struct World {
    pub(crate) net: Net<App>,
    pub(crate) gateway: Gateway,
    pub(crate) server: Server,
    script: Vec<(Duration, Step)>,
    until: Instant,
    held: Held,
}

/// Blocks of the pool in use, over time.
#[derive(Default)]
struct Held {
    since: Instant,
    blocks: u64,
    us: u64,
}

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// Every event, a line each.
    pub log: String,
    /// The first promise that was not kept.
    pub broken: Option<Broken>,
    /// How each upload ended; `None`: it did not.
    pub ends: Vec<Option<UploadEnd>>,
    /// The core's sums.
    pub totals: Totals,
    /// Changes of the active link, the first choice among them.
    pub switches: Vec<(Instant, Switch)>,
    /// Bytes stored upstream: when, over which link, how many.
    pub stored: Vec<(Instant, usize, u64)>,
    /// Probes by link.
    pub probes: Vec<u32>,
    /// Bytes of requests that began where the upstream had acknowledged more.
    pub repeated: u64,
    /// Blocks of the pool in use, each times the microseconds for which it was.
    pub held_us: u64,
    /// Simulated time.
    pub lasted: Duration,
    /// Events that it took.
    pub events: u64,
    /// What the core was told and wanted, if that was to be written down.
    pub record: Option<String>,
}

/// The kernel's word of a link takes so long to reach user space: p50 on veth, see `facts/failover.md`.
const NEWS: Duration = Duration::from_micros(1600);

/// An attempt that says nothing for longer than any answer may take, and a bit.
const OVERDUE: Duration = Duration::from_secs(95);

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let names: Vec<_> = scenario.links.iter().map(|plan| plan.name).collect();
        let mut net = Net::new(scenario.links.clone(), scenario.seed);
        let mut gateway = Gateway::new(scenario.policy, scenario.seed, &names);
        gateway.checks.switches_an_hour = scenario.switches_an_hour;
        for link in 0..names.len() {
            if net.links[link].facts.is_up() {
                net.wake(Instant::ZERO, App::Facts(link));
            }
        }
        let script = scenario.script.clone();
        for (index, (at, _)) in script.iter().enumerate() {
            net.wake(Instant::ZERO + *at, App::Script(index));
        }
        let until = Instant::ZERO + scenario.until;
        Self { net, gateway, server: Server::default(), script, until, held: Held::default() }
    }

    /// Runs until the end, until every upload has ended where that is the end, or until a promise is
    /// broken.
    pub(crate) fn run(mut self, ends_early: bool) -> Run {
        let expected =
            self.script.iter().filter(|(_, step)| matches!(step, Step::Upload(_))).count();
        while self.step() && !self.gateway.checks.is_broken() {
            if ends_early && self.gateway.all_ended(expected) {
                break;
            }
        }
        let (net, gateway, server) = (self.net, self.gateway, self.server);
        Run {
            log: gateway.log.text().to_owned(),
            broken: gateway.checks.broken().cloned(),
            ends: gateway.ends(),
            totals: gateway.core.totals(),
            switches: gateway.checks.switched.clone(),
            stored: server.stored,
            probes: gateway.checks.probes.clone(),
            repeated: gateway.checks.repeated,
            held_us: self.held.us,
            lasted: net.now.saturating_since(Instant::ZERO),
            events: net.queue.count(),
            record: gateway.record,
        }
    }

    /// One event; `false`: there is none left.
    pub(crate) fn step(&mut self) -> bool {
        let net = &mut self.net;
        match net.step(self.until) {
            NetStep::End => return false,
            NetStep::Moved => return true,
            NetStep::Notice(conn, Side::Client) => self.gateway.on_notice(net, conn),
            NetStep::Notice(conn, Side::Server) => self.server.on_notice(net, conn),
            NetStep::App(App::Server(conn)) => self.server.on_wake(net, conn),
            NetStep::App(App::Core) => self.gateway.on_core(net),
            NetStep::App(App::Sample) => {
                self.gateway.on_sample(net);
                self.check();
            }
            NetStep::App(App::Lane(id)) => self.gateway.on_lane(net, id),
            NetStep::App(App::Probe(id)) => self.gateway.on_probe(net, id),
            NetStep::App(App::Client(client)) => self.gateway.on_client(net, client),
            NetStep::App(App::Facts(link)) => self.gateway.on_facts(net, link, false),
            NetStep::App(App::Script(index)) => self.play(index),
        }
        self.check_pool();
        true
    }

    fn play(&mut self, index: usize) {
        let step = self.script[index].1.clone();
        if let Some(said) = step.describe() {
            self.gateway.log.note(self.net.now, &said);
        }
        match step {
            Step::Upload(arrival) => self.gateway.on_arrival(&mut self.net, arrival),
            Step::Facts(link, facts) => self.set_facts(link, facts),
            Step::Shape(link, way, change) => {
                for from in [Side::Client, Side::Server] {
                    if way.is(from) {
                        change.apply(&mut self.net.links[link].shaper(from).shape);
                    }
                }
                self.net.reshape(link);
            }
            Step::Stall(link, lasts) => {
                let end = crate::link::elapsed(self.net.now + lasts);
                for from in [Side::Client, Side::Server] {
                    self.net.links[link].shaper(from).stall_until(end);
                }
                self.net.reshape(link);
            }
            Step::Portal(link, on) => self.net.links[link].has_portal = on,
            Step::Roam(link) => {
                self.net.links[link].address += 1;
                let net = &mut self.net;
                self.gateway.on_facts(net, link, true);
            }
            Step::Signal(link, signal) => self.gateway.on_signal(&mut self.net, link, signal),
            Step::Abroad(link, on) => self.gateway.on_roaming(&mut self.net, link, on),
            Step::Override(link) => self.gateway.on_override(&mut self.net, link),
        }
    }

    fn set_facts(&mut self, link: usize, facts: Facts) {
        self.net.set_facts(link, facts);
        self.net.wake(self.net.now + NEWS, App::Facts(link));
    }

    /// What is cheap enough for every step.
    fn check_pool(&mut self) {
        let pool = self.gateway.core.pool();
        let held = u64::from(pool.total() - pool.free());
        self.held.on_blocks(self.net.now, held);
        let driver = self.gateway.held_blocks();
        if held != driver {
            let now = self.net.now;
            self.gateway
                .checks
                .fail(now, format!("the pool gave {held} blocks, held are {driver}"));
        }
        self.gateway.checks.on_pool(self.net.now, &self.gateway.core);
    }

    /// What is looked at with each sample.
    fn check(&mut self) {
        let now = self.net.now;
        if let Some(what) = &self.server.broken {
            self.gateway.checks.fail(now, what.clone());
        }
        for (location, acked) in self.gateway.acknowledged() {
            let stored = self.server.find(&location).map_or(0, |(stored, _)| stored);
            if stored < acked {
                self.gateway.checks.fail(now, format!("{acked} acknowledged, {stored} stored"));
            }
        }
        let overdue =
            self.gateway.attempts().find(|(_, _, heard)| now.saturating_since(*heard) > OVERDUE);
        if let Some((id, attempt, _)) = overdue {
            self.gateway
                .checks
                .fail(now, format!("{id:?} {attempt:?} has neither outcome nor deadline"));
        }
    }
}

impl Held {
    fn on_blocks(&mut self, now: Instant, blocks: u64) {
        self.us += self.blocks * now.saturating_since(self.since).as_micros() as u64;
        (self.blocks, self.since) = (blocks, now);
    }
}

impl Way {
    fn is(self, from: Side) -> bool {
        match self {
            Self::Both => true,
            Self::Up => from == Side::Client,
            Self::Down => from == Side::Server,
        }
    }
}

impl Run {
    /// The longest time in which no byte was stored while an upload was under way.
    pub fn longest_gap(&self) -> Duration {
        let longest = |upload| self.gaps(upload).max().unwrap_or_default();
        (0..self.ends.len()).map(longest).max().unwrap_or_default()
    }

    /// The times in which no byte was stored while that upload was under way.
    pub(crate) fn gaps(&self, upload: usize) -> impl Iterator<Item = Duration> {
        let times: Vec<Instant> = self.ends[upload]
            .iter()
            .flat_map(|end| {
                let within = |at: &Instant| end.begun <= *at && *at <= end.ended;
                let stored = self.stored.iter().map(|(at, ..)| *at).filter(within);
                [end.begun].into_iter().chain(stored).collect::<Vec<_>>()
            })
            .collect();
        (1..times.len()).map(move |next| times[next].saturating_since(times[next - 1]))
    }

    /// Whether every upload was.
    pub fn is_stored(&self) -> bool {
        self.ends.iter().all(|end| end.is_some_and(|end| end.verdict == Verdict::Stored))
    }

    /// How long the upload took, if it was stored.
    pub fn took(&self, upload: usize) -> Option<Duration> {
        let end = (*self.ends.get(upload)?)?;
        (end.verdict == Verdict::Stored).then(|| end.ended.saturating_since(end.begun))
    }
}

#[cfg(test)]
mod tests;
