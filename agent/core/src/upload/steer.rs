//! Steering: which course an upload takes, from what its links and lanes do.

use super::{Lane, Outlook, Resume, Standing, Upload, Verdict};
use crate::LinkId;

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

impl<const LINKS: usize> Upload<LINKS> {
    /// Follows the links and the lanes until nothing changes any more.
    pub(crate) fn steer(&mut self, outlook: &Outlook<LINKS>) {
        // Each step moves towards Carried or Seeking; the bound is a guard against a mistake here.
        for _ in 0..8 {
            let next = self.next_course(outlook);
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

    fn next_course(&mut self, outlook: &Outlook<LINKS>) -> Course {
        match self.course {
            Course::Seeking => self.seek(outlook),
            Course::Carried(link) => self.carry(link, outlook),
            Course::Doubted(old) => self.doubt(old, outlook),
            Course::Hedged { old, new } => self.hedge(old, new, outlook),
            Course::Returning { from, to } => self.come_back(from, to, outlook),
            Course::Ended(_) | Course::Answering(_) => self.course,
        }
    }

    fn seek(&mut self, outlook: &Outlook<LINKS>) -> Course {
        if self.spec.resume != Resume::Replay {
            return match self.best_answer(outlook, |link| outlook.may_take(link)) {
                Some(link) => Course::Carried(link),
                None => Course::Seeking,
            };
        }
        if self.sent > 0 && !self.spec.replayable {
            return Course::Ended(Verdict::NotReplayable);
        }
        // Each try of a server that cuts them all moves bytes: that is not progress.
        if self.is_due()
            && self.backoff.attempts() >= FRUITLESS_TRIES
            && outlook.now.saturating_since(self.furthest.1) >= outlook.hold
        {
            return Course::Ended(Verdict::Stalled);
        }
        // One whose tries are cut rests longer each time: meanwhile the next has a turn.
        let rested = outlook
            .ranked()
            .find(|link| outlook.may_take(*link) && self.lane(*link).is_rested(outlook.now));
        match rested {
            Some(link) => {
                *self.lane(link) = Lane::Ready { attempt: self.fresh(), offset: 0 };
                Course::Carried(link)
            }
            None => Course::Seeking,
        }
    }

    fn carry(&mut self, link: LinkId, outlook: &Outlook<LINKS>) -> Course {
        if self.lane(link).is_out() || outlook.is_lost(link) {
            return self.leave(outlook);
        }
        if self.spec.resume == Resume::Replay {
            // To begin again elsewhere costs time; to go on here costs money that is not there.
            let moves = outlook.is_spent(link) && self.spec.replayable;
            return if moves { self.leave(outlook) } else { self.course };
        }
        if outlook.is_suspect(link) {
            return if self.may_doubt(link, outlook) { Course::Doubted(link) } else { self.course };
        }
        match outlook.active {
            // Not before the link that was taken has delivered: one move at a time.
            Some(active)
                if active != link
                    && outlook.standing(active) == Standing::Sound
                    && self.lane(active).is_rested(outlook.now)
                    && self.left.is_none() =>
            {
                Course::Returning { from: link, to: active }
            }
            Some(_) | None => self.course,
        }
    }

    fn may_doubt(&self, link: LinkId, outlook: &Outlook<LINKS>) -> bool {
        outlook.hedge && self.spec.resume.is_early() && outlook.has_standby(link)
    }

    fn doubt(&mut self, old: LinkId, outlook: &Outlook<LINKS>) -> Course {
        if self.lane(old).is_out() || outlook.is_lost(old) {
            return self.leave(outlook);
        }
        if !outlook.is_suspect(old) {
            return Course::Carried(old);
        }
        match self.best_answer(outlook, |link| outlook.is_standby(link, old)) {
            Some(new) => Course::Hedged { old, new },
            None => self.course,
        }
    }

    fn hedge(&mut self, old: LinkId, new: LinkId, outlook: &Outlook<LINKS>) -> Course {
        let old_is_out = self.lane(old).is_out() || outlook.is_lost(old);
        let new_is_out = self.lane(new).is_out() || outlook.is_lost(new);
        match (old_is_out, new_is_out) {
            (true, true) => self.leave(outlook),
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
                self.lane(old).drop_at(outlook.now);
                Course::Doubted(new)
            }
            (false, false) => self.course,
        }
    }

    fn come_back(&mut self, from: LinkId, to: LinkId, outlook: &Outlook<LINKS>) -> Course {
        if self.lane(from).is_out() || outlook.is_lost(from) {
            return self.leave(outlook);
        }
        if outlook.is_suspect(from) && self.may_doubt(from, outlook) {
            return Course::Doubted(from);
        }
        if outlook.standing(to) != Standing::Sound || outlook.active != Some(to) {
            return Course::Carried(from);
        }
        let is_free = matches!(self.lane(from), Lane::Drained { .. } | Lane::Ready { .. });
        if !is_free || !self.lane(to).is_rested(outlook.now) {
            return self.course;
        }
        let offset = self.acked;
        *self.lane(to) = Lane::Ready { attempt: self.fresh(), offset };
        Course::Carried(to)
    }

    /// The carrier is no more: whatever was appending is dropped, answers are kept.
    fn leave(&mut self, outlook: &Outlook<LINKS>) -> Course {
        self.left = self.left.or(self.carrier);
        self.landing = self
            .carrier
            .filter(|(carrier, _)| {
                self.spec.resume == Resume::Fenced && outlook.standing(*carrier) == Standing::Gone
            })
            .map(|_| self.sent);
        if !self.resumes() {
            // All of it is due again.
            self.waiting.get_or_insert(outlook.now);
        }
        for lane in &mut self.lanes {
            if matches!(lane, Lane::Appending { .. } | Lane::Holding { .. } | Lane::Drained { .. })
            {
                lane.drop_at(outlook.now);
            }
        }
        Course::Seeking
    }

    /// The best link whose answer is here, unless a better one is still in time to answer.
    fn best_answer(
        &self,
        outlook: &Outlook<LINKS>,
        may_carry: impl Fn(LinkId) -> bool,
    ) -> Option<LinkId> {
        outlook
            .ranked()
            .filter(|link| may_carry(*link))
            .find(|link| {
                let lane = &self.lanes[usize::from(link.0)];
                matches!(lane, Lane::Ready { .. })
                    || lane.is_promising(outlook.now) && outlook.standing(*link) == Standing::Sound
            })
            .filter(|link| !self.lanes[usize::from(link.0)].is_promising(outlook.now))
    }
}

/// Failed tries, none of which got further than an earlier one, before a replay is given up. A
/// slow link needs longer than any bound on time for each, and may be cut a few times in a row.
const FRUITLESS_TRIES: u32 = 5;
