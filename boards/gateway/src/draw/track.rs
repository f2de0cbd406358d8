//! What the picture remembers between snapshots: rates, and which link carried which part.

use baton_core::{Duration, Instant};
use std::collections::VecDeque;

/// How long one bar of a sparkline lasts.
const BUCKET: Duration = Duration::from_millis(500);

/// Bars kept: twelve seconds.
pub(crate) const HISTORY: usize = 24;

/// Bytes over time.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Bytes of each finished bucket, oldest first.
    buckets: VecDeque<u64>,
    filling: u64,
    since: Instant,
}

impl Rate {
    /// Starts counting at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self { buckets: VecDeque::with_capacity(HISTORY), filling: 0, since: now }
    }

    /// Counts `bytes` that arrived between the last call and `now`.
    pub(crate) fn add(&mut self, now: Instant, bytes: u64) {
        self.filling += bytes;
        let mut late = now.saturating_since(self.since).as_millis() / BUCKET.as_millis();
        if late as usize > HISTORY {
            self.since = now;
            late = HISTORY as u128;
        } else {
            self.since += BUCKET * late as u32;
        }
        for _ in 0..late {
            if self.buckets.len() == HISTORY {
                self.buckets.pop_front();
            }
            self.buckets.push_back(core::mem::take(&mut self.filling));
        }
    }

    /// Bytes a second over the last two buckets.
    pub(crate) fn per_second(&self) -> u64 {
        let sum: u64 = self.buckets.iter().rev().take(2).sum();
        let count = self.buckets.len().clamp(1, 2) as u64;
        sum * 1000 / (count * BUCKET.as_millis() as u64)
    }

    /// The fullest bucket: the scale of a sparkline.
    pub(crate) fn peak(&self) -> u64 {
        self.buckets.iter().copied().max().unwrap_or(0)
    }

    /// One character a bucket, oldest first, as high as its share of `peak`.
    pub(crate) fn spark(&self, peak: u64) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let bar = |&bytes: &u64| match (bytes * BARS.len() as u64).div_ceil(peak.max(1)) {
            0 => ' ',
            eighths => BARS[(eighths as usize).min(BARS.len()) - 1],
        };
        self.buckets.iter().map(bar).collect()
    }
}

/// A run of bytes that one link carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Position of the link in the picture; `None`: carried before anyone looked.
    pub(crate) link: Option<usize>,
    /// Offset of the first byte behind it.
    pub(crate) end: u64,
}

/// An upload's parts in the order of the file, without gaps.
#[derive(Debug, Default)]
pub(crate) struct Parts(Vec<Part>);

impl Parts {
    /// The upstream has `acked` bytes now, and what is new came by `link`. Returns how much
    /// that is. Less than before means that the upload was sent back: later parts are forgotten.
    pub(crate) fn grow(&mut self, link: Option<usize>, acked: u64) -> u64 {
        let new = acked.saturating_sub(self.end());
        match self.0.last_mut() {
            _ if new == 0 => self.cut(acked),
            Some(last) if last.link == link => last.end = acked,
            Some(_) | None => self.0.push(Part { link, end: acked }),
        }
        new
    }

    fn cut(&mut self, end: u64) {
        self.0.iter_mut().for_each(|part| part.end = part.end.min(end));
        self.0.dedup_by_key(|part| part.end);
        self.0.retain(|part| part.end > 0);
    }

    /// Bytes that the upstream has.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(0, |part| part.end)
    }

    /// Each part with its first offset.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Part)> {
        let starts = core::iter::once(0).chain(self.0.iter().map(|part| part.end));
        starts.zip(self.0.iter().copied())
    }

    /// Bytes by link, in the order in which the links were first used.
    pub(crate) fn totals(&self) -> Vec<(Option<usize>, u64)> {
        let mut totals: Vec<(Option<usize>, u64)> = Vec::new();
        for (start, part) in self.iter() {
            match totals.iter_mut().find(|(link, _)| *link == part.link) {
                Some((_, bytes)) => *bytes += part.end - start,
                None => totals.push((part.link, part.end - start)),
            }
        }
        totals
    }
}
