//! What happens to the unit, and what must come of it.

use crate::Options;
use crate::modem::Illness;
use crate::unit::Unit;
use crate::upstream::Upstream;
use baton_lab::now;
use core::time::Duration;
use std::fs;
use std::path::Path;

type Scenario = fn(&Options, &Path);

/// Every scenario, by the sentence that it proves.
pub(crate) const ALL: [(&str, Scenario); 7] = [
    ("a_cable_that_is_pulled_is_made_up_for_by_the_modem_and_used_again_later", cable),
    ("a_silent_hole_in_the_wire_is_made_up_for_by_the_modem", hole),
    ("a_call_that_ends_is_made_again_and_the_upload_goes_on", no_carrier),
    ("a_modem_that_falls_silent_is_woken_by_the_gentlest_means", silence),
    ("a_modem_that_hangs_is_started_anew_by_command", hangs),
    ("a_reset_in_the_middle_loses_no_reading_that_was_kept", reset),
    ("a_modem_that_speaks_garbage_is_power_cycled", garbage),
];

/// Readings a second: a log is full within three seconds or four, so that one waits while one is
/// delivered.
const RATE: u32 = 3000;

/// Of anything that takes no trouble.
const SOON: Duration = Duration::from_secs(20);

/// Of a ladder, up to its top.
const LADDER: Duration = Duration::from_secs(120);

struct Bench {
    upstream: Upstream,
    unit: Unit,
}

impl Bench {
    fn start(options: &Options, folder: &Path, logs: u32, is_wired: bool) -> Self {
        // What an earlier run left.
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).expect("the folder can be made");
        let upstream = Upstream::start(options, folder);
        let told = format!("port={} rate={RATE} logs={logs}", upstream.port);
        let unit = Unit::start(options, folder, &told, is_wired);
        let mut bench = Self { upstream, unit };
        bench.unit.wait_for("modem: online", SOON);
        bench
    }

    /// Waits until an upload is in its middle.
    fn wait_for_middle(&self) {
        let deadline = now() + SOON;
        while !(40_000..200_000).contains(&self.upstream.partial_bytes()) {
            assert!(now() < deadline, "no upload was seen; {:#?}", self.unit.lines());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the next log to be stored, and compares what is there with what the unit has measured.
    fn wait_for_log(&mut self, patience: Duration) {
        let line = self.unit.wait_for("stored log", patience);
        let number = line.split("log ").nth(1).and_then(|rest| rest.split(':').next());
        let number: u32 = number.and_then(|digits| digits.parse().ok()).expect("it has a number");
        let name = format!("unit-1/log-{number:04}.csv");
        let measured: String = line
            .rsplit_once('[')
            .map(|(_, bytes)| bytes.chars().filter(char::is_ascii_hexdigit).collect())
            .expect("it has a digest");
        assert_eq!(self.upstream.sha256(&name), Some(measured), "{name}");
        let text = self.upstream.read(&name);
        let counts = text.lines().map(|line| line.split(',').next().map(str::parse::<u64>));
        let counts: Vec<u64> =
            counts.map(|count| count.expect("a field").expect("a number")).collect();
        assert!(counts.windows(2).all(|pair| pair[1] == pair[0] + 1), "{name} lacks readings");
    }
}

fn cable(options: &Options, folder: &Path) {
    let mut bench = Bench::start(options, folder, 0, true);
    bench.wait_for_log(SOON);
    bench.wait_for_middle();

    bench.unit.set_cable(false);
    bench.unit.wait_for("switch ethernet -> modem: interface_down", SOON);
    bench.wait_for_log(SOON);

    bench.unit.set_cable(true);
    bench.unit.wait_for("switch modem -> ethernet: better_alternative", SOON);
    bench.wait_for_log(SOON);
    let carried = bench.unit.modem.lock().carried;
    bench.wait_for_log(SOON);
    let more = bench.unit.modem.lock().carried - carried;
    assert!(more < 10_000, "{more} bytes of a log that went by Ethernet");
}

fn hole(options: &Options, folder: &Path) {
    let mut bench = Bench::start(options, folder, 0, true);
    bench.wait_for_log(SOON);
    bench.wait_for_middle();

    bench.unit.set_hole(true);
    bench.unit.wait_for("switch ethernet -> modem: timeout", SOON);
    bench.wait_for_log(SOON);

    bench.unit.set_hole(false);
    bench.unit.wait_for("switch modem -> ethernet", LADDER);
    bench.wait_for_log(SOON);
}

fn no_carrier(options: &Options, folder: &Path) {
    let mut bench = Bench::start(options, folder, 0, false);
    bench.wait_for_middle();

    {
        let mut modem = bench.unit.modem.lock();
        modem.hang_up = true;
        modem.refuse_calls = 1;
        modem.heard.clear();
    }
    bench.unit.wait_for("fault hung_up", SOON);
    bench.unit.wait_for("fault refused", SOON);
    bench.unit.wait_for("modem: online", SOON);
    bench.wait_for_log(SOON);

    let modem = bench.unit.modem.lock();
    let calls = modem.heard.iter().filter(|command| command.starts_with("ATD")).count();
    assert_eq!((calls, modem.power_cycles), (2, 0));
    assert!(!modem.heard.iter().any(|command| command.starts_with("AT+CFUN")));
}

fn silence(options: &Options, folder: &Path) {
    let mut bench = Bench::start(options, folder, 0, false);
    bench.wait_for_middle();

    bench.unit.modem.lock().illness = Illness::DeafUntilEscape;
    bench.unit.wait_for("fault failed", LADDER);
    bench.unit.wait_for("modem: online", LADDER);
    bench.wait_for_log(SOON);

    let modem = bench.unit.modem.lock();
    assert!(modem.heard.iter().any(|command| command == "ATH"), "the old call was ended");
    assert!(!modem.heard.iter().any(|command| command.starts_with("AT+CFUN")));
    assert_eq!(modem.power_cycles, 0);
}

fn hangs(options: &Options, folder: &Path) {
    let mut bench = Bench::start(options, folder, 0, false);
    bench.wait_for_middle();

    {
        let mut modem = bench.unit.modem.lock();
        modem.illness = Illness::DeafUntilReset;
        modem.hang_up = true;
    }
    bench.unit.wait_for("fault silent", LADDER);
    bench.unit.wait_for("modem: online", LADDER);
    bench.wait_for_log(SOON);

    let modem = bench.unit.modem.lock();
    assert!(modem.heard.iter().any(|command| command == "AT+CFUN=1,1"));
    assert_eq!(modem.power_cycles, 0);
}

fn reset(options: &Options, folder: &Path) {
    let mut bench = Bench::start(options, folder, 0, true);
    bench.wait_for_log(SOON);
    bench.wait_for_middle();

    bench.unit.reset();
    bench.unit.wait_for("starts", SOON);
    let line = bench.unit.wait_for("goes on at", SOON);
    let at = line.rsplit(' ').next().and_then(|digits| digits.parse::<u64>().ok());
    assert!(at > Some(0), "{line}: not from zero");
    bench.wait_for_log(SOON);
    // What was being written when it was reset ends there, and is whole.
    bench.wait_for_log(SOON);
}

fn garbage(options: &Options, folder: &Path) {
    let mut bench = Bench::start(options, folder, 1, false);
    bench.wait_for_middle();

    {
        let mut modem = bench.unit.modem.lock();
        modem.illness = Illness::Garbage;
        modem.hang_up = true;
    }
    bench.unit.wait_for("fault silent", LADDER);
    bench.unit.wait_for("modem: online", LADDER);
    bench.wait_for_log(SOON);
    bench.unit.wait_for("figures", SOON);
    bench.unit.wait_for_end();

    let modem = bench.unit.modem.lock();
    assert!(modem.heard.iter().any(|command| command == "AT+CFUN=1,1"), "words were tried first");
    assert_eq!(modem.power_cycles, 1);
}
