//! What happens to the links, and when: by what each link has carried, so that a slow machine
//! and a short file see the same play.

use crate::snapshot::Snapshot;

/// What is done to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The cable is out: the kernel says so.
    CableOut,
    /// The cable is in again.
    CableIn,
    /// It looks well and delivers nothing: nobody says so.
    BlackHole,
    /// It delivers again.
    Delivers,
    /// A tenth of its rate, and one packet in ten is lost.
    SlowAndLossy,
    /// Rate and loss are as they were.
    AsNew,
}

/// One thing that happens.
#[derive(Debug)]
pub(super) struct Step {
    /// It happens once this link, as the active one, has carried `percent` of the file.
    carrier: &'static str,
    percent: u64,
    /// The link that it happens to.
    pub(super) link: &'static str,
    /// What happens.
    pub(super) change: Change,
    /// The same in words.
    pub(super) note: &'static str,
}

/// The play. With the time that two failbacks take, it is two thirds of the file: what is left is
/// for a machine that is slow.
const STEPS: [Step; 6] = [
    Step {
        carrier: "eth0",
        percent: 16,
        link: "eth0",
        change: Change::CableOut,
        note: "the demo pulls the cable out of eth0",
    },
    Step {
        carrier: "wlan0",
        percent: 14,
        link: "wlan0",
        change: Change::BlackHole,
        note: "the demo makes wlan0 a black hole: it looks well and delivers nothing",
    },
    Step {
        carrier: "wwan0",
        percent: 3,
        link: "wlan0",
        change: Change::Delivers,
        note: "the demo lets wlan0 deliver again",
    },
    Step {
        carrier: "wlan0",
        percent: 4,
        link: "eth0",
        change: Change::CableIn,
        note: "the demo puts the cable back into eth0",
    },
    Step {
        carrier: "eth0",
        percent: 2,
        link: "eth0",
        change: Change::SlowAndLossy,
        note: "the demo makes eth0 ten times slower, and lose one packet in ten",
    },
    Step {
        carrier: "wlan0",
        percent: 4,
        link: "eth0",
        change: Change::AsNew,
        note: "the demo makes eth0 as good as new",
    },
];

/// Where the play is.
#[derive(Debug)]
pub(super) struct Script {
    size: u64,
    next: usize,
    /// What was acknowledged when the next step's link was first seen to carry.
    since: Option<u64>,
}

impl Script {
    /// The play for a file of `size` bytes.
    pub(super) fn new(size: u64) -> Self {
        Self { size, next: 0, since: None }
    }

    /// What is to happen now.
    pub(super) fn poll(&mut self, snapshot: &Snapshot) -> Option<&'static Step> {
        let (step, upload) = (STEPS.get(self.next)?, snapshot.uploads.first()?);
        let carries = |link: &Option<String>| link.as_deref() == Some(step.carrier);
        if !carries(&upload.link) || !carries(&snapshot.status.active_link) {
            return None;
        }
        let since = *self.since.get_or_insert(upload.acked);
        if upload.acked.saturating_sub(since) < self.size * step.percent / 100 {
            return None;
        }
        self.next += 1;
        self.since = None;
        Some(step)
    }

    /// How many steps the upload was too short for.
    pub(super) fn left(&self) -> usize {
        STEPS.len() - self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Status, Upload};

    fn seen(active: &str, link: &str, acked: u64) -> Snapshot {
        let upload = Upload { link: Some(link.to_owned()), acked, ..Upload::default() };
        let status = Status { active_link: Some(active.to_owned()), ..Status::default() };
        Snapshot { status, links: Vec::new(), uploads: vec![upload] }
    }

    #[test]
    fn a_step_waits_until_its_link_has_carried_its_share() {
        let mut script = Script::new(1000);

        assert!(script.poll(&Snapshot::default()).is_none(), "there is no upload");
        assert!(script.poll(&seen("wlan0", "wlan0", 500)).is_none(), "not the first step's link");
        assert!(script.poll(&seen("eth0", "eth0", 500)).is_none(), "it only begins");
        assert!(script.poll(&seen("eth0", "eth0", 659)).is_none());
        assert!(script.poll(&seen("eth0", "wlan0", 660)).is_none(), "on suspicion only");
        let step = script.poll(&seen("eth0", "eth0", 660)).unwrap();

        assert_eq!((step.link, step.change), ("eth0", Change::CableOut));
        assert_eq!(script.left(), STEPS.len() - 1);
        assert!(script.poll(&seen("eth0", "eth0", 999)).is_none(), "the next one is wlan0's");
    }

    #[test]
    fn every_step_happens_once() {
        let mut script = Script::new(0);
        let links = ["eth0", "wlan0", "wwan0"].into_iter().cycle().take(3 * STEPS.len());

        let happened = links.filter_map(|link| script.poll(&seen(link, link, 0))).count();

        assert_eq!((happened, script.left()), (STEPS.len(), 0));
    }
}
