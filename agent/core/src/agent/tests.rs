use super::*;
use crate::{Evidence, Failure, LinkSpec, Reason, Resume};
use proptest::prelude::*;

const ETH: LinkId = LinkId(0);
const WLAN: LinkId = LinkId(1);
const LTE: LinkId = LinkId(2);
const RTT: Duration = Duration::from_millis(20);
const MIB: u64 = 1 << 20;

type Small = Agent<3, 4, 64>;

/// The agent with a hand-held driver: actions are kept until a test looks for them.
struct World {
    agent: Small,
    now: Instant,
    actions: Vec<Action>,
}

fn policy() -> Policy {
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
        classes: [limits; Class::ALL.len()],
        pool_blocks: 64,
    }
}

impl World {
    /// Three healthy links; Ethernet is active.
    fn new() -> Self {
        let mut world = Self {
            agent: Small::new(policy(), 1),
            now: Instant::from_millis(1000),
            actions: Vec::new(),
        };
        for (link, class, priority) in
            [(ETH, Class::Ethernet, 10), (WLAN, Class::Wifi, 20), (LTE, Class::Lte, 30)]
        {
            let spec = LinkSpec { class, priority, metric: 100, metered: link == LTE };
            world.observe(link, Observation::Appeared(spec));
            world.up(link);
            world.observe(link, Observation::ProbeAnswered { rtt: RTT });
        }
        world.pass(Duration::from_secs(3));
        assert_eq!(world.agent.links().active(), Some(ETH));
        world.actions.clear();
        world
    }

    fn feed(&mut self, event: Event) {
        self.agent.handle_event(self.now, event);
        self.drain();
    }

    fn drain(&mut self) {
        for _ in 0..64 {
            let Some(action) = self.agent.poll_action(self.now) else { return };
            self.actions.push(action);
        }
        panic!("actions never end");
    }

    /// Lets time pass, waking whenever the agent wants to; probes are answered on sound links.
    fn pass(&mut self, duration: Duration) {
        self.pass_with(duration, |_| true);
    }

    fn pass_with(&mut self, duration: Duration, answers: impl Fn(LinkId) -> bool) {
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

    fn observe(&mut self, link: LinkId, observation: Observation) {
        self.feed(Event::Link(link, observation));
    }

    fn up(&mut self, link: LinkId) {
        self.observe(link, Observation::Facts { carrier: true, address: true, route: true });
    }

    fn unplug(&mut self, link: LinkId) {
        self.observe(link, Observation::Facts { carrier: false, address: true, route: true });
    }

    fn take<R>(&mut self, pick: impl Fn(Action) -> Option<R>) -> Vec<R> {
        let (taken, kept): (Vec<_>, Vec<_>) =
            self.actions.drain(..).partition(|action| pick(*action).is_some());
        self.actions = kept;
        taken.into_iter().filter_map(pick).collect()
    }

    fn open(&mut self, total: u64, resume: Resume) -> UploadId {
        let id = self.agent.vacancy().expect("room");
        self.feed(Event::Opened { id, spec: UploadSpec { total, resume, replayable: true } });
        id
    }

    fn outcome(&mut self, id: UploadId, attempt: Attempt, outcome: Outcome) {
        self.feed(Event::Attempted { id, attempt, outcome });
    }

    fn the_create(&mut self) -> (LinkId, Attempt) {
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

    fn asks(&mut self) -> Vec<(LinkId, Attempt)> {
        self.take(|action| {
            if let Action::Ask { link, attempt, .. } = action {
                Some((link, attempt))
            } else {
                None
            }
        })
    }

    fn appends(&mut self) -> Vec<(LinkId, Attempt, u64)> {
        self.take(|action| {
            if let Action::Append { link, attempt, from, .. } = action {
                Some((link, attempt, from))
            } else {
                None
            }
        })
    }

    fn drops(&mut self) -> Vec<Attempt> {
        self.take(
            |action| if let Action::Drop { attempt, .. } = action { Some(attempt) } else { None },
        )
    }

    fn verdicts(&mut self) -> Vec<Verdict> {
        self.take(
            |action| if let Action::Answer { verdict, .. } = action { Some(verdict) } else { None },
        )
    }

    /// An upload that is created and appends on Ethernet, all bytes here, half of them acknowledged.
    fn half_way(&mut self, resume: Resume) -> (UploadId, Attempt) {
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
    fn silence(&mut self) {
        self.observe(ETH, Observation::Rtt { srtt: RTT, rttvar: RTT / 4 });
        self.observe(ETH, Observation::InFlight(true));
        self.observe(ETH, Observation::Proof);
        let threshold = self.agent.links().suspicion_threshold(ETH);
        self.pass_with(threshold + Duration::from_millis(5), |link| link != ETH);
        assert!(self.agent.links().is_suspect(ETH));
    }

    fn record(&self) -> SwitchRecord {
        *self.agent.switches().last().expect("a switch")
    }
}

#[test]
fn an_upload_is_created_appended_and_stored_once_everything_is_acknowledged() {
    let mut world = World::new();
    let (id, attempt) = world.half_way(Resume::Fenced);

    world.outcome(id, attempt, Outcome::Acked(MIB));

    assert_eq!(world.drops(), [attempt]);
    assert_eq!(world.verdicts(), [Verdict::Stored]);
    world.feed(Event::Answered { id });
    assert_eq!(world.agent.uploads().count(), 0);
    assert_ne!(world.agent.vacancy(), Some(id), "the slot comes back under another generation");
}

#[test]
fn an_empty_file_is_stored_as_soon_as_it_exists() {
    let mut world = World::new();
    let id = world.open(0, Resume::Fenced);
    let (_, attempt) = world.the_create();

    world.outcome(id, attempt, Outcome::Created);

    assert_eq!(world.verdicts(), [Verdict::Stored]);
}

#[test]
fn a_lost_carrier_asks_the_standbys_and_goes_on_at_the_returned_offset() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.now += Duration::from_millis(30);

    world.unplug(ETH);

    assert_eq!(world.drops(), [old]);
    let asks = world.asks();
    assert_eq!(asks.iter().map(|(link, _)| *link).collect::<Vec<_>>(), [WLAN, LTE]);
    world.outcome(id, asks[1].1, Outcome::Offset(MIB / 2 + 400));
    assert_eq!(world.appends(), [], "the better link is still in time to answer");
    world.outcome(id, asks[0].1, Outcome::Offset(MIB / 2 + 400));
    assert_eq!(world.appends(), [(WLAN, asks[0].1, MIB / 2 + 400)]);
    assert_eq!(world.drops(), [asks[1].1]);
    world.now += RTT;
    world.outcome(id, asks[0].1, Outcome::Acked(MIB / 2 + 500));

    let record = world.record();
    assert_eq!((record.switch.from, record.switch.to), (Some(ETH), Some(WLAN)));
    assert_eq!(record.switch.reason, Reason::InterfaceDown);
    assert_eq!(record.dues.resent_bytes, 600, "sent 1000 beyond the half, of which 400 arrived");
    assert_eq!(record.dues.gap, Some(Duration::from_millis(30) + RTT));
}

#[test]
fn the_worse_link_is_taken_once_the_better_one_is_overdue() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Fenced);
    world.unplug(ETH);
    let asks = world.asks();
    world.outcome(id, asks[1].1, Outcome::Offset(MIB / 2));

    world.pass(Duration::from_millis(200));

    assert_eq!(world.appends(), [(LTE, asks[1].1, MIB / 2)]);
}

#[test]
fn suspicion_of_a_fencing_upstream_asks_and_takes_but_does_not_switch() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);

    world.silence();

    let asks = world.asks();
    assert_eq!(asks.first().map(|(link, _)| *link), Some(WLAN));
    world.outcome(id, asks[0].1, Outcome::Offset(MIB / 2));
    assert_eq!(world.appends(), [(WLAN, asks[0].1, MIB / 2)]);
    let holds =
        world.take(
            |action| if let Action::Hold { attempt, .. } = action { Some(attempt) } else { None },
        );
    assert_eq!(holds, [old], "the silent link is held, not dropped");
    world.outcome(id, asks[0].1, Outcome::Acked(MIB / 2 + 5000));
    assert_eq!(world.agent.links().active(), Some(ETH));
    assert_eq!(world.agent.totals().hedged_bytes, 5000);
    assert_eq!(world.agent.totals().resent_bytes, 1000);
}

#[test]
fn a_false_alarm_brings_the_upload_home_without_a_switch() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 5000));
    let switches = world.agent.totals().switches;
    world.actions.clear();

    world.observe(ETH, Observation::Proof);

    let holds =
        world.take(
            |action| if let Action::Hold { attempt, .. } = action { Some(attempt) } else { None },
        );
    assert_eq!(holds, [new], "what the standby has begun it may finish");
    assert_eq!(world.drops(), [old], "its old connection carries bytes that nobody wants");
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 9000));
    world.outcome(id, new, Outcome::Drained);
    let appends = world.appends();
    assert_eq!((appends[0].0, appends[0].2), (ETH, MIB / 2 + 9000));
    assert_eq!(world.drops(), [new]);
    assert_eq!(world.agent.totals().switches, switches);
}

#[test]
fn the_old_link_wins_if_its_append_came_first() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.actions.clear();
    world.observe(ETH, Observation::Proof);

    world.outcome(id, new, Outcome::Failed(Failure::Conflict { offset: MIB / 2 + 800 }));

    let unholds =
        world.take(
            |action| if let Action::Unhold { attempt, .. } = action { Some(attempt) } else { None },
        );
    assert_eq!(unholds, [old]);
    assert_eq!(world.drops(), [new]);
}

#[test]
fn silence_past_commit_switches_and_keeps_the_upload_where_it_went() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Fenced);
    world.silence();
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 5000));
    world.observe(WLAN, Observation::Proof);
    world.actions.clear();

    world.pass_with(Duration::from_secs(1), |link| link != ETH);

    assert_eq!(world.agent.links().active(), Some(WLAN));
    assert_eq!(world.record().switch.reason, Reason::Timeout);
    assert_eq!(world.record().dues.hedged_bytes, 5000);
    assert!(world.record().dues.gap.is_some());
    assert_eq!(world.drops(), [old]);
    assert_eq!(world.appends(), [], "the upload goes on undisturbed");
}

#[test]
fn a_server_that_does_not_fence_is_asked_only_once_it_is_certain() {
    let mut world = World::new();
    let (_, old) = world.half_way(Resume::Plain);

    world.silence();
    assert_eq!(world.asks(), []);
    world.pass_with(Duration::from_secs(2), |link| link != ETH);

    assert_eq!(world.agent.links().active(), Some(WLAN));
    assert_eq!(world.drops(), [old]);
    assert_eq!(
        world.asks().len(),
        1,
        "one link is asked, not all: it may wait for the server's lock"
    );
}

#[test]
fn a_replay_starts_over_on_certain_failure_and_does_not_fail_back() {
    let mut world = World::new();
    let (id, old) = world.half_way(Resume::Replay);
    world.silence();
    assert_eq!((world.appends(), world.drops()), (vec![], vec![]));

    world.unplug(ETH);
    assert_eq!(world.drops(), [old]);
    let appends = world.appends();
    assert_eq!((appends[0].0, appends[0].2), (WLAN, 0));
    assert_eq!(world.agent.totals().resent_bytes, MIB / 2 + 1000);

    world.up(ETH);
    world.observe(ETH, Observation::ProbeAnswered { rtt: RTT });
    world.pass(Duration::from_secs(20));
    assert_eq!(world.agent.links().active(), Some(ETH));
    assert_eq!(world.appends(), []);
    world.outcome(id, appends[0].1, Outcome::Proved);
    assert_eq!(world.verdicts(), [Verdict::Stored]);
}

#[test]
fn a_preferred_link_that_is_back_takes_over_after_what_was_begun_is_finished() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Plain);
    world.unplug(ETH);
    let (_, new) = world.asks()[0];
    world.outcome(id, new, Outcome::Offset(MIB / 2));
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 50));
    world.actions.clear();

    world.up(ETH);
    world.observe(ETH, Observation::ProbeAnswered { rtt: RTT });
    world.pass(Duration::from_secs(10));

    assert_eq!(world.agent.links().active(), Some(ETH));
    let holds =
        world.take(
            |action| if let Action::Hold { attempt, .. } = action { Some(attempt) } else { None },
        );
    assert_eq!(holds, [new]);
    world.outcome(id, new, Outcome::Acked(MIB / 2 + 100));
    world.outcome(id, new, Outcome::Drained);
    let appends = world.appends();
    assert_eq!((appends[0].0, appends[0].2), (ETH, MIB / 2 + 100));
    assert_eq!(world.record().switch.evidence, Evidence::Outranked);
    assert_eq!(world.record().dues.resent_bytes, 0);
}

#[test]
fn an_upstream_that_goes_back_behind_its_word_is_reported() {
    for (outcome, verdict) in [
        (Outcome::Offset(100), Verdict::Lost { acked: MIB / 2, offset: Some(100) }),
        (Outcome::Offset(MIB + 1), Verdict::Absurd { offset: MIB + 1 }),
        (Outcome::Failed(Failure::Gone), Verdict::Lost { acked: MIB / 2, offset: None }),
        (Outcome::Failed(Failure::Refused(413)), Verdict::Refused(413)),
    ] {
        let mut world = World::new();
        let (id, _) = world.half_way(Resume::Fenced);
        world.unplug(ETH);
        let (_, attempt) = world.asks()[0];

        world.outcome(id, attempt, outcome);

        assert_eq!(world.verdicts(), [verdict]);
    }
}

#[test]
fn an_upload_that_vanished_before_anything_was_acknowledged_is_created_again() {
    let mut world = World::new();
    let id = world.open(MIB, Resume::Fenced);
    let (_, attempt) = world.the_create();
    world.outcome(id, attempt, Outcome::Created);
    world.feed(Event::Received { id, offset: 1000 });

    world.outcome(id, attempt, Outcome::Failed(Failure::Gone));
    world.pass(Duration::from_secs(1));

    assert_eq!(world.the_create().0, ETH);
    assert_eq!(world.verdicts(), []);
}

#[test]
fn a_busy_server_is_asked_again_after_the_time_it_wants() {
    let mut world = World::new();
    let (id, _) = world.half_way(Resume::Plain);
    world.unplug(ETH);
    let (_, attempt) = world.asks()[0];

    world.outcome(id, attempt, Outcome::Failed(Failure::Busy(Duration::from_secs(3))));
    world.pass(Duration::from_millis(2900));
    assert_eq!(world.asks(), []);

    world.pass(Duration::from_millis(200));
    assert_eq!(world.asks().first().map(|(link, _)| *link), Some(WLAN));
}

#[test]
fn a_client_is_told_when_nothing_moved_for_the_configured_time() {
    let mut world = World::new();
    let (_, _) = world.half_way(Resume::Fenced);
    for link in [ETH, WLAN, LTE] {
        world.unplug(link);
    }

    world.pass(Duration::from_secs(299));
    assert_eq!(world.verdicts(), []);
    world.pass(Duration::from_secs(2));

    assert_eq!(world.verdicts(), [Verdict::Stalled]);
}

#[test]
fn a_slow_client_is_not_a_stalled_upstream() {
    let mut world = World::new();
    let id = world.open(MIB, Resume::Fenced);
    let (_, attempt) = world.the_create();
    world.outcome(id, attempt, Outcome::Created);
    world.feed(Event::Received { id, offset: 10 });
    world.outcome(id, attempt, Outcome::Acked(10));

    world.pass(Duration::from_secs(3600));

    assert_eq!(world.verdicts(), []);
    assert_eq!(world.drops(), []);
}

#[test]
fn a_silent_server_on_a_living_link_is_given_up_after_its_time() {
    let mut world = World::new();
    let (_, attempt) = world.half_way(Resume::Plain);

    world.pass(Duration::from_secs(31));

    assert_eq!(world.drops().first(), Some(&attempt));
    assert!(!world.asks().is_empty());
}

#[test]
fn a_client_that_went_away_ends_everything() {
    let mut world = World::new();
    let (id, attempt) = world.half_way(Resume::Fenced);

    world.feed(Event::ClientGone { id });

    assert_eq!(world.drops(), [attempt]);
    assert_eq!(world.verdicts(), [Verdict::Abandoned]);
    world.feed(Event::Answered { id });
    assert_eq!(world.agent.pool().free(), 64);
}

#[test]
fn a_cut_without_replay_is_final() {
    let mut world = World::new();
    let id = world.agent.vacancy().expect("room");
    world.feed(Event::Opened {
        id,
        spec: UploadSpec { total: MIB, resume: Resume::Replay, replayable: false },
    });
    let (_, attempt, _) = world.appends()[0];
    world.feed(Event::Received { id, offset: 5000 });
    world.outcome(id, attempt, Outcome::Sent(5000));

    world.outcome(id, attempt, Outcome::Failed(Failure::Cut));

    assert_eq!(world.verdicts(), [Verdict::NotReplayable]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// A model upstream that keeps one offset, and a world that does anything to links and lanes.
    #[test]
    fn whatever_happens_no_byte_is_skipped_and_one_lane_appends(
        steps in proptest::collection::vec((0u8..12, 0u8..3, 0u64..50_000), 1..150),
        kind in 0u8..3,
    ) {
        let resume = [Resume::Fenced, Resume::Plain, Resume::Replay][usize::from(kind)];
        let mut world = World::new();
        let id = world.open(MIB, resume);
        world.feed(Event::Received { id, offset: MIB });
        let mut stored = 0u64;
        let mut appending: Vec<(Attempt, LinkId, u64)> = Vec::new();
        let mut asking: Vec<(Attempt, bool)> = Vec::new();
        let mut ended = false;
        for (what, who, amount) in steps {
            let link = LinkId(who);
            match what {
                0 => world.unplug(link),
                1 | 2 => {
                    world.up(link);
                    world.observe(link, Observation::ProbeAnswered { rtt: RTT });
                }
                3 => world.observe(link, Observation::InFlight(amount % 2 == 0)),
                4 => world.observe(link, Observation::Proof),
                5 => world.pass_with(Duration::from_micros(amount * 20), |other| other != link),
                6 | 7 => {
                    if let Some((attempt, is_create)) = asking.pop() {
                        let outcome = if is_create { Outcome::Created } else { Outcome::Offset(stored) };
                        world.outcome(id, attempt, outcome);
                    }
                }
                8 | 9 => {
                    if let Some((attempt, _, at)) = appending.last_mut() {
                        *at = (*at + amount).min(MIB);
                        let (attempt, at) = (*attempt, *at);
                        world.outcome(id, attempt, Outcome::Sent(at));
                        if resume != Resume::Replay {
                            stored = stored.max(at);
                            world.outcome(id, attempt, Outcome::Acked(at));
                        } else if at == MIB {
                            world.outcome(id, attempt, Outcome::Proved);
                        }
                    }
                }
                10 => {
                    if let Some((attempt, _, _)) = appending.pop() {
                        world.outcome(id, attempt, Outcome::Failed(Failure::Cut));
                    }
                }
                _ => {
                    if let Some((attempt, _, _)) = appending.first() {
                        world.outcome(id, *attempt, Outcome::Drained);
                    }
                }
            }
            for action in world.actions.drain(..) {
                match action {
                    Action::Create { attempt, .. } => asking.push((attempt, true)),
                    Action::Ask { attempt, .. } => asking.push((attempt, false)),
                    Action::Append { attempt, link, from, .. } => {
                        prop_assert!(resume == Resume::Replay && from == 0 || from <= stored);
                        prop_assert!(!ended, "nothing is sent after the verdict");
                        asking.retain(|(other, _)| *other != attempt);
                        appending.push((attempt, link, from));
                    }
                    Action::Drop { attempt, .. } => {
                        appending.retain(|(other, _, _)| *other != attempt);
                        asking.retain(|(other, _)| *other != attempt);
                    }
                    Action::Answer { verdict, .. } => {
                        prop_assert!(!ended, "one verdict");
                        prop_assert!(matches!(verdict, Verdict::Stored | Verdict::Stalled), "{:?}", verdict);
                        if verdict == Verdict::Stored && resume != Resume::Replay {
                            prop_assert_eq!(stored, MIB);
                        }
                        ended = true;
                    }
                    Action::Probe(_) | Action::Hold { .. } | Action::Unhold { .. } => {}
                }
            }
            prop_assert!(appending.len() <= 2, "one carries, and one at most is held");
        }
    }
}
