//! mwan3 with the settings that it ships: four hosts are asked one after the other until one answers, and
//! five rounds without an answer, or with one again, change its mind. Connections stay where they are until
//! their client gives up or they are flushed; this model is kind, flushes at once, and the client begins
//! again from zero.

use super::bulk::plain;
use crate::link::LinkPlan;
use crate::traces::{Capacity, SLOT};
use core::time::Duration;

/// What `mwan3track` 2.12 falls back to where the configuration says nothing, and the hosts that the
/// shipped configuration has each link ask. A silent link is so left after 5 rounds of 4 hosts for 4 s
/// each, 4 intervals between them, and what is left of the first: 120 to 130 s. Measured were 127.3 s.
const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(4);
const HOSTS: u32 = 4;
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
        let (is_up, took) = ask(preferred, at);
        at += took;
        run = if is_up == (active == 1) { run + 1 } else { 0 };
        if run == wanted {
            return Some(at);
        }
        at += INTERVAL;
    }
    None
}

/// Whether one of the hosts answers, and how long that takes to know. An answer comes at once.
fn ask(link: &Capacity, from: Duration) -> (bool, Duration) {
    let answers = (0..HOSTS).find(|host| carries(link, from + TIMEOUT * *host, TIMEOUT));
    (answers.is_some(), TIMEOUT * answers.unwrap_or(HOSTS))
}

/// Traces repeat after a quarter of an hour or so.
const HORIZON: Duration = Duration::from_secs(3600);

/// Whether anything at all passes within that time.
fn carries(link: &Capacity, from: Duration, within: Duration) -> bool {
    let first = (from.as_millis() / SLOT.as_millis()) as usize;
    let count = (within.as_millis() / SLOT.as_millis()) as usize;
    (first..first + count).any(|slot| link.slots[slot % link.slots.len()] > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_core::Class;

    #[test]
    fn a_silent_link_is_left_when_the_shipped_settings_leave_it() {
        let silent = Capacity { name: "silent".into(), slots: [0].into(), class: Class::Lte };

        let left = next_change(&silent, INTERVAL, 0).map(|at| at - INTERVAL);

        // The first round began with the silence; it begins up to one interval later, 5 s on average.
        let shortest = Duration::from_secs(120);
        assert_eq!(left, Some(shortest));
        let measured = Duration::from_millis(127_300);
        assert!((shortest..=shortest + INTERVAL).contains(&measured));
    }
}
