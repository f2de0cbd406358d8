//! Steering: from what the links are to what each lane should do.

use super::{Attempt, Lane, Resume, Upload, UploadPolicy, Verdict};
use crate::{Action, Duration, Instant, LinkId, Wake};

/// Where an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// No link carries it; those that may are asked (or told to create it).
    Seeking,
    /// One link carries it.
    Carried(LinkId),
    /// The carrying link is silent: it goes on, and the others are asked.
    Doubted(LinkId),
    /// `new` was taken on suspicion; `old` is held and listened to.
    Hedged { old: LinkId, new: LinkId },
    /// `from` finishes what it has begun, then `to` carries.
    Returning { from: LinkId, to: LinkId },
    /// It ended; the driver is to tell the client.
    Ended(Verdict),
    /// The driver was told.
    Answering(Verdict),
}

impl Course {
    /// For display.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Seeking => "seeking",
            Self::Carried(_) => "carried",
            Self::Doubted(_) => "doubted",
            Self::Hedged { .. } => "hedged",
            Self::Returning { .. } => "returning",
            Self::Ended(_) | Self::Answering(_) => "ended",
        }
    }
}

/// How far a link is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No carrier, address or route: it can carry nothing.
    Gone,
    /// Given up on: only if there is nothing else.
    Failed,
    /// Silent for too long to be sure.
    Suspect,
    /// As good as any.
    Sound,
}

/// The links as an upload sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook<const LINKS: usize> {
    pub(crate) standing: [Standing; LINKS],
    /// When an answer over the link is overdue.
    pub(crate) patience: [Duration; LINKS],
    /// Links that may carry, best first, in the first `usable` places.
    pub(crate) order: [LinkId; LINKS],
    pub(crate) usable: usize,
    /// The link for new work.
    pub(crate) active: Option<LinkId>,
}

impl<const LINKS: usize> Outlook<LINKS> {
    pub(crate) fn ranked(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.order.iter().take(self.usable).copied()
    }

    fn standing(&self, link: LinkId) -> Standing {
        self.standing[usize::from(link.0)]
    }

    fn is_suspect(&self, link: LinkId) -> bool {
        self.standing(link) == Standing::Suspect
    }

    /// Whether there is no use in waiting for it.
    fn is_lost(&self, link: LinkId) -> bool {
        match self.standing(link) {
            Standing::Gone => true,
            Standing::Failed => self.ranked().any(|other| self.standing(other) == Standing::Sound),
            Standing::Suspect | Standing::Sound => false,
        }
    }

    fn has_standby(&self, than: LinkId) -> bool {
        self.ranked().any(|link| link != than && self.standing(link) == Standing::Sound)
    }
}

/// What a lane should be doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Nothing,
    Create,
    Ask,
    Carry,
    Hold,
}

impl<const LINKS: usize> Upload<LINKS> {
    /// Follows the links and the lanes until nothing changes any more.
    pub(crate) fn steer(
        &mut self,
        now: Instant,
        outlook: &Outlook<LINKS>,
        policy: &UploadPolicy,
        attempts: &mut u32,
    ) {
        // Each step moves towards Carried or Seeking; the bound is a guard against a mistake here.
        for _ in 0..8 {
            let next = self.next_course(now, outlook, policy, attempts);
            if next == self.course {
                return;
            }
            self.course = next;
        }
        debug_assert!(
            false,
            "an upload's course must settle: {:?} {:?} {outlook:?}",
            self.course, self.lanes
        );
    }

    fn next_course(
        &mut self,
        now: Instant,
        outlook: &Outlook<LINKS>,
        policy: &UploadPolicy,
        attempts: &mut u32,
    ) -> Course {
        match self.course {
            Course::Seeking => self.seek(now, outlook, attempts),
            Course::Carried(link) => self.carry(now, link, outlook, policy),
            Course::Doubted(old) => self.doubt(now, old, outlook),
            Course::Hedged { old, new } => self.hedge(now, old, new, outlook),
            Course::Returning { from, to } => self.come_back(now, from, to, outlook, attempts),
            Course::Ended(_) | Course::Answering(_) => self.course,
        }
    }

    fn seek(&mut self, now: Instant, outlook: &Outlook<LINKS>, attempts: &mut u32) -> Course {
        if self.spec.resume != Resume::Replay {
            return match self.best_answer(now, outlook, None) {
                Some(link) => Course::Carried(link),
                None => Course::Seeking,
            };
        }
        if self.sent > 0 && !self.spec.replayable {
            return Course::Ended(Verdict::NotReplayable);
        }
        match outlook.ranked().next() {
            Some(link) if self.lane(link).is_rested(now) => {
                *self.lane(link) = Lane::Ready { attempt: fresh(attempts), offset: 0 };
                Course::Carried(link)
            }
            Some(_) | None => Course::Seeking,
        }
    }

    fn carry(
        &mut self,
        now: Instant,
        link: LinkId,
        outlook: &Outlook<LINKS>,
        policy: &UploadPolicy,
    ) -> Course {
        if self.lane(link).is_out() || outlook.is_lost(link) {
            return self.leave(now);
        }
        if self.spec.resume == Resume::Replay {
            return self.course;
        }
        if outlook.is_suspect(link) {
            let may =
                policy.hedge && self.spec.resume == Resume::Fenced && outlook.has_standby(link);
            return if may { Course::Doubted(link) } else { self.course };
        }
        match outlook.active {
            // Not before the link that was taken has delivered: one move at a time.
            Some(active)
                if active != link
                    && outlook.standing(active) == Standing::Sound
                    && self.left.is_none() =>
            {
                Course::Returning { from: link, to: active }
            }
            Some(_) | None => self.course,
        }
    }

    fn doubt(&mut self, now: Instant, old: LinkId, outlook: &Outlook<LINKS>) -> Course {
        if self.lane(old).is_out() || outlook.is_lost(old) {
            return self.leave(now);
        }
        if !outlook.is_suspect(old) {
            return Course::Carried(old);
        }
        match self.best_answer(now, outlook, Some(old)) {
            Some(new) => Course::Hedged { old, new },
            None => self.course,
        }
    }

    fn hedge(
        &mut self,
        now: Instant,
        old: LinkId,
        new: LinkId,
        outlook: &Outlook<LINKS>,
    ) -> Course {
        let old_is_out = self.lane(old).is_out() || outlook.is_lost(old);
        let new_is_out = self.lane(new).is_out() || outlook.is_lost(new);
        match (old_is_out, new_is_out) {
            (true, true) => self.leave(now),
            (true, false) => Course::Carried(new),
            (false, true) if outlook.is_suspect(old) => Course::Doubted(old),
            (false, true) => Course::Carried(old),
            (false, false) if outlook.active != Some(old) => Course::Carried(new),
            // Its append came first: nothing was taken from it.
            (false, false)
                if !outlook.is_suspect(old) && matches!(self.lane(new), Lane::Ready { .. }) =>
            {
                Course::Carried(old)
            }
            // It is not known yet whose append came first: the answer tells.
            (false, false) if !outlook.is_suspect(old) && self.left.is_some() => self.course,
            (false, false) if !outlook.is_suspect(old) => Course::Returning { from: new, to: old },
            (false, false) if outlook.is_suspect(new) && outlook.has_standby(new) => {
                self.lane(old).drop_at(now);
                Course::Doubted(new)
            }
            (false, false) => self.course,
        }
    }

    fn come_back(
        &mut self,
        now: Instant,
        from: LinkId,
        to: LinkId,
        outlook: &Outlook<LINKS>,
        attempts: &mut u32,
    ) -> Course {
        if self.lane(from).is_out() || outlook.is_lost(from) {
            return self.leave(now);
        }
        if outlook.standing(to) != Standing::Sound || outlook.active != Some(to) {
            return Course::Carried(from);
        }
        let is_free = matches!(self.lane(from), Lane::Drained { .. } | Lane::Ready { .. });
        if !is_free || !self.lane(to).is_rested(now) {
            return self.course;
        }
        let offset = self.acked;
        *self.lane(to) = Lane::Ready { attempt: fresh(attempts), offset };
        Course::Carried(to)
    }

    /// The carrier is no more: whatever was appending is dropped, answers are kept.
    fn leave(&mut self, now: Instant) -> Course {
        self.left = self.left.or(self.carrier);
        for lane in &mut self.lanes {
            if matches!(lane, Lane::Appending { .. } | Lane::Holding { .. } | Lane::Drained { .. })
            {
                lane.drop_at(now);
            }
        }
        Course::Seeking
    }

    /// The best link whose answer is here, unless a better one is still in time to answer.
    fn best_answer(
        &mut self,
        now: Instant,
        outlook: &Outlook<LINKS>,
        except: Option<LinkId>,
    ) -> Option<LinkId> {
        outlook
            .ranked()
            .filter(|link| Some(*link) != except && !outlook.is_lost(*link))
            .find(|link| {
                let lane = &self.lanes[usize::from(link.0)];
                matches!(lane, Lane::Ready { .. })
                    || lane.is_promising(now) && outlook.standing(*link) == Standing::Sound
            })
            .filter(|link| !self.lanes[usize::from(link.0)].is_promising(now))
    }

    fn role(&self, link: LinkId, now: Instant, outlook: &Outlook<LINKS>) -> Role {
        let usable = outlook.standing(link) != Standing::Gone;
        match self.course {
            Course::Seeking if !usable || self.spec.resume == Resume::Replay => Role::Nothing,
            Course::Seeking if !self.created => self.scout(link, now, outlook, Role::Create),
            Course::Seeking if self.spec.resume == Resume::Plain => {
                self.scout(link, now, outlook, Role::Ask)
            }
            Course::Seeking => Role::Ask,
            Course::Carried(carrier) if carrier == link => Role::Carry,
            Course::Doubted(old) if old == link => Role::Carry,
            Course::Doubted(_) if usable => Role::Ask,
            Course::Hedged { new, .. } if new == link => Role::Carry,
            Course::Hedged { old, .. } if old == link => Role::Hold,
            Course::Returning { from, .. } if from == link => Role::Hold,
            Course::Carried(_)
            | Course::Doubted(_)
            | Course::Hedged { .. }
            | Course::Returning { .. }
            | Course::Ended(_)
            | Course::Answering(_) => Role::Nothing,
        }
    }

    /// One link after the other: `link` has the role once every better one is overdue or resting.
    fn scout(&self, link: LinkId, now: Instant, outlook: &Outlook<LINKS>, role: Role) -> Role {
        let blocked =
            outlook.ranked().take_while(|better| *better != link).any(|better| {
                match self.lanes[usize::from(better.0)] {
                    Lane::Idle | Lane::Ready { .. } => true,
                    Lane::Resting { until } => until <= now,
                    Lane::Creating { due, .. } | Lane::Asking { due, .. } => {
                        now < due && outlook.standing(better) == Standing::Sound
                    }
                    Lane::Appending { .. }
                    | Lane::Holding { .. }
                    | Lane::Drained { .. }
                    | Lane::Dropping { .. } => false,
                }
            });
        let begun = !self.lanes[usize::from(link.0)].is_out();
        if blocked && !begun { Role::Nothing } else { role }
    }

    /// The next thing that the driver must do for this upload. What a dropped lane makes possible
    /// is seen at once.
    pub(crate) fn poll_action(
        &mut self,
        now: Instant,
        outlook: &Outlook<LINKS>,
        policy: &UploadPolicy,
        attempts: &mut u32,
    ) -> Option<Action> {
        let id = self.id;
        self.steer(now, outlook, policy, attempts);
        for link in (0..LINKS as u8).map(LinkId) {
            let role = self.role(link, now, outlook);
            if let Some(action) = self.apply(now, link, role, outlook, policy, attempts) {
                return Some(action);
            }
        }
        if let Course::Ended(verdict) = self.course {
            self.course = Course::Answering(verdict);
            return Some(Action::Answer { id, verdict });
        }
        None
    }

    fn apply(
        &mut self,
        now: Instant,
        link: LinkId,
        role: Role,
        outlook: &Outlook<LINKS>,
        policy: &UploadPolicy,
        attempts: &mut u32,
    ) -> Option<Action> {
        let id = self.id;
        let lane = *self.lane(link);
        let (next, action) = match (role, lane) {
            (_, Lane::Dropping { attempt, until }) => {
                (Lane::Resting { until }, Action::Drop { id, attempt, link })
            }
            (Role::Nothing, _) => {
                let attempt = lane.attempt()?;
                (Lane::Idle, Action::Drop { id, attempt, link })
            }
            (Role::Create | Role::Ask, Lane::Resting { until }) if now < until => return None,
            (Role::Create, Lane::Idle | Lane::Resting { .. }) => {
                let attempt = fresh(attempts);
                let (due, deadline) = self.bounds(now, link, outlook, policy);
                (Lane::Creating { attempt, due, deadline }, Action::Create { id, attempt, link })
            }
            (Role::Ask, Lane::Idle | Lane::Resting { .. }) => {
                let attempt = fresh(attempts);
                let (due, deadline) = self.bounds(now, link, outlook, policy);
                (Lane::Asking { attempt, due, deadline }, Action::Ask { id, attempt, link })
            }
            (Role::Carry, Lane::Ready { attempt, offset }) => {
                self.start(now, link, offset);
                (
                    Lane::Appending { attempt, from: offset, heard: now },
                    Action::Append { id, attempt, link, from: offset },
                )
            }
            (Role::Carry, Lane::Holding { attempt, heard }) => {
                let from = self.acked;
                (Lane::Appending { attempt, from, heard }, Action::Unhold { id, attempt })
            }
            (Role::Carry, Lane::Drained { attempt }) => {
                let from = self.acked;
                (Lane::Appending { attempt, from, heard: now }, Action::Unhold { id, attempt })
            }
            (Role::Hold, Lane::Appending { attempt, heard, .. }) => {
                (Lane::Holding { attempt, heard }, Action::Hold { id, attempt })
            }
            _ => return None,
        };
        *self.lane(link) = next;
        Some(action)
    }

    /// A lane begins to append: what it repeats is booked on the link that was left.
    fn start(&mut self, now: Instant, link: LinkId, offset: u64) {
        let left = self.left.or(self.carrier.filter(|(carrier, _)| *carrier != link));
        let resent = self.sent.saturating_sub(offset);
        if let Some((from, _)) = left
            && resent > 0
        {
            self.dues(from).resent_bytes += resent;
        }
        self.left = left;
        self.carrier = Some((link, now));
        self.sent = offset;
    }

    fn bounds(
        &self,
        now: Instant,
        link: LinkId,
        outlook: &Outlook<LINKS>,
        policy: &UploadPolicy,
    ) -> (Instant, Instant) {
        let patience = outlook.patience[usize::from(link.0)];
        // Creating, and asking where a half-open append keeps the upload locked, it is the server
        // that is slow, not the link.
        let is_slow = self.spec.resume == Resume::Plain || !self.created;
        let due = now + if is_slow { patience.max(LOCKED) } else { patience };
        (due, now + policy.answer_timeout)
    }

    /// Ends what was waited for too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant, policy: &UploadPolicy) {
        if self.deadline(policy).is_some_and(|at| at <= now) {
            self.end(Verdict::Stalled);
        }
        for index in 0..LINKS {
            let deadline = self.lanes[index].deadline(policy.answer_timeout, self.is_due());
            if deadline.is_some_and(|at| at <= now) {
                let until = now + self.retry_delay();
                self.lanes[index].drop_at(until);
            }
        }
    }

    pub(crate) fn poll_timeout(
        &self,
        now: Instant,
        policy: &UploadPolicy,
    ) -> Option<(Instant, Wake)> {
        if self.verdict().is_some() {
            return None;
        }
        let lanes = (0u8..).zip(&self.lanes).flat_map(|(link, lane)| {
            let deadline = lane.deadline(policy.answer_timeout, self.is_due());
            let due = lane.due().filter(|at| now < *at);
            let rested = lane.rests_until().filter(|at| now < *at);
            [
                deadline.map(|at| (at, Wake::Answer(self.id))),
                due.map(|at| (at, Wake::Overdue(LinkId(link)))),
                rested.map(|at| (at, Wake::Retry(self.id))),
            ]
            .into_iter()
            .flatten()
        });
        let hold = self.deadline(policy).map(|at| (at, Wake::Hold(self.id)));
        lanes.chain(hold).min_by_key(|(at, _)| *at)
    }

    fn deadline(&self, policy: &UploadPolicy) -> Option<Instant> {
        self.waiting.map(|since| since + policy.hold)
    }

    /// Whether the upstream owes an acknowledgement. A replay is owed one answer, at the end;
    /// before that, its progress is what leaves.
    fn is_due(&self) -> bool {
        self.received > if self.resumes() { self.acked } else { self.sent }
            || self.received == self.spec.total
    }
}

/// How long a server may keep an upload locked for a connection that is gone: @tus/server
/// answers HEAD after 3.1 s.
const LOCKED: Duration = Duration::from_secs(4);

fn fresh(attempts: &mut u32) -> Attempt {
    *attempts = attempts.wrapping_add(1);
    Attempt(*attempts)
}
