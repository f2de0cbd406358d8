//! Everything that follows for one link alone from what is observed of it.

use crate::{
    Account, Class, Duration, Evidence, Fact, Fault, Instant, LinkId, LinkKey, LinkPolicy,
    LinkSpec, LinkView, Observation, OverBudget, Rating, Roaming, State, StateKind, Tariff,
    adapt::Path,
    budget::Allowance,
    delivery::Delivery,
    health::Health,
    probe::{Pace, Prober},
    quality::Quality,
    select::{Candidate, Rank, Tier},
};

/// One slot of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Monitor {
    spec: LinkSpec,
    /// Carrier, address and route.
    facts: [bool; 3],
    roams: bool,
    health: Health,
    delivery: Delivery,
    quality: Quality,
    prober: Prober,
    account: Account,
}

// Its quality takes most: the windows of stability, loss and round trips 240, the scores 66.
const _: () = assert!(size_of::<Monitor>() <= 840);

impl Monitor {
    pub(crate) fn new() -> Self {
        Self {
            spec: LinkSpec {
                class: Class::Ethernet,
                priority: u32::MAX,
                metric: u32::MAX,
                metered: false,
                tariff: Tariff::FREE,
                key: LinkKey(0),
                roaming: Roaming::Allow,
            },
            facts: [false; 3],
            roams: false,
            health: Health::new(),
            delivery: Delivery::new(),
            quality: Quality::new(),
            prober: Prober::new(),
            account: Account::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.health.state()
    }

    pub(crate) fn observe(&mut self, now: Instant, policy: &LinkPolicy, observation: Observation) {
        let before = self.state().kind();
        self.take(now, policy, observation);
        self.on_step(now, before);
    }

    /// Books the time that it spent in the state `before`, if that is over.
    fn on_step(&mut self, now: Instant, before: StateKind) {
        let state = self.state().kind();
        if state != before {
            self.quality.book(now, before);
        }
    }

    fn take(&mut self, now: Instant, policy: &LinkPolicy, observation: Observation) {
        match observation {
            Observation::Appeared(spec) => {
                self.spec = spec;
                self.health.on_appeared();
                self.on_facts(now, policy);
            }
            Observation::Vanished => {
                (self.facts, self.roams) = ([false; 3], false);
                self.health.on_vanished(now, policy);
            }
            Observation::Facts { carrier, address, route } => {
                self.facts = [carrier, address, route];
                self.on_facts(now, policy);
            }
            Observation::Moved => self.on_moved(now, policy),
            Observation::Roaming(roams) => {
                self.roams = roams;
                self.on_facts(now, policy);
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
            Observation::InFlight(in_flight) => {
                self.delivery.on_in_flight(now, in_flight, self.suspected().is_some());
                self.quality.rate.on_in_flight(now, in_flight);
            }
            Observation::Proof => {
                self.delivery.on_proof(now, self.threshold(policy), self.quality.rtt_min());
                self.on_life(now, policy);
            }
            Observation::Rtt { srtt, rttvar } => {
                self.delivery.on_transport(srtt, rttvar);
                self.quality.on_rtt(now, srtt);
            }
            Observation::Segments { sent, lost } => self.quality.on_segments(now, sent, lost),
            Observation::Delivered { bytes, limited } => {
                self.quality.rate.on_delivered(now, bytes, limited);
            }
            Observation::Signal(signal) => self.quality.on_signal(now, signal),
            Observation::Unreachable => self.fail(now, policy, Fault::Unreachable),
            Observation::Account(account) => {
                self.account = account;
                self.prober.owe(now, account.owed);
            }
            Observation::Carried(bytes) => {
                self.account.carried_bytes = self.account.carried_bytes.saturating_add(bytes);
            }
            Observation::Probed(bytes) => self.prober.on_cost(bytes, self.allowance(policy)),
        }
    }

    /// Lets silence be noticed and delays end.
    pub(crate) fn handle_timeout(&mut self, now: Instant, policy: &LinkPolicy) {
        let before = self.state().kind();
        if self.prober.deadline().is_some_and(|deadline| deadline <= now) {
            self.on_probe_lost(now, policy);
        }
        if self.suspicion(policy).is_some_and(|at| at <= now) {
            self.health.on_doubt(now, policy);
        }
        self.health.on_timeout(now, policy);
        self.on_step(now, before);
    }

    /// When silence will make it suspect.
    pub(crate) fn suspicion(&self, policy: &LinkPolicy) -> Option<Instant> {
        let since = self.delivery.quiet_since().filter(|_| self.state().is_sound())?;
        Some(since + self.threshold(policy))
    }

    /// When a settling, held or suppressed link moves on.
    pub(crate) fn delay(&self) -> Option<Instant> {
        self.health.timeout()
    }

    /// When a suspect link's silence will be enough to give it up.
    pub(crate) fn commit(&self, policy: &LinkPolicy) -> Option<Instant> {
        let suspected = self.suspected()?;
        let quiet = self.delivery.quiet_since()?;
        let patience = self.patience(policy);
        // An answered probe speaks for the link, for a while.
        let heard = self.health.heard().map_or(quiet, |heard| heard.max(quiet));
        Some((heard + patience).min(suspected + STUCK.max(patience)))
    }

    /// How long silence alone is borne.
    fn patience(&self, policy: &LinkPolicy) -> Duration {
        let usual = self.delivery.threshold(policy.suspect_floor);
        policy.commit_floor.max(usual * 4).max(self.threshold(policy) * 2)
    }

    /// What a suspect link must be given up for, provided that the upstream can be reached.
    pub(crate) fn verdict(&self, now: Instant, policy: &LinkPolicy) -> Option<Fault> {
        self.suspected()?;
        if self.prober.lost() >= PROBES_LOST {
            return Some(Fault::ProbesLost { count: self.prober.lost() });
        }
        let since = self.delivery.quiet_since()?;
        let quiet = now.saturating_since(since);
        // It still did where silence alone would have been enough.
        let answers = self.health.heard() >= Some(since + self.patience(policy));
        (self.commit(policy)? <= now).then_some(match answers {
            true => Fault::Stuck { quiet },
            false => Fault::Silent { quiet },
        })
    }

    pub(crate) fn fail(&mut self, now: Instant, policy: &LinkPolicy, fault: Fault) {
        let before = self.state().kind();
        self.health.on_fault(now, policy, fault);
        self.on_step(now, before);
        if let Fault::Stuck { .. } = fault {
            // Its answers are no news, and hold-down would end with the first.
            self.quality.on_left(now, policy, Evidence::Faulty(fault));
        }
    }

    /// Whether it delivered something since it came up.
    pub(crate) fn is_proved(&self) -> bool {
        self.health.heard().is_some()
    }

    /// Its last sign of life since it came up.
    pub(crate) fn heard(&self) -> Option<Instant> {
        self.health.heard()
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

    /// How long data in flight may go unproved before the link is suspect.
    pub(crate) fn threshold(&self, policy: &LinkPolicy) -> Duration {
        self.delivery.threshold(policy.suspect_floor.max(self.stall(policy)))
    }

    /// Silence that its kind of link makes without being in trouble. What is lost in a stall is
    /// sent again at the latest as long after its end as it lasted: TCP's timer doubles.
    fn stall(&self, policy: &LinkPolicy) -> Duration {
        if self.spec.class.is_passing() { policy.stall * 2 } else { Duration::ZERO }
    }

    /// Whether it rides on another link.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.spec.class.is_tunnel()
    }

    /// When the next probe should leave; `alarm` is when the latest suspicion of any link began.
    pub(crate) fn probe_due(
        &self,
        policy: &LinkPolicy,
        alarm: Option<Instant>,
        seed: u64,
    ) -> Option<Instant> {
        let failed = match self.state() {
            State::Absent | State::Down { .. } => return None,
            State::Failed { since, .. } => Some(since),
            State::Settling { .. }
            | State::Healthy
            | State::Suspect { .. }
            | State::HoldDown { .. }
            | State::Suppressed { .. } => None,
        };
        let trouble = failed.max(alarm);
        // Over its budget it costs only what can't be done without.
        match (self.spent(), self.spec.tariff.over_budget) {
            (Some(_), OverBudget::Refuse) => return None,
            (Some(_), OverBudget::LastResort) if trouble.is_none() => return None,
            (Some(_) | None, OverBudget::Refuse | OverBudget::LastResort) => {}
        }
        let (interval, slowest) = match self.spec.metered {
            true => (policy.probe_idle_metered, policy.probe_idle_metered),
            false => (policy.probe_idle, policy.probe_trouble),
        };
        self.prober.due(Pace {
            heard: self.health.heard(),
            trouble,
            idle: interval.saturating_sub(policy.probe_timeout),
            slowest: slowest.saturating_sub(policy.probe_timeout),
            allowance: self.allowance(policy),
            seed,
        })
    }

    pub(crate) fn probe_deadline(&self) -> Option<Instant> {
        self.prober.deadline()
    }

    pub(crate) fn on_probe_sent(&mut self, now: Instant, policy: &LinkPolicy) {
        let deadline = now + self.delivery.rto(policy.probe_timeout.max(self.stall(policy)));
        self.prober.on_sent(now, deadline, self.allowance(policy));
    }

    /// Has it probed soon, unless it was heard lately anyway.
    pub(crate) fn refresh(&mut self, now: Instant, policy: &LinkPolicy) {
        let lately = now - if self.spec.metered { KEPT_ALIVE } else { policy.probe_idle };
        if self.state().is_usable() && self.health.heard() < Some(lately) {
            self.prober.want(now);
        }
    }

    pub(crate) fn review(&mut self, now: Instant, policy: &LinkPolicy) {
        self.quality.book(now, self.state().kind());
        self.quality.review(now, policy, self.spec.class);
    }

    /// It is active from here on.
    pub(crate) fn on_taken(&mut self, now: Instant) {
        self.quality.on_taken(now);
    }

    /// It is no longer active, whatever for.
    pub(crate) fn on_yielded(&mut self, now: Instant, policy: &LinkPolicy) {
        self.quality.on_yielded(now, policy, self.spec.class);
    }

    /// It is no longer active, for its quality.
    pub(crate) fn on_left(&mut self, now: Instant, policy: &LinkPolicy, why: Evidence) {
        self.quality.on_left(now, policy, why);
    }

    /// Bytes a second that it delivers, if it can do no more at the moment.
    pub(crate) fn rate_at_limit(&self, now: Instant) -> Option<u32> {
        self.quality.rate.at_limit(now)
    }

    /// It is the upload's that was taken over to it on suspicion.
    pub(crate) fn on_hedged(&mut self, bytes: u64) {
        self.account.hedged_bytes = self.account.hedged_bytes.saturating_add(bytes);
    }

    /// Whether it may be taken on suspicion alone.
    pub(crate) fn may_hedge(&self) -> bool {
        self.spec.tariff.may_hedge(&self.account)
    }

    /// What it has carried, if that is all that it may in a month.
    pub(crate) fn spent(&self) -> Option<Evidence> {
        let bytes = self.account.carried_bytes;
        self.spec.tariff.is_spent(&self.account).then_some(Evidence::Spent { bytes })
    }

    /// What it has carried in the budget's month.
    pub(crate) fn account(&self, now: Instant) -> Account {
        Account { owed: self.prober.owed(now), ..self.account }
    }

    /// Its place among the others; `None` if it can't carry a packet, or must not. `insisted`: its
    /// budget does not count, by the operator's word.
    pub(crate) fn rank(&self, id: LinkId, is_active: bool, insisted: bool) -> Option<Rank> {
        let LinkSpec { priority, metric, tariff, roaming, .. } = self.spec;
        let tier = Tier::of(self.state(), is_active)?;
        let tier = match (self.is_spent(insisted), tariff.over_budget) {
            (true, OverBudget::Refuse) => return None,
            (true, OverBudget::LastResort) => tier.max(Tier::Spent),
            (false, OverBudget::Refuse | OverBudget::LastResort) => tier,
        };
        Some(Rank {
            tier,
            avoided: self.roams && roaming == Roaming::Avoid,
            degraded: self.quality.degraded().is_some(),
            priority,
            cost: tariff.cost,
            metric,
            id,
        })
    }

    /// What of it is compared with others, beside that.
    pub(crate) fn candidate(&self, rank: Rank, insisted: bool, policy: &LinkPolicy) -> Candidate {
        Candidate {
            rank,
            state: self.state(),
            is_proved: self.is_proved(),
            degraded: self.quality.degraded(),
            spent: self.spent().filter(|_| !insisted),
            score: self.quality.prospect(policy, self.spec.class),
            rate: self.quality.rate.mean(),
            metered: self.spec.metered,
        }
    }

    pub(crate) fn is_spent(&self, insisted: bool) -> bool {
        !insisted && self.spent().is_some()
    }

    pub(crate) fn spec(&self) -> &LinkSpec {
        &self.spec
    }

    /// SRTT and RTTVAR.
    pub(crate) fn rtt(&self) -> Option<(Duration, Duration)> {
        self.delivery.rtt()
    }

    /// What an upload's window is fitted to.
    pub(crate) fn path(&self) -> Path {
        Path {
            rtt_min: self.quality.rtt_min(),
            rttvar: self.rtt().map(|(_, rttvar)| rttvar).unwrap_or_default(),
            loss_ppm: self.quality.loss_ppm(),
        }
    }

    pub(crate) fn view(&self, policy: &LinkPolicy) -> LinkView {
        let (srtt, rttvar) = self.delivery.rtt().unzip();
        let state = self.state();
        let score_parts = self.quality.score(policy, self.spec.class);
        let score = if state.is_working() { score_parts.total() } else { 0 };
        LinkView {
            spec: self.spec,
            state: state.kind(),
            srtt,
            rttvar: rttvar.unwrap_or_default(),
            rtt_min: self.quality.rtt_min(),
            loss_ppm: self.quality.loss_ppm(),
            rate: self.quality.rate.mean(),
            stability_permille: self.quality.stability_permille(),
            signal: self.quality.signal(),
            score,
            score_parts,
            rating: Rating::of(score, policy),
            degraded: self.quality.degraded().is_some(),
            roams: self.roams,
            threshold: self.threshold(policy),
            heard: self.health.heard(),
            failures: self.health.failures(),
            false_alarms: self.health.false_alarms(),
            carried_bytes: self.account.carried_bytes,
            spent: self.spent().is_some(),
        }
    }

    fn on_facts(&mut self, now: Instant, policy: &LinkPolicy) {
        let was_usable = self.state().is_usable();
        let is_at_home = !(self.roams && self.spec.roaming == Roaming::Never);
        let [carrier, address, route] = self.facts;
        let lost = [carrier, address, route, is_at_home]
            .into_iter()
            .zip(Fact::ALL)
            .find_map(|(is_there, fact)| (!is_there).then_some(fact));
        self.health.on_facts(now, policy, lost);
        if !was_usable && self.state().is_usable() {
            // What was measured may belong to another path.
            self.delivery = Delivery::new();
            self.quality.reset();
            self.prober.reset();
        }
    }

    fn on_moved(&mut self, now: Instant, policy: &LinkPolicy) {
        self.health.on_moved(now, policy);
        self.delivery.on_moved(now);
        self.quality.on_moved(now);
        self.prober.reset();
        if self.state().is_usable() {
            self.prober.want(now);
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
        self.delivery.on_answered(rtt);
        self.quality.on_rtt(now, rtt);
        if self.suspected().is_some() && self.delivery.is_awaited() {
            self.prober.on_life();
            self.health.on_faint_life(now);
        } else {
            self.on_life(now, policy);
        }
    }

    fn on_probe_lost(&mut self, now: Instant, policy: &LinkPolicy) {
        if self.prober.on_lost(self.health.heard()) {
            self.health.on_doubt(now, policy);
        }
    }

    fn on_life(&mut self, now: Instant, policy: &LinkPolicy) {
        let worked = self.state().is_working();
        self.health.on_life(now, policy);
        self.prober.on_life();
        self.delivery.forgive();
        if !worked {
            self.delivery.restart(now);
        }
    }

    fn allowance(&self, policy: &LinkPolicy) -> Option<Allowance> {
        self.spec.metered.then(|| self.spec.tariff.allowance(policy.metered_probe_bytes))
    }
}

/// Three in a row: at a loss of 5 %, the limit for a link that is used at all, chance does that
/// once in 8000.
const PROBES_LOST: u8 = 3;

/// A suspect link that answers probes but has moved no data for this long is no use either: a
/// path-MTU hole, or a middlebox that lost the connection.
const STUCK: Duration = Duration::from_secs(5);

/// A metered link that was heard within this is not asked for the sake of an upload that begins: the
/// driver keeps its connection for as long.
const KEPT_ALIVE: Duration = Duration::from_secs(50);

#[cfg(test)]
mod tests;
