//! What a careful shell script does: `curl --retry`, and a ping a second that moves the default
//! route.

use super::{Contender, Course, mptcp::ip};
use baton_lab::{Lab, Namespace, Sandbox, UPSTREAM_V4};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::{JoinHandle, sleep};

/// curl at the gateway, a pinger beside it, and a server that takes a PUT and can't resume.
///
/// Linux keeps a connection on the address that it was opened with: moving the route alone would
/// leave curl waiting for about 15 minutes. So the pinger does what the better scripts do, and
/// kills the connections of the link that it leaves.
pub struct Retrying {
    lab: Lab,
    received: Arc<Received>,
    curl: Option<Child>,
    pinger: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    congestion: &'static str,
    file: std::path::PathBuf,
    _dir: crate::spawn::TempDir,
}

/// What the server got.
#[derive(Default)]
struct Received {
    /// Which upload counts: what is left of an earlier one does not.
    upload: AtomicU64,
    /// The furthest that it ever got.
    stored: AtomicU64,
    /// Every byte, repeated ones included.
    landed: AtomicU64,
}

/// Where the server listens.
const PORT: u16 = 9002;

/// Longer than any transfer here.
const FILE_BYTES: u64 = 1 << 30;

impl Retrying {
    /// The script.
    ///
    /// # Panics
    ///
    /// If the lab can't be built.
    pub fn new(sandbox: &Sandbox, course: &Course) -> Self {
        let lab = course.lab(sandbox);
        let received = Arc::new(Received::default());
        serve(&lab.upstream, received.clone());
        let dir = crate::temp_dir("plain");
        let path = dir.path().join("file.bin");
        let file = std::fs::File::create(&path).expect("a new file");
        file.set_len(FILE_BYTES).expect("a sparse file");
        let congestion = course.congestion;
        Self { lab, received, curl: None, pinger: None, congestion, file: path, _dir: dir }
    }

    fn stop(&mut self) {
        if let Some(mut curl) = self.curl.take() {
            let _ = curl.kill();
            let _ = curl.wait();
        }
        if let Some((stop, thread)) = self.pinger.take() {
            stop.store(true, Ordering::Relaxed);
            thread.join().expect("the pinger ends when it is told to");
        }
    }
}

fn serve(upstream: &Namespace, received: Arc<Received>) {
    let listener = upstream.run(|| TcpListener::bind((UPSTREAM_V4, PORT))).expect("a free port");
    upstream.spawn_thread(move || {
        for client in listener.incoming().flatten() {
            let received = received.clone();
            std::thread::spawn(move || take(client, &received));
        }
    });
}

/// Takes one PUT, until the client or its connection ends.
fn take(mut client: TcpStream, received: &Received) -> Option<()> {
    let mut buffer = vec![0; 1 << 16];
    let (mut head, mut length) = (Vec::new(), 0);
    while length == 0 {
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&buffer[..count]);
        length = head.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    }
    let line = String::from_utf8_lossy(&head);
    let upload = line.strip_prefix("PUT /")?.split_once(' ')?.0.parse::<u64>().ok()?;
    let mut offset = (head.len() - length) as u64;
    client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    loop {
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)? as u64;
        offset += count;
        if received.upload.load(Ordering::Relaxed) != upload {
            return None;
        }
        received.landed.fetch_add(count, Ordering::Relaxed);
        received.stored.fetch_max(offset, Ordering::Relaxed);
    }
}

/// Pings the upstream over the best link each second; after two lost in a row, leaves that link.
fn watch_over(gateway: &Namespace, stop: &AtomicBool) {
    for (number, name) in (1..).zip(super::LINKS) {
        let mut lost = 0;
        while lost < 2 {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            lost = if ping(gateway, name) { 0 } else { lost + 1 };
        }
        ip(gateway, &["route", "del", "default", "dev", name]);
        let _ = gateway
            .command("ss")
            .args(["--kill", "--tcp", "src", &format!("10.0.{number}.2")])
            .stdout(Stdio::null())
            .status();
    }
}

/// One ping of a second: answered or not, it takes that long.
fn ping(gateway: &Namespace, interface: &str) -> bool {
    let end = baton_lab::now() + Duration::from_secs(1);
    let status = gateway
        .command("ping")
        .args(["-q", "-n", "-c", "1", "-W", "1", "-I", interface, &UPSTREAM_V4.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    sleep(end.saturating_sub(baton_lab::now()));
    status.expect("ping is installed: apt-get install iputils-ping").success()
}

impl Contender for Retrying {
    fn lab(&self) -> &Lab {
        &self.lab
    }

    fn stored(&mut self) -> u64 {
        self.received.stored.load(Ordering::Relaxed)
    }

    fn landed(&mut self) -> u64 {
        self.received.landed.load(Ordering::Relaxed)
    }

    /// A file for each fault: the longer a transfer, the longer it takes from zero.
    fn begin(&mut self) {
        self.stop();
        for (number, name) in (1..).zip(super::LINKS) {
            let (via, metric) = (format!("10.0.{number}.1"), (number * 100).to_string());
            let route = ["default", "via", &via, "dev", name, "metric", &metric];
            let pinned = ["congctl", self.congestion];
            ip(&self.lab.gateway, &[["route", "replace"].as_slice(), &route, &pinned].concat());
        }
        let upload = self.received.upload.fetch_add(1, Ordering::Relaxed) + 1;
        self.received.stored.store(0, Ordering::Relaxed);
        let stop = Arc::new(AtomicBool::new(false));
        let (gateway, told) = (self.lab.gateway.clone(), stop.clone());
        self.pinger = Some((stop, std::thread::spawn(move || watch_over(&gateway, &told))));
        let curl = self
            .lab
            .gateway
            .command("curl")
            .args(["--silent", "--retry", "100", "--retry-all-errors", "--retry-delay", "0", "-T"])
            .arg(&self.file)
            .arg(format!("http://{UPSTREAM_V4}:{PORT}/{upload}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.curl = Some(curl.expect("curl is installed: apt-get install curl"));
    }

    fn aftermath(&self) -> Duration {
        Duration::ZERO
    }

    /// The other links are whole, and there is nothing else to make ready.
    fn has_standby(&mut self, _: &str) -> bool {
        true
    }

    fn log(&self) -> String {
        String::new()
    }
}

impl Drop for Retrying {
    fn drop(&mut self) {
        self.stop();
    }
}
