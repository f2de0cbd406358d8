//! The kernel's own way: Multipath TCP with one subflow a link, all but one of them backups.

use super::{Contender, Course, LINKS};
use baton_lab::{Lab, Namespace, Sandbox, UPSTREAM_V4};
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

/// A sender at the gateway and a receiver upstream.
pub struct Mptcp {
    lab: Lab,
    received: Arc<AtomicU64>,
    sender: Option<(Socket, JoinHandle<()>)>,
    /// Subflows that had joined before the transfer under way.
    joined: u64,
}

/// Where the receiver listens.
const PORT: u16 = 9001;

/// Subflows that either end allows beyond the first.
const SUBFLOWS: &str = "8";

impl Mptcp {
    /// Kernel MPTCP, set up as its documentation says.
    ///
    /// # Panics
    ///
    /// If the kernel lacks it.
    pub fn new(sandbox: &Sandbox, course: &Course) -> Self {
        let lab = course.lab(sandbox);
        for namespace in [&lab.gateway, &lab.upstream] {
            namespace.sysctl("net/mptcp/enabled", "1").unwrap_or_else(|error| panic!("{error}"));
            ip(namespace, &["mptcp", "limits", "set", "subflows", SUBFLOWS]);
        }
        for (number, name) in (1..).zip(LINKS) {
            route_by_source(&lab.gateway, number, name, course.congestion);
            if number > 1 {
                let address = address(number).to_string();
                let endpoint = ["endpoint", "add", &address, "dev", name, "subflow", "backup"];
                ip(&lab.gateway, &[["mptcp"].as_slice(), &endpoint].concat());
            }
        }
        let received = Arc::new(AtomicU64::new(0));
        serve(&lab.upstream, received.clone());
        Self { lab, received, sender: None, joined: 0 }
    }

    /// Subflows that joined a connection since start.
    fn joins(&self) -> u64 {
        let text =
            self.lab.upstream.run(|| std::fs::read_to_string("/proc/thread-self/net/netstat"));
        count(&text.expect("/proc/net/netstat"), "MPTcpExt:", "MPJoinAckRx")
    }

    fn stop(&mut self) {
        if let Some((socket, thread)) = self.sender.take() {
            let _ = socket.shutdown(Shutdown::Both);
            thread.join().expect("the sender ends with its socket");
        }
    }
}

/// The gateway's address on the link of that number.
fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, number, 2)
}

/// What leaves from a link's address leaves by that link.
fn route_by_source(gateway: &Namespace, number: u8, name: &str, congestion: &str) {
    let (table, source) = ((100 + number).to_string(), address(number).to_string());
    let via = format!("10.0.{number}.1");
    ip(gateway, &["rule", "add", "from", &source, "table", &table]);
    let route = ["default", "via", &via, "dev", name, "table", &table, "congctl", congestion];
    ip(gateway, &[["route", "add"].as_slice(), &route].concat());
}

/// Runs `ip` in there.
pub(super) fn ip(namespace: &Namespace, arguments: &[&str]) {
    let output = namespace.command("ip").args(arguments).output().expect("iproute2 is installed");
    assert!(
        output.status.success(),
        "ip {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).expect("a kernel with MPTCP")
}

fn serve(upstream: &Namespace, received: Arc<AtomicU64>) {
    let listener = upstream.run(socket);
    listener.bind(&SocketAddr::from((UPSTREAM_V4, PORT)).into()).expect("a free port");
    listener.listen(8).expect("a bound socket");
    upstream.spawn_thread(move || {
        while let Ok((client, _)) = listener.accept() {
            let (mut client, mut buffer) = (TcpStream::from(client), vec![0; 1 << 16]);
            while let Ok(count @ 1..) = client.read(&mut buffer) {
                received.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
    });
}

/// One number of a file of name and value lines, such as /proc/net/netstat.
fn count(text: &str, section: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(section));
    let (names, values) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let found = names.split_whitespace().zip(values.split_whitespace()).find(|(n, _)| *n == name);
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

impl Contender for Mptcp {
    fn lab(&self) -> &Lab {
        &self.lab
    }

    fn stored(&mut self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn landed(&mut self) -> u64 {
        self.stored()
    }

    /// A connection for each fault: a subflow that the last one ended does not come back.
    fn begin(&mut self) {
        self.stop();
        self.joined = self.joins();
        let socket = self.lab.gateway.run(socket);
        socket.bind(&SocketAddr::from((address(1), 0)).into()).expect("the gateway's address");
        socket.connect(&SocketAddr::from((UPSTREAM_V4, PORT)).into()).expect("a receiver");
        let mut stream = TcpStream::from(socket.try_clone().expect("a file descriptor"));
        let thread = self.lab.gateway.spawn_thread(move || {
            let zeros = vec![0; 1 << 16];
            while stream.write_all(&zeros).is_ok() {}
            // Nothing of it is wanted any more.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        });
        self.sender = Some((socket, thread));
    }

    /// The connection is over with its gap.
    fn aftermath(&self) -> Duration {
        Duration::ZERO
    }

    fn has_standby(&mut self, _: &str) -> bool {
        self.joins() >= self.joined + LINKS.len() as u64 - 1
    }

    fn log(&self) -> String {
        let show = |arguments: &[&str]| {
            let output = self.lab.gateway.command("ss").args(arguments).output();
            output.map_or_else(
                |error| error.to_string(),
                |output| String::from_utf8_lossy(&output.stdout).into_owned(),
            )
        };
        show(&["-Mni"]) + &show(&["-tni"])
    }
}

impl Drop for Mptcp {
    fn drop(&mut self) {
        self.stop();
    }
}
