//! What must hold at every step.

use crate::gateway::Core;
use baton_core::{Action, Class, Duration, Instant, Switch, UploadId, UploadView};
use std::collections::VecDeque;

/// Looks at every step of a run, and remembers the first that was wrong.
#[derive(Debug)]
pub(crate) struct Checks {
    broken: Option<Broken>,
    /// Timeouts handled at one instant.
    timeouts: (Instant, u32),
    switches: u32,
    recent: VecDeque<Instant>,
    /// Every change of the active link.
    pub(crate) switched: Vec<(Instant, Switch)>,
    /// How many switches an hour may have.
    pub(crate) switches_an_hour: usize,
    /// Probes that left by each link.
    pub(crate) probes: Vec<u32>,
    /// Bytes of requests that begin where the upstream had acknowledged more.
    pub(crate) repeated: u64,
    longest_drain: u32,
    /// Blocks beyond the guarantees that each class held last.
    held: [u16; CLASSES],
    /// In place of the core's own, where a test says so.
    pub(crate) budgets: Option<[u16; CLASSES]>,
}

const CLASSES: usize = Class::ALL.len();

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// When.
    pub at: Instant,
    /// Which.
    pub what: String,
}

/// Actions between two mutations: a few for each lane that there can be, four links by sixteen uploads.
const ACTIONS: u32 = 256;

/// Deadlines that fall together: each link's and each upload's may.
const TIMEOUTS: u32 = 64;

const HOUR: Duration = Duration::from_secs(3600);

impl Checks {
    pub(crate) fn new(links: usize) -> Self {
        Self {
            broken: None,
            timeouts: (Instant::ZERO, 0),
            switches: 0,
            recent: VecDeque::new(),
            switched: Vec::new(),
            switches_an_hour: usize::MAX,
            probes: vec![0; links],
            repeated: 0,
            longest_drain: 0,
            held: [0; CLASSES],
            budgets: None,
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    pub(crate) fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// A promise was not kept; the first counts.
    pub(crate) fn fail(&mut self, at: Instant, what: impl Into<String>) {
        self.broken.get_or_insert_with(|| Broken { at, what: what.into() });
    }

    pub(crate) fn on_probe(&mut self, link: usize) {
        self.probes[link] += 1;
    }

    /// No livelock: actions come to an end.
    pub(crate) fn on_action(&mut self, now: Instant, count: u32, action: Action) {
        self.longest_drain = self.longest_drain.max(count);
        if count > ACTIONS {
            self.fail(now, format!("actions without end, the last {action:?}"));
        }
    }

    /// No livelock: a deadline that was handled is over.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        let (at, count) = &mut self.timeouts;
        if *at != now {
            (*at, *count) = (now, 0);
        }
        *count += 1;
        if *count > TIMEOUTS {
            self.fail(now, "deadlines without end at one instant");
        }
    }

    /// No byte that was acknowledged is sent again, beyond what was under way.
    pub(crate) fn on_append(
        &mut self,
        now: Instant,
        id: UploadId,
        start: u64,
        len: u64,
        view: Option<UploadView>,
        window: u64,
    ) {
        let Some(view) = view else { return };
        let again = view.acked.saturating_sub(start).min(len);
        self.repeated += again;
        if view.acked.saturating_sub(start) > window {
            let acked = view.acked;
            self.fail(now, format!("{id:?} appends at {start} with {acked} acknowledged"));
        }
    }

    /// No class takes beyond its budget. What comes along with an upload that changes its link may be more.
    pub(crate) fn on_pool(&mut self, now: Instant, core: &Core) {
        let usage = Class::ALL.map(|class| core.pool().usage(class));
        let held = usage.map(|(held, _)| held);
        let before = core::mem::replace(&mut self.held, held);
        if held.iter().zip(before).any(|(held, before)| *held < before) {
            return;
        }
        for (place, class) in Class::ALL.into_iter().enumerate() {
            let budget = self.budgets.map_or(usage[place].1, |budgets| budgets[place]);
            if held[place] > before[place].max(budget) {
                self.fail(now, format!("{class:?} took beyond its budget of {budget} blocks"));
            }
        }
    }

    /// No more switches an hour than that.
    pub(crate) fn on_settled(&mut self, now: Instant, core: &Core) {
        let total = core.totals().switches;
        if total == self.switches {
            return;
        }
        let news = total - core::mem::replace(&mut self.switches, total);
        self.recent.extend((0..news).map(|_| now));
        let older = core.switches().count().saturating_sub(news as usize);
        self.switched.extend(core.switches().skip(older).map(|record| (now, record.switch)));
        while self.recent.front().is_some_and(|at| now.saturating_since(*at) > HOUR) {
            self.recent.pop_front();
        }
        if self.recent.len() > self.switches_an_hour {
            self.fail(now, format!("{} switches within an hour", self.recent.len()));
        }
    }
}
