//! One core, three drivers: what it was told in a recorded run, and what it wanted then.
//!
//! A record is text. A line that begins with a time is what the core is told; `>` is an action that it wants
//! then, `=` is when it wants to be woken:
//!
//! ```text
//! 3001600 tell link 0 facts 1 1 1
//! > Probe(LinkId(0))
//! = 4001600
//! 4001600 timeout
//! ```
//!
//! [`RECORDED`] is of the simulator, which writes it anew (`tests/sim/src/record.rs`). [`replay`] feeds it
//! to an agent of whatever capacities a driver gives its own, on whatever processor that runs, without an
//! allocator: each action and each deadline must be the same, letter by letter.
#![no_std]
#![forbid(unsafe_code)]

mod words;

use baton_core::{
    Action, Adaptation, Agent, Algorithm, Class, ClassLimits, ClientPolicy, Duration, Event,
    Instant, LinkPolicy, Policy, UploadPolicy,
};
use core::fmt::{self, Write};
use heapless::String;
use words::{Field, Words};

/// The record.
pub const RECORDED: &str = include_str!("../recorded.log");

/// Of everything random in it.
pub const SEED: u64 = 1;

/// What the core goes by in it: the defaults, within what the smallest driver has.
pub const POLICY: Policy = Policy {
    links: LinkPolicy::DEFAULT,
    uploads: UploadPolicy {
        hold: Duration::from_secs(300),
        retry: (Duration::from_millis(200), Duration::from_secs(10)),
        hedge: true,
    },
    // A driver without blocks for what it sends has none to adapt to.
    adaptation: Adaptation { algorithm: Algorithm::Fixed, min_chunk_bytes: 16 * 1024 },
    clients: ClientPolicy {
        learn: false,
        apply: false,
        span: 16,
        trust: Duration::ZERO,
        keep: Duration::ZERO,
    },
    classes: [ClassLimits {
        window_bytes: 64 * 1024,
        chunk_bytes: 16 * 1024,
        budget_blocks: 0,
        timeout_percent: 100,
        answer_timeout: Duration::from_secs(30),
    }; Class::ALL.len()],
    pool_blocks: baton_core::GUARANTEED,
};

/// What a driver does to its core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It tells of something.
    Event(Event),
    /// A deadline has passed.
    Timeout,
}

/// Writes down what the core is told.
pub fn write_input(out: &mut dyn Write, now: Instant, input: &Input) -> fmt::Result {
    write!(out, "{}", now.as_micros())?;
    input.put(out)?;
    out.write_char('\n')
}

/// Writes down what it wants then.
pub fn write_action(out: &mut dyn Write, action: &Action) -> fmt::Result {
    writeln!(out, "> {action:?}")
}

/// Writes down when it wants to be woken.
pub fn write_deadline(out: &mut dyn Write, deadline: Option<Instant>) -> fmt::Result {
    match deadline {
        Some(at) => writeln!(out, "= {}", at.as_micros()),
        None => writeln!(out, "= never"),
    }
}

/// How much was replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Times that the core was told something.
    pub inputs: u32,
    /// What it wanted, all the same as in the record.
    pub actions: u32,
}

/// The first thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// Line of the record, the first is 1.
    pub line: usize,
    /// What it says; nothing behind its end.
    pub recorded: &'a str,
    /// What there is instead.
    pub is: String<LINE>,
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, recorded, is } = self;
        write!(f, "line {line}: recorded is {recorded:?}, and now it is {is:?}")
    }
}

/// Longest line of an action: an append by name, with the largest numbers.
pub const LINE: usize = 160;

/// Feeds the record to a new agent, and compares what it wants.
#[expect(clippy::result_large_err, reason = "without an allocator there is nowhere else")]
pub fn replay<'a, const L: usize, const U: usize, const B: usize, const C: usize>(
    agent: &mut Agent<L, U, B, C>,
    record: &'a str,
) -> Result<Replayed, Difference<'a>> {
    let mut lines = Lines { rest: record, number: 0 };
    let mut replayed = Replayed::default();
    while let Some(line) = lines.next() {
        let mut words = Words::of(line);
        let (Some(micros), Some(input), None) =
            (u64::take(&mut words), Input::take(&mut words), words.next())
        else {
            // An action that is not wanted any more, or a line that says nothing.
            return Err(lines.difference(line, "something else is told"));
        };
        let now = Instant::from_micros(micros);
        match input {
            Input::Event(event) => agent.handle_event(now, event),
            Input::Timeout => agent.handle_timeout(now),
        }
        replayed.inputs += 1;
        while let Some(action) = agent.poll_action(now) {
            lines.expect(|out| write_action(out, &action))?;
            replayed.actions += 1;
        }
        let deadline = agent.poll_timeout(now).map(|(at, _)| at);
        lines.expect(|out| write_deadline(out, deadline))?;
    }
    Ok(replayed)
}

/// The lines of a record.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        self.number += 1;
        Some(line)
    }

    /// The next line is what `write` writes.
    #[expect(clippy::result_large_err, reason = "as above")]
    fn expect(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    ) -> Result<(), Difference<'a>> {
        let mut text = String::<LINE>::new();
        // A longer line than there is room for differs by its end.
        let written = write(&mut text);
        let text = text.trim_end_matches('\n');
        let recorded = self.next().unwrap_or("");
        if written.is_ok() && recorded == text {
            return Ok(());
        }
        Err(self.difference(recorded, text))
    }

    fn difference(&self, recorded: &'a str, is: &str) -> Difference<'a> {
        let is = String::try_from(is).unwrap_or_default();
        Difference { line: self.number, recorded, is }
    }
}
