//! `ci/sim`: runs the named scenarios and prints how they went.

use baton_sim::suite;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut is_good = true;
    for case in suite() {
        let run = case.scenario.run();
        is_good &= run.broken.is_none() && run.is_stored();
        println!("{:26} {:?} {:?}", case.scenario.name, run.totals, run.broken);
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
