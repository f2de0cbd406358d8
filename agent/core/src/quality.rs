//! How well a link that works does so.

use crate::{
    Class, Duration, Evidence, Instant, LinkPolicy, Score, Signal, StateKind,
    history::History,
    loss::Loss,
    rate::Rate,
    score::{AT_LIMIT, Marks},
    stability::Stability,
    time::micros,
    window::Window,
};

/// What was measured of the recent past, and the verdict on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    loss: Loss,
    /// Shortest round trip in microseconds, by bucket. The shortest and not the mean: the queue
    /// of our own load comes and goes, the path's own length stays.
    rtt_min_us: Window<Option<u32>, RTT_BUCKETS>,
    stability: Stability,
    pub(crate) rate: Rate,
    signal: Option<(Instant, Signal)>,
    history: History,
    /// What it scored when it was last left.
    left: Option<(Instant, Score)>,
    grade: Grade,
    /// How long the link was passed over the last time.
    penance: Duration,
    /// When it was taken again after that.
    taken: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    /// Bad at the last look, or near to it: once is no verdict.
    Doubtful,
    /// Bad at two looks in a row, or beyond all measure at one.
    Degraded {
        why: Evidence,
        is_critical: bool,
    },
    /// Left because degraded. An idle link's loss can't be measured, so only time clears it.
    Penance {
        until: Instant,
        why: Evidence,
    },
}

/// What one look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    Fine,
    /// Beyond a warning.
    Near,
    Bad(Evidence),
    Critical(Evidence),
}

/// What the other links' measurements are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Degraded {
    pub(crate) why: Evidence,
    /// It is not to wait for anything.
    pub(crate) is_critical: bool,
}

impl Quality {
    pub(crate) fn new() -> Self {
        Self {
            loss: Loss::new(),
            rtt_min_us: Window::new(RTT_SPAN),
            stability: Stability::new(LinkPolicy::DEFAULT.comparison),
            rate: Rate::new(),
            signal: None,
            history: History::new(),
            left: None,
            grade: Grade::Good,
            penance: Duration::ZERO,
            taken: Instant::ZERO,
        }
    }

    /// Forgets what was measured: the link came up on what may be another path. What it was
    /// left for is remembered, and how stable it was.
    pub(crate) fn reset(&mut self) {
        self.loss = Loss::new();
        self.rtt_min_us = Window::new(RTT_SPAN);
        self.rate = Rate::new();
        self.history = History::new();
        self.left = None;
        match self.grade {
            Grade::Good | Grade::Penance { .. } => {}
            Grade::Doubtful | Grade::Degraded { .. } => self.grade = Grade::Good,
        }
    }

    /// Forgets everything: the link is on another network.
    pub(crate) fn on_moved(&mut self, now: Instant) {
        let Self { mut rate, taken, .. } = *self;
        rate.restart(now);
        *self = Self { rate, taken, ..Self::new() };
        self.stability.book(now, StateKind::Absent);
    }

    pub(crate) fn on_rtt(&mut self, now: Instant, rtt: Duration) {
        let rtt = u32::try_from(micros(rtt)).unwrap_or(u32::MAX);
        let shortest = self.rtt_min_us.newest(now);
        *shortest = Some(shortest.map_or(rtt, |shortest| shortest.min(rtt)));
    }

    pub(crate) fn on_segments(&mut self, now: Instant, sent: u32, lost: u32) {
        self.loss.record(now, sent, lost);
    }

    pub(crate) fn on_signal(&mut self, now: Instant, signal: Signal) {
        self.signal = Some((now, signal));
    }

    /// Books the time up to `now`, which the link spent in `state`.
    pub(crate) fn book(&mut self, now: Instant, state: StateKind) {
        self.stability.book(now, state);
    }

    /// Shortest round trip of the window.
    pub(crate) fn rtt_min(&self) -> Option<Duration> {
        let shortest = self.rtt_min_us.buckets().flatten().min()?;
        Some(Duration::from_micros(u64::from(*shortest)))
    }

    /// Loss over the window; zero if too little was sent to tell.
    pub(crate) fn loss_ppm(&self) -> u32 {
        self.loss.ppm().unwrap_or(0)
    }

    /// The share of its time without suspicion.
    pub(crate) fn stability_permille(&self) -> Option<u16> {
        self.stability.permille()
    }

    /// What the radio said last.
    pub(crate) fn signal(&self) -> Option<Signal> {
        self.signal.map(|(_, signal)| signal)
    }

    /// Looks at the link and updates the verdict.
    pub(crate) fn review(&mut self, now: Instant, policy: &LinkPolicy, class: Class) {
        self.loss.advance(now);
        self.rtt_min_us.advance(now);
        self.stability.set_window(policy.comparison);
        self.rate.review(now, policy.comparison);
        self.left = self.left.filter(|(at, _)| now.saturating_since(*at) < policy.comparison);
        self.signal = self.signal.filter(|(at, _)| now.saturating_since(*at) < SIGNAL_AGE);
        let finding = self.look(policy, class);
        self.grade = match (self.grade, finding) {
            (grade @ Grade::Penance { until, .. }, _) if now < until => grade,
            (
                Grade::Good | Grade::Doubtful | Grade::Degraded { .. } | Grade::Penance { .. },
                Finding::Critical(why),
            ) => Grade::Degraded { why, is_critical: true },
            (Grade::Good, Finding::Near | Finding::Bad(_)) => Grade::Doubtful,
            (Grade::Doubtful | Grade::Penance { .. }, Finding::Near) => Grade::Doubtful,
            // As long as it is near its limit, it would only be back there.
            (Grade::Degraded { why, .. }, Finding::Near)
            | (
                Grade::Doubtful | Grade::Degraded { .. } | Grade::Penance { .. },
                Finding::Bad(why),
            ) => Grade::Degraded { why, is_critical: false },
            (
                Grade::Good | Grade::Doubtful | Grade::Degraded { .. } | Grade::Penance { .. },
                Finding::Fine,
            ) => Grade::Good,
        };
        self.history.push(self.score(policy, class).total(), policy.history);
    }

    /// What is wrong with it, if two looks found it so or it still atones for that.
    pub(crate) fn degraded(&self) -> Option<Degraded> {
        match self.grade {
            Grade::Good | Grade::Doubtful => None,
            Grade::Degraded { why, is_critical } => Some(Degraded { why, is_critical }),
            Grade::Penance { why, .. } => Some(Degraded { why, is_critical: false }),
        }
    }

    /// Another link is active from here on.
    pub(crate) fn on_yielded(&mut self, now: Instant, policy: &LinkPolicy, class: Class) {
        self.left = Some((now, self.score(policy, class)));
    }

    /// The link was left for its quality, or for carrying nothing although it answers. It is passed
    /// over for two cooldowns, so that every other link is tried before it is again. Being left
    /// once more before it served as long as it was passed over doubles the time: however the
    /// measurements come and go, a bad link is tried ever more rarely.
    pub(crate) fn on_left(&mut self, now: Instant, policy: &LinkPolicy, why: Evidence) {
        let served = now.saturating_since(self.taken);
        let longer =
            if served > self.penance { Duration::ZERO } else { self.penance.saturating_mul(2) };
        self.penance = longer.min(LONGEST_PENANCE).max(policy.cooldown.saturating_mul(2));
        self.grade = Grade::Penance { until: now + self.penance, why };
        if let Evidence::Slow { .. } = why {
            // It has its chance afresh when it is taken again.
            self.rate.restart(now);
        }
    }

    /// It is used from here on.
    pub(crate) fn on_taken(&mut self, now: Instant) {
        self.taken = now;
        self.left = None;
    }

    /// What its measurements cost it.
    pub(crate) fn score(&self, policy: &LinkPolicy, class: Class) -> Score {
        let rtt_us = self.rtt_min().map_or(0, micros);
        let latency = Marks::of_latency(policy, class.latency_stretch());
        Score {
            loss: Marks::of_loss(policy).demerit(u64::from(self.loss_ppm())),
            rtt: latency.demerit(rtt_us),
            stability: self.instability(policy),
            signal: self.signal().map_or(0, |signal| signal.demerit()),
            rate: self.rate.demerit(),
        }
    }

    /// What it must be expected to cost: that much, and what it did when it was last left. A link that
    /// carries nothing loses nothing, and would win for that alone.
    pub(crate) fn prospect(&self, policy: &LinkPolicy, class: Class) -> Score {
        let score = self.score(policy, class);
        self.left.map_or(score, |(_, left)| score.or_worse(left))
    }

    /// Points for time under suspicion: those of a limit at the limit, and straight on.
    fn instability(&self, policy: &LinkPolicy) -> u8 {
        let missing = 1000 - u32::from(self.stability_permille().unwrap_or(1000));
        let allowed = 1000 - u32::from(policy.stability_min_permille.min(999));
        (missing * u32::from(AT_LIMIT) / allowed).min(100) as u8
    }

    /// The worst of what there is, the operator's limits first: they name a cause.
    fn look(&self, policy: &LinkPolicy, class: Class) -> Finding {
        let (ppm, rtt) = (self.loss_ppm(), self.rtt_min().unwrap_or_default());
        let mut loss = Marks::of_loss(policy);
        if !self.loss.is_steady() {
            loss.critical = u64::MAX;
        }
        let measured = [
            (u64::from(ppm), loss, Evidence::Loss { ppm }),
            (
                micros(rtt),
                Marks::of_latency(policy, class.latency_stretch()),
                Evidence::Latency { rtt },
            ),
        ];
        let first = |is_beyond: fn(u64, &Marks) -> bool| {
            measured
                .iter()
                .find(|(measured, marks, _)| is_beyond(*measured, marks))
                .map(|(_, _, why)| *why)
        };
        if let Some(why) = first(|measured, marks| measured > marks.critical) {
            return Finding::Critical(why);
        }
        let bad = first(|measured, marks| measured > marks.limit)
            .or_else(|| self.unstable(policy))
            .or_else(|| self.low(policy, class));
        match bad {
            Some(why) => Finding::Bad(why),
            None if first(|measured, marks| measured > marks.warning).is_some() => Finding::Near,
            None => Finding::Fine,
        }
    }

    fn unstable(&self, policy: &LinkPolicy) -> Option<Evidence> {
        let permille = self.stability_permille()?;
        (permille < policy.stability_min_permille).then_some(Evidence::Unstable { permille })
    }

    /// How slow a link is counts against what it usually is, and not by itself: the upstream may
    /// be slow.
    fn low(&self, policy: &LinkPolicy, class: Class) -> Option<Evidence> {
        let score = self.score(policy, class);
        if score.apart_from_rate() < policy.score_min {
            return Some(Evidence::LowScore { score: score.apart_from_rate() });
        }
        let (usual, to) = (self.history.usual()?, score.total());
        let least = u32::from(usual) * 1000u32.saturating_sub(policy.drop_max_permille.into());
        (u32::from(to) * 1000 < least).then_some(Evidence::Dropped { from: usual, to })
    }
}

/// Half a minute: long enough for a full queue to have drained once (CUBIC backs off every few
/// seconds, BBR every ten), short enough to notice a path that became longer.
const RTT_BUCKETS: usize = 6;
const RTT_SPAN: Duration = Duration::from_secs(5);

/// Radios are read every second or few; one that says nothing for so long is not read any more.
const SIGNAL_AGE: Duration = Duration::from_secs(30);

/// A link that is bad for half an hour is tried again by then all the same.
const LONGEST_PENANCE: Duration = Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests;
