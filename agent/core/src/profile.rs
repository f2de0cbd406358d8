//! What is known of clients from their earlier uploads: how fast each was over each link, how
//! reliably, and what it needed of the pool.

use crate::spool::crc32c;
use crate::{Duration, Instant};
use serde::{Deserialize, Serialize};

/// Who a client is, as well as the LAN tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ClientId {
    /// The address of its interface, which it keeps.
    Mac([u8; 6]),
    /// Its IP address, where that is all there is; IPv4 as IPv6 maps it.
    Address([u8; 16]),
}

/// Names a link over restarts, where slots come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkKey(pub u32);

impl LinkKey {
    /// What the interface of that name is remembered by.
    pub fn of(interface: &str) -> Self {
        Self(crc32c(&[interface.as_bytes()]))
    }
}

/// How much is made of clients' history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientPolicy {
    /// Whether uploads are remembered.
    pub learn: bool,
    /// Whether an upload starts from what is remembered.
    pub apply: bool,
    /// Uploads that a mean spans: the last one weighs one part in so many.
    pub span: u16,
    /// How long after its last upload a client's figures are still its own.
    pub trust: Duration,
    /// How long it is remembered at all.
    pub keep: Duration,
}

impl Default for ClientPolicy {
    /// A phone that comes home in the evening is known; a guest is forgotten in a month.
    fn default() -> Self {
        Self {
            learn: true,
            apply: true,
            span: 16,
            trust: Duration::from_secs(24 * 3600),
            keep: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// One client over one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRecord {
    /// Which link.
    pub link: LinkKey,
    /// Bytes a second while there was something to send: the mean of its uploads.
    pub throughput: u32,
    /// Uploads without trouble, in millionths.
    pub reliability_ppm: u32,
    /// Bytes that its uploads needed to have unacknowledged.
    pub window_bytes: u32,
    /// Uploads that this is the mean of, as far as they still weigh.
    pub samples: u16,
}

/// What an upload, or its part on one link, came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) link: LinkKey,
    pub(crate) throughput: u32,
    pub(crate) window_bytes: u32,
    /// Nothing was cut, timed out or left.
    pub(crate) is_good: bool,
}

/// Links that are remembered of one client.
pub const PATHS: usize = 4;

/// One client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientProfile {
    /// Who.
    pub id: ClientId,
    /// By link, the one used last first.
    pub paths: [Option<PathRecord>; PATHS],
    seen: Instant,
    /// How long before that it had not been seen: the driver's clock may be younger than the profile.
    before: Duration,
}

impl ClientProfile {
    /// A client as it was remembered, `idle` after its last upload.
    pub const fn recalled(
        now: Instant,
        id: ClientId,
        paths: [Option<PathRecord>; PATHS],
        idle: Duration,
    ) -> Self {
        Self { id, paths, seen: now, before: idle }
    }

    /// How long ago it uploaded.
    pub fn idle(&self, now: Instant) -> Duration {
        now.saturating_since(self.seen).saturating_add(self.before)
    }

    /// What is remembered of one link.
    pub fn path(&self, link: LinkKey) -> Option<&PathRecord> {
        self.paths.iter().flatten().find(|path| path.link == link)
    }

    /// The link that serves it best: by what arrives in the end.
    pub fn preferred(&self) -> Option<LinkKey> {
        let worth =
            |path: &&PathRecord| u64::from(path.throughput) * u64::from(path.reliability_ppm);
        self.paths.iter().flatten().max_by_key(worth).map(|path| path.link)
    }

    fn learn(&mut self, sample: Sample, span: u16) {
        let known =
            self.paths.iter().position(|path| path.is_some_and(|path| path.link == sample.link));
        let slot = known.unwrap_or(PATHS - 1);
        let path = self.paths[slot].filter(|_| known.is_some());
        self.paths[..=slot].rotate_right(1);
        self.paths[0] = Some(PathRecord::of(path, sample, span));
    }
}

impl PathRecord {
    /// A mean over all samples while they are few, then one that forgets.
    fn of(before: Option<Self>, sample: Sample, span: u16) -> Self {
        let Sample { link, throughput, window_bytes, is_good } = sample;
        let good = if is_good { CERTAIN } else { 0 };
        let Some(before) = before else {
            return Self { link, throughput, reliability_ppm: good, window_bytes, samples: 1 };
        };
        let samples = before.samples.saturating_add(1).min(span.max(1));
        let mean = |before, now| towards(before, now, samples);
        Self {
            link,
            throughput: mean(before.throughput, throughput),
            reliability_ppm: mean(before.reliability_ppm, good),
            window_bytes: mean(before.window_bytes, window_bytes),
            samples,
        }
    }
}

/// `before`, moved towards `now` by one part in `weight`, rounded to the nearest.
fn towards(before: u32, now: u32, weight: u16) -> u32 {
    let (before, now, weight) = (u64::from(before), u64::from(now), u64::from(weight));
    // No more than the greater of the two: it fits.
    ((before * (weight - 1) + now + weight / 2) / weight) as u32
}

/// At most `CLIENTS` clients: a new one takes the place of the one that has been away for longest.
#[derive(Debug)]
pub struct Profiles<const CLIENTS: usize> {
    clients: [Option<ClientProfile>; CLIENTS],
    displaced: u32,
}

impl<const CLIENTS: usize> Profiles<CLIENTS> {
    pub(crate) const fn new() -> Self {
        Self { clients: [None; CLIENTS], displaced: 0 }
    }

    /// Everybody who is remembered, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &ClientProfile> {
        self.clients.iter().flatten()
    }

    /// How many were forgotten because others came.
    pub const fn displaced(&self) -> u32 {
        self.displaced
    }

    /// One client.
    pub fn get(&self, id: ClientId) -> Option<&ClientProfile> {
        self.iter().find(|client| client.id == id)
    }

    /// What an upload of `id` over `link` may expect: what it had lately, else what the fastest had, since
    /// the link can do at least that.
    pub(crate) fn expected(
        &self,
        now: Instant,
        id: ClientId,
        link: LinkKey,
        trust: Duration,
    ) -> Option<&PathRecord> {
        let fresh = |client: &&ClientProfile| client.idle(now) <= trust;
        let own = self.get(id).filter(fresh).and_then(|client| client.path(link));
        own.or_else(|| {
            let paths = self.iter().filter(fresh).filter_map(|client| client.path(link));
            paths.max_by_key(|path| path.throughput)
        })
    }

    pub(crate) fn learn(&mut self, now: Instant, id: ClientId, sample: Sample, span: u16) {
        let profile = self.admit(now, id);
        (profile.seen, profile.before) = (now, Duration::ZERO);
        profile.learn(sample, span);
    }

    /// A client is remembered from an earlier run.
    pub(crate) fn recall(&mut self, now: Instant, profile: ClientProfile) {
        *self.admit(now, profile.id) = profile;
    }

    /// Forgets those who have not been here for so long.
    pub(crate) fn expire(&mut self, now: Instant, keep: Duration) {
        for client in &mut self.clients {
            *client = client.filter(|client| client.idle(now) < keep);
        }
    }

    fn admit(&mut self, now: Instant, id: ClientId) -> &mut ClientProfile {
        let known =
            self.clients.iter().position(|client| client.is_some_and(|client| client.id == id));
        let slot = known.unwrap_or_else(|| self.make_room(now));
        self.clients[slot].get_or_insert(ClientProfile::recalled(
            now,
            id,
            [None; PATHS],
            Duration::ZERO,
        ))
    }

    fn make_room(&mut self, now: Instant) -> usize {
        const { assert!(CLIENTS > 0) };
        // An empty place has been so for ever.
        let idle =
            |slot: &usize| self.clients[*slot].map_or(Duration::MAX, |client| client.idle(now));
        let slot = (0..CLIENTS).max_by_key(idle).unwrap_or(0);
        self.displaced += u32::from(self.clients[slot].take().is_some());
        slot
    }
}

/// All of a million.
const CERTAIN: u32 = 1_000_000;

const _: () = assert!(size_of::<Profiles<16>>() <= 2560);

#[cfg(test)]
mod tests;
