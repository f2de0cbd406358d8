//! The sending half: SACK recovery with RACK (RFC 8985), proportional rate reduction (RFC 6937), tail
//! loss probes, timeouts with backoff (RFC 6298) that are taken back where they were for nothing (RFC 3522).

use super::{Cubic, Rate, Rtt};
use crate::packet::{MSS, Sacks};
use baton_core::{Duration, Instant};
use std::collections::VecDeque;

/// What is sent of a stream.
#[derive(Debug)]
pub(crate) struct Sender {
    /// End of what the application wrote.
    pub(crate) written: u64,
    /// End of what has left.
    pub(crate) next: u64,
    pub(crate) acked: u64,
    /// Bytes that the peer takes beyond what it acknowledged.
    room: u64,
    segments: VecDeque<Segment>,
    flying: u32,
    sacked: u32,
    lost: u32,
    pub(crate) cubic: Cubic,
    pub(crate) rtt: Rtt,
    pub(crate) rate: Rate,
    mood: Mood,
    backoff: u32,
    timer: Option<(Instant, Timer)>,
    /// When the newest delivered segment had left.
    newest: Option<Instant>,
    pub(crate) heard: Option<Instant>,
    sent_last: Option<Instant>,
    pub(crate) sent_segments: u32,
    pub(crate) resent_segments: u32,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    len: u64,
    sent: Instant,
    state: State,
    is_resent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Flying,
    Sacked,
    Lost,
}

#[derive(Clone, Copy, Debug)]
enum Mood {
    Open,
    /// Until everything that had left is acknowledged.
    Recovery {
        end: u64,
        flight: f64,
        delivered: f64,
        out: f64,
    },
    /// After a timeout; what it would be without.
    Loss {
        end: u64,
        since: Instant,
        before: Cubic,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Sends something so that the peer tells what it has.
    Probe,
    Resend,
    /// What may only be late counts as lost.
    Reorder,
}

/// A part of the stream to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: u64,
    pub(crate) len: u64,
}

/// Segments beyond a hole that prove it one (RFC 5681).
const DUPLICATES: u32 = 3;

/// RFC 8985 section 7.2, as Linux has it: two round trips, and at least two ticks of 4 ms.
const PROBE_LEAST: Duration = Duration::from_millis(8);

/// What a lone segment's acknowledgement may be delayed by.
const PROBE_LONE: Duration = Duration::from_millis(200);

/// What a receiver takes that reads at once.
const ROOM: u64 = 3 << 20;

impl Sender {
    pub(crate) fn new() -> Self {
        Self {
            written: 0,
            next: 0,
            acked: 0,
            room: ROOM,
            segments: VecDeque::new(),
            flying: 0,
            sacked: 0,
            lost: 0,
            cubic: Cubic::new(),
            rtt: Rtt::default(),
            rate: Rate::default(),
            mood: Mood::Open,
            backoff: 0,
            timer: None,
            newest: None,
            heard: None,
            sent_last: None,
            sent_segments: 0,
            resent_segments: 0,
        }
    }

    /// Segments that left and are not acknowledged.
    pub(crate) fn unacked(&self) -> u32 {
        self.segments.len() as u32
    }

    pub(crate) fn unsent(&self) -> u64 {
        self.written - self.next
    }

    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.timer.map(|(at, _)| at)
    }

    /// When the data in flight counts as lost, or is probed for: what Linux' `icsk_timeout` says.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timer.filter(|(_, timer)| *timer != Timer::Reorder).map(|(at, _)| at)
    }

    /// The next piece that may leave now. It does.
    pub(crate) fn poll_piece(&mut self, now: Instant) -> Option<Piece> {
        let allowance = (self.cubic.window.floor() as u32).max(1);
        if self.flying >= allowance {
            return None;
        }
        let piece = if self.lost > 0 { self.resend_first(now) } else { self.send_next(now) };
        if let (Some(_), Mood::Recovery { out, .. }) = (piece, &mut self.mood) {
            *out += 1.0;
        }
        piece
    }

    fn resend_first(&mut self, now: Instant) -> Option<Piece> {
        let first = self.segments.iter().find(|segment| segment.state == State::Lost)?.start;
        self.lost -= 1;
        Some(self.resend(now, first))
    }

    fn resend(&mut self, now: Instant, start: u64) -> Piece {
        let index = self.segments.partition_point(|segment| segment.start < start);
        let segment = &mut self.segments[index];
        if segment.state != State::Flying {
            self.flying += 1;
        }
        (segment.state, segment.is_resent, segment.sent) = (State::Flying, true, now);
        self.resent_segments += 1;
        let piece = Piece { start: segment.start, len: segment.len };
        self.on_sent(now);
        piece
    }

    fn send_next(&mut self, now: Instant) -> Option<Piece> {
        let len = self.unsent().min(MSS);
        if len == 0 || self.next + len > self.acked + self.room {
            return None;
        }
        if self.segments.is_empty()
            && let Some(last) = self.sent_last
        {
            let idle = now.saturating_since(last).as_micros() / self.rtt.timeout(0).as_micros();
            if idle > 0 {
                self.cubic.decay(idle as u32);
                self.cubic.on_idle();
            }
        }
        let piece = Piece { start: self.next, len };
        self.segments.push_back(Segment {
            start: self.next,
            len,
            sent: now,
            state: State::Flying,
            is_resent: false,
        });
        self.next += len;
        self.flying += 1;
        self.on_sent(now);
        Some(piece)
    }

    fn on_sent(&mut self, now: Instant) {
        self.sent_segments += 1;
        self.sent_last = Some(now);
        // A probe waits for silence after what left last; a timeout, for what left first.
        if matches!(self.timer, None | Some((_, Timer::Probe))) {
            self.arm(now);
        }
    }

    /// From now on, something must come back in time.
    fn arm(&mut self, now: Instant) {
        self.timer = (!self.segments.is_empty()).then(|| {
            let resend = now + self.rtt.timeout(self.backoff);
            match (self.mood, self.rtt.smoothed()) {
                (Mood::Open, Some(rtt)) if self.sacked == 0 && self.backoff == 0 => {
                    let lone = if self.segments.len() == 1 { PROBE_LONE } else { PROBE_LEAST };
                    let probe = now + rtt * 2 + lone;
                    (probe.min(resend), if probe < resend { Timer::Probe } else { Timer::Resend })
                }
                _ => (resend, Timer::Resend),
            }
        });
    }

    /// The peer tells what it has.
    pub(crate) fn on_ack(&mut self, now: Instant, ack: u64, echo: Option<Instant>, sacks: &Sacks) {
        self.heard = Some(now);
        let limited = self.is_limited();
        let before = self.flying + self.lost;
        let delivered = self.deliver(now, ack, sacks);
        let advanced = ack > self.acked;
        self.acked = self.acked.max(ack);
        let round = self.rtt.smoothed().unwrap_or_default();
        self.rate.on_ack(now, self.acked, round, !limited && self.unsent() == 0);
        if let Mood::Loss { since, before, .. } = self.mood
            && advanced
            && echo.is_some_and(|echo| echo < since)
        {
            self.take_back(before);
        }
        self.detect(now);
        self.steer(now, delivered, before, limited, advanced);
        if advanced {
            self.backoff = 0;
            self.arm(now);
        } else if delivered > 0 && !matches!(self.timer, Some((_, Timer::Reorder))) {
            self.arm(now);
        }
        if self.segments.is_empty() {
            self.timer = None;
        }
    }

    /// Whether the window is what holds the sender back.
    fn is_limited(&self) -> bool {
        let window = self.cubic.window;
        let flying = f64::from(self.flying);
        if window < self.cubic.threshold {
            window < 2.0 * flying + 1.0
        } else {
            flying + 1.0 >= window.floor()
        }
    }

    /// Marks what arrived; how many segments that were.
    fn deliver(&mut self, now: Instant, ack: u64, sacks: &Sacks) -> u32 {
        let (mut delivered, mut sample, mut latest) = (0, None, None);
        while let Some(segment) = self.segments.front().copied()
            && segment.start + segment.len <= ack
        {
            self.segments.pop_front();
            match segment.state {
                State::Sacked => self.sacked -= 1,
                State::Flying => {
                    self.flying -= 1;
                    delivered += 1;
                }
                State::Lost => {
                    self.lost -= 1;
                    delivered += 1;
                }
            }
            if !segment.is_resent && segment.state != State::Sacked {
                let rtt = now.saturating_since(segment.sent);
                sample.get_or_insert(rtt);
                latest = Some(rtt);
                self.newest = self.newest.max(Some(segment.sent));
            } else if segment.is_resent && segment.state == State::Flying {
                // Too early for a copy: it was the original that came.
                let rtt = now.saturating_since(segment.sent);
                if self.rtt.shortest().is_none_or(|shortest| rtt >= shortest) {
                    self.newest = self.newest.max(Some(segment.sent));
                }
            }
        }
        for (start, end) in sacks {
            let first = self.segments.partition_point(|segment| segment.start < *start);
            for segment in self.segments.range_mut(first..) {
                if segment.start + segment.len > *end {
                    break;
                }
                match segment.state {
                    State::Sacked => continue,
                    State::Flying => self.flying -= 1,
                    State::Lost => self.lost -= 1,
                }
                if !segment.is_resent {
                    let rtt = now.saturating_since(segment.sent);
                    sample.get_or_insert(rtt);
                    latest = Some(rtt);
                    self.newest = self.newest.max(Some(segment.sent));
                }
                segment.state = State::Sacked;
                self.sacked += 1;
                delivered += 1;
            }
        }
        if let Some(rtt) = sample {
            self.rtt.sample(rtt);
        }
        if let Some(rtt) = latest {
            self.cubic.on_rtt(rtt, ack, self.next);
        }
        delivered
    }

    /// Finds what must be lost, since what left later has arrived.
    fn detect(&mut self, now: Instant) {
        let Some(newest) = self.newest else { return };
        if self.sacked == 0 {
            return;
        }
        let in_recovery = !matches!(self.mood, Mood::Open);
        let patience = match self.rtt.shortest() {
            Some(shortest) if !in_recovery && self.sacked < DUPLICATES => shortest / 4,
            Some(_) | None => Duration::ZERO,
        };
        let rtt = self.rtt.smoothed().unwrap_or_default();
        let mut wait = None;
        let mut left = self.sacked;
        for segment in &mut self.segments {
            match segment.state {
                State::Sacked => {
                    left -= 1;
                    if left == 0 && patience.is_zero() && !in_recovery {
                        break;
                    }
                }
                State::Flying if segment.sent <= newest => {
                    // A copy that left in the instant in which the newest did is not older.
                    if segment.sent == newest && (segment.is_resent || left == 0) {
                        continue;
                    }
                    let due = segment.sent + rtt + patience;
                    if patience.is_zero() || due <= now {
                        segment.state = State::Lost;
                        self.flying -= 1;
                        self.lost += 1;
                    } else {
                        wait = Some(wait.map_or(due, |wait: Instant| wait.min(due)));
                    }
                }
                State::Flying | State::Lost => {}
            }
        }
        if let Some(at) = wait {
            self.timer = Some((at, Timer::Reorder));
        }
    }

    fn steer(&mut self, now: Instant, delivered: u32, before: u32, limited: bool, advanced: bool) {
        match self.mood {
            Mood::Open if self.lost > 0 => {
                let flight = f64::from(before).max(1.0);
                self.cubic.on_loss();
                self.mood = Mood::Recovery { end: self.next, flight, delivered: 0.0, out: 0.0 };
                self.reduce(delivered.max(1));
            }
            Mood::Open => {
                if delivered > 0 && limited {
                    self.cubic.on_ack(now, f64::from(delivered));
                } else if !limited {
                    self.cubic.on_idle();
                }
            }
            Mood::Recovery { end, .. } if self.acked >= end => {
                self.cubic.window = self.cubic.threshold;
                self.mood = Mood::Open;
            }
            Mood::Recovery { .. } => self.reduce(delivered),
            Mood::Loss { end, .. } => {
                if delivered > 0 && advanced {
                    self.cubic.on_ack(now, f64::from(delivered));
                }
                if self.acked >= end {
                    self.mood = Mood::Open;
                }
            }
        }
    }

    /// RFC 6937: the window comes down with what is delivered.
    fn reduce(&mut self, newly: u32) {
        let Mood::Recovery { flight, delivered, out, .. } = &mut self.mood else { return };
        let newly = f64::from(newly);
        *delivered += newly;
        let flying = f64::from(self.flying);
        let more = if flying > self.cubic.threshold {
            (*delivered * self.cubic.threshold / *flight).ceil() - *out
        } else {
            let limit = (*delivered - *out).max(newly) + 1.0;
            (self.cubic.threshold - flying).min(limit)
        };
        // The first copy leaves at once.
        let least = if *out == 0.0 { 1.0 } else { 0.0 };
        self.cubic.window = flying + more.max(least);
    }

    fn take_back(&mut self, before: Cubic) {
        self.cubic = before;
        self.cubic.on_idle();
        self.mood = Mood::Open;
        for segment in &mut self.segments {
            if segment.state == State::Lost {
                segment.state = State::Flying;
                self.lost -= 1;
                self.flying += 1;
            }
        }
    }

    /// Time passed. A probe or a first copy, if one is to leave whatever the window says.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Piece> {
        let (at, timer) = self.timer?;
        if now < at {
            return None;
        }
        self.timer = None;
        match timer {
            Timer::Reorder => {
                self.detect(now);
                self.steer(now, 0, self.flying + self.lost, false, false);
                if self.timer.is_none() {
                    self.arm(now);
                }
                None
            }
            Timer::Probe => {
                let resend = now + self.rtt.timeout(0);
                self.timer = Some((resend, Timer::Resend));
                self.send_next(now).or_else(|| {
                    let last = self.segments.back()?.start;
                    Some(self.resend(now, last))
                })
            }
            Timer::Resend => self.on_resend_timeout(now),
        }
    }

    fn on_resend_timeout(&mut self, now: Instant) -> Option<Piece> {
        let first = self.segments.front()?.start;
        if !matches!(self.mood, Mood::Loss { .. }) {
            let before = self.cubic;
            self.cubic.on_loss();
            self.mood = Mood::Loss { end: self.next, since: now, before };
        }
        self.cubic.window = 1.0;
        self.backoff += 1;
        for segment in &mut self.segments {
            if segment.state == State::Flying {
                segment.state = State::Lost;
                self.flying -= 1;
                self.lost += 1;
            }
        }
        let front = self.segments.front()?;
        if front.state == State::Lost {
            self.lost -= 1;
        }
        let piece = self.resend(now, first);
        self.timer = Some((now + self.rtt.timeout(self.backoff), Timer::Resend));
        Some(piece)
    }
}
