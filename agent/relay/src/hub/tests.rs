use super::Core;
use baton_replay::{POLICY, RECORDED, SEED, replay};

#[test]
fn the_relays_core_wants_what_is_recorded() {
    let replayed = replay(&mut Box::new(Core::new(POLICY, SEED)), RECORDED);

    let replayed = replayed.unwrap_or_else(|difference| panic!("{difference}"));
    assert!(replayed.inputs > 1000 && replayed.actions > 50, "{replayed:?}");
}
