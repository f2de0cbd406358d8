//! What an upload may use, by what its link does and what its client had before; and what is learned
//! from it for the next time.

use super::{Agent, ClassLimits, find};
use crate::adapt::{Algorithm, Expectation, Pace};
use crate::pool::BLOCK_SIZE;
use crate::profile::{ClientProfile, Profiles, Sample};
use crate::{Attempt, Instant, LinkId, LinkKey, Outcome, UploadId};

impl<const LINKS: usize, const UPLOADS: usize, const BLOCKS: usize, const CLIENTS: usize>
    Agent<LINKS, UPLOADS, BLOCKS, CLIENTS>
{
    /// What an upload may use on the link that it is on: at most what its class has, and its share of
    /// the pool.
    pub fn limits(&self, id: UploadId) -> ClassLimits {
        let class = self.policy.classes[self.class_of(id).index()];
        let Some(upload) = self.upload(id) else { return class };
        let path = upload.paced.map(|link| self.links.path(link)).unwrap_or_default();
        upload.pace.limits(&self.policy.adaptation, class, path, self.share())
    }

    /// The clients of earlier uploads.
    pub fn profiles(&self) -> &Profiles<CLIENTS> {
        &self.profiles
    }

    /// A client is known from an earlier run.
    pub fn recall_client(&mut self, now: Instant, profile: ClientProfile) {
        self.profiles.recall(now, profile);
        self.profiles.expire(now, self.policy.clients.keep);
    }

    pub(super) fn on_attempted(
        &mut self,
        now: Instant,
        id: UploadId,
        attempt: Attempt,
        outcome: Outcome,
    ) {
        let class = self.policy.classes[self.class_of(id).index()];
        let most = class.window_bytes.min(self.share());
        let Some(upload) = find(&mut self.uploads, id) else { return };
        let (before, hedged_on) = (upload.acked, upload.hedged_on());
        upload.is_troubled |= upload.is_trouble(attempt, outcome);
        upload.on_outcome(now, attempt, outcome);
        // Less, where the server lost what it had.
        let news = upload.acked.saturating_sub(before);
        self.totals.acked_bytes += news;
        if news > 0 {
            let path = upload.paced.map(|link| self.links.path(link)).unwrap_or_default();
            upload.pace.on_acked(now, news, &self.policy.adaptation, path, most);
        }
        upload.pace.on_owed(now, upload.is_owed());
        if let Some(link) = hedged_on {
            self.links.on_hedged(link, news);
        }
    }

    /// An upload begins, most likely on the active link.
    pub(super) fn greet(&mut self, now: Instant, id: UploadId) {
        self.profiles.expire(now, self.policy.clients.keep);
        if let Some(link) = self.links.active() {
            self.pace(now, id, link);
        }
    }

    /// An upload goes on, on another link maybe: that one is measured by itself.
    pub(super) fn follow(&mut self, now: Instant, id: UploadId) {
        let Some(upload) = self.upload(id) else { return };
        match upload.link() {
            Some(link) if upload.paced != Some(link) => {
                self.learn(now, id);
                self.pace(now, id, link);
            }
            Some(_) | None => {}
        }
    }

    /// What an upload, or its part on the link that it is on, came to is remembered of its client.
    pub(super) fn learn(&mut self, now: Instant, id: UploadId) {
        let Some(upload) = self.upload(id).filter(|_| self.policy.clients.learn) else { return };
        if let (Some(client), Some(link), Some(throughput)) =
            (upload.spec.client, upload.paced, upload.pace.tally().throughput())
        {
            let sample = Sample {
                link: self.key(link),
                throughput,
                window_bytes: upload.pace.need().unwrap_or_else(|| self.limits(id).window_bytes),
                is_good: !upload.is_troubled && self.links.state(link).is_sound(),
            };
            self.profiles.learn(now, client, sample, self.policy.clients.span);
        }
    }

    fn pace(&mut self, now: Instant, id: UploadId, link: LinkId) {
        let expected = self.expected(now, id, link);
        let Some(upload) = find(&mut self.uploads, id) else { return };
        upload.paced = Some(link);
        upload.is_troubled = false;
        upload.pace = Pace::expecting(now, expected);
        upload.pace.on_owed(now, upload.is_owed());
    }

    /// What history has an upload expect of a link.
    fn expected(&self, now: Instant, id: UploadId, link: LinkId) -> Option<Expectation> {
        let policy = &self.policy;
        let predicts = match policy.adaptation.algorithm {
            Algorithm::Predictive => policy.clients.apply,
            Algorithm::Fixed | Algorithm::Adaptive => false,
        };
        let client = self.upload(id)?.spec.client.filter(|_| predicts)?;
        let path = self.profiles.expected(now, client, self.key(link), policy.clients.trust)?;
        Some(Expectation { rate: path.throughput, window_bytes: path.window_bytes })
    }

    fn share(&self) -> u32 {
        u32::from(self.pool.share()).saturating_mul(BLOCK_SIZE as u32)
    }

    fn key(&self, link: LinkId) -> LinkKey {
        self.links.spec(link).map_or(LinkKey(0), |spec| spec.key)
    }
}

/// Four links, eight uploads, sixteen clients; the table of blocks has four bytes more for each.
const _: () = assert!(size_of::<Agent<4, 8, 1, 16>>() <= 13 * 1024);
