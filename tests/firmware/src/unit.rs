//! The firmware in its emulator, its log, and the hands on its cable.

use crate::Options;
use crate::modem::{self, Handle};
use baton_lab::now;
use core::time::Duration;
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

pub(crate) struct Unit {
    emulator: Child,
    printer: Child,
    monitor: BufReader<UnixStream>,
    log: Arc<Log>,
    /// Lines that were looked at.
    seen: usize,
    pub(crate) modem: Handle,
    modem_thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Unit {
    /// Starts the firmware as it is told on its command line, with its cable in or out.
    pub(crate) fn start(options: &Options, folder: &Path, told: &str, is_wired: bool) -> Self {
        let path = |name: &str| folder.join(name);
        let socket = |name: &str| format!("socket,id={name},path={}", address(name).display());
        for name in SOCKETS {
            // Of the unit before, if there was one.
            let _ = fs::remove_file(address(name));
        }
        let (line, power) = (address("line"), address("power"));
        let (modem, modem_thread) = modem::start(&line, &power, &options.select);
        let errors = fs::File::create(path("emulator.log")).expect("it can be written");
        let mut emulator = Command::new("qemu-system-arm")
            .args(["-M", "mps2-an385", "-S", "-display", "none", "-monitor", "none"])
            .args(["-semihosting-config", &format!("enable=on,target=native,arg=baton,arg={told}")])
            .args(["-netdev", "user,id=wire", "-net", "nic,model=lan9118,netdev=wire"])
            .args([
                "-object",
                &format!("filter-buffer,id=hole,netdev=wire,queue=all,interval={EVER},status=off"),
            ])
            .args(["-serial", "null", "-chardev", &socket("line"), "-serial", "chardev:line"])
            .args(["-chardev", &socket("power"), "-serial", "chardev:power"])
            .args(["-qmp", &format!("unix:{},server=on,wait=off", address("monitor").display())])
            .arg("-kernel")
            .arg(&options.firmware)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the emulator starts");
        let output = emulator.stdout.take().expect("it is piped");
        let mut printer = Command::new(&options.defmt_print)
            .arg("-e")
            .arg(&options.firmware)
            .stdin(output)
            .stdout(Stdio::piped())
            .spawn()
            .expect("defmt-print starts");
        let log = Arc::new(Log::default());
        let (text, grows) = (printer.stdout.take().expect("it is piped"), log.clone());
        let mut copy = fs::File::create(path("unit.log")).expect("it can be written");
        std::thread::spawn(move || {
            for line in BufReader::new(text).lines().map_while(Result::ok) {
                // For people, after a failure.
                let _ = writeln!(copy, "{line}");
                grows.lines.lock().expect("nobody panics with it").push(line);
                grows.grown.notify_all();
            }
        });
        let monitor = BufReader::new(connect(&address("monitor")));
        let mut unit = Self {
            emulator,
            printer,
            monitor,
            log,
            seen: 0,
            modem,
            modem_thread: Some(modem_thread),
        };
        unit.command("qmp_capabilities", json!({}));
        unit.set_cable(is_wired);
        unit.command("cont", json!({}));
        unit
    }

    /// The cable is out, or in.
    pub(crate) fn set_cable(&mut self, is_in: bool) {
        self.command("set_link", json!({ "name": "wire", "up": is_in }));
    }

    /// Its processor starts anew; its flash is as it was.
    pub(crate) fn reset(&mut self) {
        self.command("system_reset", json!({}));
    }

    /// A black hole begins or ends: the cable is in, and nothing arrives.
    pub(crate) fn set_hole(&mut self, is_on: bool) {
        let status = if is_on { "on" } else { "off" };
        let set = json!({ "path": "/objects/hole", "property": "status", "value": status });
        self.command("qom-set", set);
    }

    /// Waits for a line of the log that contains `part`, behind those that were waited for before.
    pub(crate) fn wait_for(&mut self, part: &str, patience: Duration) -> String {
        let deadline = now() + patience;
        let mut lines = self.log.lines.lock().expect("nobody panics with it");
        loop {
            if let Some(at) = lines[self.seen..].iter().position(|line| line.contains(part)) {
                self.seen += at + 1;
                return lines[self.seen - 1].clone();
            }
            let left = deadline.saturating_sub(now());
            assert!(!left.is_zero(), "never said: {part}; it said:\n{}", lines.join("\n"));
            lines = self.log.grown.wait_timeout(lines, left).expect("nobody panics with it").0;
        }
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lines.lock().expect("nobody panics with it").clone()
    }

    /// Waits until it has ended by itself, and well.
    pub(crate) fn wait_for_end(&mut self) {
        let status = self.emulator.wait().expect("it was started");
        assert!(status.success(), "{status}; it said:\n{}", self.lines().join("\n"));
    }

    fn command(&mut self, name: &str, arguments: serde_json::Value) {
        let command = json!({ "execute": name, "arguments": arguments });
        writeln!(self.monitor.get_mut(), "{command}").expect("the monitor listens");
        let mut line = String::new();
        while !line.contains("\"return\"") {
            line.clear();
            let read = self.monitor.read_line(&mut line).expect("the monitor answers");
            assert!(read > 0 && !line.contains("\"error\""), "{name}: {line}");
        }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        for child in [&mut self.emulator, &mut self.printer] {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        // It ends its call; if it panicked, that was said.
        let _ = self.modem_thread.take().map(JoinHandle::join);
        for name in SOCKETS {
            let _ = fs::remove_file(address(name));
        }
    }
}

/// The modem's line, its power, and the emulator's monitor.
const SOCKETS: [&str; 3] = ["line", "power", "monitor"];

/// For how long the hole holds back what falls into it, in microseconds: longer than any test.
const EVER: u32 = u32::MAX;

/// Where a socket of the unit under test is: an address has room for some 100 characters, which a checkout's
/// path may exceed. There is one unit at a time.
fn address(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("baton-unit-{}-{name}", std::process::id()))
}

fn connect(path: &Path) -> UnixStream {
    for _ in 0..100 {
        if let Ok(stream) = UnixStream::connect(path) {
            return stream;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no monitor at {}", path.display());
}
