//! One link: what is observed of it, and everything that follows for it alone.

use crate::{
    Class, Duration, Evidence, Fact, Fault, Instant, LinkPolicy, RttEstimator, State, StateKind,
    gaps::Gaps,
    health::{Health, Patience},
    probe::{Pace, Prober},
    quality::Quality,
    select::{Candidate, Rank, Tier},
};

/// A link's slot in the table, assigned by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u8);

/// What a link is, and how it compares with others that work as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// What kind of link.
    pub class: Class,
    /// Lower is preferred.
    pub priority: u32,
    /// The route metric; lower is preferred among equal priorities.
    pub metric: u32,
    /// Whether its bytes cost.
    pub metered: bool,
}

/// Something seen of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The interface is there, or its description changed.
    Appeared(LinkSpec),
    /// The interface is gone.
    Vanished,
    /// What the kernel says; with all three it can carry packets.
    Facts {
        /// Physical layer up.
        carrier: bool,
        /// It has an address.
        address: bool,
        /// It has a default route of its own.
        route: bool,
    },
    /// A connection to the upstream was made.
    Connected {
        /// From asking to having it.
        rtt: Duration,
    },
    /// The upstream answered a probe.
    ProbeAnswered {
        /// From asking to the answer.
        rtt: Duration,
    },
    /// A probe failed. Its deadline passing is the same; reporting it after that is harmless.
    ProbeLost,
    /// Something answered that is not the upstream.
    Impostor,
    /// Whether a transfer on this link has unacknowledged data: report changes.
    InFlight(bool),
    /// Data of a transfer was proved delivered.
    Proof,
    /// The transport's view of a transfer.
    Rtt {
        /// Smoothed round-trip time.
        srtt: Duration,
        /// Its mean deviation.
        rttvar: Duration,
    },
    /// What a transfer sent since the last report.
    Segments {
        /// Segments sent.
        sent: u32,
        /// Segments sent again.
        lost: u32,
    },
    /// A send failed: network or host unreachable, or network down.
    Unreachable,
}

/// One link, for display and for those who build on the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// What it is.
    pub spec: LinkSpec,
    /// What is believed of it.
    pub state: StateKind,
    /// Smoothed round-trip time: the transfer's while there is one, else the probes'.
    pub srtt: Option<Duration>,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// Shortest round trip of the last half minute.
    pub rtt_min: Option<Duration>,
    /// Loss over the last ten seconds; zero if too little was sent to tell.
    pub loss_ppm: u32,
    /// 0 to 100; 70 is at a limit, 0 also if it does not work.
    pub score: u8,
    /// Whether its quality counts against it.
    pub degraded: bool,
    /// Silence in flight that makes it suspect.
    pub threshold: Duration,
    /// Last sign of life since it came up.
    pub heard: Option<Instant>,
    /// How often it went out of service.
    pub failures: u32,
    /// How many suspicions proved wrong.
    pub false_alarms: u32,
}

/// One slot of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    spec: LinkSpec,
    health: Health,
    flight: Flight,
    gaps: Gaps,
    /// From connections and probes.
    probed: RttEstimator,
    /// SRTT and RTTVAR of the transfer under way.
    transport: Option<(Duration, Duration)>,
    quality: Quality,
    prober: Prober,
}

/// Data whose delivery is not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    None,
    /// Some, and no proof of any since then.
    Quiet { since: Instant },
    /// The transfer was taken away under suspicion: nothing will prove it any more.
    Abandoned { since: Instant },
}

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            spec: LinkSpec { class: Class::Ethernet, priority: u32::MAX, metric: u32::MAX, metered: false },
            health: Health::new(),
            flight: Flight::None,
            gaps: Gaps::default(),
            probed: RttEstimator::new(),
            transport: None,
            quality: Quality::new(),
            prober: Prober::new(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.health.state()
    }

    pub(crate) fn observe(&mut self, now: Instant, policy: &LinkPolicy, observation: Observation) {
        let patience = patience(policy);
        match observation {
            Observation::Appeared(spec) => {
                self.spec = spec;
                self.health.on_appeared();
            }
            Observation::Vanished => {
                self.health.on_vanished(now, patience);
                self.forget();
            }
            Observation::Facts { carrier, address, route } => {
                let lost = missing(carrier, address, route);
                self.health.on_facts(now, patience, lost);
                if lost.is_some() {
                    self.forget();
                }
            }
            Observation::Connected { rtt } => self.on_connected(now, policy, rtt),
            Observation::ProbeAnswered { rtt } => {
                self.prober.on_answered();
                self.on_answer(now, policy, rtt);
            }
            Observation::ProbeLost => self.on_probe_lost(now, policy),
            Observation::Impostor => {
                self.prober.on_answered();
                self.fail(now, policy, Fault::Impostor);
            }
            Observation::InFlight(in_flight) => self.on_in_flight(now, in_flight),
            Observation::Proof => self.on_proof(now, policy),
            Observation::Rtt { srtt, rttvar } => {
                self.transport = Some((srtt.min(LONGEST_RTT), rttvar.min(LONGEST_RTT)));
                self.quality.on_rtt(now, srtt);
            }
            Observation::Segments { sent, lost } => self.quality.on_segments(now, sent, lost),
            Observation::Unreachable => self.fail(now, policy, Fault::Unreachable),
        }
    }

    /// Lets silence be noticed and delays end.
    pub(crate) fn handle_timeout(&mut self, now: Instant, policy: &LinkPolicy) {
        if self.prober.deadline().is_some_and(|deadline| deadline <= now) {
            self.on_probe_lost(now, policy);
        }
        if self.suspicion(policy).is_some_and(|at| at <= now) {
            self.health.on_doubt(now, patience(policy));
        }
        self.health.on_timeout(now, patience(policy));
    }

    /// When silence will make it suspect.
    pub(crate) fn suspicion(&self, policy: &LinkPolicy) -> Option<Instant> {
        match self.flight {
            Flight::Quiet { since } if self.state().is_sound() => Some(since + self.threshold(policy)),
            Flight::None | Flight::Quiet { .. } | Flight::Abandoned { .. } => None,
        }
    }

    /// When a settling, held or suppressed link moves on.
    pub(crate) fn delay(&self) -> Option<Instant> {
        self.health.timeout()
    }

    /// When a suspect link's silence will be enough to give it up.
    pub(crate) fn commit(&self, policy: &LinkPolicy) -> Option<Instant> {
        let suspected = self.suspected()?;
        let quiet = match self.flight {
            Flight::None => return None,
            Flight::Quiet { since } | Flight::Abandoned { since } => since,
        };
        let patience = policy.commit_floor.max(self.threshold(policy) * 4);
        // An answered probe speaks for the link, for a while.
        let heard = self.health.heard().map_or(quiet, |heard| heard.max(quiet));
        Some((heard + patience).min(suspected + STUCK.max(patience)))
    }

    /// What a suspect link must be given up for, provided that the upstream can be reached.
    pub(crate) fn verdict(&self, now: Instant, policy: &LinkPolicy) -> Option<Fault> {
        self.suspected()?;
        if self.prober.lost() >= PROBES_LOST {
            return Some(Fault::ProbesLost { count: self.prober.lost() });
        }
        match self.flight {
            Flight::Quiet { since } | Flight::Abandoned { since } if self.commit(policy)? <= now => {
                Some(Fault::Silent { quiet: now.saturating_since(since) })
            }
            Flight::None | Flight::Quiet { .. } | Flight::Abandoned { .. } => None,
        }
    }

    pub(crate) fn fail(&mut self, now: Instant, policy: &LinkPolicy, fault: Fault) {
        self.health.on_fault(now, patience(policy), fault);
        self.flight = Flight::None;
    }

    /// Since when it is suspect.
    pub(crate) fn suspected(&self) -> Option<Instant> {
        match self.state() {
            State::Suspect { since, .. } => Some(since),
            State::Absent
            | State::Down { .. }
            | State::Settling { .. }
            | State::Healthy
            | State::Failed { .. }
            | State::HoldDown { .. }
            | State::Suppressed { .. } => None,
        }
    }

    /// Whether it delivered after `since`, and nothing is held against it now.
    pub(crate) fn delivered_since(&self, since: Instant) -> bool {
        self.state().is_sound() && self.health.heard() > Some(since)
    }

    /// `max(floor, mean + 4 mean deviations of the recent gaps)`, and until enough of them are
    /// known the rule of SRT's bonding, `2 * SRTT + 4 * RTTVAR`.
    pub(crate) fn threshold(&self, policy: &LinkPolicy) -> Duration {
        let usual = self.gaps.threshold().or_else(|| {
            let (srtt, rttvar) = self.rtt()?;
            Some(srtt * 2 + rttvar * 4)
        });
        usual.unwrap_or(UNMEASURED).max(policy.suspect_floor)
    }

    /// When the next probe should leave; `alarm` is when the latest suspicion of any link began.
    pub(crate) fn probe_due(&self, policy: &LinkPolicy, alarm: Option<Instant>, seed: u64) -> Option<Instant> {
        let state = self.state();
        let own = match state {
            State::Absent | State::Down { .. } => return None,
            State::Failed { since, .. } => Some(since),
            State::Settling { .. }
            | State::Healthy
            | State::Suspect { .. }
            | State::HoldDown { .. }
            | State::Suppressed { .. } => None,
        };
        let interval = if self.spec.metered { policy.probe_idle_metered } else { policy.probe_idle };
        self.prober.due(Pace {
            heard: self.health.heard(),
            trouble: own.max(alarm),
            idle: interval.saturating_sub(policy.probe_timeout),
            budget: self.budget(policy),
            seed,
        })
    }

    pub(crate) fn probe_deadline(&self) -> Option<Instant> {
        self.prober.deadline()
    }

    pub(crate) fn on_probe_sent(&mut self, now: Instant, policy: &LinkPolicy) {
        let deadline = now + self.probed.rto(policy.probe_timeout);
        self.prober.on_sent(now, deadline, self.budget(policy));
    }

    /// Has it probed soon, unless it was heard lately anyway.
    pub(crate) fn refresh(&mut self, now: Instant, policy: &LinkPolicy) {
        let lately = now - policy.probe_idle;
        if self.state().is_usable() && self.health.heard() < Some(lately) {
            self.prober.want(now);
        }
    }

    pub(crate) fn review(&mut self, now: Instant, policy: &LinkPolicy) {
        self.quality.review(now, policy);
    }

    /// It is no longer active, for its quality.
    pub(crate) fn on_left(&mut self, now: Instant, policy: &LinkPolicy, why: Evidence) {
        self.quality.on_left(now, policy, why);
    }

    /// Its place among the others; `None` if it can't carry a packet.
    pub(crate) fn candidate(&self, id: LinkId, is_active: bool, policy: &LinkPolicy) -> Option<Candidate> {
        let state = self.state();
        let degraded = self.quality.degraded();
        let LinkSpec { priority, metric, .. } = self.spec;
        let rank = Rank { tier: Tier::of(state, is_active)?, degraded: degraded.is_some(), priority, metric, id };
        let is_proved = self.health.heard().is_some();
        Some(Candidate { rank, state, is_proved, degraded, score: self.quality.score(policy) })
    }

    pub(crate) fn view(&self, policy: &LinkPolicy) -> LinkView {
        let (srtt, rttvar) = self.rtt().map_or((None, Duration::ZERO), |(srtt, rttvar)| (Some(srtt), rttvar));
        let state = self.state();
        LinkView {
            spec: self.spec,
            state: state.kind(),
            srtt,
            rttvar,
            rtt_min: self.quality.rtt_min(),
            loss_ppm: self.quality.loss_ppm(),
            score: if state.is_working() { self.quality.score(policy) } else { 0 },
            degraded: self.quality.degraded().is_some(),
            threshold: self.threshold(policy),
            heard: self.health.heard(),
            failures: self.health.failures(),
            false_alarms: self.health.false_alarms(),
        }
    }

    fn on_connected(&mut self, now: Instant, policy: &LinkPolicy, rtt: Duration) {
        match self.state() {
            // A captive portal takes any connection.
            State::Failed { fault: Fault::Impostor, .. } => {}
            State::Absent
            | State::Down { .. }
            | State::Settling { .. }
            | State::Healthy
            | State::Suspect { .. }
            | State::Failed { .. }
            | State::HoldDown { .. }
            | State::Suppressed { .. } => self.on_answer(now, policy, rtt),
        }
    }

    fn on_answer(&mut self, now: Instant, policy: &LinkPolicy, rtt: Duration) {
        self.probed.sample(rtt);
        self.quality.on_rtt(now, rtt);
        match self.flight {
            Flight::Quiet { .. } if self.suspected().is_some() => {
                self.prober.on_life();
                self.health.on_faint_life(now);
            }
            Flight::None | Flight::Quiet { .. } | Flight::Abandoned { .. } => self.on_life(now, policy),
        }
    }

    fn on_probe_lost(&mut self, now: Instant, policy: &LinkPolicy) {
        if self.prober.on_lost(self.health.heard()) {
            self.health.on_doubt(now, patience(policy));
        }
    }

    fn on_in_flight(&mut self, now: Instant, in_flight: bool) {
        self.flight = match (self.flight, in_flight) {
            (Flight::None, true) => Flight::Quiet { since: now },
            (Flight::Quiet { since } | Flight::Abandoned { since }, true) => Flight::Quiet { since },
            (Flight::Quiet { since } | Flight::Abandoned { since }, false) if self.suspected().is_some() => {
                Flight::Abandoned { since }
            }
            (Flight::None | Flight::Quiet { .. } | Flight::Abandoned { .. }, false) => Flight::None,
        };
        if !in_flight {
            self.transport = None;
        }
    }

    fn on_proof(&mut self, now: Instant, policy: &LinkPolicy) {
        match self.flight {
            Flight::Quiet { since } => {
                let gap = now.saturating_since(since).min(self.threshold(policy));
                let round_trip = self.quality.rtt_min().unwrap_or(UNMEASURED_ROUND);
                self.gaps.record(gap, round_trip);
                self.flight = Flight::Quiet { since: now };
            }
            Flight::None | Flight::Abandoned { .. } => {}
        }
        self.on_life(now, policy);
    }

    fn on_life(&mut self, now: Instant, policy: &LinkPolicy) {
        let worked = self.state().is_working();
        self.prober.on_life();
        self.health.on_life(now, patience(policy));
        self.flight = match self.flight {
            Flight::Abandoned { .. } => Flight::None,
            // What it did not deliver while it had failed is not held against it now.
            Flight::Quiet { .. } if !worked => Flight::Quiet { since: now },
            flight @ (Flight::None | Flight::Quiet { .. }) => flight,
        };
    }

    /// What was measured belongs to a path that is gone.
    fn forget(&mut self) {
        self.flight = Flight::None;
        self.gaps = Gaps::default();
        self.probed = RttEstimator::new();
        self.transport = None;
        self.quality.reset();
        self.prober.reset();
    }

    fn rtt(&self) -> Option<(Duration, Duration)> {
        self.transport.or_else(|| Some((self.probed.srtt()?, self.probed.rttvar())))
    }

    fn budget(&self, policy: &LinkPolicy) -> Option<Duration> {
        self.spec.metered.then(|| HOUR / policy.metered_probes_per_hour.max(1))
    }
}

fn patience(policy: &LinkPolicy) -> Patience {
    Patience { up_delay: policy.up_delay, hold_down: policy.hold_down }
}

fn missing(carrier: bool, address: bool, route: bool) -> Option<Fact> {
    [(carrier, Fact::Carrier), (address, Fact::Address), (route, Fact::Route)]
        .into_iter()
        .find_map(|(present, fact)| (!present).then_some(fact))
}

/// Suspicion of a link whose round-trip time nobody measured yet: as RFC 6298 (2.1).
const UNMEASURED: Duration = Duration::from_secs(1);

/// Round trip to assume for collecting gaps before one was measured: a usual cellular one.
const UNMEASURED_ROUND: Duration = Duration::from_millis(50);

/// Longer round trips count as this one.
const LONGEST_RTT: Duration = Duration::from_secs(60);

/// Three in a row: at a loss of 5 %, the limit for a link that is used at all, chance does that
/// once in 8000.
const PROBES_LOST: u8 = 3;

/// A suspect link that answers probes but has moved no data for this long is no use either: a
/// path-MTU hole, or a middlebox that lost the connection.
const STUCK: Duration = Duration::from_secs(5);

const HOUR: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
