//! The agent with a hand-held driver.

use super::super::*;
use crate::{ClientId, LinkKey, LinkSpec, Resume, Roaming, Tariff};

pub(super) const ETH: LinkId = LinkId(0);
pub(super) const WLAN: LinkId = LinkId(1);
pub(super) const LTE: LinkId = LinkId(2);
pub(super) const RTT: Duration = Duration::from_millis(20);
pub(super) const MIB: u64 = 1 << 20;

pub(super) type Small = Agent<3, 4, 64>;

/// Actions are kept until a test looks for them.
pub(super) struct World {
    pub(super) agent: Small,
    pub(super) now: Instant,
    pub(super) actions: Vec<Action>,
}

pub(super) fn policy() -> Policy {
    let limits = ClassLimits {
        window_bytes: 256 * 1024,
        chunk_bytes: 1 << 20,
        budget_blocks: 32,
        timeout_percent: 100,
        answer_timeout: Duration::from_secs(30),
    };
    Policy {
        links: LinkPolicy::default(),
        uploads: UploadPolicy::default(),
        adaptation: Adaptation::default(),
        clients: ClientPolicy::default(),
        classes: [limits; Class::ALL.len()],
        pool_blocks: 64,
    }
}

impl World {
    /// Three healthy links; Ethernet is active.
    pub(super) fn new() -> Self {
        let mut world = Self {
            agent: Small::new(policy(), 1),
            now: Instant::from_millis(1000),
            actions: Vec::new(),
        };
        for (link, class, priority) in
            [(ETH, Class::Ethernet, 10), (WLAN, Class::Wifi, 20), (LTE, Class::Lte, 30)]
        {
            let spec = LinkSpec {
                class,
                priority,
                metric: 100,
                metered: link == LTE,
                tariff: Tariff::FREE,
                key: LinkKey(u32::from(link.0)),
                roaming: Roaming::Allow,
            };
            world.observe(link, Observation::Appeared(spec));
            world.up(link);
            world.observe(link, Observation::ProbeAnswered { rtt: RTT });
        }
        world.pass(Duration::from_secs(3));
        assert_eq!(world.agent.links().active(), Some(ETH));
        world.actions.clear();
        world
    }

    pub(super) fn feed(&mut self, event: Event) {
        self.agent.handle_event(self.now, event);
        self.drain();
    }

    /// Takes actions until there are none: they must end.
    fn drain(&mut self) {
        for _ in 0..64 {
            let Some(action) = self.agent.poll_action(self.now) else { return };
            self.actions.push(action);
        }
        panic!("actions never end");
    }

    /// Lets time pass, waking whenever the agent wants to; probes are answered on sound links.
    pub(super) fn pass(&mut self, duration: Duration) {
        self.pass_with(duration, |_| true);
    }

    pub(super) fn pass_with(&mut self, duration: Duration, answers: impl Fn(LinkId) -> bool) {
        let end = self.now + duration;
        for _ in 0..10_000 {
            let probes: Vec<LinkId> = self
                .take(|action| if let Action::Probe(link) = action { Some(link) } else { None });
            for link in probes {
                if answers(link) {
                    self.observe(link, Observation::ProbeAnswered { rtt: RTT });
                }
            }
            match self.agent.poll_timeout(self.now) {
                Some((at, _)) if at <= end => {
                    self.now = self.now.max(at);
                    self.agent.handle_timeout(self.now);
                    self.drain();
                }
                Some(_) | None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("time stands still");
    }

    pub(super) fn observe(&mut self, link: LinkId, observation: Observation) {
        self.feed(Event::Link(link, observation));
    }

    pub(super) fn up(&mut self, link: LinkId) {
        self.observe(link, Observation::Facts { carrier: true, address: true, route: true });
    }

    pub(super) fn unplug(&mut self, link: LinkId) {
        self.observe(link, Observation::Facts { carrier: false, address: true, route: true });
    }

    pub(super) fn take<R>(&mut self, pick: impl Fn(Action) -> Option<R>) -> Vec<R> {
        let (taken, kept): (Vec<_>, Vec<_>) =
            self.actions.drain(..).partition(|action| pick(*action).is_some());
        self.actions = kept;
        taken.into_iter().filter_map(pick).collect()
    }

    pub(super) fn open(&mut self, total: u64, resume: Resume) -> UploadId {
        self.open_as(None, total, resume)
    }

    pub(super) fn open_as(
        &mut self,
        client: Option<ClientId>,
        total: u64,
        resume: Resume,
    ) -> UploadId {
        let id = self.agent.vacancy().expect("room");
        let replayable = matches!(resume, Resume::Early | Resume::Replay);
        let spec = UploadSpec { total, resume, replayable, resumes_at: None, client };
        self.feed(Event::Opened { id, spec });
        id
    }

    pub(super) fn outcome(&mut self, id: UploadId, attempt: Attempt, outcome: Outcome) {
        self.feed(Event::Attempted { id, attempt, outcome });
    }

    pub(super) fn the_create(&mut self) -> (LinkId, Attempt) {
        let creates = self.take(|action| {
            if let Action::Create { link, attempt, .. } = action {
                Some((link, attempt))
            } else {
                None
            }
        });
        assert_eq!(creates.len(), 1, "one creation, of {creates:?}");
        creates[0]
    }

    pub(super) fn asks(&mut self) -> Vec<(LinkId, Attempt)> {
        self.take(|action| {
            if let Action::Ask { link, attempt, .. } = action {
                Some((link, attempt))
            } else {
                None
            }
        })
    }

    pub(super) fn appends(&mut self) -> Vec<(LinkId, Attempt, u64)> {
        self.take(|action| {
            if let Action::Append { link, attempt, from, .. } = action {
                Some((link, attempt, from))
            } else {
                None
            }
        })
    }

    pub(super) fn drops(&mut self) -> Vec<Attempt> {
        self.take(
            |action| if let Action::Drop { attempt, .. } = action { Some(attempt) } else { None },
        )
    }

    pub(super) fn holds(&mut self) -> Vec<Attempt> {
        self.take(
            |action| if let Action::Hold { attempt, .. } = action { Some(attempt) } else { None },
        )
    }

    pub(super) fn verdicts(&mut self) -> Vec<Verdict> {
        self.take(
            |action| if let Action::Answer { verdict, .. } = action { Some(verdict) } else { None },
        )
    }

    /// An upload that is created and appends on Ethernet, all bytes here, half of them acknowledged.
    pub(super) fn half_way(&mut self, resume: Resume) -> (UploadId, Attempt) {
        let id = self.open(MIB, resume);
        let attempt = if resume == Resume::Replay {
            self.appends()[0].1
        } else {
            let (link, attempt) = self.the_create();
            assert_eq!(link, ETH);
            self.outcome(id, attempt, Outcome::Created);
            assert_eq!(self.appends(), [(ETH, attempt, 0)]);
            attempt
        };
        self.feed(Event::Received { id, offset: MIB });
        self.outcome(id, attempt, Outcome::Sent(MIB / 2 + 1000));
        if resume != Resume::Replay {
            self.outcome(id, attempt, Outcome::Acked(MIB / 2));
        }
        (id, attempt)
    }

    /// Ethernet goes silent with data in flight, for long enough to be suspect.
    pub(super) fn silence(&mut self) {
        self.observe(ETH, Observation::Rtt { srtt: RTT, rttvar: RTT / 4 });
        self.observe(ETH, Observation::InFlight(true));
        self.observe(ETH, Observation::Proof);
        let threshold = self.agent.links().suspicion_threshold(ETH);
        self.pass_with(threshold + Duration::from_millis(5), |link| link != ETH);
        assert!(self.agent.links().is_suspect(ETH));
    }

    pub(super) fn record(&self) -> SwitchRecord {
        *self.agent.switches().last().expect("a switch")
    }
}
