//! Whether a run by chance kept every promise, and what to tell of it if not.

use crate::random::random;
use crate::world::Run;
use baton_core::Verdict;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// A seed whose run broke a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Repeat it with `ci/sim --seed`.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
    /// The last events.
    pub tail: String,
}

/// What many runs came to.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// How many there were.
    pub runs: u64,
    /// Those that broke a promise.
    pub troubles: Vec<Trouble>,
    /// Simulated seconds, all links' together.
    pub link_seconds: f64,
    /// Events.
    pub events: u64,
}

/// Events that are told of a run that broke a promise.
const TAIL: usize = 40;

/// What is wrong with the run of that seed, if anything.
pub fn trouble(seed: u64) -> Option<Trouble> {
    judge(seed, &random(seed).run_uploads())
}

fn judge(seed: u64, run: &Run) -> Option<Trouble> {
    let lost = run.ends.iter().position(|end| end.is_none_or(|end| end.verdict != Verdict::Stored));
    let what = match (&run.broken, lost) {
        (Some(broken), _) => {
            format!("at {:.3} s: {}", broken.at.as_micros() as f64 / 1e6, broken.what)
        }
        (None, Some(upload)) => format!("upload {upload} ended with {:?}", run.ends[upload]),
        (None, None) => return None,
    };
    let lines: Vec<&str> = run.log.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    Some(Trouble { seed, what, tail })
}

/// Runs the seeds from `first` on, as many at once as there are processors.
pub fn sweep(first: u64, count: u64) -> Sweep {
    let next = AtomicU64::new(first);
    let work = || {
        let mut mine = Sweep::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return mine;
            }
            let scenario = random(seed);
            let run = scenario.run_uploads();
            mine.runs += 1;
            mine.link_seconds += run.lasted.as_secs_f64() * scenario.links.len() as f64;
            mine.events += run.events;
            mine.troubles.extend(judge(seed, &run));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut all = Sweep::default();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in running {
            let part = thread.join().expect("a run that panics fails its caller");
            all.runs += part.runs;
            all.link_seconds += part.link_seconds;
            all.events += part.events;
            all.troubles.extend(part.troubles);
        }
    });
    all.troubles.sort_by_key(|trouble| trouble.seed);
    all
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}\n{}", self.seed, self.what, self.tail)
    }
}
