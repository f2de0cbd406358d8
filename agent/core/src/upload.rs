//! One upload across links: which link carries it, from which offset, and when it ends.
//!
//! ```text
//! Seeking   ─▶ Carried     a link answered
//! Carried   ─▶ Doubted     it is silent, the upstream fences, and a standby is sound
//!           ─▶ Returning   another link is active, sound and rested
//! Doubted   ─▶ Carried     it was heard again
//!           ─▶ Hedged      a sound standby answered
//! Hedged    ─▶ Carried     old link out or not active any more; or new one out, or taken too late
//!           ─▶ Doubted     new link out or silent too, while the old one is silent
//!           ─▶ Returning   old link heard again, after the new one delivered
//! Returning ─▶ Carried     what was begun is answered; or the way back is closed
//!           ─▶ Doubted     silent, as above
//! any       ─▶ Seeking     no link carries it any more
//!           ─▶ Ended       there is a verdict
//! ```
//!
//! *Ask*: [`Course::Seeking`] and [`Course::Doubted`] ask for the offset on the links that may
//! carry. *Take*: the best answer appends at the offset that the upstream returned. *Commit* is
//! the link table's: an upload only follows it. A lane is what one link does for one upload;
//! its [`Attempt`] names it to the driver, and outcomes of an attempt that was dropped are void.

mod lane;
mod outlook;
mod role;
mod steer;

pub(crate) use lane::Lane;
pub(crate) use outlook::{Outlook, Purse, Standing};
pub(crate) use steer::Course;

use crate::adapt::Pace;
use crate::pool::Chain;
use crate::{Backoff, Class, ClientId, Duration, Instant, LinkId};

/// Names one upload. A slot is used again under another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId {
    /// Position in the table.
    pub slot: u8,
    /// How often the slot was used before.
    pub generation: u16,
}

/// Names one try of one upload on one link; unique among the tries of that upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u32);

/// How an upstream goes on with an upload that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// An append is a compare-and-swap: asking early and taking early is safe. One that is ahead of
    /// what is still landing waits for it.
    Fenced,
    /// Asking early and taking early is safe, too, but nothing may be sent ahead of what it holds.
    Early,
    /// It resumes, but asking may end the old append or wait for seconds: ask once it is certain.
    Plain,
    /// It does not resume: replay from the first byte, and only on certain failure.
    Replay,
}

impl Resume {
    /// Whether asking and taking on suspicion alone is safe.
    pub const fn is_early(self) -> bool {
        match self {
            Self::Fenced | Self::Early => true,
            Self::Plain | Self::Replay => false,
        }
    }
}

/// What is known of an upload when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadSpec {
    /// Length of the file.
    pub total: u64,
    /// How the upstream resumes.
    pub resume: Resume,
    /// Whether the driver keeps every byte until the end, so that a replay is possible.
    pub replayable: bool,
    /// It exists upstream since an earlier run of the driver, which kept no byte below this.
    pub resumes_at: Option<u64>,
    /// Who sends it, where that is known.
    pub client: Option<ClientId>,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The upstream proved that it has the whole file.
    Stored,
    /// The upstream refused with this status, for good.
    Refused(u16),
    /// The upstream went back behind what it had acknowledged, to `offset` (`None`: it knows
    /// nothing of the upload any more). Those bytes are gone from here too.
    Lost {
        /// What it had acknowledged.
        acked: u64,
        /// What it says now.
        offset: Option<u64>,
    },
    /// The upstream claims more bytes than were sent.
    Absurd {
        /// What it claims.
        offset: u64,
    },
    /// No link moved a byte for as long as the configuration lets a client wait.
    Stalled,
    /// It was cut, the upstream can't resume, and the bytes were not kept.
    NotReplayable,
    /// The client went away.
    Abandoned,
}

/// Why a lane ended, or what its server answered instead of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection broke, was refused, or an answer made no sense.
    Cut,
    /// No answer within the driver's own bounds.
    TimedOut,
    /// 423, 429, 503, or a 409 without an offset: later, at the earliest after this.
    Busy(Duration),
    /// The upstream holds another offset than the append had. The lane stays usable.
    Conflict {
        /// What the upstream holds.
        offset: u64,
    },
    /// The upstream claims bytes that never left: whatever it holds, it is not this file.
    Absurd {
        /// What it claims.
        offset: u64,
    },
    /// The upstream does not know the upload: 404, 410, or 403 on its URL.
    Gone,
    /// It has to be sent again, and was not kept.
    NotKept,
    /// Final: this status, whatever is tried.
    Refused(u16),
}

/// How an attempt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upload exists upstream, empty.
    Created,
    /// The upstream told its offset.
    Offset(u64),
    /// The upstream acknowledged bytes up to here.
    Acked(u64),
    /// Bytes up to here left for the link at least once.
    Sent(u64),
    /// Held, and every append was answered.
    Drained,
    /// The upstream proved the file whole: for protocols whose offset does not.
    Proved,
    /// It ended, or was answered otherwise.
    Failed(Failure),
}

/// Bounds that hold for every upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPolicy {
    /// How long an upload may go without progress before its client is told so.
    pub hold: Duration,
    /// First and longest delay between tries that brought no progress.
    pub retry: (Duration, Duration),
    /// Whether suspicion alone may start asking: off, only certain failure does.
    pub hedge: bool,
}

impl Default for UploadPolicy {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(300),
            retry: (Duration::from_millis(200), Duration::from_secs(10)),
            hedge: true,
        }
    }
}

/// What moving cost, to be booked on the switch that it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dues {
    /// From the last proof on the link that was left to the first on the link taken.
    pub gap: Option<Duration>,
    /// Bytes that crossed twice.
    pub resent_bytes: u64,
    /// New bytes carried by a link that was taken on suspicion.
    pub hedged_bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Upload<const LINKS: usize> {
    pub(crate) id: UploadId,
    pub(crate) spec: UploadSpec,
    /// Bytes that came from the client.
    pub(crate) received: u64,
    /// Bytes that the upstream returned as its offset.
    pub(crate) acked: u64,
    /// Highest byte that left on the link that carries it.
    pub(crate) sent: u64,
    /// Highest byte that a replay ever sent, and since when it might have got beyond: a try that
    /// does not gains nothing.
    furthest: (u64, Instant),
    /// The upstream has a resource for it.
    created: bool,
    pub(crate) course: Course,
    lanes: [Lane; LINKS],
    /// Tries so far.
    attempts: u32,
    backoff: Backoff,
    /// When something was due and nothing was acknowledged since; `None`: nothing is due.
    waiting: Option<Instant>,
    /// The link that appended last, and when it last proved alive.
    carrier: Option<(LinkId, Instant)>,
    /// The link that was left, and when it last proved alive: until the next proof.
    left: Option<(LinkId, Instant)>,
    /// The end of what had left by a link when the kernel took it away: likely to land.
    landing: Option<u64>,
    dues: Option<(LinkId, Dues)>,
    /// What the link that carries it does, and whether anything went wrong on it.
    pub(crate) pace: Pace,
    pub(crate) is_troubled: bool,
    /// The link that this is measured of.
    pub(crate) paced: Option<LinkId>,
    /// How often the server forgot what it had acknowledged.
    restarts: u8,
    /// Blocks that the driver holds for it, and the class that they are booked on.
    pub(crate) chain: Chain,
    pub(crate) booked: Class,
}

impl<const LINKS: usize> Upload<LINKS> {
    pub(crate) fn new(
        now: Instant,
        id: UploadId,
        spec: UploadSpec,
        policy: &UploadPolicy,
        seed: u64,
    ) -> Self {
        let mut upload = Self {
            id,
            spec,
            received: spec.resumes_at.unwrap_or(0),
            acked: spec.resumes_at.unwrap_or(0),
            sent: spec.resumes_at.unwrap_or(0),
            furthest: (0, now),
            created: spec.resume == Resume::Replay || spec.resumes_at.is_some(),
            course: Course::Seeking,
            lanes: [Lane::Idle; LINKS],
            attempts: 0,
            backoff: Backoff::new(policy.retry.0, policy.retry.1, seed),
            waiting: None,
            carrier: None,
            left: None,
            landing: None,
            dues: None,
            pace: Pace::default(),
            is_troubled: false,
            paced: None,
            restarts: 0,
            chain: Chain::default(),
            booked: Class::Ethernet,
        };
        upload.wait(now);
        upload
    }

    /// The client's bytes are here up to `offset`.
    pub(crate) fn on_received(&mut self, now: Instant, offset: u64) {
        debug_assert!(offset <= self.spec.total, "the ingest bounds the body by its length");
        if !self.is_due() {
            // Nobody was silent while there was nothing to say.
            self.lanes.iter_mut().for_each(|lane| lane.hear(now));
            self.furthest.1 = now;
        }
        self.received = self.received.max(offset.min(self.spec.total));
        self.wait(now);
    }

    /// The client is gone: nobody is left to answer.
    pub(crate) fn on_client_gone(&mut self) {
        self.end(Verdict::Abandoned);
    }

    /// The link's transport proved a delivery.
    pub(crate) fn on_proof(&mut self, now: Instant, link: LinkId) {
        if let Some((carrier, heard)) = &mut self.carrier
            && *carrier == link
        {
            *heard = now;
            // A replay is acknowledged only once: what ends its gap is that it delivers again.
            if !self.resumes() {
                self.arrive(now, link);
            }
        }
    }

    /// A link delivers: the move is over if it is the one that was taken, and had no gap if that
    /// is the one that was left.
    fn arrive(&mut self, now: Instant, link: LinkId) {
        if self.link() == Some(link)
            && let Some((from, heard)) = self.left.take()
            && from != link
        {
            self.dues(from).gap = Some(now.saturating_since(heard));
        }
    }

    pub(crate) fn on_outcome(&mut self, now: Instant, attempt: Attempt, outcome: Outcome) {
        let Some(link) = self.lanes.iter().position(|lane| lane.attempt() == Some(attempt)) else {
            return;
        };
        let link = LinkId(link as u8);
        match outcome {
            Outcome::Created => {
                self.created = true;
                // One resource is enough: the first stays.
                for lane in
                    self.lanes.iter_mut().filter(|lane| matches!(lane, Lane::Creating { .. }))
                {
                    lane.drop_at(now);
                }
                self.on_offset(now, link, attempt, 0);
            }
            Outcome::Offset(offset) => self.on_offset(now, link, attempt, offset),
            Outcome::Acked(offset) => self.on_acked(now, link, offset),
            Outcome::Sent(offset) => self.on_sent(now, link, offset),
            Outcome::Drained => self.lane(link).drained(),
            Outcome::Proved => {
                self.acked = self.spec.total;
                self.end(Verdict::Stored);
            }
            Outcome::Failed(failure) => self.on_failure(now, link, attempt, failure),
        }
    }

    fn on_offset(&mut self, now: Instant, link: LinkId, attempt: Attempt, offset: u64) {
        // An answer may be older than what another link has acknowledged since: the upstream goes
        // back behind its word only if it was asked after it gave that.
        let floor = match *self.lane(link) {
            Lane::Asking { floor, .. } => floor,
            // Ahead of what it acknowledged, where bytes were still landing.
            Lane::Appending { from, .. } => from.min(self.acked),
            Lane::Idle
            | Lane::Resting { .. }
            | Lane::Creating { .. }
            | Lane::Ready { .. }
            | Lane::Holding { .. }
            | Lane::Drained { .. }
            | Lane::Dropping { .. } => 0,
        };
        if offset > self.received {
            return self.end(Verdict::Absurd { offset });
        }
        if offset < floor {
            return self.end(Verdict::Lost { acked: floor, offset: Some(offset) });
        }
        *self.lane(link) = Lane::Ready { attempt, offset };
        self.progress(now, offset);
    }

    fn on_acked(&mut self, now: Instant, link: LinkId, offset: u64) {
        if offset > self.received {
            return self.end(Verdict::Absurd { offset });
        }
        self.lane(link).hear(now);
        let news = offset.saturating_sub(self.acked);
        if news == 0 {
            return;
        }
        if let Course::Hedged { old, new } = self.course
            && new == link
        {
            self.dues(old).hedged_bytes += news;
        }
        self.arrive(now, link);
        self.on_proof(now, link);
        self.progress(now, offset);
    }

    fn on_sent(&mut self, now: Instant, link: LinkId, offset: u64) {
        let offset = offset.min(self.received);
        let is_news = offset > self.sent;
        self.sent = self.sent.max(offset);
        // Where whole requests are acknowledged, progress is what leaves: of a replay that comes once,
        // at the end, and of a chunk after megabytes.
        let is_progress = match self.spec.resume {
            Resume::Fenced | Resume::Plain => false,
            Resume::Early | Resume::Replay => is_news,
        };
        if !is_progress {
            return;
        }
        if !self.resumes() && offset > self.furthest.0 {
            self.furthest = (offset, now);
            self.backoff.reset();
        }
        self.lane(link).hear(now);
        self.waiting = None;
        self.wait(now);
    }

    fn progress(&mut self, now: Instant, offset: u64) {
        let is_news = offset > self.acked;
        if is_news {
            self.acked = offset;
            self.sent = self.sent.max(offset);
            self.backoff.reset();
        }
        if self.created && self.acked == self.spec.total && self.resumes() {
            return self.end(Verdict::Stored);
        }
        // An upstream that answers and takes nothing tries the client's patience all the same.
        if is_news || !self.is_due() {
            self.waiting = None;
        }
        self.wait(now);
    }

    /// Starts the client's patience if something is due, and was not already.
    fn wait(&mut self, now: Instant) {
        if self.is_due() {
            self.waiting.get_or_insert(now);
        }
    }

    fn on_failure(&mut self, now: Instant, link: LinkId, attempt: Attempt, failure: Failure) {
        let lane = *self.lane(link);
        let delay = match failure {
            Failure::Cut | Failure::TimedOut => self.retry_delay(),
            Failure::Busy(least) => {
                let delay = self.backoff.next_delay_of_at_least(least);
                self.rest_all(now + delay);
                delay
            }
            Failure::Conflict { offset } => return self.on_conflict(now, link, attempt, offset),
            Failure::Absurd { offset } => return self.end(Verdict::Absurd { offset }),
            Failure::Gone if self.created && self.resumes() && self.may_begin_again() => {
                self.begin_again(now);
                self.wait(now);
                let delay = self.backoff.next_delay();
                self.rest_all(now + delay);
                delay
            }
            Failure::Gone if self.created && self.resumes() => {
                return self.end(Verdict::Lost { acked: self.acked, offset: None });
            }
            Failure::Gone => return self.end(Verdict::Refused(404)),
            Failure::NotKept => return self.end(Verdict::NotReplayable),
            Failure::Refused(status) => return self.end(Verdict::Refused(status)),
        };
        debug_assert!(
            lane.attempt() == Some(attempt),
            "outcomes of void attempts are dropped before"
        );
        *self.lane(link) = Lane::Resting { until: now + delay };
    }

    /// Whether the server may forget it: nothing was let go of, or all of it is kept here. One that
    /// forgets again and again gets it a few times.
    fn may_begin_again(&self) -> bool {
        self.acked == 0 || self.spec.replayable && self.restarts < RESTARTS
    }

    fn begin_again(&mut self, now: Instant) {
        self.restarts += u8::from(self.acked > 0);
        self.created = false;
        (self.acked, self.sent, self.landing) = (0, 0, None);
        self.furthest = (0, now);
        for lane in &mut self.lanes {
            lane.drop_at(now);
        }
    }

    /// It was the server that wants to be left alone, whichever link asks. A longer rest that it
    /// wanted before stands.
    fn rest_all(&mut self, until: Instant) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.is_out()) {
            lane.drop_at(until);
        }
    }

    /// An append met another offset than its own. The connection stays good.
    fn on_conflict(&mut self, now: Instant, link: LinkId, attempt: Attempt, offset: u64) {
        let lane = *self.lane(link);
        let until = match lane {
            // An append from before another link took over may be answered only now, with what had
            // come of it by then. Whether the server went back behind its word is asked.
            Lane::Appending { from, .. } if offset < from.min(self.acked) => now,
            Lane::Appending { from, .. } if from != offset => {
                return self.on_offset(now, link, attempt, offset);
            }
            // The same offset again: what we hold and what it holds agree, and still it refuses.
            Lane::Appending { .. } => now + self.retry_delay(),
            Lane::Idle
            | Lane::Resting { .. }
            | Lane::Creating { .. }
            | Lane::Asking { .. }
            | Lane::Ready { .. }
            | Lane::Holding { .. }
            | Lane::Drained { .. }
            | Lane::Dropping { .. } => now,
        };
        *self.lane(link) = Lane::Dropping { attempt, until };
    }

    /// The first try after progress is free; then each waits longer.
    fn retry_delay(&mut self) -> Duration {
        let delay = self.backoff.next_delay();
        if self.backoff.attempts() == 1 { Duration::ZERO } else { delay }
    }

    fn end(&mut self, verdict: Verdict) {
        if !matches!(self.course, Course::Ended(_) | Course::Answering(_)) {
            self.course = Course::Ended(verdict);
        }
    }

    fn lane(&mut self, link: LinkId) -> &mut Lane {
        &mut self.lanes[usize::from(link.0)]
    }

    fn dues(&mut self, from: LinkId) -> &mut Dues {
        let (link, dues) = self.dues.get_or_insert((from, Dues::default()));
        if *link != from {
            (*link, *dues) = (from, Dues::default());
        }
        dues
    }

    /// What moving away from a link cost since the last call.
    pub(crate) fn take_dues(&mut self) -> Option<(LinkId, Dues)> {
        self.dues.take()
    }

    /// Whether bytes below `offset` may be forgotten here: the upstream has returned it.
    pub(crate) fn resumes(&self) -> bool {
        self.spec.resume != Resume::Replay
    }

    /// Whether an outcome says that the link that carries it does not, or that the server on it does not.
    pub(crate) fn is_trouble(&self, attempt: Attempt, outcome: Outcome) -> bool {
        let failed = matches!(outcome, Outcome::Failed(Failure::Cut | Failure::TimedOut));
        let carrier = self.link().map(|link| &self.lanes[usize::from(link.0)]);
        failed && carrier.is_some_and(|lane| lane.attempt() == Some(attempt))
    }

    /// Whether the upstream owes it an acknowledgement.
    pub(crate) fn is_owed(&self) -> bool {
        self.created && self.received > self.acked
    }

    /// The link that carries it now, or did last.
    pub(crate) fn link(&self) -> Option<LinkId> {
        self.carrier.map(|(link, _)| link)
    }

    /// The link that was taken on suspicion, while that is open.
    pub(crate) fn hedged_on(&self) -> Option<LinkId> {
        match self.course {
            Course::Hedged { new, .. } => Some(new),
            Course::Seeking
            | Course::Carried(_)
            | Course::Doubted(_)
            | Course::Returning { .. }
            | Course::Ended(_)
            | Course::Answering(_) => None,
        }
    }

    /// The verdict, once there is one.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        match self.course {
            Course::Ended(verdict) | Course::Answering(verdict) => Some(verdict),
            Course::Seeking
            | Course::Carried(_)
            | Course::Doubted(_)
            | Course::Hedged { .. }
            | Course::Returning { .. } => None,
        }
    }
}

/// How often an upload that the server lost is sent again from the first byte.
const RESTARTS: u8 = 3;

#[cfg(test)]
mod tests;
