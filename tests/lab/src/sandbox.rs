//! Root without being root: a user namespace with networks and mounts of its own.

use crate::namespace::errno;
use core::fmt;
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::{getegid, geteuid},
};
use std::fs;

/// Proof that this process is in namespaces of its own.
#[derive(Debug)]
pub struct Sandbox(());

impl Sandbox {
    /// Moves this process, which must still have only one thread, into a user, network and mount
    /// namespace of its own. It is root there, and there only: it may mount, and files of other
    /// users stay out of reach. It dies with its parent from then on.
    ///
    /// After an error the process should do no more than report it or start itself again: the
    /// kernel may have carried out a part.
    pub fn enter() -> Result<Self, SandboxError> {
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 {
            return Err(SandboxError::Threads(threads));
        }
        let (uid, gid) = (geteuid(), getegid());
        let parts = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
        unshare(parts)
            .map_err(|errno| refused("create user, network and mount namespaces", errno))?;
        // user_namespaces(7): without privilege, gid_map may be written only after this.
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/uid_map", &format!("0 {uid} 1"))?;
        write("/proc/self/gid_map", &format!("0 {gid} 1"))?;
        set_pdeathsig(Signal::SIGKILL).map_err(|errno| refused("die with the parent", errno))?;
        Ok(Self(()))
    }
}

/// Why there is no sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxError {
    /// The process has this many threads already: enter first thing in `main`.
    Threads(usize),
    /// The kernel refused.
    Refused {
        /// What was tried.
        doing: String,
        /// The kernel's answer.
        errno: Errno,
        /// The reason: a kernel parameter as `name=value` if one forbids it, else a guess.
        because: &'static str,
    },
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads(count) => {
                write!(f, "a process of {count} threads can't enter a user namespace")
            }
            Self::Refused { doing, errno, because } => {
                write!(f, "{doing}: {errno} ({because})")
            }
        }
    }
}

impl core::error::Error for SandboxError {}

/// Kernel parameters that forbid user namespaces: file below `/proc/sys`, forbidding value, text.
const FORBIDDING: [(&str, &str, &str); 4] = [
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=0"),
    ("user/max_net_namespaces", "0", "user.max_net_namespaces=0"),
    // Debian's patch.
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=0"),
    // Ubuntu since 23.10: the namespace is granted, then root in it is refused everything.
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns=1",
    ),
];

fn refused(doing: &str, errno: Errno) -> SandboxError {
    let forbids = |(file, value, text)| {
        let set = fs::read_to_string(format!("/proc/sys/{file}")).ok()?;
        (set.trim() == value).then_some(text)
    };
    let guess = if matches!(errno, Errno::EPERM | Errno::EACCES) {
        "probably a container or a security module forbids it"
    } else if matches!(errno, Errno::EINVAL | Errno::ENOSYS) {
        "probably the kernel is built without it"
    } else {
        "the kernel gives no reason"
    };
    let because = FORBIDDING.into_iter().find_map(forbids).unwrap_or(guess);
    SandboxError::Refused { doing: doing.into(), errno, because }
}

fn write(path: &str, text: &str) -> Result<(), SandboxError> {
    fs::write(path, text).map_err(|err| refused(&format!("write {path}"), errno(err)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_told_so() {
        // The test harness has a thread beside this one.
        let refusal = Sandbox::enter().unwrap_err();

        assert!(matches!(refusal, SandboxError::Threads(2..)), "{refusal}");
    }
}
