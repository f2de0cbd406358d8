//! The link table: every link's health, and the one that new work starts on.

use crate::{
    Account, Duration, Evidence, Instant, LinkId, LinkPolicy, LinkSpec, LinkView, Observation,
    Reason, State, Switch,
    adapt::Path,
    monitor::Monitor,
    moves::Moves,
    select::{self, Calm, Candidate, Rank, Tier},
};
use core::iter;

/// Why [`Links::poll_timeout`] wants to be woken; for logs, never matched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Data in flight will have been unproved for too long.
    Silence(LinkId),
    /// A suspect link will have been silent for long enough to be given up.
    Commit(LinkId),
    /// A settling, held or suppressed link moves on.
    Delay(LinkId),
    /// A probe is due.
    Probe(LinkId),
    /// A probe should have been answered.
    Answer(LinkId),
    /// Quality is looked at.
    Review,
}

/// At most `N` links, of which one is active.
///
/// After every call that takes `now`, drain [`Self::poll_probe`] and [`Self::poll_switch`], then
/// read [`Self::poll_timeout`]. What is said of a slot that does not exist is ignored.
#[derive(Clone, Debug)]
pub struct Links<const N: usize> {
    links: [Monitor; N],
    policy: LinkPolicy,
    seed: u64,
    wanted: Option<LinkId>,
    active: Option<LinkId>,
    /// The change that [`Self::poll_switch`] has not told yet.
    switch: Option<Switch>,
    /// The next look at quality.
    review: Instant,
    /// No switch for quality before.
    rested: Instant,
    /// Switches that nothing forced.
    moves: Moves,
    /// Since when tunnels have had nothing to ride on.
    dry: Option<Instant>,
}

const _: () = assert!(size_of::<Links<4>>() <= 4160);

impl<const N: usize> Links<N> {
    /// A table without links. Equal seeds and observations give equal decisions.
    pub fn new(policy: LinkPolicy, seed: u64) -> Self {
        const { assert!(N > 0 && N <= u8::MAX as usize) };
        Self {
            links: [Monitor::new(); N],
            policy,
            seed,
            wanted: None,
            active: None,
            switch: None,
            review: Instant::ZERO,
            rested: Instant::ZERO,
            moves: Moves::new(),
            dry: None,
        }
    }

    /// Judges by another policy from here on.
    pub fn set_policy(&mut self, policy: LinkPolicy) {
        self.policy = policy;
    }

    /// Takes one observation. `now` must not go backwards.
    pub fn observe(&mut self, now: Instant, id: LinkId, observation: Observation) {
        if let Some(link) = self.links.get_mut(usize::from(id.0)) {
            link.observe(now, &self.policy, observation);
            self.conclude(now);
        }
    }

    /// Advances timers. Calling early or twice is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        for link in &mut self.links {
            link.handle_timeout(now, &self.policy);
        }
        if self.review <= now {
            self.review = now + self.policy.quality_interval;
            for link in &mut self.links {
                link.review(now, &self.policy);
            }
        }
        self.conclude(now);
    }

    /// The next moment at which [`Self::handle_timeout`] or [`Self::poll_probe`] has work.
    pub fn poll_timeout(&self) -> Option<(Instant, Wake)> {
        let alarm = self.alarm();
        let of_links = self.iter().flat_map(|(id, link)| {
            [
                link.suspicion(&self.policy).map(|at| (at, Wake::Silence(id))),
                self.commit(link).map(|at| (at, Wake::Commit(id))),
                link.delay().map(|at| (at, Wake::Delay(id))),
                link.probe_due(&self.policy, alarm, self.seed_of(id))
                    .map(|at| (at, Wake::Probe(id))),
                link.probe_deadline().map(|at| (at, Wake::Answer(id))),
            ]
        });
        let review = self.active.map(|_| (self.review, Wake::Review));
        of_links.chain(iter::once(review)).flatten().min_by_key(|(at, _)| *at)
    }

    /// A link to probe now. It owes a [`Observation::ProbeAnswered`] from here on, and silence
    /// counts as [`Observation::ProbeLost`].
    pub fn poll_probe(&mut self, now: Instant) -> Option<LinkId> {
        let alarm = self.alarm();
        let (id, _) = self.iter().find(|(id, link)| {
            let due = link.probe_due(&self.policy, alarm, self.seed_of(*id));
            due.is_some_and(|at| at <= now)
        })?;
        self.links.get_mut(usize::from(id.0))?.on_probe_sent(now, &self.policy);
        Some(id)
    }

    /// The change of the active link since the last call, if there was one. Changes that were
    /// undone in between are not told; of several, the first tells why.
    pub fn poll_switch(&mut self) -> Option<Switch> {
        self.switch.take()
    }

    /// Has every link that was not heard lately probed soon: work begins that may need it.
    pub fn refresh(&mut self, now: Instant) {
        for link in &mut self.links {
            link.refresh(now, &self.policy);
        }
    }

    /// Prefers one link over all others while it can carry packets; `None`: no longer.
    pub fn set_override(&mut self, now: Instant, id: Option<LinkId>) {
        self.wanted = id;
        self.conclude(now);
    }

    /// The operator's choice.
    pub fn override_link(&self) -> Option<LinkId> {
        self.wanted
    }

    /// The link for new work; `None` only if no link can carry a packet.
    pub fn active(&self) -> Option<LinkId> {
        self.active
    }

    /// Every link that can carry packets, best first; the active one leads.
    pub fn ranked(&self) -> impl Iterator<Item = LinkId> + use<N> {
        let mut ranks: [Option<_>; N] = core::array::from_fn(|slot| {
            let rank = self.rank(LinkId(slot as u8))?;
            Some((self.active != Some(rank.id), rank))
        });
        ranks.sort_unstable();
        ranks.into_iter().flatten().map(|(_, rank)| rank.id)
    }

    /// Whether packets can leave by it: carrier, address and route are there.
    pub fn is_usable(&self, id: LinkId) -> bool {
        self.state(id).is_usable()
    }

    /// Whether its budget is spent, so that it takes only what no other link can. Not if the
    /// operator insists on it.
    pub(crate) fn is_spent(&self, id: LinkId) -> bool {
        let insisted = self.wanted == Some(id);
        self.rank(id).is_some() && self.get(id).is_some_and(|link| link.is_spent(insisted))
    }

    /// Whether an upload may be taken over to it on suspicion alone.
    pub(crate) fn may_hedge(&self, id: LinkId) -> bool {
        self.wanted == Some(id) || self.get(id).is_some_and(Monitor::may_hedge)
    }

    /// An upload that was taken over to it on suspicion moved so many bytes.
    pub(crate) fn on_hedged(&mut self, id: LinkId, bytes: u64) {
        if let Some(link) = self.links.get_mut(usize::from(id.0)) {
            link.on_hedged(bytes);
        }
    }

    /// What a link has carried in the budget's month: to be kept, and given back by
    /// [`Observation::Account`] after a restart.
    pub fn account(&self, now: Instant, id: LinkId) -> Account {
        self.get(id).map(|link| link.account(now)).unwrap_or_default()
    }

    /// Whether data in flight or a probe on it has been silent for too long.
    pub fn is_suspect(&self, id: LinkId) -> bool {
        matches!(self.state(id), State::Suspect { .. })
    }

    /// How long data in flight may go unproved before the link is suspect.
    pub fn suspicion_threshold(&self, id: LinkId) -> Duration {
        self.get(id).map_or(self.policy.suspect_floor, |link| link.threshold(&self.policy))
    }

    /// What a link is, if it has a slot.
    pub fn spec(&self, id: LinkId) -> Option<&LinkSpec> {
        self.get(id).map(Monitor::spec)
    }

    /// SRTT and RTTVAR: the transfer's while there is one, else the probes'.
    pub(crate) fn rtt(&self, id: LinkId) -> Option<(Duration, Duration)> {
        self.get(id)?.rtt()
    }

    /// What an upload's window is fitted to.
    pub(crate) fn path(&self, id: LinkId) -> Path {
        self.get(id).map(Monitor::path).unwrap_or_default()
    }

    /// What is believed of a link.
    pub fn state(&self, id: LinkId) -> State {
        self.get(id).map_or(State::Absent, Monitor::state)
    }

    /// A link, for display. A slot that does not exist looks like an absent link.
    pub fn view(&self, id: LinkId) -> LinkView {
        match self.get(id) {
            Some(link) => link.view(&self.policy),
            None => Monitor::new().view(&self.policy),
        }
    }

    /// Gives up what must be given up, then chooses anew.
    fn conclude(&mut self, now: Instant) {
        self.dry = self.dry(now);
        for slot in 0..N {
            let fault = self.links[slot].verdict(now, &self.policy);
            let suspected = self.links[slot].suspected();
            if let (Some(fault), Some(since)) = (fault, suspected)
                && self.is_upstream_reached(since, &self.links[slot])
            {
                self.links[slot].fail(now, &self.policy, fault);
            }
        }
        if let Some((to, reason, evidence)) = self.choose(now) {
            self.switch_to(now, to, reason, evidence);
        }
    }

    /// What the active link should be, if it should change.
    fn choose(&self, now: Instant) -> Option<(Option<LinkId>, Reason, Evidence)> {
        if let Some(id) = self.wanted
            && self.is_usable(id)
        {
            return (self.active != Some(id)).then_some((
                Some(id),
                Reason::Manual,
                Evidence::Operator,
            ));
        }
        let best = (0..N).filter_map(|slot| self.rank(LinkId(slot as u8))).min();
        let to = best.map(|best| best.id);
        let Some(active) = self.active else {
            return best.map(|_| (to, Reason::Started, Evidence::Usable));
        };
        let (reason, evidence) = match (self.candidate(active), best) {
            (Some(active), Some(best)) => {
                let (calm, best) = (self.calm(now), self.candidate(best.id)?);
                match select::challenge(&active, &best, &self.policy, calm) {
                    Some(why) => why,
                    None => return self.outrun(now, &active, calm),
                }
            }
            (None, Some(_) | None) | (Some(_), None) => match self.state(active).lack() {
                Some(lack) => (Reason::InterfaceDown, lack),
                None => (Reason::Budget, self.get(active)?.spent()?),
            },
        };
        Some((to, reason, evidence))
    }

    /// The link that is so much faster than the active one that this should yield.
    fn outrun(
        &self,
        now: Instant,
        active: &Candidate,
        calm: Calm,
    ) -> Option<(Option<LinkId>, Reason, Evidence)> {
        if !(calm.rested && calm.may_move && self.policy.auto_switch) {
            return None;
        }
        let rate = self.get(active.rank.id)?.rate_at_limit(now)?;
        let fastest = (0..N)
            .filter_map(|slot| self.candidate(LinkId(slot as u8)))
            .filter_map(|rival| {
                let why = select::outrun(active, rate, &rival, &self.policy)?;
                Some((rival, why))
            })
            .max_by_key(|(rival, _)| rival.rate)?;
        let (rival, (reason, evidence)) = fastest;
        Some((Some(rival.rank.id), reason, evidence))
    }

    fn calm(&self, now: Instant) -> Calm {
        let LinkPolicy { moves_max, comparison, .. } = self.policy;
        Calm {
            rested: self.rested <= now,
            may_move: self.moves.may_add(now, moves_max, comparison),
            may_return: self.moves.may_add(now, moves_max.saturating_sub(1).max(1), comparison),
        }
    }

    fn switch_to(&mut self, now: Instant, to: Option<LinkId>, reason: Reason, evidence: Evidence) {
        let left = self.active.and_then(|id| self.get(id));
        let was_at_work = left.is_some_and(Monitor::is_proved);
        // An old fault of a link that works again is one more thing against it, and forces nothing.
        let is_old = matches!(evidence, Evidence::Faulty(_))
            && left.is_some_and(|link| link.state().is_working());
        let is_of_quality = is_old || evidence.is_of_quality();
        if was_at_work && (is_of_quality || !evidence.is_forced()) {
            self.moves.add(now);
        }
        if let Some(link) = self.active.and_then(|id| self.links.get_mut(usize::from(id.0))) {
            link.on_yielded(now, &self.policy);
        }
        if is_of_quality
            && let Some(left) = self.active
            && let Some(link) = self.links.get_mut(usize::from(left.0))
        {
            link.on_left(now, &self.policy, evidence);
            self.rested = now + self.policy.cooldown;
        }
        if let Some(link) = to.and_then(|id| self.links.get_mut(usize::from(id.0))) {
            link.on_taken(now);
        }
        let untold =
            self.switch.unwrap_or(Switch { at: now, from: self.active, to, reason, evidence });
        self.switch = (untold.from != to).then_some(Switch { to, ..untold });
        self.active = to;
    }

    /// Whether another link delivered after `since`: if none did, the upstream may be silent
    /// and not the `suspect`, which itself is not sound. A tunnel that delivers says nothing of
    /// the others: it may ride on any of them.
    fn is_upstream_reached(&self, since: Instant, suspect: &Monitor) -> bool {
        let may_tell = |link: &Monitor| suspect.is_tunnel() || !link.is_tunnel();
        self.links.iter().any(|link| link.delivered_since(since) && may_tell(link))
    }

    /// When a suspect link is given up, as far as time alone decides it.
    fn commit(&self, link: &Monitor) -> Option<Instant> {
        link.commit(&self.policy)
            .filter(|_| link.suspected().is_some_and(|since| self.is_upstream_reached(since, link)))
    }

    /// When the latest suspicion began.
    fn alarm(&self) -> Option<Instant> {
        self.links.iter().filter_map(Monitor::suspected).max()
    }

    fn candidate(&self, id: LinkId) -> Option<Candidate> {
        let rank = self.rank(id)?;
        Some(self.get(id)?.candidate(rank, self.wanted == Some(id), &self.policy))
    }

    fn rank(&self, id: LinkId) -> Option<Rank> {
        let link = self.get(id)?;
        let is_active = self.active == Some(id);
        let rank = link.rank(id, is_active, self.wanted == Some(id))?;
        if !link.is_tunnel() {
            return Some(rank);
        }
        // With nothing to ride on, a tunnel must show that it still goes somewhere.
        if !is_active && self.dry.is_some_and(|since| link.heard() <= Some(since)) {
            return None;
        }
        // It promises no more than the best that it may ride on.
        let roots = self.iter().filter(|(_, root)| !root.is_tunnel());
        let best =
            roots.filter_map(|(id, root)| Tier::of(root.state(), self.active == Some(id))).min();
        Some(Rank { tier: rank.tier.max(best.unwrap_or(Tier::Healthy)), ..rank })
    }

    /// Since when every link that is there and no tunnel has been down.
    fn dry(&self, now: Instant) -> Option<Instant> {
        let mut roots = self.links.iter().filter(|link| !link.is_tunnel()).map(Monitor::state);
        let is_dry =
            roots.clone().any(|state| state != State::Absent) && !roots.any(State::is_usable);
        is_dry.then(|| self.dry.unwrap_or(now))
    }

    fn get(&self, id: LinkId) -> Option<&Monitor> {
        self.links.get(usize::from(id.0))
    }

    fn iter(&self) -> impl Iterator<Item = (LinkId, &Monitor)> {
        (0u8..).map(LinkId).zip(&self.links)
    }

    /// No two links' probes fall together.
    fn seed_of(&self, id: LinkId) -> u64 {
        self.seed.wrapping_add(u64::from(id.0) << 32)
    }
}

#[cfg(test)]
mod tests;
