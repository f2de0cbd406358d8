//! The named scenarios, compared with their logs in `tests/sim/golden`. `BATON_WRITE_FILES=1` writes
//! those again: read the difference before you commit it.

use baton_core::Verdict;
use baton_sim::suite;
use std::{fs, path::Path};

#[test]
fn every_scenario_goes_as_its_golden_log_tells() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let writes = std::env::var_os("BATON_WRITE_FILES").is_some();
    let mut differing = Vec::new();
    for case in suite() {
        let run = case.scenario.run();
        let file = folder.join(&case.scenario.name).with_extension("log");
        if writes {
            fs::write(&file, &run.log).expect("the folder is there");
        }
        if fs::read_to_string(&file).unwrap_or_default() != run.log {
            differing.push(case.scenario.name);
        }
    }

    assert!(differing.is_empty(), "not as in the golden log: {differing:?}");
}

#[test]
fn every_scenario_keeps_every_promise_and_stores_every_upload() {
    for case in suite() {
        let name = &case.scenario.name;
        let run = case.scenario.run();

        assert_eq!(run.broken, None, "{name}\n{}", run.log);
        for end in &run.ends {
            assert_eq!(end.map(|end| end.verdict), Some(Verdict::Stored), "{name}\n{}", run.log);
        }
    }
}

#[test]
fn no_scenario_has_more_switches_than_it_gives_reason_for() {
    for case in suite() {
        let run = case.scenario.run();

        let switches = run.totals.switches - 1;
        assert!(switches <= case.switches, "{}: {switches}\n{}", case.scenario.name, run.log);
    }
}

#[test]
fn two_runs_of_one_seed_are_one_log() {
    for case in suite() {
        let [first, second] = [case.scenario.run(), case.scenario.run()];

        assert!(first.log == second.log, "{}", case.scenario.name);
        assert_eq!(first.stored, second.stored, "{}", case.scenario.name);
    }
}
