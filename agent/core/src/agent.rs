//! The whole of the decisions: links, uploads and pool, behind four verbs.

mod clients;
mod outlook;

use crate::links::{Links, Wake as LinkWake};
use crate::pool::{BLOCK_SIZE, BlockId, Pool};
use crate::profile::Profiles;
use crate::upload::Upload;
use crate::{
    Adaptation, Attempt, Class, ClientPolicy, Dues, Duration, Instant, LinkId, LinkPolicy,
    Observation, Outcome, Switch, UploadId, UploadPolicy, UploadSpec, Verdict,
};

/// Something the outside world observed, or a client or an attempt did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A link was observed.
    Link(LinkId, Observation),
    /// The operator wants this link (`None`: the agent's own choice again).
    Override(Option<LinkId>),
    /// A client began an upload under an id from [`Agent::vacancy`].
    Opened {
        /// Which.
        id: UploadId,
        /// What is known of it.
        spec: UploadSpec,
    },
    /// The client's bytes are held up to `offset`.
    Received {
        /// Which.
        id: UploadId,
        /// End of what is held.
        offset: u64,
    },
    /// The client went away.
    ClientGone {
        /// Which.
        id: UploadId,
    },
    /// How an attempt goes.
    Attempted {
        /// Which.
        id: UploadId,
        /// Which try of it.
        attempt: Attempt,
        /// What came of it.
        outcome: Outcome,
    },
    /// The client was told the verdict: the slot is free.
    Answered {
        /// Which.
        id: UploadId,
    },
}

/// Something the driver must do now. Every action is idempotent and reports back as an
/// [`Event`]; the core bounds the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the upstream for a sign of life over this link.
    Probe(LinkId),
    /// Make the upload exist upstream.
    Create {
        /// Which.
        id: UploadId,
        /// Names this try.
        attempt: Attempt,
        /// Over which link.
        link: LinkId,
    },
    /// Ask the upstream how much it has.
    Ask {
        /// Which.
        id: UploadId,
        /// Names this try.
        attempt: Attempt,
        /// Over which link.
        link: LinkId,
    },
    /// Append what is held, from this offset on, as it comes and within the window.
    Append {
        /// Which.
        id: UploadId,
        /// Names this try; a try that created or asked goes on under the same name.
        attempt: Attempt,
        /// Over which link.
        link: LinkId,
        /// First byte to send.
        from: u64,
    },
    /// Start no new append; report [`Outcome::Drained`] when all are answered.
    Hold {
        /// Which.
        id: UploadId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// Go on appending.
    Unhold {
        /// Which.
        id: UploadId,
        /// Which try of it.
        attempt: Attempt,
    },
    /// End this try. Its outcomes are void from here on.
    Drop {
        /// Which.
        id: UploadId,
        /// Which try of it.
        attempt: Attempt,
        /// The link it ran on.
        link: LinkId,
    },
    /// Tell the client how its upload ended.
    Answer {
        /// Which.
        id: UploadId,
        /// How.
        verdict: Verdict,
    },
}

/// Why [`Agent::poll_timeout`] wants to be woken; for logs, never matched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The link table's reason.
    Link(LinkWake),
    /// The upstream owes this upload an answer.
    Answer(UploadId),
    /// A link should have answered by now.
    Overdue(LinkId),
    /// A failed try may be repeated.
    Retry(UploadId),
    /// A client has waited as long as it may.
    Hold(UploadId),
}

/// What uploads on links of one class may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassLimits {
    /// Bytes that one upload may have unacknowledged.
    pub window_bytes: u32,
    /// Bytes that one upstream request carries at most.
    pub chunk_bytes: u32,
    /// Blocks that all uploads together may hold beyond their guarantees.
    pub budget_blocks: u16,
    /// How much longer than its measured round trip an answer may take, in percent.
    pub timeout_percent: u16,
    /// How long the upstream may take to answer one request.
    pub answer_timeout: Duration,
}

/// Everything that can be configured.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Of links.
    pub links: LinkPolicy,
    /// Of uploads.
    pub uploads: UploadPolicy,
    /// How what one upload may use is fitted to its link.
    pub adaptation: Adaptation,
    /// What is made of clients' history.
    pub clients: ClientPolicy,
    /// By [`Class::index`].
    pub classes: [ClassLimits; Class::ALL.len()],
    /// Blocks in the arena.
    pub pool_blocks: u16,
}

/// A change of the active link, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchRecord {
    /// The change.
    pub switch: Switch,
    /// What uploads paid for it, so far.
    pub dues: Dues,
}

/// Sums since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Changes of the active link.
    pub switches: u32,
    /// Bytes that crossed twice.
    pub resent_bytes: u64,
    /// New bytes carried by a link that was taken on suspicion.
    pub hedged_bytes: u64,
    /// Bytes that the upstream acknowledged.
    pub acked_bytes: u64,
}

/// One upload, for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadView {
    /// Which.
    pub id: UploadId,
    /// Length of the file.
    pub total: u64,
    /// Bytes from the client.
    pub received: u64,
    /// Highest byte that left.
    pub sent: u64,
    /// Bytes that the upstream has.
    pub acked: u64,
    /// The link that carries it, or did last.
    pub link: Option<LinkId>,
    /// Where it stands, in one word.
    pub state: &'static str,
}

/// How many [`SwitchRecord`]s are kept.
pub const SWITCHES_KEPT: usize = 16;

/// Decides for at most `LINKS` links, `UPLOADS` uploads and `BLOCKS` blocks, and knows `CLIENTS` clients.
#[derive(Debug)]
pub struct Agent<
    const LINKS: usize,
    const UPLOADS: usize,
    const BLOCKS: usize,
    const CLIENTS: usize = 16,
> {
    links: Links<LINKS>,
    uploads: [Option<Upload<LINKS>>; UPLOADS],
    generations: [u16; UPLOADS],
    pool: Pool<BLOCKS>,
    profiles: Profiles<CLIENTS>,
    policy: Policy,
    seed: u64,
    switches: [Option<SwitchRecord>; SWITCHES_KEPT],
    totals: Totals,
    /// What leaving each link cost since it was last active: moved to its switch, if one comes.
    ledger: [Dues; LINKS],
}

impl<const LINKS: usize, const UPLOADS: usize, const BLOCKS: usize, const CLIENTS: usize>
    Agent<LINKS, UPLOADS, BLOCKS, CLIENTS>
{
    /// An agent that knows no link yet. Equal seeds and events give equal actions.
    pub fn new(policy: Policy, seed: u64) -> Self {
        const { assert!(LINKS > 0 && LINKS <= u8::MAX as usize && UPLOADS <= u8::MAX as usize) };
        Self {
            links: Links::new(policy.links, seed),
            uploads: [const { None }; UPLOADS],
            generations: [0; UPLOADS],
            pool: Pool::new(policy.pool_blocks, policy.classes.map(|class| class.budget_blocks)),
            profiles: Profiles::new(),
            policy,
            seed,
            switches: [None; SWITCHES_KEPT],
            totals: Totals::default(),
            ledger: [Dues::default(); LINKS],
        }
    }

    /// Takes another policy. The size of the pool stays as it was.
    pub fn set_policy(&mut self, policy: Policy) {
        let pool_blocks = self.policy.pool_blocks;
        self.policy = Policy { pool_blocks, ..policy };
        self.links.set_policy(policy.links);
        self.pool.set_budgets(policy.classes.map(|class| class.budget_blocks));
    }

    /// Feeds one observation. `now` must not go backwards. Afterwards, drain
    /// [`Self::poll_action`] and read [`Self::poll_timeout`] again.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Link(link, observation) => self.on_link(now, link, observation),
            Event::Override(link) => self.links.set_override(now, link),
            Event::Opened { id, spec } => self.open(now, id, spec),
            Event::Received { id, offset } => {
                if let Some(upload) = self.upload_mut(id) {
                    upload.on_received(now, offset);
                    upload.pace.on_owed(now, upload.is_owed());
                }
            }
            Event::ClientGone { id } => {
                if let Some(upload) = self.upload_mut(id) {
                    upload.on_client_gone();
                }
            }
            Event::Attempted { id, attempt, outcome } => {
                self.on_attempted(now, id, attempt, outcome);
            }
            Event::Answered { id } => self.close(now, id),
        }
        self.settle();
    }

    /// Advances timers. Calling early or twice is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.links.handle_timeout(now);
        let outlook = self.outlook(now);
        for upload in self.uploads.iter_mut().flatten() {
            upload.handle_timeout(&outlook);
        }
        self.settle();
    }

    /// The next moment at which [`Self::handle_timeout`] has work, and why.
    pub fn poll_timeout(&self, now: Instant) -> Option<(Instant, Wake)> {
        let links = self.links.poll_timeout().map(|(at, wake)| (at, Wake::Link(wake)));
        let outlook = self.outlook(now);
        let uploads = self.uploads.iter().flatten();
        let uploads = uploads.filter_map(|upload| upload.poll_timeout(&outlook));
        uploads.chain(links).min_by_key(|(at, _)| *at)
    }

    /// The next action, derived from what is wanted and what is under way. Uploads follow the
    /// links here.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        let outlook = self.outlook(now);
        let mut uploads = self.uploads.iter_mut().flatten();
        let action = uploads.find_map(|upload| upload.poll_action(&outlook));
        if let Some(Action::Append { id, .. } | Action::Unhold { id, .. }) = action {
            self.follow(now, id);
        }
        self.collect_dues();
        // Asks go first: a probe on the same occasion would take the connection that is open.
        action.or_else(|| self.links.poll_probe(now).map(Action::Probe))
    }

    /// An id for one more upload, if there is a slot and its four blocks. It is taken by
    /// [`Event::Opened`], before anything else is asked.
    pub fn vacancy(&self) -> Option<UploadId> {
        if !self.pool.can_admit() {
            return None;
        }
        let slot = self.uploads.iter().position(Option::is_none)?;
        Some(UploadId { slot: slot as u8, generation: self.generations[slot] })
    }

    /// Takes one more block for an upload; `None`: wait until something is acknowledged.
    pub fn try_take_block(&mut self, id: UploadId) -> Option<BlockId> {
        let class = self.class_of(id);
        let window = (self.limits(id).window_bytes as usize).div_ceil(BLOCK_SIZE) as u16;
        let Self { uploads, pool, .. } = self;
        let upload = find(uploads, id)?;
        if upload.booked != class {
            pool.rebook(&upload.chain, upload.booked, class);
            upload.booked = class;
        }
        pool.try_take(&mut upload.chain, class, window)
    }

    /// Gives back the oldest block of an upload.
    pub fn release_block(&mut self, id: UploadId) {
        let Self { uploads, pool, .. } = self;
        if let Some(upload) = find(uploads, id) {
            pool.release(&mut upload.chain, upload.booked);
        }
    }

    /// The blocks that an upload holds, from the `index`th oldest on.
    pub fn blocks(&self, id: UploadId, index: u16) -> impl Iterator<Item = BlockId> {
        let upload = self.upload(id).into_iter();
        upload.flat_map(move |upload| self.pool.blocks(&upload.chain, index))
    }

    /// The pool, for display.
    pub fn pool(&self) -> &Pool<BLOCKS> {
        &self.pool
    }

    /// The link table.
    pub fn links(&self) -> &Links<LINKS> {
        &self.links
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Changes of the active link, oldest first, as far as they are kept.
    pub fn switches(&self) -> impl Iterator<Item = &SwitchRecord> {
        let next = self.totals.switches as usize % SWITCHES_KEPT;
        let (newer, older) = self.switches.split_at(next);
        older.iter().chain(newer).flatten()
    }

    /// Sums since start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// One upload, for display.
    pub fn view(&self, id: UploadId) -> Option<UploadView> {
        let upload = self.upload(id)?;
        Some(UploadView {
            id,
            total: upload.spec.total,
            received: upload.received,
            sent: upload.sent,
            acked: upload.acked,
            link: upload.link(),
            state: upload.course.name(),
        })
    }

    /// Every upload that is open.
    pub fn uploads(&self) -> impl Iterator<Item = UploadId> {
        self.uploads.iter().flatten().map(|upload| upload.id)
    }

    fn on_link(&mut self, now: Instant, link: LinkId, observation: Observation) {
        if observation == Observation::Proof {
            for upload in self.uploads.iter_mut().flatten() {
                upload.on_proof(now, link);
            }
        }
        self.links.observe(now, link, observation);
    }

    fn open(&mut self, now: Instant, id: UploadId, spec: UploadSpec) {
        debug_assert_eq!(
            self.vacancy(),
            Some(id),
            "an id is taken by the event after it was given"
        );
        if self.vacancy() != Some(id) || !self.pool.try_admit() {
            return;
        }
        let seed = self.seed ^ u64::from(id.generation) << 8 ^ u64::from(id.slot);
        self.uploads[usize::from(id.slot)] =
            Some(Upload::new(now, id, spec, &self.policy.uploads, seed));
        self.greet(now, id);
        // The standbys' connections are made now, so that a switch does not wait for a handshake.
        self.links.refresh(now);
    }

    fn close(&mut self, now: Instant, id: UploadId) {
        self.learn(now, id);
        let Self { uploads, pool, generations, .. } = self;
        let Some(upload) = find(uploads, id) else { return };
        pool.release_all(&mut upload.chain, upload.booked);
        pool.dismiss();
        uploads[usize::from(id.slot)] = None;
        generations[usize::from(id.slot)] = id.generation.wrapping_add(1);
    }

    /// After every mutation: what moving cost reaches the switch that it belongs to.
    fn settle(&mut self) {
        self.collect_dues();
        if let Some(switch) = self.links.poll_switch() {
            self.record(switch);
        }
    }

    fn collect_dues(&mut self) {
        for index in 0..UPLOADS {
            if let Some((from, dues)) = self.uploads[index].as_mut().and_then(Upload::take_dues) {
                self.totals.resent_bytes += dues.resent_bytes;
                self.totals.hedged_bytes += dues.hedged_bytes;
                self.book(from, dues);
            }
        }
    }

    /// Leaving the active link may yet become a switch; leaving another belongs to its last one.
    fn book(&mut self, from: LinkId, dues: Dues) {
        let is_active = self.links.active() == Some(from);
        let last = self.totals.switches.checked_sub(1).map(|count| count as usize % SWITCHES_KEPT);
        let record = (0..SWITCHES_KEPT)
            .filter_map(|back| Some((last? + SWITCHES_KEPT - back) % SWITCHES_KEPT))
            .find(|index| {
                self.switches[*index].is_some_and(|record| record.switch.from == Some(from))
            });
        match record {
            Some(index) if !is_active => {
                if let Some(record) = &mut self.switches[index] {
                    add(&mut record.dues, dues);
                }
            }
            Some(_) | None => add(&mut self.ledger[usize::from(from.0)], dues),
        }
    }

    fn record(&mut self, switch: Switch) {
        let take = |link: Option<LinkId>, ledger: &mut [Dues; LINKS]| {
            link.map(|link| core::mem::take(&mut ledger[usize::from(link.0)])).unwrap_or_default()
        };
        let dues = take(switch.from, &mut self.ledger);
        take(switch.to, &mut self.ledger);
        self.switches[self.totals.switches as usize % SWITCHES_KEPT] =
            Some(SwitchRecord { switch, dues });
        self.totals.switches += 1;
    }

    fn class_of(&self, id: UploadId) -> Class {
        let link = self.upload(id).and_then(Upload::link).or(self.links.active());
        link.and_then(|link| self.links.spec(link)).map_or(Class::Ethernet, |spec| spec.class)
    }

    fn upload(&self, id: UploadId) -> Option<&Upload<LINKS>> {
        self.uploads.get(usize::from(id.slot))?.as_ref().filter(|upload| upload.id == id)
    }

    fn upload_mut(&mut self, id: UploadId) -> Option<&mut Upload<LINKS>> {
        find(&mut self.uploads, id)
    }
}

fn find<const LINKS: usize>(
    uploads: &mut [Option<Upload<LINKS>>],
    id: UploadId,
) -> Option<&mut Upload<LINKS>> {
    uploads.get_mut(usize::from(id.slot))?.as_mut().filter(|upload| upload.id == id)
}

fn add(sum: &mut Dues, more: Dues) {
    sum.gap = sum.gap.max(more.gap);
    sum.resent_bytes += more.resent_bytes;
    sum.hedged_bytes += more.hedged_bytes;
}

#[cfg(test)]
mod tests;
