//! What one link has in flight, and how long its proofs usually stay away.

use crate::{Duration, Instant, RttEstimator, gaps::Gaps};

/// Data in flight, and when its silence becomes suspicious.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    flight: Flight,
    gaps: Gaps,
    /// From connections and probes.
    probed: RttEstimator,
    /// SRTT and RTTVAR of the transfer under way.
    transport: Option<(Duration, Duration)>,
}

/// Data whose delivery is not proved.
#[derive(Clone, Copy, Debug)]
enum Flight {
    None,
    /// Some, and no proof of any since then.
    Quiet {
        since: Instant,
    },
    /// The transfer was taken away under suspicion: nothing will prove it any more.
    Abandoned {
        since: Instant,
    },
}

impl Delivery {
    pub(crate) const fn new() -> Self {
        Self {
            flight: Flight::None,
            gaps: Gaps::new(),
            probed: RttEstimator::new(),
            transport: None,
        }
    }

    /// Whether a transfer waits for a proof.
    pub(crate) const fn is_awaited(&self) -> bool {
        match self.flight {
            Flight::None | Flight::Abandoned { .. } => false,
            Flight::Quiet { .. } => true,
        }
    }

    /// Since when a proof has been missing.
    pub(crate) const fn quiet_since(&self) -> Option<Instant> {
        match self.flight {
            Flight::None => None,
            Flight::Quiet { since } | Flight::Abandoned { since } => Some(since),
        }
    }

    /// SRTT and RTTVAR: the transfer's while there is one, else the probes'.
    pub(crate) fn rtt(&self) -> Option<(Duration, Duration)> {
        self.transport.or_else(|| Some((self.probed.srtt()?, self.probed.rttvar())))
    }

    /// How long to wait for an answer to a probe, at least `floor`.
    pub(crate) fn rto(&self, floor: Duration) -> Duration {
        self.probed.rto(floor)
    }

    /// `max(floor, mean + 4 mean deviations of this flight's recent gaps)`, and until enough of them
    /// are known the rule of SRT's bonding, `2 * SRTT + 4 * RTTVAR`.
    pub(crate) fn threshold(&self, floor: Duration) -> Duration {
        let usual = self.gaps.threshold().or_else(|| {
            let (srtt, rttvar) = self.rtt()?;
            Some(srtt * 2 + rttvar * 4)
        });
        usual.unwrap_or(UNMEASURED).max(floor)
    }

    pub(crate) fn on_in_flight(&mut self, now: Instant, in_flight: bool, is_suspect: bool) {
        if matches!((self.flight, in_flight), (Flight::None, true)) {
            // The first proof of a flight takes a round trip, and slow start spreads the next
            // ones: what is usual on a full pipe says nothing of them.
            self.gaps = Gaps::new();
        }
        self.flight = match (self.flight, in_flight) {
            (Flight::None, true) => Flight::Quiet { since: now },
            (Flight::Quiet { since } | Flight::Abandoned { since }, true) => {
                Flight::Quiet { since }
            }
            (Flight::Quiet { since } | Flight::Abandoned { since }, false) if is_suspect => {
                Flight::Abandoned { since }
            }
            (Flight::None | Flight::Quiet { .. } | Flight::Abandoned { .. }, false) => Flight::None,
        };
        if !in_flight {
            self.transport = None;
        }
    }

    /// A proof came, over a path with a shortest round trip of `round_trip`. A gap beyond
    /// `threshold` counts as that: one stall must not blind the estimate.
    pub(crate) fn on_proof(
        &mut self,
        now: Instant,
        threshold: Duration,
        round_trip: Option<Duration>,
    ) {
        self.flight = match self.flight {
            Flight::Quiet { since } => {
                let gap = now.saturating_since(since).min(threshold);
                self.gaps.record(gap, round_trip.unwrap_or(UNMEASURED_ROUND));
                Flight::Quiet { since: now }
            }
            Flight::None | Flight::Abandoned { .. } => Flight::None,
        };
    }

    pub(crate) fn on_answered(&mut self, rtt: Duration) {
        // The first packets after a link came up wait for ARP, for up to a second: a much shorter
        // round trip shows what the path really takes.
        if self.probed.srtt().is_some_and(|srtt| rtt * MUCH_SHORTER < srtt) {
            self.probed = RttEstimator::new();
        }
        self.probed.sample(rtt);
    }

    pub(crate) fn on_transport(&mut self, srtt: Duration, rttvar: Duration) {
        self.transport = Some((srtt.min(LONGEST_RTT), rttvar.min(LONGEST_RTT)));
    }

    /// The link is on another network: nothing of the old one counts, and what is in flight has
    /// its time anew.
    pub(crate) fn on_moved(&mut self, now: Instant) {
        let flight = match self.flight {
            Flight::None | Flight::Abandoned { .. } => Flight::None,
            Flight::Quiet { .. } => Flight::Quiet { since: now },
        };
        *self = Self { flight, ..Self::new() };
    }

    /// The link lives: what was taken away from it is of no interest any more.
    pub(crate) fn forgive(&mut self) {
        match self.flight {
            Flight::Abandoned { .. } => self.flight = Flight::None,
            Flight::None | Flight::Quiet { .. } => {}
        }
    }

    /// The link recovered: what it did not deliver before is not held against it now.
    pub(crate) fn restart(&mut self, now: Instant) {
        if self.is_awaited() {
            self.flight = Flight::Quiet { since: now };
        }
    }
}

/// Suspicion of a link whose round-trip time nobody measured yet: as RFC 6298 (2.1).
const UNMEASURED: Duration = Duration::from_secs(1);

/// Round trip to assume for collecting gaps before one was measured: a usual cellular one.
const UNMEASURED_ROUND: Duration = Duration::from_millis(50);

/// A queue lengthens a round trip by less, where it is short enough to matter.
const MUCH_SHORTER: u32 = 4;

/// Longer round trips count as this one.
const LONGEST_RTT: Duration = Duration::from_secs(60);
