//! Links and streams in memory, which misbehave on request.
//!
//! A [`Fake`] is one machine: tests hold it to move its links and to play the upstream, the relay
//! holds its [`FakeLinks`] and [`FakeTransport`]. Time is tokio's, so a paused runtime steps it.

mod flash;
mod stream;

pub use flash::{FakeSegment, FakeSegments};
pub use stream::FakeStream;

use crate::{ErrorKind, Facts, LinkChange, LinkName, Links, Transport};
use baton_core::Duration;
use core::cell::RefCell;
use std::{
    collections::{BTreeMap, VecDeque},
    rc::{Rc, Weak},
};
use stream::Wire;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

/// How a link treats the streams on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Connecting fails with this.
    pub refuse: Option<ErrorKind>,
    /// From a write to its delivery and acknowledgement; also what connecting takes.
    pub delay: Duration,
    /// Payload bytes towards the upstream until every stream on the link is reset, once.
    /// Exactly so many arrive.
    pub cut_after: Option<u64>,
    /// A black hole: nothing arrives any more, nothing fails. What is sent meanwhile arrives once
    /// it ends.
    pub silent: bool,
}

/// What the fake fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub ErrorKind);

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the fake was told to fail: {:?}", self.0)
    }
}

impl crate::Error for Failure {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

/// The controls of one machine in memory.
#[derive(Clone, Default)]
pub struct Fake(Rc<World>);

#[derive(Default)]
struct World {
    state: RefCell<State>,
    /// Wakes everyone who waits for anything.
    changed: Notify,
}

#[derive(Default)]
struct State {
    links: BTreeMap<LinkName, Facts>,
    conditions: BTreeMap<String, Conditions>,
    wires: Vec<Weak<Wire>>,
    arrivals: VecDeque<(String, FakeStream)>,
    /// How long a change takes to be reported.
    lag: Duration,
    /// Next permutation of changes to different links; `None`: by name.
    shuffle: Option<u64>,
    broken: Option<ErrorKind>,
}

impl Fake {
    /// A machine without links.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its links, reported from the start.
    pub fn links(&self) -> FakeLinks {
        FakeLinks { fake: self.clone(), reported: BTreeMap::new(), due: None }
    }

    /// Its way to the upstream, which [`Self::accept`] plays.
    pub fn transport(&self) -> FakeTransport {
        FakeTransport { fake: self.clone() }
    }

    /// A link appears, or becomes this.
    pub fn set_link(&self, facts: Facts) {
        self.alter(|state| {
            state.links.insert(facts.name.clone(), facts);
        });
    }

    /// Changes what the machine says of a link, if it has it. Without carrier, a link is silent.
    pub fn update(&self, link: &str, change: impl FnOnce(&mut Facts)) {
        self.alter(|state| {
            if let Some(facts) = state.links.get_mut(link) {
                change(facts);
            }
        });
    }

    /// The interface vanishes.
    pub fn remove(&self, link: &str) {
        self.alter(|state| {
            state.links.remove(link);
        });
    }

    /// Changes how a link treats streams, those that exist included.
    pub fn condition(&self, link: &str, change: impl FnOnce(&mut Conditions)) {
        self.alter(|state| change(state.conditions.entry(link.to_owned()).or_default()));
    }

    /// Lets changes be reported this much later.
    pub fn delay_changes(&self, lag: Duration) {
        self.alter(|state| state.lag = lag);
    }

    /// Reports changes to different links in an order drawn from `seed`, not in that of names.
    pub fn reorder_changes(&self, seed: u64) {
        self.alter(|state| state.shuffle = Some(seed));
    }

    /// Makes reporting fail once.
    pub fn fail_changes(&self, kind: ErrorKind) {
        self.alter(|state| state.broken = Some(kind));
    }

    /// Plays the upstream: the next stream that arrives, and the link it came over.
    pub async fn accept(&self) -> (String, FakeStream) {
        loop {
            let changed = self.0.changed.notified();
            if let Some(arrival) = self.0.state.borrow_mut().arrivals.pop_front() {
                return arrival;
            }
            changed.await;
        }
    }

    /// Every wire lives by the old conditions until now and by the new ones from now on.
    fn alter(&self, change: impl FnOnce(&mut State)) {
        let now = Instant::now();
        let mut state = self.0.state.borrow_mut();
        state.wires.retain(|wire| wire.strong_count() > 0);
        for wire in state.wires.iter().filter_map(Weak::upgrade) {
            wire.settle(now);
        }
        change(&mut state);
        for wire in state.wires.iter().filter_map(Weak::upgrade) {
            wire.set_conditions(now, state.conditions_of(wire.link()));
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Counts payload towards the upstream; how much of it may still cross before the cut.
    fn carry(&self, link: &str, bytes: usize) -> usize {
        let mut state = self.0.state.borrow_mut();
        let Some(conditions) = state.conditions.get_mut(link) else { return bytes };
        let Some(left) = conditions.cut_after else { return bytes };
        let carried = bytes.min(usize::try_from(left).unwrap_or(usize::MAX));
        let left = left - carried as u64;
        conditions.cut_after = (left > 0).then_some(left);
        if left == 0 {
            for wire in state.wires.iter().filter_map(Weak::upgrade) {
                if wire.link() == link {
                    wire.cut();
                }
            }
        }
        carried
    }
}

impl State {
    fn conditions_of(&self, link: &str) -> Conditions {
        let mut conditions = self.conditions.get(link).copied().unwrap_or_default();
        conditions.silent |= !self.links.get(link).is_some_and(|facts| facts.carrier);
        conditions
    }

    /// Position of the next change to report among `choices`.
    fn pick(&mut self, choices: usize) -> usize {
        let Some(seed) = &mut self.shuffle else { return 0 };
        // Knuth's MMIX generator: its high bits are random enough to permute a few links.
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as usize % choices
    }
}

/// [`Links`] of a [`Fake`]. Changes to one link that nobody waited for are merged.
pub struct FakeLinks {
    fake: Fake,
    reported: BTreeMap<LinkName, Facts>,
    /// When the oldest unreported change may be told.
    due: Option<Instant>,
}

impl FakeLinks {
    fn next_change(&mut self) -> Option<LinkChange> {
        let mut state = self.fake.0.state.borrow_mut();
        let gone = self.reported.keys().filter(|name| !state.links.contains_key(*name));
        let new =
            state.links.iter().filter(|(name, facts)| self.reported.get(*name) != Some(facts));
        let changes: Vec<_> = gone
            .map(|name| LinkChange::Removed(name.clone()))
            .chain(new.map(|(_, facts)| LinkChange::Updated(facts.clone())))
            .collect();
        if changes.is_empty() {
            self.due = None;
            return None;
        }
        let now = Instant::now();
        if *self.due.get_or_insert(now + state.lag) > now {
            return None;
        }
        if changes.len() == 1 {
            self.due = None;
        }
        let change = changes[state.pick(changes.len())].clone();
        match &change {
            LinkChange::Updated(facts) => self.reported.insert(facts.name.clone(), facts.clone()),
            LinkChange::Removed(name) => self.reported.remove(name),
            LinkChange::Heard(..) => None,
        };
        Some(change)
    }
}

impl Links for FakeLinks {
    type Error = Failure;
    type Trouble = &'static str;

    async fn changed(&mut self) -> Result<LinkChange, Failure> {
        let world = self.fake.0.clone();
        loop {
            let changed = world.changed.notified();
            if let Some(kind) = world.state.borrow_mut().broken.take() {
                return Err(Failure(kind));
            }
            if let Some(change) = self.next_change() {
                return Ok(change);
            }
            match self.due {
                Some(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }
}

/// [`Transport`] of a [`Fake`].
#[derive(Clone)]
pub struct FakeTransport {
    fake: Fake,
}

impl Transport for FakeTransport {
    type Stream = FakeStream;
    type Error = Failure;

    async fn connect(&self, link: &str) -> Result<FakeStream, Failure> {
        let world = &self.fake.0;
        let usable = world.state.borrow().links.get(link).is_some_and(Facts::is_usable);
        if !usable {
            return Err(Failure(ErrorKind::Unreachable));
        }
        let delay = world.state.borrow().conditions_of(link).delay;
        sleep(delay).await;
        loop {
            let changed = world.changed.notified();
            let conditions = world.state.borrow().conditions_of(link);
            if let Some(kind) = conditions.refuse {
                return Err(Failure(kind));
            }
            if !conditions.silent {
                break;
            }
            changed.await;
        }
        let (near, far) = FakeStream::pair(&self.fake, link);
        let mut state = world.state.borrow_mut();
        near.wire().set_conditions(Instant::now(), state.conditions_of(link));
        state.wires.push(Rc::downgrade(near.wire()));
        state.arrivals.push_back((link.to_owned(), far));
        drop(state);
        world.changed.notify_waiters();
        Ok(near)
    }
}
