//! A test harness whose tests each have a process and a sandbox of their own.
//!
//! A sandbox can only be entered by a process of one thread, and a test that changes namespaces,
//! kernel parameters or mounts must not be felt by the next one. So the harness runs its own
//! executable again for each test: one after another where they measure time, else side by side.

use crate::{clock::now, sandbox::Sandbox};
use nix::unistd::alarm;
use std::{
    env,
    process::{Command, ExitCode, Output},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

/// Defines `main` for a test target with `harness = false`: `baton_lab::tests![first, second];`
/// where each is a `fn(&Sandbox)` that panics if it fails.
#[macro_export]
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        fn main() -> std::process::ExitCode {
            $crate::main(&[$((stringify!($test), $test)),+], 1)
        }
    };
}

/// The same for tests that judge nothing by time: they mostly wait, so some run at once.
#[macro_export]
macro_rules! tests_side_by_side {
    ($($test:ident),+ $(,)?) => {
        fn main() -> std::process::ExitCode {
            $crate::main(&[$((stringify!($test), $test)),+], 4)
        }
    };
}

/// A name, and a test that panics if it fails.
pub type Test<'a> = (&'a str, fn(&Sandbox));

/// Runs the tests that the command line asks for, as many `at_once`, and prints what libtest would.
///
/// Of libtest's arguments it knows filters, `--exact`, `--skip`, `--list`, `--nocapture` and
/// `--test-threads`, and overlooks the others.
pub fn main(tests: &[Test<'_>], at_once: usize) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == IN_SANDBOX
    {
        return run_one(tests, name);
    }
    let wanted = Selection::parse(&arguments);
    let selected: Vec<&str> =
        tests.iter().map(|(name, _)| *name).filter(|name| wanted.has(name)).collect();
    if wanted.list {
        selected.iter().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let at_once = wanted.threads.unwrap_or(at_once).max(1);
    run_all(&selected, tests.len() - selected.len(), at_once, wanted.nocapture)
}

/// The argument by which the harness runs itself again for one test.
const IN_SANDBOX: &str = "--in-sandbox";

/// What ends a test that hangs, in seconds: the longest measures for 220 s.
const LIMIT_SECS: u32 = 600;

/// Gives the running test this many seconds from now on, where that is more than all tests get.
pub fn prolong(seconds: u32) {
    alarm::set(seconds.max(LIMIT_SECS));
}

fn run_one(tests: &[Test<'_>], name: &str) -> ExitCode {
    alarm::set(LIMIT_SECS);
    let Some((_, test)) = tests.iter().find(|(known, _)| *known == name) else {
        eprintln!("there is no test {name}");
        return ExitCode::FAILURE;
    };
    match Sandbox::enter() {
        Ok(sandbox) => {
            test(&sandbox);
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            eprintln!("no sandbox: {refusal}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(names: &[&str], filtered: usize, at_once: usize, nocapture: bool) -> ExitCode {
    let started = now();
    println!("\nrunning {} test{}", names.len(), if names.len() == 1 { "" } else { "s" });
    let waiting = Mutex::new(names.iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(name) = { locked(&waiting).next() } {
                    let failure = run_in_child(name, nocapture);
                    println!("test {name} ... {}", if failure.is_none() { "ok" } else { "FAILED" });
                    locked(&failures).extend(failure.map(|output| (name, output)));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !failures.is_empty() {
        println!("\nfailures:");
        for (name, output) in &failures {
            println!("\n---- {name} ----\n{output}");
        }
    }
    let verdict = if failures.is_empty() { "ok" } else { "FAILED" };
    let (passed, failed) = (names.len() - failures.len(), failures.len());
    let seconds = (now() - started).as_secs_f32();
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         {filtered} filtered out; finished in {seconds:.2}s\n"
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(LIBTEST_FAILURE) }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What libtest exits with when a test fails.
const LIBTEST_FAILURE: u8 = 101;

/// What a failed test had to say; `None` if it passed.
fn run_in_child(name: &str, nocapture: bool) -> Option<String> {
    let mut child = Command::new("/proc/self/exe");
    child.args([IN_SANDBOX, name]);
    let output = if nocapture {
        child.status().map(|status| Output { status, stdout: Vec::new(), stderr: Vec::new() })
    } else {
        child.output()
    };
    match output {
        Ok(output) if output.status.success() => None,
        Ok(Output { status, stdout, stderr }) => {
            let said = [stdout, stderr].concat();
            Some(format!("{}{status}", String::from_utf8_lossy(&said)))
        }
        Err(err) => Some(format!("run /proc/self/exe: {err}")),
    }
}

#[derive(Default)]
struct Selection<'a> {
    filters: Vec<&'a str>,
    skips: Vec<&'a str>,
    exact: bool,
    list: bool,
    nocapture: bool,
    threads: Option<usize>,
}

impl<'a> Selection<'a> {
    fn parse(arguments: &'a [String]) -> Self {
        let mut wanted = Self::default();
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            match argument {
                "--exact" => wanted.exact = true,
                "--list" => wanted.list = true,
                "--nocapture" | "--no-capture" => wanted.nocapture = true,
                "--skip" => wanted.skips.extend(arguments.next()),
                "--test-threads" => wanted.threads = arguments.next().and_then(|n| n.parse().ok()),
                "--format" | "--color" | "--logfile" | "-Z" => {
                    arguments.next();
                }
                flag if flag.starts_with('-') => {
                    if let Some(n) = flag.strip_prefix("--test-threads=") {
                        wanted.threads = n.parse().ok();
                    }
                }
                filter => wanted.filters.push(filter),
            }
        }
        wanted
    }

    fn has(&self, name: &str) -> bool {
        let fits = |filter: &&str| if self.exact { name == *filter } else { name.contains(filter) };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skips.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(line: &str) -> Vec<&'static str> {
        let arguments: Vec<String> = line.split_whitespace().map(Into::into).collect();
        let wanted = Selection::parse(&arguments);
        ["loss", "loss_in_bursts", "rate"].into_iter().filter(|name| wanted.has(name)).collect()
    }

    #[test]
    fn arguments_select_as_libtest_does() {
        assert_eq!(selected(""), ["loss", "loss_in_bursts", "rate"]);
        assert_eq!(selected("loss"), ["loss", "loss_in_bursts"]);
        assert_eq!(selected("rate bursts"), ["loss_in_bursts", "rate"]);
        assert_eq!(selected("--exact loss"), ["loss"]);
        assert_eq!(selected("--skip loss --test-threads 2"), ["rate"]);
        assert_eq!(selected("--nocapture --test-threads=1 rate"), ["rate"]);
    }
}
