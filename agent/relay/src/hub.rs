//! The driver of the core: feeds observations, carries out actions, and is what the tasks share.
//!
//! Everything runs on one thread. No borrow of the core or the arena lives across an await.

use crate::arena::{Arena, Place};
use crate::connections::Connections;
use crate::depot::Depot;
use crate::ingest::Sessions;
use crate::lane::{self, LaneHandle, Order};
use crate::memory::{Memory, unix_s};
use crate::run::Network;
use crate::settings::{Facts, Rules, Settings};
use crate::spool::Spool;
use crate::transfer::{Body, Transfer};
use crate::upstream::Upstream;
use baton_core::{
    Action, Agent, Attempt, BLOCK_SIZE, Event, Failure, Instant, LinkId, Observation, Outcome,
    StateKind, UploadId,
};
use baton_hal::{Clock, Time, Transport};
use core::cell::{Cell, RefCell};
use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use tokio::sync::{Notify, watch};

/// Links at once: a router has two or three; eight leaves room for tunnels.
pub(crate) const LINKS: usize = 8;

/// Uploads at once: each is sure of four blocks, so this needs a pool of 4 MiB.
pub(crate) const UPLOADS: usize = 64;

/// Bytes that pass between a connection and a file at once.
const SCRATCH: usize = 64 * 1024;

/// Blocks at most: 64 MiB.
pub(crate) const BLOCKS: usize = 4096;

/// Clients that are known: a household's, or a company's vehicles'.
const CLIENTS: usize = 64;

pub(crate) type Core = Agent<LINKS, UPLOADS, BLOCKS, CLIENTS>;

/// What the tasks of one agent share.
pub(crate) struct Hub<T: Transport> {
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) rules: RefCell<Rules>,
    pub(crate) transport: T,
    pub(crate) core: RefCell<Box<Core>>,
    pub(crate) arena: Arena,
    /// For bytes between a connection and a file. Not to be held across an await.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) spool: Rc<Spool>,
    /// In `spool` mode, what is to be delivered.
    pub(crate) depot: Option<Depot>,
    pub(crate) upstream: Upstream,
    pub(crate) connections: Connections<T>,
    /// What the kernel says of each link in the table.
    pub(crate) facts: RefCell<[Option<Facts>; LINKS]>,
    /// The network that each was on when it last had an address.
    pub(crate) networks: [Cell<Option<Network>>; LINKS],
    /// Links that found the table full: strangers come in by them as well.
    pub(crate) excess: RefCell<BTreeSet<String>>,
    /// Uploads that outlive their requests.
    pub(crate) sessions: Sessions<T>,
    pub(crate) transfers: RefCell<BTreeMap<UploadId, Rc<Transfer>>>,
    pub(crate) lanes: RefCell<BTreeMap<(UploadId, Attempt), LaneHandle<T>>>,
    /// The next deadline may have changed.
    pub(crate) timer: Notify,
    /// Up to when everything due was done: the next deadline is the first one after.
    settled: Cell<Instant>,
    /// A block or a slot came free.
    pub(crate) room: Notify,
    /// A lane began to send.
    pub(crate) sending: Notify,
    /// Whether each link had unacknowledged data when last sampled.
    pub(crate) in_flight: [Cell<bool>; LINKS],
    /// Why whatever answers over each link is not believed to be the upstream.
    pub(crate) distrust: [RefCell<Option<String>>; LINKS],
    /// Whether any link may carry uploads.
    usable: watch::Sender<bool>,
    /// What the log has said last.
    said: RefCell<Said>,
    /// Where LAN clients are served.
    pub(crate) listening: RefCell<Vec<SocketAddr>>,
    /// What outlives a restart.
    pub(crate) memory: RefCell<Memory>,
    /// Held while that is written.
    pub(crate) saving: tokio::sync::Mutex<()>,
    /// What this process lacks.
    pub(crate) warnings: RefCell<Vec<String>>,
    /// SIGTERM came: no new uploads.
    pub(crate) draining: Cell<bool>,
    /// Upload requests without their answer, also those that are no upload yet.
    pub(crate) requests: Cell<usize>,
}

#[derive(Default)]
struct Said {
    states: [Option<StateKind>; LINKS],
    switches: u32,
}

impl<T: Transport + 'static> Hub<T> {
    pub(crate) fn new(
        settings: Settings,
        transport: T,
        depot: Option<Depot>,
        seed: u64,
    ) -> Rc<Self> {
        let spool = Rc::new(Spool::new(settings.spool_dir.clone(), settings.spool_size));
        let (mut memory, trouble) = Memory::recall(&settings.spool_dir);
        if let Some(trouble) = &trouble {
            tracing::warn!("{trouble}");
        }
        let mut core = Box::new(Core::new(settings.rules.policy, seed));
        let clock = Clock::start();
        for client in memory.clients(clock.now(), unix_s()) {
            core.recall_client(clock.now(), client);
        }
        Rc::new(Self {
            clock,
            transport,
            arena: Arena::new(core.pool().total()),
            scratch: RefCell::new(vec![1; SCRATCH].into()),
            core: RefCell::new(core),
            spool,
            depot,
            usable: watch::Sender::new(false),
            upstream: Upstream::new(&settings.upstream, &settings.spool_dir),
            connections: Connections::default(),
            facts: RefCell::default(),
            networks: Default::default(),
            excess: RefCell::default(),
            sessions: Sessions::default(),
            transfers: RefCell::default(),
            lanes: RefCell::default(),
            timer: Notify::new(),
            settled: Cell::new(Instant::ZERO),
            room: Notify::new(),
            sending: Notify::new(),
            in_flight: Default::default(),
            distrust: Default::default(),
            said: RefCell::default(),
            listening: RefCell::default(),
            memory: RefCell::new(memory),
            saving: tokio::sync::Mutex::default(),
            warnings: RefCell::new(trouble.into_iter().collect()),
            draining: Cell::new(false),
            requests: Cell::new(0),
            rules: RefCell::new(settings.rules.clone()),
            settings,
        })
    }

    /// One mutation of the core, then its actions.
    pub(crate) fn feed(self: &Rc<Self>, event: Event) {
        let now = self.clock.now();
        self.core.borrow_mut().handle_event(now, event);
        self.settle(now);
    }

    /// Deadlines, for as long as the agent runs.
    pub(crate) async fn run_timers(self: &Rc<Self>) {
        loop {
            let next = self.core.borrow().poll_timeout(self.settled.get());
            let rearmed = self.timer.notified();
            match next {
                Some((at, _)) => tokio::select! {
                    () = self.clock.until(at) => {
                        self.sample_before_judging();
                        let now = self.clock.now();
                        self.core.borrow_mut().handle_timeout(now);
                        self.settle(now);
                    }
                    () = rearmed => {}
                },
                None => rearmed.await,
            }
        }
    }

    /// Waits until a link may carry uploads, and the upstream was heard over one.
    pub(crate) async fn reachable(&self) {
        self.upstream.known().await;
        // The sender lives as long as this does.
        let _ = self.usable.subscribe().wait_for(|usable| *usable).await;
    }

    fn settle(self: &Rc<Self>, now: Instant) {
        loop {
            let action = self.core.borrow_mut().poll_action(now);
            let Some(action) = action else { break };
            self.perform(action);
        }
        self.settled.set(now);
        let usable = self.core.borrow().links().ranked().next().is_some();
        self.usable.send_if_modified(|before| core::mem::replace(before, usable) != usable);
        self.say_what_changed();
        self.timer.notify_one();
    }

    fn perform(self: &Rc<Self>, action: Action) {
        tracing::trace!(?action, "action");
        match action {
            Action::Probe(link) => {
                tokio::task::spawn_local(crate::probe::run(self.clone(), link));
            }
            Action::Create { id, attempt, link } => self.order(id, attempt, link, Order::Create),
            Action::Ask { id, attempt, link } => self.order(id, attempt, link, Order::Ask),
            Action::Append { id, attempt, link, from } => {
                self.order(id, attempt, link, Order::Append { from })
            }
            Action::Hold { id, attempt } => self.reorder(id, attempt, Order::Hold),
            Action::Unhold { id, attempt } => self.reorder(id, attempt, Order::Unhold),
            Action::Drop { id, attempt, .. } => {
                // The lane sees its sender gone, and ends its connection in the way that fits.
                self.lanes.borrow_mut().remove(&(id, attempt));
            }
            Action::Answer { id, verdict } => {
                if let Some(transfer) = self.transfers.borrow().get(&id) {
                    transfer.conclude(verdict);
                }
            }
        }
    }

    fn order(self: &Rc<Self>, id: UploadId, attempt: Attempt, link: LinkId, order: Order) {
        if self.lanes.borrow().contains_key(&(id, attempt)) {
            return self.reorder(id, attempt, order);
        }
        let Some(transfer) = self.transfers.borrow().get(&id).cloned() else { return };
        let handle = lane::spawn(self.clone(), transfer, attempt, link, order);
        self.lanes.borrow_mut().insert((id, attempt), handle);
        self.sending.notify_one();
    }

    fn reorder(&self, id: UploadId, attempt: Attempt, order: Order) {
        if let Some(lane) = self.lanes.borrow().get(&(id, attempt)) {
            lane.order(order);
        }
    }

    /// What an attempt came to. Blocks below the acknowledged offset are given back.
    pub(crate) fn report(self: &Rc<Self>, transfer: &Transfer, attempt: Attempt, outcome: Outcome) {
        self.feed(Event::Attempted { id: transfer.id, attempt, outcome });
        if let Outcome::Acked(_) | Outcome::Offset(_) = outcome {
            transfer.trouble.set(None);
            self.release_acked(transfer);
        }
        if let (Outcome::Created, Some(depot), Body::Kept { id, .. }) =
            (outcome, &self.depot, &transfer.body)
            && let Some(location) = transfer.location.borrow().clone()
        {
            depot.note_location(*id, location);
        }
        if let Outcome::Failed(failure) = outcome {
            transfer.trouble.set(Some(failure));
            tracing::debug!(upload = %transfer.name, ?failure, "attempt ended");
            // After a conflict the lane goes on, from the offset that it was told.
            if !matches!(failure, Failure::Conflict { .. }) {
                self.lanes.borrow_mut().remove(&(transfer.id, attempt));
            }
        }
    }

    fn release_acked(&self, transfer: &Transfer) {
        let mut core = self.core.borrow_mut();
        let Some(view) = core.view(transfer.id) else { return };
        if transfer.release_below(view.acked, |id| core.release_block(id)) {
            self.room.notify_waiters();
        }
    }

    /// Bytes up to `offset` have left. Where nothing is kept for a replay, their blocks are free.
    pub(crate) fn release_sent(&self, transfer: &Transfer, offset: u64) {
        let mut core = self.core.borrow_mut();
        if matches!(transfer.body, Body::Passing)
            && transfer.release_below(offset, |id| core.release_block(id))
        {
            self.room.notify_waiters();
        }
    }

    /// Where an upload's bytes from `offset` on are, or go.
    pub(crate) fn places<const N: usize>(
        &self,
        transfer: &Transfer,
        offset: u64,
        most: u64,
    ) -> heapless::Vec<Place, N> {
        let Some(into) = offset.checked_sub(transfer.held_from()) else {
            return heapless::Vec::new();
        };
        let (index, mut at) = (into / BLOCK_SIZE as u64, (into % BLOCK_SIZE as u64) as usize);
        let mut left = most;
        let core = self.core.borrow();
        let places = core.blocks(transfer.id, index as u16).map_while(|block| {
            let place = Place::new(block, core::mem::take(&mut at)).at_most(left);
            left -= place.len() as u64;
            (place.len() > 0).then_some(place)
        });
        places.take(N).collect()
    }

    /// A link's name, for binding and for people.
    pub(crate) fn link_name(&self, link: LinkId) -> Option<String> {
        self.facts.borrow()[usize::from(link.0)].as_ref().map(|facts| facts.name.to_string())
    }

    pub(crate) fn observe(self: &Rc<Self>, link: LinkId, observation: Observation) {
        self.feed(Event::Link(link, observation));
    }

    /// Log lines come from comparing before and after, so that none is forgotten at a call site.
    fn say_what_changed(&self) {
        let core = self.core.borrow();
        let mut said = self.said.borrow_mut();
        let name = |link: Option<LinkId>| {
            link.and_then(|link| self.link_name(link)).unwrap_or_else(|| "none".into())
        };
        for index in 0..LINKS {
            let link = LinkId(index as u8);
            let state = core.links().state(link).kind();
            let before = said.states[index].replace(state);
            if before.is_some_and(|before| before != state)
                || before.is_none() && state != StateKind::Absent
            {
                tracing::info!(
                    link = name(Some(link)),
                    from = before.unwrap_or(StateKind::Absent).name(),
                    to = state.name(),
                    suspicion_ms = core.links().suspicion_threshold(link).as_millis() as u64,
                    "link state"
                );
            }
        }
        let total = core.totals().switches;
        let news = total.saturating_sub(said.switches) as usize;
        let kept = core.switches().count();
        for record in core.switches().skip(kept.saturating_sub(news)) {
            tracing::info!(
                from = name(record.switch.from),
                to = name(record.switch.to),
                reason = record.switch.reason.name(),
                evidence = record.switch.evidence.name(),
                at_ms = record.switch.at.as_micros() / 1000,
                "switch"
            );
        }
        said.switches = total;
    }

    /// A deadline is judged on the newest evidence.
    fn sample_before_judging(self: &Rc<Self>) {
        crate::sampler::sample(self);
    }
}

#[cfg(test)]
mod tests;
