//! The driver of the core: feeds observations, carries out actions, and is what the tasks share.
//!
//! Everything runs on one thread. No borrow of the core lives across an await.

use crate::clock::Clock;
use crate::courier;
use crate::drivers::nor::Nor;
use crate::settings::{POLICY, Settings};
use baton_core::{
    Action, Attempt, Event, Instant, LinkId, Observation, Outcome, Resume, StateKind, UploadId,
    Verdict,
};
use baton_hal::Time;
use baton_mps2_an385::journal::{Journal, WATERMARK};
use baton_mps2_an385::{Core, LINKS};
use baton_wire::upload::Order;
use baton_wire::url::Target;
use core::cell::{Cell, RefCell};
use defmt::{debug, info};
use embassy_futures::select::select;
use embassy_net::Stack;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::signal::Signal;
use heapless::String;

pub(crate) const ETHERNET: LinkId = LinkId(0);
pub(crate) const MODEM: LinkId = LinkId(1);

/// For the log.
pub(crate) const NAMES: [&str; LINKS] = ["ethernet", "modem"];

/// What a lane is told of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// What the core wants of it.
    Order(Order),
    /// It ends.
    Drop,
}

/// The upload under way.
pub(crate) struct Transfer {
    pub(crate) id: UploadId,
    /// The journal's chain that it is.
    pub(crate) chain: u64,
    pub(crate) name: String<32>,
    pub(crate) total: u64,
    /// What its upstream takes appends for.
    pub(crate) resume: Resume,
    /// Its URL, once it exists upstream.
    pub(crate) location: Option<Target>,
    /// End of what was ever handed to a connection: the upstream can't hold more.
    pub(crate) written: u64,
    /// The watermark in the journal.
    pub(crate) mark: u64,
}

/// One link's share of the hub.
pub(crate) struct Port {
    pub(crate) stack: Stack<'static>,
    /// The core gives a lane one order at a time, and a drop may follow at once.
    pub(crate) orders: Channel<NoopRawMutex, (Attempt, Word), 4>,
    /// A probe is wanted.
    pub(crate) probe: Signal<NoopRawMutex, ()>,
    in_flight: Cell<bool>,
    said: Cell<StateKind>,
}

impl Port {
    pub(crate) fn new(stack: Stack<'static>) -> Self {
        Self {
            stack,
            orders: Channel::new(),
            probe: Signal::new(),
            in_flight: Cell::new(false),
            said: Cell::new(StateKind::Absent),
        }
    }
}

/// What the tasks share.
pub(crate) struct Hub {
    pub(crate) settings: Settings,
    pub(crate) core: RefCell<Core>,
    pub(crate) ports: [Port; LINKS],
    pub(crate) journal: RefCell<Journal<Nor>>,
    pub(crate) transfer: RefCell<Option<Transfer>>,
    /// How the transfer ended.
    pub(crate) verdict: Signal<NoopRawMutex, Verdict>,
    /// The upstream was heard, and whether it fences.
    pub(crate) upstream: Signal<NoopRawMutex, bool>,
    /// What is believed of the modem's link.
    pub(crate) modem_link: Signal<NoopRawMutex, StateKind>,
    /// A log is whole, or a sector free.
    pub(crate) logged: Signal<NoopRawMutex, ()>,
    /// The next deadline may have changed.
    timer: Signal<NoopRawMutex, ()>,
    settled: Cell<Instant>,
    switches: Cell<u32>,
}

impl Hub {
    pub(crate) fn new(
        settings: Settings,
        ports: [Port; LINKS],
        journal: Journal<Nor>,
        seed: u64,
    ) -> Self {
        Self {
            settings,
            core: RefCell::new(Core::new(POLICY, seed)),
            ports,
            journal: RefCell::new(journal),
            transfer: RefCell::new(None),
            verdict: Signal::new(),
            upstream: Signal::new(),
            modem_link: Signal::new(),
            logged: Signal::new(),
            timer: Signal::new(),
            settled: Cell::new(Instant::ZERO),
            switches: Cell::new(0),
        }
    }

    pub(crate) fn port(&self, link: LinkId) -> &Port {
        &self.ports[usize::from(link.0)]
    }

    /// One mutation of the core, then its actions.
    pub(crate) fn feed(&self, event: Event) {
        let now = Clock.now();
        self.core.borrow_mut().handle_event(now, event);
        self.settle(now);
    }

    pub(crate) fn observe(&self, link: LinkId, observation: Observation) {
        self.feed(Event::Link(link, observation));
    }

    /// Whether a lane has unacknowledged data: reported when it changes.
    pub(crate) fn observe_flight(&self, link: LinkId, in_flight: bool) {
        if self.port(link).in_flight.replace(in_flight) != in_flight {
            self.observe(link, Observation::InFlight(in_flight));
        }
    }

    /// What an attempt came to.
    pub(crate) fn report(&self, attempt: Attempt, outcome: Outcome) {
        let id = self.transfer.borrow().as_ref().map(|transfer| transfer.id);
        if let Some(id) = id {
            if let Outcome::Failed(failure) = outcome {
                debug!("attempt {} ended: {}", attempt.0, defmt::Debug2Format(&failure));
            }
            self.feed(Event::Attempted { id, attempt, outcome });
            if let Outcome::Acked(_) = outcome {
                self.move_mark(id);
            }
        }
    }

    /// Progress that is worth it is written down.
    fn move_mark(&self, id: UploadId) {
        let acked = self.core.borrow().view(id).map_or(0, |view| view.acked);
        if let Some(transfer) = &mut *self.transfer.borrow_mut()
            && acked >= transfer.mark + WATERMARK as u64
        {
            transfer.mark = acked;
            courier::note(self, transfer.chain, acked, None);
        }
    }

    /// Deadlines, for good.
    pub(crate) async fn run_timers(&self) -> ! {
        loop {
            let next = self.core.borrow().poll_timeout(self.settled.get());
            match next {
                Some((at, _)) => {
                    select(Clock.until(at), self.timer.wait()).await;
                    let now = Clock.now();
                    if now >= at {
                        self.core.borrow_mut().handle_timeout(now);
                        self.settle(now);
                    }
                }
                None => self.timer.wait().await,
            }
        }
    }

    fn settle(&self, now: Instant) {
        loop {
            let action = self.core.borrow_mut().poll_action(now);
            let Some(action) = action else { break };
            self.perform(action);
        }
        self.settled.set(now);
        self.say_what_changed();
        self.timer.signal(());
    }

    fn perform(&self, action: Action) {
        match action {
            Action::Probe(link) => self.port(link).probe.signal(()),
            Action::Create { attempt, link, .. } => self.order(link, attempt, Order::Create),
            Action::Ask { attempt, link, .. } => self.order(link, attempt, Order::Ask),
            Action::Append { attempt, link, from, .. } => {
                self.order(link, attempt, Order::Append { from });
            }
            // Which link it is on the lanes know: orders of other attempts are not theirs.
            Action::Hold { attempt, .. } => self.order_all(attempt, Order::Hold),
            Action::Unhold { attempt, .. } => self.order_all(attempt, Order::Unhold),
            Action::Drop { attempt, link, .. } => self.tell(link, attempt, Word::Drop),
            Action::Answer { verdict, .. } => self.verdict.signal(verdict),
        }
    }

    fn order(&self, link: LinkId, attempt: Attempt, order: Order) {
        self.tell(link, attempt, Word::Order(order));
    }

    fn tell(&self, link: LinkId, attempt: Attempt, word: Word) {
        // A lane that does not take its orders is overdue to the core, which drops it in the end.
        if self.port(link).orders.try_send((attempt, word)).is_err() {
            debug!("{} takes no orders", NAMES[usize::from(link.0)]);
        }
    }

    fn order_all(&self, attempt: Attempt, order: Order) {
        for link in [ETHERNET, MODEM] {
            self.order(link, attempt, order);
        }
    }

    /// Log lines come from comparing before and after, so that none is forgotten at a call site.
    fn say_what_changed(&self) {
        let core = self.core.borrow();
        for (index, port) in self.ports.iter().enumerate() {
            let state = core.links().view(LinkId(index as u8)).state;
            let before = port.said.replace(state);
            if before != state {
                info!("link {}: {} -> {}", NAMES[index], before.name(), state.name());
                if index == usize::from(MODEM.0) {
                    self.modem_link.signal(state);
                }
            }
        }
        let total = core.totals().switches;
        let news = total.saturating_sub(self.switches.replace(total)) as usize;
        let kept = core.switches().count();
        let name = |link: Option<LinkId>| link.map_or("none", |link| NAMES[usize::from(link.0)]);
        for record in core.switches().skip(kept.saturating_sub(news)) {
            let switch = record.switch;
            info!(
                "switch {} -> {}: {}, {}",
                name(switch.from),
                name(switch.to),
                switch.reason.name(),
                switch.evidence.name()
            );
        }
    }

    /// The upload exists upstream, under that URL.
    pub(crate) fn on_location(&self, target: Target) {
        let mut transfer = self.transfer.borrow_mut();
        if let Some(transfer) = &mut *transfer {
            courier::note(self, transfer.chain, 0, Some(&target));
            transfer.location = Some(target);
        }
    }
}
