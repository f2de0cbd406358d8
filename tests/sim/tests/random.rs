//! A few hundred scenarios by chance; `ci/sim` runs more of them.

use baton_sim::{Trouble, random, trouble};

const SEEDS: u64 = 300;

#[test]
fn whatever_happens_no_promise_is_broken() {
    let found: Vec<Trouble> = (0..SEEDS).filter_map(trouble).collect();

    let told: Vec<String> = found.iter().map(Trouble::to_string).collect();
    assert!(told.is_empty(), "{} of {SEEDS}\n{}", told.len(), told.join("\n"));
}

#[test]
fn a_seed_repeats_to_the_byte() {
    for seed in 0..20 {
        let [first, second] = [random(seed), random(seed)].map(|scenario| scenario.run_uploads());

        assert!(first.log == second.log && first.stored == second.stored, "seed {seed}");
    }
}
