//! What a scene can say of a transfer besides what the agent says of itself.

use crate::Scene;
use baton_lab::Link;
use std::time::{SystemTime, UNIX_EPOCH};

/// A change of the active link, as the agent's log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedSwitch {
    /// Milliseconds since midnight, UTC.
    pub time_ms: u64,
    /// The link left.
    pub from: String,
    /// The link taken.
    pub to: String,
    /// Why, in one word.
    pub reason: String,
    /// What was seen.
    pub evidence: String,
}

impl LoggedSwitch {
    /// Reads `2026-01-02T03:04:05.678901Z INFO ...: switch from="eth0" to=...`.
    fn read(line: &str) -> Option<Self> {
        let (head, fields) = line.split_once(": switch ")?;
        let field = |name: &str| {
            let (_, value) = fields.split_once(&format!("{name}=\""))?;
            Some(value.split_once('"')?.0.to_owned())
        };
        let clock = head.split_once('T')?.1.get(..12)?;
        let number = |at: core::ops::Range<usize>| clock.get(at)?.parse::<u64>().ok();
        let minutes = number(0..2)? * 60 + number(3..5)?;
        Some(Self {
            time_ms: (minutes * 60 + number(6..8)?) * 1000 + number(9..12)?,
            from: field("from")?,
            to: field("to")?,
            reason: field("reason")?,
            evidence: field("evidence")?,
        })
    }

    /// How long after a moment of [`wall_ms`] it was.
    pub fn ms_after(&self, wall_ms: u64) -> u64 {
        const DAY: u64 = 24 * 3600 * 1000;
        (self.time_ms + DAY - wall_ms % DAY) % DAY
    }
}

/// Milliseconds since 1970, as logs and `switches[].at` count.
///
/// # Panics
///
/// If the clock is that wrong.
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_millis() as u64
}

impl Scene {
    /// Every change of the active link that the agent's log names.
    pub fn logged_switches(&self) -> Vec<LoggedSwitch> {
        self.agent.log().lines().filter_map(LoggedSwitch::read).collect()
    }

    /// TCP payload that every link together carried to the upstream.
    pub fn payload_up(&self) -> u64 {
        self.lab.links().iter().map(|link| self.payload_up_on(link)).sum()
    }

    /// TCP payload that one link carried to the upstream: what its emulator passed on, without
    /// headers.
    pub fn payload_up_on(&self, link: &Link) -> u64 {
        let passed = link.stats().up.passed;
        passed.bytes.saturating_sub(passed.frames * self.header_bytes())
    }
}
