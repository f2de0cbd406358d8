//! Which bytes the next append carries: enough of them on their way that the link never waits, few
//! enough in each that proofs keep coming.

use crate::resumable::Limits;
use core::{ops::Range, time::Duration};

/// Where an upload stands on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Length of the file.
    pub total: u64,
    /// Bytes that are here, whether they left or not.
    pub received: u64,
    /// Bytes that the server returned as its offset, on whatever connection.
    pub acked: u64,
    /// Where this connection took over.
    pub from: u64,
    /// First byte that no append on it carries yet.
    pub next: u64,
    /// Requests on it without an answer.
    pub unanswered: usize,
}

/// What bounds an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes that may be unacknowledged.
    pub window: u64,
    /// Bytes that one request may carry.
    pub chunk: u64,
    /// Bytes a second that the link delivers; 0 if that is not known.
    pub delivery_rate: u64,
    /// Whether the server takes appends one behind the other, and refuses those that don't fit
    /// without harm to those that do.
    pub pipelined: bool,
    /// What the server said that it takes.
    pub limits: Limits,
}

/// An append that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The bytes that it carries.
    pub range: Range<u64>,
    /// Whether it starts ahead of what the server holds, and waits for what is still landing.
    pub awaits: bool,
}

/// The next append, if there is something to send, room for it, and it is worth a request.
pub fn next_append(at: &Progress, bounds: &Bounds) -> Option<Plan> {
    let depth = if bounds.pipelined { DEPTH } else { 1 };
    // Bytes sent over the link that was left may still be landing: no more is risked on that than
    // the beginning.
    let awaits = at.acked < at.from;
    if at.unanswered >= depth || awaits && at.next > at.from {
        return None;
    }
    let part = part(bounds, awaits);
    // There is room for it in a window smaller than that of the link that was left.
    let least = if awaits { part } else { 0 };
    let room = (at.acked + bounds.window).saturating_sub(at.next).max(least);
    let len = at.received.saturating_sub(at.next).min(room).min(part);
    let is_last = at.next + len == at.total;
    let is_long_enough = len >= bounds.limits.min_append_size.unwrap_or(0).min(part);
    let is_worth_it = len == part || is_last || at.unanswered == 0 && is_long_enough;
    (len > 0 && is_worth_it).then_some(Plan { range: at.next..at.next + len, awaits })
}

/// How long an append should be.
fn part(bounds: &Bounds, awaits: bool) -> u64 {
    let Bounds { window, chunk, limits, .. } = bounds;
    let part = if !bounds.pipelined {
        // While one is on its way the other half of the window fills.
        (window / 2).max(PART.start)
    } else if awaits {
        PART.start
    } else {
        let prompt = bounds.delivery_rate.saturating_mul(ANSWER_MS) / 1000;
        let most = prompt.clamp(PART.end, LONGEST);
        // Whole blocks of the driver's: a piece of one costs as much as all of it.
        (window / 4).clamp(PART.start, most - most % PART.start)
    };
    part.min(*chunk)
        .max(limits.min_append_size.unwrap_or(0).min(*window))
        .min(limits.max_append_size.unwrap_or(u64::MAX).max(1))
}

/// Requests that may be unanswered on one connection.
pub const DEPTH: usize = 32;

/// Least and most bytes of one append at a rate that is not known: a request head is 1 % of the
/// least, and an answer to the most comes every 26 ms at 20 Mbit/s.
const PART: Range<u64> = 16 * 1024..64 * 1024;

/// How often an answer is to come, as it does at 20 Mbit/s: soon enough for a proof, which is missed
/// after 60 ms. A faster link is given longer appends, for the requests are what they cost.
const ANSWER_MS: u64 = Duration::from_millis(26).as_millis() as u64;

/// Beyond it the requests cost less than a hundredth of what copying does.
const LONGEST: u64 = 256 * 1024;

#[cfg(test)]
mod tests;
