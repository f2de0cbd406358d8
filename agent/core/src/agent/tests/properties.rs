//! Whatever happens, what must hold.

use super::money::budget;
use super::world::{ETH, LTE, MIB, RTT, WLAN, World};
use super::*;
use crate::Account;
use proptest::prelude::*;

proptest! {
    /// A model upstream that keeps one offset, and a world that does anything to links and lanes.
    #[test]
    fn whatever_happens_no_byte_is_skipped_and_one_lane_appends(
        steps in proptest::collection::vec((0u8..15, 0u8..3, 0u64..50_000), 1..150),
        kind in 0u8..3,
    ) {
        let resume = [Resume::Fenced, Resume::Plain, Resume::Replay][usize::from(kind)];
        let mut world = World::new();
        for link in [ETH, WLAN, LTE] {
            budget(&mut world, link, MIB);
        }
        let id = world.open(MIB, resume);
        world.feed(Event::Received { id, offset: MIB });
        let mut stored = 0u64;
        let mut appending: Vec<(Attempt, LinkId, u64)> = Vec::new();
        let mut asking: Vec<(Attempt, bool)> = Vec::new();
        let mut ended = false;
        for (what, who, amount) in steps {
            let link = LinkId(who);
            match what {
                0 => world.unplug(link),
                1 | 2 => {
                    world.up(link);
                    world.observe(link, Observation::ProbeAnswered { rtt: RTT });
                }
                3 => world.observe(link, Observation::InFlight(amount % 2 == 0)),
                4 => world.observe(link, Observation::Proof),
                5 => world.pass_with(Duration::from_micros(amount * 20), |other| other != link),
                6 | 7 => {
                    if let Some((attempt, is_create)) = asking.pop() {
                        let outcome = if is_create { Outcome::Created } else { Outcome::Offset(stored) };
                        world.outcome(id, attempt, outcome);
                    }
                }
                8 | 9 => {
                    if let Some((attempt, _, at)) = appending.last_mut() {
                        *at = (*at + amount).min(MIB);
                        let (attempt, at) = (*attempt, *at);
                        world.outcome(id, attempt, Outcome::Sent(at));
                        if resume != Resume::Replay {
                            stored = stored.max(at);
                            world.outcome(id, attempt, Outcome::Acked(at));
                        } else if at == MIB {
                            world.outcome(id, attempt, Outcome::Proved);
                        }
                    }
                }
                13 => world.observe(link, Observation::Carried(amount * 20)),
                14 => world.observe(link, Observation::Account(Account::default())),
                10 => world.feed(Event::Override((amount % 3 > 0).then_some(link))),
                11 => {
                    if let Some((attempt, _, _)) = appending.pop() {
                        world.outcome(id, attempt, Outcome::Failed(Failure::Cut));
                    }
                }
                _ => {
                    if let Some((attempt, _, _)) = appending.first() {
                        world.outcome(id, *attempt, Outcome::Drained);
                    }
                }
            }
            for action in world.actions.drain(..) {
                match action {
                    Action::Create { attempt, .. } => asking.push((attempt, true)),
                    Action::Ask { attempt, .. } => asking.push((attempt, false)),
                    Action::Append { attempt, link, from, .. } => {
                        prop_assert!(resume == Resume::Replay && from == 0 || from <= stored);
                        prop_assert!(!ended, "nothing is sent after the verdict");
                        asking.retain(|(other, _)| *other != attempt);
                        appending.push((attempt, link, from));
                    }
                    Action::Drop { attempt, .. } => {
                        appending.retain(|(other, _, _)| *other != attempt);
                        asking.retain(|(other, _)| *other != attempt);
                    }
                    Action::Answer { verdict, .. } => {
                        prop_assert!(!ended, "one verdict");
                        prop_assert!(matches!(verdict, Verdict::Stored | Verdict::Stalled), "{:?}", verdict);
                        if verdict == Verdict::Stored && resume != Resume::Replay {
                            prop_assert_eq!(stored, MIB);
                        }
                        ended = true;
                    }
                    Action::Probe(_) | Action::Hold { .. } | Action::Unhold { .. } => {}
                }
            }
            prop_assert!(appending.len() <= 2, "one carries, and one at most is held");
        }
    }
}
