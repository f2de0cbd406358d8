//! CUBIC (RFC 9438) with HyStart's delay test, as Linux has it: how much may be in flight.

use baton_core::{Duration, Instant};

/// The congestion window, in segments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cubic {
    pub(crate) window: f64,
    pub(crate) threshold: f64,
    /// Window at the last loss, and since when it grows from there.
    peak: f64,
    epoch: Option<Epoch>,
    /// Shortest round trip of all, and of this one.
    shortest: Option<Duration>,
    round: Round,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    since: Instant,
    /// Seconds until the window is back at its peak.
    back_after: f64,
    origin: f64,
    /// What Reno would have by now.
    reno: f64,
}

/// One round trip of slow start.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    end: u64,
    samples: u32,
    shortest: Duration,
}

/// RFC 6928.
const INITIAL: f64 = 10.0;

/// RFC 9438 sections 4.6 and 5.
const BETA: f64 = 0.7;
const C: f64 = 0.4;

/// HyStart: round trips that much longer end slow start, but for windows that are small yet.
const HYSTART_DELAY: [Duration; 2] = [Duration::from_millis(4), Duration::from_millis(16)];
const HYSTART_LEAST: f64 = 16.0;
const HYSTART_SAMPLES: u32 = 8;

impl Cubic {
    pub(crate) const fn new() -> Self {
        Self {
            window: INITIAL,
            threshold: f64::INFINITY,
            peak: 0.0,
            epoch: None,
            shortest: None,
            round: Round { end: 0, samples: 0, shortest: Duration::ZERO },
        }
    }

    /// A round trip was measured; `next` is the end of what has left, `acked` what is acknowledged.
    pub(crate) fn on_rtt(&mut self, rtt: Duration, acked: u64, next: u64) {
        let shortest = self.shortest.map_or(rtt, |shortest| shortest.min(rtt));
        self.shortest = Some(shortest);
        if self.window >= self.threshold {
            return;
        }
        if acked >= self.round.end {
            self.round = Round { end: next, samples: 0, shortest: Duration::MAX };
        }
        self.round.samples += 1;
        self.round.shortest = self.round.shortest.min(rtt);
        let [least, most] = HYSTART_DELAY;
        let late = shortest + (shortest / 8).clamp(least, most);
        if self.round.samples > HYSTART_SAMPLES
            && self.round.shortest > late
            && self.window >= HYSTART_LEAST
        {
            self.threshold = self.window;
        }
    }

    /// Segments were acknowledged while the window was what held the sender back.
    pub(crate) fn on_ack(&mut self, now: Instant, segments: f64) {
        if self.window < self.threshold {
            self.window = (self.window + segments).min(self.threshold.max(self.window));
            return;
        }
        let (window, peak) = (self.window, self.peak);
        let epoch = self.epoch.get_or_insert_with(|| Epoch {
            since: now,
            back_after: ((peak - window).max(0.0) / C).cbrt(),
            origin: peak.max(window),
            reno: window,
        });
        let ahead = self.shortest.unwrap_or_default();
        let at = (now.saturating_since(epoch.since) + ahead).as_secs_f64() - epoch.back_after;
        let target = (epoch.origin + C * at * at * at).clamp(window, 1.5 * window);
        // RFC 9438 section 4.3
        epoch.reno += 3.0 * (1.0 - BETA) / (1.0 + BETA) * segments / window;
        let growth = (target - window) / window * segments;
        // Linux grows by one segment in a hundred windows where the curve is flat.
        self.window = (window + growth.max(segments / (100.0 * window))).max(epoch.reno);
    }

    /// Something was lost.
    pub(crate) fn on_loss(&mut self) {
        self.epoch = None;
        // Fast convergence, RFC 9438 section 4.7
        self.peak =
            if self.window < self.peak { self.window * (1.0 + BETA) / 2.0 } else { self.window };
        self.threshold = (self.window * BETA).max(2.0);
    }

    /// Nothing was sent for a while, or the window was not used: the curve does not go on meanwhile.
    pub(crate) fn on_idle(&mut self) {
        self.epoch = None;
    }

    /// The window after idling for `rounds` timeouts (RFC 2861).
    pub(crate) fn decay(&mut self, rounds: u32) {
        self.threshold = self.threshold.max(self.window * 0.75);
        self.window =
            (self.window / 2f64.powi(rounds.min(30) as i32)).max(INITIAL.min(self.window));
    }
}
