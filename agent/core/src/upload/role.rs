//! Roles: what each lane should do on the upload's course, and the action that makes it so.

use super::{Attempt, Course, Lane, Outlook, Resume, Standing, Upload, Verdict};
use crate::{Action, Duration, Instant, LinkId, Wake};

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
    fn role(&self, link: LinkId, outlook: &Outlook<LINKS>) -> Role {
        let usable = outlook.standing(link) != Standing::Gone && !outlook.is_spent(link);
        match self.course {
            Course::Seeking if !usable || self.spec.resume == Resume::Replay => Role::Nothing,
            Course::Seeking if !self.created => self.scout(link, outlook, Role::Create),
            Course::Seeking if self.spec.resume == Resume::Plain => {
                self.scout(link, outlook, Role::Ask)
            }
            Course::Seeking => Role::Ask,
            Course::Carried(carrier) if carrier == link => Role::Carry,
            Course::Doubted(old) if old == link => Role::Carry,
            Course::Doubted(old)
                if usable
                    && outlook.may_hedge(link)
                    && (outlook.is_tunnel(old) || !outlook.is_tunnel(link)) =>
            {
                Role::Ask
            }
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
    fn scout(&self, link: LinkId, outlook: &Outlook<LINKS>, role: Role) -> Role {
        let blocked =
            outlook.ranked().take_while(|better| *better != link).any(|better| {
                match self.lanes[usize::from(better.0)] {
                    Lane::Idle | Lane::Ready { .. } => true,
                    Lane::Resting { until } => until <= outlook.now,
                    Lane::Creating { due, .. } | Lane::Asking { due, .. } => {
                        outlook.now < due && outlook.standing(better) == Standing::Sound
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
    pub(crate) fn poll_action(&mut self, outlook: &Outlook<LINKS>) -> Option<Action> {
        let id = self.id;
        self.steer(outlook);
        for link in (0..LINKS as u8).map(LinkId) {
            let role = self.role(link, outlook);
            if let Some(action) = self.apply(link, role, outlook) {
                return Some(action);
            }
        }
        if let Course::Ended(verdict) = self.course {
            self.course = Course::Answering(verdict);
            return Some(Action::Answer { id, verdict });
        }
        None
    }

    fn apply(&mut self, link: LinkId, role: Role, outlook: &Outlook<LINKS>) -> Option<Action> {
        let id = self.id;
        let lane = *self.lane(link);
        if let Lane::Dropping { attempt, until } = lane {
            *self.lane(link) = Lane::Resting { until };
            return Some(Action::Drop { id, attempt, link });
        }
        let (next, action) = match role {
            Role::Nothing => {
                let attempt = lane.attempt()?;
                (Lane::Idle, Action::Drop { id, attempt, link })
            }
            Role::Create | Role::Ask if !lane.is_rested(outlook.now) => return None,
            Role::Create => {
                let attempt = self.fresh();
                let (due, deadline) = self.bounds(link, outlook);
                (Lane::Creating { attempt, due, deadline }, Action::Create { id, attempt, link })
            }
            Role::Ask => {
                let attempt = self.fresh();
                let (due, deadline) = self.bounds(link, outlook);
                let floor = self.acked;
                (Lane::Asking { attempt, floor, due, deadline }, Action::Ask { id, attempt, link })
            }
            Role::Carry => self.take(link, lane, outlook.now)?,
            Role::Hold => {
                let Lane::Appending { attempt, heard, .. } = lane else { return None };
                (Lane::Holding { attempt, heard }, Action::Hold { id, attempt })
            }
        };
        *self.lane(link) = next;
        Some(action)
    }

    /// Has a lane append that does not yet, or no more.
    fn take(&mut self, link: LinkId, lane: Lane, now: Instant) -> Option<(Lane, Action)> {
        let id = self.id;
        let (attempt, heard) = match lane {
            Lane::Ready { attempt, offset } => {
                // More may have been acknowledged over another link since it answered.
                let from = offset.max(self.acked).max(self.take_landing());
                self.start(link, from, now);
                let action = Action::Append { id, attempt, link, from };
                return Some((Lane::Appending { attempt, from, heard: now }, action));
            }
            Lane::Holding { attempt, heard } => (attempt, heard),
            Lane::Drained { attempt } => (attempt, now),
            Lane::Idle
            | Lane::Resting { .. }
            | Lane::Creating { .. }
            | Lane::Asking { .. }
            | Lane::Appending { .. }
            | Lane::Dropping { .. } => return None,
        };
        if self.link() != Some(link) {
            self.carrier = Some((link, heard));
        }
        let from = self.acked;
        Some((Lane::Appending { attempt, from, heard }, Action::Unhold { id, attempt }))
    }

    /// Where to go on as if all that was sent would land. The upstream waits for it; if it does
    /// not, the answer says where it ends. Pointless where there is nothing to send behind it.
    fn take_landing(&mut self) -> u64 {
        self.landing.take().filter(|end| *end < self.received).unwrap_or(0)
    }

    /// A lane begins to append: what it repeats is booked on the link that was left.
    fn start(&mut self, link: LinkId, offset: u64, now: Instant) {
        let left = self.left.or(self.carrier.filter(|(carrier, _)| *carrier != link));
        let resent = self.sent.saturating_sub(offset);
        if resent > 0 {
            self.dues(left.map_or(link, |(left, _)| left)).resent_bytes += resent;
        }
        self.left = left;
        self.carrier = Some((link, now));
        self.sent = offset;
    }

    fn bounds(&self, link: LinkId, outlook: &Outlook<LINKS>) -> (Instant, Instant) {
        let patience = outlook.patience(link);
        // Creating, and asking where a half-open append keeps the upload locked, it is the server
        // that is slow, not the link.
        let is_slow = self.spec.resume == Resume::Plain || !self.created;
        let due = outlook.now + if is_slow { patience.max(LOCKED) } else { patience };
        (due, outlook.now + outlook.timeout(link))
    }

    /// Ends what was waited for too long.
    pub(crate) fn handle_timeout(&mut self, outlook: &Outlook<LINKS>) {
        if self.deadline(outlook).is_some_and(|at| at <= outlook.now) {
            self.end(Verdict::Stalled);
        }
        for link in (0..LINKS as u8).map(LinkId) {
            let is_due = self.is_due();
            let deadline = self.lane(link).deadline(outlook.timeout(link), is_due);
            if deadline.is_some_and(|at| at <= outlook.now) {
                let until = outlook.now + self.retry_delay();
                self.lane(link).drop_at(until);
            }
        }
    }

    pub(crate) fn poll_timeout(&self, outlook: &Outlook<LINKS>) -> Option<(Instant, Wake)> {
        if self.verdict().is_some() {
            return None;
        }
        let lanes = (0u8..).map(LinkId).zip(&self.lanes).flat_map(|(link, lane)| {
            let deadline = lane.deadline(outlook.timeout(link), self.is_due());
            let due = lane.due().filter(|at| outlook.now < *at);
            let rested = lane.rests_until().filter(|at| outlook.now < *at);
            [
                deadline.map(|at| (at, Wake::Answer(self.id))),
                due.map(|at| (at, Wake::Overdue(link))),
                rested.map(|at| (at, Wake::Retry(self.id))),
            ]
            .into_iter()
            .flatten()
        });
        let hold = self.deadline(outlook).map(|at| (at, Wake::Hold(self.id)));
        lanes.chain(hold).min_by_key(|(at, _)| *at)
    }

    fn deadline(&self, outlook: &Outlook<LINKS>) -> Option<Instant> {
        self.waiting.map(|since| since + outlook.hold)
    }

    pub(super) fn fresh(&mut self) -> Attempt {
        self.attempts = self.attempts.wrapping_add(1);
        Attempt(self.attempts)
    }

    /// Whether the upstream owes something: the upload itself, or an acknowledgement. A replay is
    /// owed one answer, at the end; before that, its progress is what leaves.
    pub(super) fn is_due(&self) -> bool {
        !self.created
            || self.received > if self.resumes() { self.acked } else { self.sent }
            || self.received == self.spec.total
    }
}

/// How long a server may keep an upload locked for a connection that is gone: @tus/server
/// answers HEAD after 3.1 s.
const LOCKED: Duration = Duration::from_secs(4);
