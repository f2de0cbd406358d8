//! mwan3 with the track settings that it ships: a ping every so often, five lost in a row, then the other
//! link. Connections stay where they are until their client gives up or they are flushed; this
//! model is kind, flushes at once, and the client begins again from zero.

use super::bulk::plain;
use crate::link::LinkPlan;
use crate::traces::{Capacity, SLOT};
use core::time::Duration;

/// `interval`, `timeout`, `down` and `up` of mwan3 2.12's default interface section.
const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(4);
const DOWN: u32 = 5;
const UP: u32 = 5;

/// How long `bytes` take with the first link preferred, and how often the link was changed.
pub fn mwan3(
    links: [(&Capacity, &LinkPlan); 2],
    bytes: u64,
    start: Duration,
    seed: u64,
) -> (Option<Duration>, u32) {
    let (mut since, mut active, mut changes) = (start, 0, 0);
    // Long enough for any of these files.
    for _ in 0..100 {
        let change = next_change(links[0].0, since, active);
        let took = plain(links[active].1, bytes, since, change, seed);
        if let Some(took) = took {
            return (Some(since + took - start), changes);
        }
        let Some(change) = change else { return (None, changes) };
        (since, active) = (change, 1 - active);
        changes += 1;
    }
    (None, changes)
}

/// When the tracker changes its mind about the preferred link.
fn next_change(preferred: &Capacity, since: Duration, active: usize) -> Option<Duration> {
    let (mut at, mut run) = (since, 0);
    let wanted = if active == 0 { DOWN } else { UP };
    while at < since + HORIZON {
        let is_lost = !carries(preferred, at, TIMEOUT);
        run = if is_lost == (active == 0) { run + 1 } else { 0 };
        if run == wanted {
            return Some(at + if is_lost { TIMEOUT } else { Duration::ZERO });
        }
        at += INTERVAL;
    }
    None
}

/// Traces repeat after a quarter of an hour or so.
const HORIZON: Duration = Duration::from_secs(3600);

/// Whether anything at all passes within that time.
fn carries(link: &Capacity, from: Duration, within: Duration) -> bool {
    let first = (from.as_millis() / SLOT.as_millis()) as usize;
    let count = (within.as_millis() / SLOT.as_millis()) as usize;
    (first..first + count).any(|slot| link.slots[slot % link.slots.len()] > 0)
}
