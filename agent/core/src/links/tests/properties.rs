//! What holds whatever is observed.

use super::world::*;
use super::*;
use crate::{Account, LinkSpec, OverBudget, Signal, Tariff};
use core::num::NonZeroU64;
use proptest::prelude::*;

/// A link that may carry 100 MB a month.
fn priced(metered: bool, refuses: bool) -> LinkSpec {
    let over_budget = if refuses { OverBudget::Refuse } else { OverBudget::LastResort };
    let budget_bytes = NonZeroU64::new(100 << 20);
    LinkSpec { tariff: Tariff { budget_bytes, over_budget, ..Tariff::FREE }, ..spec(ETH, metered) }
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let rtt = (0..3000u64).prop_map(ms);
    prop_oneof![
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(metered, refuses)| Observation::Appeared(priced(metered, refuses))),
        1 => (0..80u64 << 20).prop_map(Observation::Carried),
        1 => (0..100_000u32).prop_map(Observation::Probed),
        1 => Just(Observation::Account(Account::default())),
        1 => Just(Observation::Vanished),
        1 => any::<(bool, bool, bool)>().prop_map(|(carrier, address, route)| Observation::Facts {
            carrier,
            address,
            route
        }),
        4 => Just(UP),
        1 => rtt.clone().prop_map(|rtt| Observation::Connected { rtt }),
        4 => rtt.clone().prop_map(|rtt| Observation::ProbeAnswered { rtt }),
        1 => Just(Observation::ProbeLost),
        1 => Just(Observation::Impostor),
        2 => any::<bool>().prop_map(Observation::InFlight),
        4 => Just(Observation::Proof),
        1 => (rtt.clone(), rtt).prop_map(|(srtt, rttvar)| Observation::Rtt { srtt, rttvar }),
        1 => (0..2000u32, 0..300u32).prop_map(|(sent, lost)| Observation::Segments { sent, lost }),
        2 => (0..1_000_000u32, any::<bool>())
            .prop_map(|(bytes, limited)| Observation::Delivered { bytes, limited }),
        1 => (-140..0i16).prop_map(|dbm| Observation::Signal(Signal {
            rsrp_dbm: Some(dbm),
            ..Signal::default()
        })),
        1 => Just(Observation::Moved),
        1 => any::<bool>().prop_map(Observation::Roaming),
        1 => Just(Observation::Unreachable),
    ]
}

proptest! {
    /// Sane after every step, whatever is observed; timeouts called twice or early change nothing;
    /// the switches told are a chain that ends at the active link.
    #[test]
    fn whatever_is_observed_the_table_stays_sane(
        steps in prop::collection::vec((0..6000u64, 0..4u8, any_observation(), 0..20u8), 1..200),
        seed: u64,
    ) {
        let mut table = Links::<3>::new(LinkPolicy::default(), seed);
        let mut now = Instant::ZERO;
        let mut told = None;
        for (step, id, observation, wish) in steps {
            now += ms(step);
            table.handle_timeout(now);
            let once = format!("{table:?}");
            table.handle_timeout(now);
            prop_assert_eq!(once, format!("{table:?}"));

            table.observe(now, LinkId(id), observation);
            match wish {
                0..4 => table.set_override(now, Some(LinkId(wish))),
                4 => table.set_override(now, None),
                5 => table.refresh(now),
                _ => {}
            }
            table.handle_timeout(now);
            while table.poll_probe(now).is_some() {}
            if let Some(switch) = table.poll_switch() {
                prop_assert_eq!(switch.from, told);
                prop_assert_ne!(switch.from, switch.to);
                prop_assert!(switch.at <= now);
                told = switch.to;
            }
            prop_assert_eq!(told, table.active());
            assert_sane(&table, now);
        }
    }

    /// Suspicion alone never moves the active link, and a suspect is failed only after another
    /// link delivered.
    #[test]
    fn only_a_witness_turns_silence_into_failure(
        steps in prop::collection::vec((0..3000u64, 0..3u8, any::<bool>()), 1..30),
    ) {
        let mut world = World::with(&[ETH, WIFI, LTE]);
        world.tick_ms = 100;
        world.wires.iter_mut().for_each(|wire| wire.delivers = false);
        for (step, id, in_flight) in steps {
            world.see(LinkId(id), Observation::InFlight(in_flight));
            world.run(step);
            world.see(LinkId(id), Observation::ProbeLost);
        }
        prop_assert!(world.switches.is_empty());
        prop_assert!([ETH, WIFI, LTE].iter().all(|id| world.kind(*id) != StateKind::Failed));
    }
}
