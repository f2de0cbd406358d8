//! A run whose every event is written down, for the cores of all drivers: `tests/replay`.

use crate::link::{Facts, LinkPlan};
use crate::scenario::{Change, Scenario, Step, Way};
use crate::world::World;
use baton_core::{Duration, Signal};
use baton_lab::Rate;

/// Two links, as many as the firmware has, and one upload at a time over them. The links are slow, so that an
/// upload that lasts is not large, and little is written of it.
pub fn recorded() -> Scenario {
    let slow = |mut link: LinkPlan| {
        (link.up.rate, link.down.rate) = (Rate::Bps(SLOW_BPS), Rate::Bps(SLOW_BPS));
        link
    };
    let wire = |change| Step::Shape(0, Way::Both, change);
    let radio = |rsrp_dbm| {
        let signal = Signal { rsrp_dbm: Some(rsrp_dbm), ..Signal::default() };
        Step::Signal(1, signal)
    };
    let scenario = Scenario {
        name: "two-links".into(),
        seed: baton_replay::SEED,
        links: vec![slow(LinkPlan::ethernet()), slow(LinkPlan::lte())],
        script: Vec::new(),
        until: Duration::from_secs(120),
        policy: baton_replay::POLICY,
        switches_an_hour: usize::MAX,
    };
    scenario
        // A silent hole: asked, taken, committed.
        .upload(3_000, UPLOAD)
        .at(3_500, wire(Change::Hole(true)))
        .at(6_000, wire(Change::Hole(false)))
        // The cable is out in the middle, and in again.
        .upload(25_000, UPLOAD)
        .at(25_400, Step::Facts(0, Facts::NO_CARRIER))
        .at(26_000, Step::Facts(0, Facts::UP))
        // A stall: suspected, and forgiven.
        .upload(45_000, UPLOAD)
        .at(45_400, Step::Stall(0, Duration::from_millis(300)))
        .at(50_000, radio(-95))
        // Somebody else answers over the modem.
        .at(52_000, Step::Portal(1, true))
        .at(54_000, Step::Facts(0, Facts::ABSENT))
        .at(56_000, Step::Portal(1, false))
        .at(58_000, Step::Facts(0, Facts::UP))
        // The operator wants the modem, which is on another network then, abroad, and weak.
        .at(70_000, Step::Override(Some(1)))
        .upload(71_000, UPLOAD)
        .at(71_400, Step::Roam(1))
        .at(71_600, Step::Abroad(1, true))
        .at(71_800, radio(-118))
        .at(80_000, Step::Override(None))
        // Loss on the better link, both ways.
        .at(90_000, wire(Change::Loss(60_000)))
        .upload(91_000, UPLOAD)
        .at(105_000, wire(Change::Loss(0)))
}

impl Scenario {
    /// Runs it to its end; what the core was told in it, and wanted.
    pub fn record(&self) -> String {
        let mut world = World::new(self);
        world.gateway.record = Some(String::new());
        world.run(false).record.expect("it is being written")
    }
}

/// An upload of a second takes some two hundred samples.
const SLOW_BPS: u64 = 2_500_000;

/// A second and a bit.
const UPLOAD: u64 = 400_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Core;
    use baton_core::Verdict;
    use baton_replay::{POLICY, RECORDED, SEED, replay};
    use std::{fs, path::Path};

    #[test]
    fn the_record_is_what_the_simulator_does() {
        let record = recorded().record();
        if std::env::var_os("BATON_WRITE_FILES").is_some() {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../replay/recorded.log");
            fs::write(file, &record).expect("the folder is there");
        } else {
            let differs = RECORDED.lines().zip(record.lines()).position(|(was, is)| was != is);
            assert_eq!((differs, RECORDED.len()), (None, record.len()), "from this line on");
        }
    }

    #[test]
    fn every_upload_of_the_record_is_stored() {
        let run = recorded().run();

        assert_eq!(run.broken, None, "{}", run.log);
        for end in &run.ends {
            assert_eq!(end.map(|end| end.verdict), Some(Verdict::Stored), "{}", run.log);
        }
    }

    #[test]
    fn the_simulators_core_wants_what_is_recorded() {
        let record = recorded().record();
        let replayed = replay(&mut Box::new(Core::new(POLICY, SEED)), &record);

        let replayed = replayed.unwrap_or_else(|difference| panic!("{difference}"));
        assert!(replayed.inputs > 1000 && replayed.actions > 50, "{replayed:?}");
    }
}
