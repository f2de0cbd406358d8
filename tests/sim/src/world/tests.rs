//! Each promise broken on purpose: what does not fire proves nothing when it is silent.

use super::*;
use crate::link::LinkPlan;
use crate::policy;
use baton_core::{Action, LinkId};

/// One upload over one cable, a second after it began.
fn under_way(change: impl FnOnce(&mut Scenario)) -> World {
    let mut scenario = Scenario {
        name: "sabotage".into(),
        seed: 1,
        links: vec![LinkPlan::ethernet()],
        script: Vec::new(),
        until: Duration::from_secs(600),
        policy: policy::defaults(),
        switches_an_hour: 30,
    }
    .upload(3_000, 64 << 20);
    change(&mut scenario);
    let mut world = World::new(&scenario);
    while world.net.now < Instant::from_millis(4_000) && world.step() {}
    assert_eq!(world.gateway.checks.broken(), None);
    world
}

fn told(world: World) -> String {
    world.run(true).broken.expect("a broken promise is noticed").what
}

#[test]
fn other_bytes_than_the_clients_are_noticed() {
    let mut world = under_way(|_| {});
    world.gateway.spoil_memory();

    assert!(told(world).contains("other bytes"));
}

#[test]
fn an_acknowledged_byte_that_is_not_stored_is_noticed() {
    let mut world = under_way(|_| {});
    world.server.forget();
    // Before its own bookkeeping stumbles over that.
    world.check();

    assert!(told(world).contains(" acknowledged, 0 stored"));
}

#[test]
fn a_block_that_the_pool_did_not_give_is_noticed() {
    let mut world = under_way(|_| {});
    world.gateway.claim_block();

    assert!(told(world).contains("the pool gave"));
}

#[test]
fn a_class_that_takes_beyond_its_budget_is_noticed() {
    let mut world = under_way(|_| {});
    // What it holds already is more than this, and it goes on as it did.
    world.gateway.checks.budgets = Some([0; 7]);

    assert!(told(world).contains("beyond its budget"));
}

#[test]
fn an_attempt_without_outcome_or_deadline_is_noticed() {
    let mut world = under_way(|scenario| {
        let hour = Duration::from_secs(3600);
        scenario.policy.uploads.hold = hour;
        for class in &mut scenario.policy.classes {
            class.answer_timeout = hour;
        }
    });
    world.gateway.lose_lanes();

    assert!(told(world).contains("neither outcome nor deadline"));
}

#[test]
fn more_switches_than_configured_are_noticed() {
    let world = under_way(|scenario| {
        scenario.links.push(LinkPlan::lte());
        scenario.switches_an_hour = 2;
        for (at, facts) in [(5_000, Facts::NO_CARRIER), (9_000, Facts::UP)] {
            scenario.script.push((Duration::from_millis(at), Step::Facts(0, facts)));
        }
    });

    assert!(told(world).contains("switches within an hour"));
}

#[test]
fn an_acknowledged_byte_sent_again_is_noticed_beyond_a_window() {
    let mut world = under_way(|_| {});
    let id = world.gateway.any_upload().expect("one is under way");
    let view = world.gateway.core.view(id).expect("it is known");
    assert!(view.acked > 3000);

    let mut append = |start, window| {
        world.gateway.checks.on_append(world.net.now, id, start, 4000, Some(view), window);
        world.gateway.checks.is_broken()
    };

    assert!(!append(view.acked - 2000, 2000));
    assert!(append(view.acked - 2001, 2000));
}

#[test]
fn actions_and_deadlines_without_end_are_noticed() {
    let mut checks = under_way(|_| {}).gateway.checks;
    (0..100).for_each(|_| checks.on_timeout(Instant::from_millis(1)));
    assert!(checks.is_broken());

    let mut checks = under_way(|_| {}).gateway.checks;
    (0..1000).for_each(|count| checks.on_action(Instant::ZERO, count, Action::Probe(LinkId(0))));
    assert!(checks.is_broken());
}
