//! Two network namespaces joined by two veth pairs: a machine with two links, and the upstream.
//!
//! ```text
//!  eth0  10.0.1.2  metric 100 ──── 10.0.1.1 p-eth0  ┐
//!                                                   ├ lo 203.0.113.10, 2001:db8:ffff::10
//!  wwan0 10.0.2.2  metric 200 ──── 10.0.2.1 p-wwan0 ┘
//! ```
//!
//! IPv6 likewise: 2001:db8:1::2 and so on. Needs `ip` and `unshare`, and no root.

use core::net::{IpAddr, SocketAddr};
use std::{env, process::Command, sync::mpsc, thread};

pub(crate) const BEST: &str = "eth0";
pub(crate) const OTHER: &str = "wwan0";
pub(crate) const UPSTREAM_V4: &str = "203.0.113.10";
pub(crate) const UPSTREAM_V6: &str = "2001:db8:ffff::10";

/// Set in the copy of the test program that runs inside a user namespace.
const INSIDE: &str = "BATON_TEST_INSIDE";

/// Runs `body` as root of a user namespace, by starting this program again for this test alone.
pub(crate) fn in_user_namespace(test: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let program = env::current_exe().expect("this program has a path");
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--"])
        .arg(program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare (package util-linux) runs");
    assert!(
        status.success(),
        "{test} failed in its namespace; if unshare was refused, allow unprivileged user namespaces: \
         sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000 \
         kernel.apparmor_restrict_unprivileged_userns=0"
    );
}

/// Runs an async test body on a thread with a lab and a runtime of its own.
pub(crate) fn with_lab(body: impl AsyncFnOnce(&Lab) + Send + 'static) {
    let body = thread::spawn(move || {
        let lab = Lab::new();
        // A runtime of the thread's: its blocking threads are born into the thread's namespace.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, body(&lab));
    });
    if let Err(panic) = body.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The namespaces; this thread is in the machine's.
pub(crate) struct Lab {
    upstream: mpsc::Sender<Box<dyn FnOnce() + Send>>,
}

impl Lab {
    fn new() -> Self {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace");
        let (upstream, jobs) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let (started, thread_id) = mpsc::channel();
        thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace");
            started.send(nix::unistd::gettid()).unwrap();
            jobs.into_iter().for_each(|job| job());
        });
        let lab = Self { upstream };
        let peer = thread_id.recv().expect("the upstream's thread started");
        ip("link set lo up");
        lab.ip("link set lo up");
        // The kernel tells at once that a link lost carrier if it knows that it rides on another
        // interface, else at most once a second (linkwatch). It knows by the indices of the ends of
        // a veth being different, which in two fresh namespaces they are not.
        lab.ip("link add filler type veth peer name rellif");
        lab.ip(&format!("addr add {UPSTREAM_V4}/32 dev lo"));
        lab.ip(&format!("addr add {UPSTREAM_V6}/128 dev lo"));
        for (number, link) in [(1, BEST), (2, OTHER)] {
            ip(&format!("link add {link} type veth peer name p-{link} netns {peer}"));
            ip(&format!("addr add 10.0.{number}.2/24 dev {link}"));
            lab.ip(&format!("addr add 10.0.{number}.1/24 dev p-{link}"));
            ip(&format!("addr add 2001:db8:{number}::2/64 dev {link} nodad"));
            ip(&format!("link set {link} up"));
            lab.raise(link);
            route_v4(link, "add");
            route_v6(link, "add");
        }
        lab
    }

    /// Runs `job` in the upstream's namespace.
    pub(crate) fn at_upstream<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (done, result) = mpsc::channel();
        let job = Box::new(move || done.send(job()).expect("the test waits"));
        self.upstream.send(job).expect("the upstream's thread runs");
        result.recv().expect("the job did not panic")
    }

    /// `ip` at the upstream.
    pub(crate) fn ip(&self, command: &str) {
        let command = command.to_owned();
        self.at_upstream(move || ip(&command));
    }

    /// Brings the upstream's end of a link up: the link has carrier.
    pub(crate) fn raise(&self, link: &str) {
        self.ip(&format!("link set p-{link} up"));
        // Taking an interface down flushes its IPv6 addresses.
        self.ip(&format!("addr replace 2001:db8:{}::1/64 dev p-{link} nodad", number(link)));
    }

    /// The cable of a link is out.
    pub(crate) fn lower(&self, link: &str) {
        self.ip(&format!("link set p-{link} down"));
    }

    /// The upstream hears the link, and what it says to it gets lost.
    pub(crate) fn silence(&self, link: &str, on: bool) {
        let verb = if on { "add" } else { "del" };
        let number = number(link);
        self.ip(&format!("route {verb} blackhole 10.0.{number}.2/32"));
        self.ip(&format!("-6 route {verb} blackhole 2001:db8:{number}::2/128"));
    }

    /// A listener of the upstream on port 9000.
    pub(crate) fn listen(&self, address: &str) -> tokio::net::TcpListener {
        let address = SocketAddr::new(address.parse().unwrap(), 9000);
        let listener =
            self.at_upstream(move || std::net::TcpListener::bind(address).expect("a free port"));
        listener.set_nonblocking(true).unwrap();
        tokio::net::TcpListener::from_std(listener).unwrap()
    }
}

/// Runs `ip` in this thread's namespace.
pub(crate) fn ip(command: &str) {
    let output =
        Command::new("ip").args(command.split(' ')).output().expect("ip (package iproute2) runs");
    assert!(output.status.success(), "ip {command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Adds or deletes a link's default route for IPv4.
pub(crate) fn route_v4(link: &str, verb: &str) {
    let number = number(link);
    ip(&format!("route {verb} default via 10.0.{number}.1 dev {link} metric {number}00"));
}

/// Adds or deletes a link's default route for IPv6.
pub(crate) fn route_v6(link: &str, verb: &str) {
    let number = number(link);
    ip(&format!("-6 route {verb} default via 2001:db8:{number}::1 dev {link} metric {number}00"));
}

/// The link that an address of the machine belongs to.
pub(crate) fn link_of(address: IpAddr) -> &'static str {
    let number = match address {
        IpAddr::V4(ip) => ip.octets()[2].into(),
        IpAddr::V6(ip) => ip.segments()[2],
    };
    if number == 1 { BEST } else { OTHER }
}

pub(crate) fn number(link: &str) -> u8 {
    if link == BEST { 1 } else { 2 }
}

/// Plays an old kernel, which lets only root bind to a device, by a filter on this thread.
#[expect(unsafe_code, reason = "prctl has no safe wrapper for filters")]
pub(crate) fn refuse_bind_to_device() {
    const OK: u32 = 0x7fff_0000;
    const REFUSE: u32 = 0x0005_0000 | libc::EPERM as u32;

    fn step(code: u32, skip_unless: u8, value: u32) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt: 0, jf: skip_unless, k: value }
    }
    let load = |offset| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, offset);
    let is = |value, skip| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skip, value);
    let done = |value| step(libc::BPF_RET | libc::BPF_K, 0, value);
    // struct seccomp_data: number, architecture, instruction pointer u64, arguments u64 each; of
    // an argument the lower half, which little-endian machines have first.
    let mut steps = [
        load(0),
        is(libc::SYS_setsockopt as u32, 5),
        load(16 + 8),
        is(libc::SOL_SOCKET as u32, 3),
        load(16 + 16),
        is(libc::SO_BINDTODEVICE as u32, 1),
        done(REFUSE),
        done(OK),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: both calls only read what they are given, and affect this thread alone.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(result, 0, "seccomp filters: {}", std::io::Error::last_os_error());
}
