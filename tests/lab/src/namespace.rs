//! Network namespaces, and ways into them.

use crate::{
    lab::LabError,
    netlink::{Change, Netlink, Route},
};
use core::net::IpAddr;
use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    net::if_::if_nametoindex,
    sched::{CloneFlags, setns, unshare},
    sys::{prctl::set_pdeathsig, signal::Signal},
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    panic::resume_unwind,
    process::Command,
    sync::Arc,
    thread::{self, JoinHandle},
};

/// A network namespace, there as long as this handle, a thread or a process is in it.
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    name: &'static str,
    handle: OwnedFd,
    netlink: Netlink,
}

impl Namespace {
    /// Creates one, with `lo` up and what disturbs measurements off.
    pub(crate) fn new(name: &'static str) -> Result<Self, LabError> {
        let create = || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let handle = File::open("/proc/thread-self/ns/net").map_err(errno)?;
            Ok(Inner { name, handle: handle.into(), netlink: Netlink::open()? })
        };
        let inner = thread::scope(|scope| join(scope.spawn(create))).map_err(|errno| LabError {
            doing: format!("create network namespace {name}"),
            errno,
        })?;
        let namespace = Self(Arc::new(inner));
        namespace.interface_up("lo", true)?;
        namespace.sysctl("net/ipv4/conf/all/rp_filter", "0")?;
        namespace.sysctl("net/ipv4/conf/default/rp_filter", "0")?;
        // What one transfer learned of a path must not help the next.
        namespace.sysctl("net/ipv4/tcp_no_metrics_save", "1")?;
        if namespace.has_ipv6() {
            namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "0")?;
            namespace.sysctl("net/ipv6/conf/default/disable_ipv6", "0")?;
            namespace.sysctl("net/ipv6/conf/default/accept_dad", "0")?;
            namespace.sysctl("net/ipv6/conf/default/accept_ra", "0")?;
        }
        Ok(namespace)
    }

    /// Its name in this lab; the kernel does not know it.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Moves the calling thread here for good; threads and processes that it starts follow. Its
    /// `/sys` then shows this namespace's interfaces, where the kernel allows the mount.
    pub fn enter_thread(&self) -> Result<(), LabError> {
        enter(self.as_fd()).map_err(|errno| self.error("enter", errno))?;
        own_sysfs();
        Ok(())
    }

    /// Runs `work` in here and waits for it. A socket that it returns stays in here.
    ///
    /// # Panics
    /// If `work` does.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.run_briefly(|| {
            own_sysfs();
            work()
        })
    }

    /// Runs `work` in here, on a thread of its own.
    pub fn spawn_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let namespace = self.clone();
        thread::spawn(move || {
            enter(namespace.as_fd()).expect(ENTERABLE);
            own_sysfs();
            work()
        })
    }

    /// A program to be run in here. It is killed when the thread that starts it ends.
    #[expect(unsafe_code, reason = "std marks everything between fork and exec so")]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let namespace = self.clone();
        let mut command = Command::new(program);
        // SAFETY: system calls only, no allocation and no lock: async-signal-safe.
        unsafe {
            std::os::unix::process::CommandExt::pre_exec(&mut command, move || {
                enter(namespace.as_fd())?;
                own_sysfs();
                Ok(set_pdeathsig(Signal::SIGKILL)?)
            });
        }
        command
    }

    /// Writes a kernel parameter of this namespace: `sysctl("net/ipv4/ip_forward", "1")`.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<(), LabError> {
        self.run_briefly(|| fs::write(format!("/proc/sys/{key}"), value))
            .map_err(|err| self.error(&format!("set {key} to {value}"), errno(err)))
    }

    /// Sets an interface administratively up or down.
    pub fn interface_up(&self, interface: &str, up: bool) -> Result<(), LabError> {
        self.0
            .netlink
            .set_up(interface, up)
            .map_err(|errno| self.error(&format!("set {interface} up: {up}"), errno))
    }

    /// Gives an interface an address, usable at once, or takes it away.
    pub fn address(
        &self,
        change: Change,
        interface: &str,
        address: IpAddr,
        prefix: u8,
    ) -> Result<(), LabError> {
        self.index(interface)
            .and_then(|index| self.0.netlink.address(change, index, address, prefix))
            .map_err(|errno| self.error(&format!("{change:?} {address} on {interface}"), errno))
    }

    /// Adds, replaces or removes a route.
    pub fn route(&self, change: Change, route: &Route<'_>) -> Result<(), LabError> {
        self.index(route.interface)
            .and_then(|index| self.0.netlink.route(change, index, route))
            .map_err(|errno| self.error(&format!("{change:?} {route:?}"), errno))
    }

    /// Creates a veth pair from here to `peer`, both ends down.
    pub fn add_veth(&self, name: &str, peer: &Self, peer_name: &str) -> Result<(), LabError> {
        let end = crate::netlink::End { name: peer_name, namespace: peer.as_fd() };
        self.0.netlink.add_veth(name, end).map_err(|errno| {
            self.error(
                &format!("create veth {name} with its peer {peer_name} in {}", peer.name()),
                errno,
            )
        })
    }

    /// Moves an interface to another namespace, where it arrives down and bare.
    pub(crate) fn move_interface(&self, interface: &str, to: &Self) -> Result<(), LabError> {
        self.0
            .netlink
            .move_to(interface, to.as_fd())
            .map_err(|errno| self.error(&format!("move {interface} to {}", to.name()), errno))
    }

    /// Whether this kernel has IPv6 at all.
    pub(crate) fn has_ipv6(&self) -> bool {
        fs::exists("/proc/sys/net/ipv6").unwrap_or(false)
    }

    /// Runs `work` in here, without a `/sys` to match, and waits for it.
    pub(crate) fn run_briefly<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            join(scope.spawn(|| {
                enter(self.as_fd()).expect(ENTERABLE);
                work()
            }))
        })
    }

    pub(crate) fn error(&self, doing: &str, errno: Errno) -> LabError {
        LabError { doing: format!("{}: {doing}", self.0.name), errno }
    }

    fn index(&self, interface: &str) -> Result<u32, Errno> {
        self.run_briefly(|| if_nametoindex(interface))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.handle.as_fd()
    }
}

const ENTERABLE: &str = "who made a namespace may enter it";

fn enter(namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    setns(namespace, CloneFlags::CLONE_NEWNET)
}

/// Gives the calling thread, or process, a `/sys` of its network namespace, where the kernel
/// allows: a sysfs shows the interfaces of whoever mounted it.
fn own_sysfs() {
    if unshare(CloneFlags::CLONE_NEWNS).is_ok() {
        let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), None::<&str>);
    }
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// The kernel's reason; std's own errors carry none.
pub(crate) fn errno(error: std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
