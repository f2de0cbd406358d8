//! The agent's driver: feeds the core and carries out its actions, as `agent/relay/src/hub.rs`.

mod gauge;
mod ingest;
mod lane;
mod offsets;
mod probe;
#[cfg(test)]
mod sabotage;
mod sampler;

pub use ingest::{Arrival, End as UploadEnd};
pub(crate) use offsets::TARGET;

use crate::checks::Checks;
use crate::content::Content;
use crate::log::Log;
use crate::packet::{ConnId, Side};
use baton_core::{
    Action, Agent, Attempt, BLOCK_SIZE, Event, Failure, Instant, LinkId, Observation, Outcome,
    Policy, Signal, UploadId, Verdict,
};
use baton_replay::{self as replay, Input};
use baton_wire::upload::Order;
use core::ops::Range;
use ingest::Client;
use lane::{Handle, Lane};
use offsets::Subject;
use probe::Probe;
use std::collections::{BTreeMap, VecDeque};

/// Links, uploads and blocks at most.
pub(crate) const LINKS: usize = 4;
const UPLOADS: usize = 16;
const BLOCKS: usize = 256;

pub(crate) type Core = Agent<LINKS, UPLOADS, BLOCKS>;
type Net = crate::net::Net<App>;

/// What wakes whoever uses the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    /// The core's next deadline.
    Core,
    /// TCP_INFO is to be read.
    Sample,
    Lane(u32),
    Probe(u32),
    /// A client has more to send.
    Client(usize),
    /// The gateway's kernel has told of a link.
    Facts(usize),
    /// The server waits for bytes that are landing, or for a request.
    Server(ConnId),
    /// The next step of the scenario.
    Script(usize),
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Lane(u32),
    Probe(u32),
}

/// What the relay has a task for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Lane(u32),
    StartProbe(LinkId),
}

/// One upload's side of the driver.
struct Transfer {
    client: usize,
    name: String,
    total: u64,
    received: u64,
    written: u64,
    held_from: u64,
    location: Option<String>,
}

/// The agent and what drives it.
pub(crate) struct Gateway {
    pub(crate) core: Box<Core>,
    arena: Vec<u8>,
    contents: Vec<Content>,
    transfers: BTreeMap<UploadId, Transfer>,
    handles: BTreeMap<(UploadId, Attempt), Handle>,
    lanes: BTreeMap<u32, Lane>,
    lane_count: u32,
    probes: BTreeMap<u32, Probe>,
    probe_count: u32,
    owners: BTreeMap<ConnId, Owner>,
    idle: Vec<Vec<ConnId>>,
    in_flight: Vec<bool>,
    is_sampling: bool,
    /// Whoever may have something to do, in the order in which the runtime would poll them.
    ready: VecDeque<Task>,
    /// Verdicts that no client was told yet.
    verdicts: VecDeque<(UploadId, Verdict)>,
    clients: Vec<Client>,
    has_room: bool,
    settled: Instant,
    armed: Option<Instant>,
    pub(crate) log: Log,
    pub(crate) checks: Checks,
    /// What the core is told and wants, where it is recorded: see `tests/replay`.
    pub(crate) record: Option<String>,
}

impl Gateway {
    pub(crate) fn new(policy: Policy, seed: u64, names: &[&'static str]) -> Self {
        let core = Box::new(Core::new(policy, seed));
        let blocks = usize::from(core.pool().total());
        let links = names.len();
        Self {
            arena: vec![0; blocks * BLOCK_SIZE],
            contents: Vec::new(),
            transfers: BTreeMap::new(),
            handles: BTreeMap::new(),
            lanes: BTreeMap::new(),
            lane_count: 0,
            probes: BTreeMap::new(),
            probe_count: 0,
            owners: BTreeMap::new(),
            idle: vec![Vec::new(); links],
            in_flight: vec![false; links],
            is_sampling: false,
            ready: VecDeque::new(),
            verdicts: VecDeque::new(),
            clients: Vec::new(),
            has_room: false,
            settled: Instant::ZERO,
            armed: None,
            log: Log::new(names),
            checks: Checks::new(links),
            record: None,
            core,
        }
    }

    /// Something happened at the gateway's end of a connection.
    pub(crate) fn on_notice(&mut self, net: &mut Net, conn: ConnId) {
        match self.owners.get(&conn) {
            Some(Owner::Lane(id)) => self.ready.push_back(Task::Lane(*id)),
            Some(Owner::Probe(id)) => self.pump_probe(net, *id),
            None => {}
        }
        self.work(net);
    }

    /// Time passed for a lane.
    pub(crate) fn on_lane(&mut self, net: &mut Net, id: u32) {
        self.ready.push_back(Task::Lane(id));
        self.work(net);
    }

    /// A probe has waited for long enough.
    pub(crate) fn on_probe(&mut self, net: &mut Net, id: u32) {
        self.pump_probe(net, id);
        self.work(net);
    }

    /// TCP_INFO is to be read.
    pub(crate) fn on_sample(&mut self, net: &mut Net) {
        self.on_sample_due(net);
        self.work(net);
    }

    /// The core's next deadline may be here: it is judged on the newest evidence.
    pub(crate) fn on_core(&mut self, net: &mut Net) {
        self.armed = None;
        if self.core.poll_timeout(self.settled).is_some_and(|(at, _)| at <= net.now) {
            self.sample(net);
            self.record(|out| replay::write_input(out, net.now, &Input::Timeout));
            self.core.handle_timeout(net.now);
            self.checks.on_timeout(net.now);
            self.settle(net);
        }
        self.arm(net);
        self.work(net);
    }

    /// The kernel tells of a link.
    pub(crate) fn on_facts(&mut self, net: &mut Net, link: usize, moved: bool) {
        let facts = net.links[link].facts;
        let spec = net.links[link].plan.spec;
        self.log.facts(net.now, link, facts);
        if moved || !facts.is_up() {
            for conn in core::mem::take(&mut self.idle[link]) {
                net.reset(conn, Side::Client);
            }
            self.sample(net);
        }
        if facts.present {
            self.observe(net, link, Observation::Appeared(spec));
            let (carrier, address, route) = (facts.carrier, facts.address, facts.route);
            self.observe(net, link, Observation::Facts { carrier, address, route });
            if moved {
                self.observe(net, link, Observation::Moved);
            }
        } else {
            self.observe(net, link, Observation::Vanished);
        }
        self.has_room = true;
        self.work(net);
    }

    /// A link's radio says how it is.
    pub(crate) fn on_signal(&mut self, net: &mut Net, link: usize, signal: Signal) {
        self.observe(net, link, Observation::Signal(signal));
        self.work(net);
    }

    /// A link is in a foreign network, or no longer.
    pub(crate) fn on_roaming(&mut self, net: &mut Net, link: usize, is_abroad: bool) {
        self.observe(net, link, Observation::Roaming(is_abroad));
        self.work(net);
    }

    /// The operator wants a link, or none in particular.
    pub(crate) fn on_override(&mut self, net: &mut Net, link: Option<usize>) {
        self.feed(net, Event::Override(link.map(|link| LinkId(link as u8))));
        self.work(net);
    }

    /// Everything that became possible.
    fn work(&mut self, net: &mut Net) {
        loop {
            if let Some(task) = self.ready.pop_front() {
                match task {
                    Task::Lane(id) => self.pump(net, id),
                    Task::StartProbe(link) => self.start_probe(net, link),
                }
            } else if let Some((id, verdict)) = self.verdicts.pop_front() {
                self.conclude(net, id, verdict);
            } else if core::mem::take(&mut self.has_room) {
                self.serve_waiting(net);
            } else {
                return;
            }
        }
    }

    /// One mutation of the core, then its actions.
    fn feed(&mut self, net: &mut Net, event: Event) {
        self.record(|out| replay::write_input(out, net.now, &Input::Event(event)));
        self.core.handle_event(net.now, event);
        self.settle(net);
        self.arm(net);
    }

    fn observe(&mut self, net: &mut Net, link: usize, observation: Observation) {
        self.feed(net, Event::Link(LinkId(link as u8), observation));
    }

    fn settle(&mut self, net: &mut Net) {
        let mut count = 0;
        while let Some(action) = self.core.poll_action(net.now) {
            count += 1;
            self.record(|out| replay::write_action(out, &action));
            self.checks.on_action(net.now, count, action);
            self.perform(net, action);
            if self.checks.is_broken() {
                break;
            }
        }
        self.settled = net.now;
        let deadline = self.core.poll_timeout(net.now).map(|(at, _)| at);
        self.record(|out| replay::write_deadline(out, deadline));
        self.checks.on_settled(net.now, &self.core);
        self.log.changes(net.now, &self.core);
    }

    fn record(&mut self, write: impl FnOnce(&mut String) -> core::fmt::Result) {
        if let Some(record) = &mut self.record {
            write(record).expect("a string takes everything");
        }
    }

    fn arm(&mut self, net: &mut Net) {
        if let Some((at, _)) = self.core.poll_timeout(self.settled)
            && self.armed.is_none_or(|armed| at < armed)
        {
            self.armed = Some(at);
            net.wake(at, App::Core);
        }
    }

    fn perform(&mut self, net: &mut Net, action: Action) {
        match action {
            Action::Probe(link) => self.ready.push_back(Task::StartProbe(link)),
            Action::Create { id, attempt, link } => {
                self.order(net, (id, attempt), link, Order::Create);
            }
            Action::Ask { id, attempt, link } => self.order(net, (id, attempt), link, Order::Ask),
            Action::Append { id, attempt, link, from } => {
                self.order(net, (id, attempt), link, Order::Append { from });
            }
            Action::Hold { id, attempt } => self.reorder(net, (id, attempt), Order::Hold),
            Action::Unhold { id, attempt } => self.reorder(net, (id, attempt), Order::Unhold),
            Action::Drop { id, attempt, .. } => {
                if let Some(handle) = self.handles.remove(&(id, attempt)) {
                    self.ready.push_back(Task::Lane(handle.lane));
                }
            }
            Action::Answer { id, verdict } => self.verdicts.push_back((id, verdict)),
        }
    }

    fn order(&mut self, net: &mut Net, key: (UploadId, Attempt), link: LinkId, order: Order) {
        if self.handles.contains_key(&key) {
            self.reorder(net, key, order);
        } else if self.transfers.contains_key(&key.0) {
            self.open_lane(net, key, link, order);
        }
    }

    fn reorder(&mut self, net: &Net, key: (UploadId, Attempt), order: Order) {
        if let Some(handle) = self.handles.get_mut(&key) {
            handle.orders.push_back(order);
            handle.heard = net.now;
            self.ready.push_back(Task::Lane(handle.lane));
        }
    }

    /// What an attempt came to. Blocks below the acknowledged offset are given back.
    fn report(&mut self, net: &mut Net, key: (UploadId, Attempt), outcome: Outcome) {
        let (id, attempt) = key;
        if let Some(handle) = self.handles.get_mut(&key) {
            handle.heard = net.now;
        }
        self.feed(net, Event::Attempted { id, attempt, outcome });
        match outcome {
            Outcome::Acked(_) | Outcome::Offset(_) => self.release_acked(id),
            Outcome::Failed(Failure::Conflict { .. }) => {}
            Outcome::Failed(_) => {
                self.handles.remove(&key);
            }
            Outcome::Created | Outcome::Sent(_) | Outcome::Drained | Outcome::Proved => {}
        }
    }

    fn release_acked(&mut self, id: UploadId) {
        let (Some(view), Some(transfer)) = (self.core.view(id), self.transfers.get_mut(&id)) else {
            return;
        };
        while transfer.held_from + BLOCK_SIZE as u64 <= view.acked {
            self.core.release_block(id);
            transfer.held_from += BLOCK_SIZE as u64;
            self.has_room = true;
        }
    }

    fn subject(&self, id: UploadId, delivery_rate: u64) -> Option<Subject<'_>> {
        let transfer = self.transfers.get(&id)?;
        Some(Subject {
            name: &transfer.name,
            total: transfer.total,
            received: transfer.received,
            written: transfer.written,
            location: transfer.location.as_deref(),
            view: self.core.view(id),
            limits: self.core.limits(id),
            delivery_rate,
        })
    }

    /// The bytes of an upload from `range.start` on that lie in one block.
    fn held(&self, id: UploadId, range: Range<u64>) -> Option<&[u8]> {
        let (block, at) = self.locate(id, range.start)?;
        let most = (range.end - range.start).min((BLOCK_SIZE - at) as u64) as usize;
        let start = block * BLOCK_SIZE + at;
        Some(&self.arena[start..start + most])
    }

    /// The block that an upload's byte at `offset` is in, and the place in it.
    fn locate(&self, id: UploadId, offset: u64) -> Option<(usize, usize)> {
        let into = offset.checked_sub(self.transfers.get(&id)?.held_from)?;
        let block = self.core.blocks(id, (into / BLOCK_SIZE as u64) as u16).next()?;
        Some((block.index(), (into % BLOCK_SIZE as u64) as usize))
    }

    /// The byte at `at` is not here any more.
    fn lacks(&self, id: UploadId, at: u64) -> Failure {
        let acked = self.core.view(id).map_or(0, |view| view.acked);
        if at < acked { Failure::Cut } else { Failure::NotKept }
    }

    fn received(&self, id: UploadId) -> u64 {
        self.transfers.get(&id).map_or(0, |transfer| transfer.received)
    }

    fn on_written(&mut self, id: UploadId, offset: u64) {
        if let Some(transfer) = self.transfers.get_mut(&id) {
            transfer.written = transfer.written.max(offset);
        }
    }

    fn on_location(&mut self, id: UploadId, location: String) {
        if let Some(transfer) = self.transfers.get_mut(&id) {
            transfer.location = Some(location);
        }
    }

    /// What the upstream acknowledged of each upload, by its location there.
    pub(crate) fn acknowledged(&self) -> Vec<(String, u64)> {
        let acked = |(id, transfer): (&UploadId, &Transfer)| {
            Some((transfer.location.clone()?, self.core.view(*id)?.acked))
        };
        self.transfers.iter().filter_map(acked).collect()
    }

    /// Every attempt under way, and since when nothing was heard of it.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = (UploadId, Attempt, Instant)> {
        self.handles.iter().map(|((id, attempt), handle)| (*id, *attempt, handle.heard))
    }

    /// Blocks that the driver takes for held, and whether that is what the pool says.
    pub(crate) fn held_blocks(&self) -> u64 {
        let held = |transfer: &Transfer| {
            (transfer.received - transfer.held_from).div_ceil(BLOCK_SIZE as u64)
        };
        self.transfers.values().map(held).sum()
    }
}
