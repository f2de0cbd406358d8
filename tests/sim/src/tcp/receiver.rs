//! The receiving half: what came, and when to say so.

use crate::packet::{MSS, Sacks};
use baton_core::{Duration, Instant};

/// What came of a stream.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// Everything below this came.
    pub(crate) next: u64,
    /// Beyond it, sorted and apart; the range that grew last is told first.
    beyond: Vec<(u64, u64)>,
    latest: u64,
    /// Bytes that no acknowledgement told of yet.
    untold: u64,
    segments: u32,
    due: Option<Instant>,
    urgent: bool,
    echo: Option<Instant>,
}

/// Linux acknowledges each of a connection's first segments at once.
const QUICK: u32 = 16;

/// And later every other one, or after so long.
const DELAYED: Duration = Duration::from_millis(40);

impl Receiver {
    pub(crate) fn on_data(&mut self, now: Instant, start: u64, len: u64, sent: Instant) {
        if start <= self.next {
            self.echo = Some(sent);
        }
        self.segments = self.segments.saturating_add(1);
        let end = start + len;
        if end <= self.next {
            self.urgent = true;
            return;
        }
        self.urgent |= start > self.next || !self.beyond.is_empty() || self.segments <= QUICK;
        self.untold += len;
        self.take_in(start, end);
        if self.untold > MSS {
            self.urgent = true;
        } else {
            self.due.get_or_insert(now + DELAYED);
        }
    }

    fn take_in(&mut self, start: u64, end: u64) {
        if start <= self.next {
            self.next = end;
        } else {
            self.latest = start;
            let first = self.beyond.partition_point(|range| range.1 < start);
            let last = self.beyond.partition_point(|range| range.0 <= end);
            let merged = self.beyond[first..last]
                .iter()
                .fold((start, end), |sum, range| (sum.0.min(range.0), sum.1.max(range.1)));
            self.beyond.splice(first..last, [merged]);
        }
        while let Some(range) = self.beyond.first().copied()
            && range.0 <= self.next
        {
            self.next = self.next.max(range.1);
            self.beyond.remove(0);
        }
    }

    /// Whether an acknowledgement is to leave now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.urgent || self.due.is_some_and(|due| due <= now)
    }

    /// When one is.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.due
    }

    /// What an acknowledgement says; it leaves.
    pub(crate) fn tell(&mut self) -> (u64, Option<Instant>, Sacks) {
        (self.urgent, self.due, self.untold) = (false, None, 0);
        let mut sacks = Sacks::new();
        let is_latest = |range: &&(u64, u64)| range.0 <= self.latest && self.latest < range.1;
        let latest = self.beyond.iter().find(is_latest);
        for range in latest.into_iter().chain(self.beyond.iter().filter(|range| !is_latest(range)))
        {
            if sacks.push(*range).is_err() {
                break;
            }
        }
        (self.next, self.echo, sacks)
    }
}
