//! Recorded radios that say how strong they are, and what foresight makes of them.
//!
//! The recordings are of downloads: what they say of the uplink is acknowledgements, no measure of what it
//! could carry. So a link is read out of them that is good for a comparison of one policy with another and
//! for nothing else. Its rate follows the channel quality that the phone reports, by the efficiency that 3GPP
//! TS 36.213 (table 7.2.3-1) gives each value, over [`BANDWIDTH_KHZ`]. It is out where the phone was in the middle
//! of a transfer and nothing came either way for [`OUT`] or longer.

use crate::gateway::Arrival;
use crate::link::LinkPlan;
use crate::policy;
use crate::scenario::{LAN_BPS, Scenario, Step};
use crate::traces::{self, Capacity, SLOT};
use crate::world::Run;
use baton_core::{Class, Duration, Instant, LinkId, Policy, Reason, Signal};
use std::{io, path::Path, sync::Arc};

/// What a radio said, and what its link could carry by that.
#[derive(Clone, Debug)]
pub struct Radio {
    /// The link.
    pub capacity: Capacity,
    /// Readings, since the beginning.
    pub signals: Vec<(Duration, Signal)>,
}

/// One second of a recording.
struct Row {
    at: Duration,
    signal: Signal,
    quality: usize,
    carried: bool,
    wanted: bool,
}

/// What is left for one phone's uplink of a carrier of 10 MHz that others use as well.
const BANDWIDTH_KHZ: f64 = 1000.0;

/// Bits a second for each hertz by channel quality.
const EFFICIENCY: [f64; 16] = [
    0.0, 0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141, 2.4063, 2.7305, 3.3223,
    3.9023, 4.5234, 5.1152, 5.5547,
];

/// Rows are a second apart, and their times are whole seconds: less may be none.
const OUT: Duration = Duration::from_secs(2);

impl Radio {
    /// Every recording of a folder, by name.
    pub fn read_all(folder: &Path) -> io::Result<Vec<Self>> {
        let read = |(name, text): (String, String)| Self::read(name, &text);
        Ok(traces::files(&folder.join("signal"))?.into_iter().map(read).collect())
    }

    fn read(name: String, text: &str) -> Self {
        let rows: Vec<Row> = text.lines().skip(1).filter_map(Row::read).collect();
        let end = rows.last().map_or(Duration::ZERO, |row| row.at);
        let mut slots = vec![0; slot(end)];
        for pair in rows.windows(2) {
            let bytes = EFFICIENCY[pair[0].quality.min(15)] * BANDWIDTH_KHZ * 1000.0 / 8.0;
            slots[slot(pair[0].at)..slot(pair[1].at)].fill((bytes * SLOT.as_secs_f64()) as u32);
        }
        for (from, to) in outages(&rows) {
            slots[slot(from)..slot(to)].fill(0);
        }
        let signals = rows.iter().map(|row| (row.at, row.signal)).collect();
        let class = Class::FiveG;
        Self { capacity: Capacity { name, slots: Arc::from(slots), class }, signals }
    }
}

impl Row {
    fn read(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let [at, _, _, rsrp, rsrq, snr, quality, down, up, wanted] = fields.try_into().ok()?;
        let carried = |kbps: &str| kbps.parse::<f64>().is_ok_and(|kbps| kbps > 0.0);
        Some(Self {
            at: Duration::from_secs(at.parse().ok()?),
            signal: Signal {
                rsrp_dbm: rsrp.parse().ok(),
                rsrq_db: rsrq.parse().ok(),
                sinr_db: snr.parse::<f64>().ok().map(|db| db as i8),
                ..Signal::default()
            },
            quality: quality.parse().unwrap_or(1),
            carried: carried(down) || carried(up),
            wanted: wanted == "1",
        })
    }
}

fn slot(at: Duration) -> usize {
    (at.as_millis() / SLOT.as_millis()) as usize
}

/// From the first row without anything to the next with something, all of them in one transfer.
fn outages(rows: &[Row]) -> Vec<(Duration, Duration)> {
    let mut all = Vec::new();
    let (mut begun, mut moves) = (None, false);
    for row in rows {
        match (row.wanted, row.carried) {
            (false, _) => (begun, moves) = (None, false),
            (true, true) => {
                let lasted = begun.take().map(|from| (from, row.at));
                all.extend(lasted.filter(|(from, to)| *to - *from >= OUT));
                moves = true;
            }
            (true, false) if moves => begun = begun.or(Some(row.at)),
            (true, false) => {}
        }
    }
    all
}

/// What a run with foresight, or without, came to.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// Seconds until the file was stored; `None`: it was not.
    pub took: Option<f64>,
    /// Seconds in which nothing was stored, all those of half a second and more together.
    pub gaps_s: f64,
    /// Changes of the active link.
    pub switches: u32,
    /// Those by a prediction, as far as they are remembered.
    pub predicted: usize,
    /// Those of them after which the link that was left went on carrying for ten seconds.
    pub wrong: usize,
}

/// A prediction that is not true within so long was none.
const COMING: Duration = Duration::from_secs(10);

/// Stalls of radios are shorter.
const GAP: Duration = Duration::from_millis(500);

const START: Duration = Duration::from_secs(3);

/// As much as the recorded link carries in so long: most of a recording.
const LASTS_S: u64 = 900;

/// With a steady LTE modem as the second link, and foresight or none.
pub fn with_radio(radio: &Radio, predicts: bool, seed: u64) -> Outlook {
    let first = &radio.capacity;
    let plan = LinkPlan::symmetric("radio0", first.class, 10, Capacity::down()).preferred(10);
    let links = vec![LinkPlan { up: first.up(), ..plan }, LinkPlan::lte().preferred(20)];
    let bytes = first.mean_bps() / 8 * LASTS_S;
    let mut script = vec![(START, Step::Upload(Arrival { at: START, bytes, lan_bps: LAN_BPS }))];
    script.extend(radio.signals.iter().map(|(at, signal)| (*at, Step::Signal(0, *signal))));
    let scenario = Scenario {
        name: first.name.clone(),
        seed,
        links,
        script,
        until: Duration::from_secs(2 * LASTS_S),
        policy: with_foresight(predicts),
        switches_an_hour: usize::MAX,
    };
    judge(&scenario.run_uploads(), &[first])
}

/// The defaults, with foresight or without.
pub fn with_foresight(predicts: bool) -> Policy {
    let mut policy = policy::defaults();
    policy.links.predict = predicts;
    policy
}

/// What a run came to, given what its links could carry; of a link without that, nothing is wrong.
pub fn judge(run: &Run, links: &[&Capacity]) -> Outlook {
    let predictions = run.predictions();
    let is_wrong = |(at, link): &&(Instant, LinkId)| {
        links.get(usize::from(link.0)).is_some_and(|link| !link.ends(*at))
    };
    Outlook {
        took: run.took(0).map(|took| took.as_secs_f64()),
        gaps_s: run.gaps(0).filter(|gap| *gap >= GAP).sum::<Duration>().as_secs_f64(),
        switches: run.totals.switches.saturating_sub(1),
        predicted: predictions.len(),
        wrong: predictions.iter().filter(is_wrong).count(),
    }
}

impl Run {
    /// When which link was left by a prediction.
    fn predictions(&self) -> Vec<(Instant, LinkId)> {
        let predicted = self.switches.iter().filter(|(_, it)| it.reason == Reason::PredictedLoss);
        predicted.filter_map(|(at, it)| Some((*at, it.from?))).collect()
    }
}

impl Capacity {
    /// Whether it carries nothing for half a second, or a tenth of its mean over two, soon after `at`.
    fn ends(&self, at: Instant) -> bool {
        let first = slot(Duration::from_micros(at.as_micros()));
        let soon: Vec<u32> =
            (first..first + slot(COMING)).map(|slot| self.slots[slot % self.slots.len()]).collect();
        let mean = self.mean_bps() / 80;
        let is_out = |window: &[u32]| window.iter().all(|bytes| *bytes == 0);
        let is_weak = |window: &[u32]| {
            let sum: u64 = window.iter().map(|bytes| u64::from(*bytes)).sum();
            sum * 10 < mean * window.len() as u64
        };
        soon.windows(slot(GAP)).any(is_out) || soon.windows(slot(OUT)).any(is_weak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_out_only_in_the_middle_of_a_transfer() {
        let text = "header\n\
            0,1,5G,-90,-9,7.0,15,0,0,1\n3,1,5G,-90,-9,7.0,15,9,0,1\n4,1,5G,-90,-9,7.0,15,0,0,1\n\
            6,1,5G,-91,-9,7.5,15,9,1,1\n7,1,5G,,-9,,15,0,0,1\n9,1,5G,-91,-9,7.5,15,0,0,0\n";

        let radio = Radio::read("made up".into(), text);

        let out: Vec<usize> = (0..90).filter(|at| radio.capacity.slots[*at] == 0).collect();
        assert_eq!(out, (40..60).collect::<Vec<_>>());
        assert_eq!(radio.capacity.slots[0], 69_433);
        assert_eq!(radio.signals[4].1.rsrp_dbm, None);
        assert_eq!(radio.signals[3].1.sinr_db, Some(7));
    }
}
