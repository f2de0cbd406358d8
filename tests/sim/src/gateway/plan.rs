//! What a lane appends next: as `agent/relay/src/lane/offsets.rs` plans it.

use baton_core::ClassLimits;
use core::ops::Range;

/// Requests that may be unanswered on one connection.
pub(super) const DEPTH: usize = 32;

/// Least and most bytes of one append.
const PART: Range<u64> = 16 * 1024..64 * 1024;

/// What the plan depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// Where the next append begins.
    pub(super) next: u64,
    /// Where this lane took over.
    pub(super) from: u64,
    pub(super) acked: u64,
    pub(super) received: u64,
    pub(super) total: u64,
    pub(super) unanswered: usize,
    pub(super) limits: ClassLimits,
}

/// The next append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) len: u64,
    /// The server is to wait for what may still be landing.
    pub(super) awaits: bool,
}

/// The next append, if there is something to send, room for it, and it is worth a request.
pub(super) fn append(it: Situation) -> Option<Planned> {
    if it.unanswered >= DEPTH {
        return None;
    }
    let is_ahead = it.acked < it.from;
    if is_ahead && it.next > it.from {
        return None;
    }
    let window = u64::from(it.limits.window_bytes);
    let most = if is_ahead { PART.start } else { PART.end };
    let part = (window / 4).clamp(PART.start, most).min(u64::from(it.limits.chunk_bytes));
    let held = it.received.saturating_sub(it.next);
    let least = if is_ahead { part } else { 0 };
    let room = (it.acked + window).saturating_sub(it.next).max(least);
    let len = held.min(room).min(part);
    let is_worth_it = len == part || it.next + len == it.total || it.unanswered == 0;
    (len > 0 && is_worth_it).then_some(Planned { len, awaits: is_ahead })
}
