//! A data session: slirp's PPP on a terminal of its own.

mod offer;

use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use offer::Offer;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct Session {
    slirp: Child,
    terminal: File,
    offer: Offer,
}

impl Session {
    /// `select`: the library that slirp needs.
    pub(crate) fn start(select: &Path) -> Self {
        let pty = openpty(None, None).expect("there are terminals");
        let mut raw = tcgetattr(&pty.slave).expect("it is a terminal");
        cfmakeraw(&mut raw);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &raw).expect("it takes that");
        let end = |end: &std::os::fd::OwnedFd| Stdio::from(end.try_clone().expect("a file can be"));
        let slirp = Command::new("setsid")
            // Five zeroes, which readings may well have, would end it.
            .args(["--ctty", "slirp", "-P", "nozeros"])
            .env("LD_PRELOAD", select)
            .stdin(end(&pty.slave))
            .stdout(end(&pty.slave))
            .stderr(Stdio::null())
            .spawn()
            .expect("slirp starts");
        Self { slirp, terminal: File::from(pty.master), offer: Offer::default() }
    }

    pub(crate) fn terminal(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }

    /// What it sends; `None`: it has ended.
    pub(crate) fn read(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 512];
        let count = self.terminal.read(&mut bytes).ok().filter(|count| *count > 0)?;
        let (passed, answer) = self.offer.handle_input(&bytes[..count]);
        self.write(&answer);
        Some(passed)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // One that has ended takes nothing: the reading end says so.
        let _ = self.terminal.write_all(bytes);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.slirp.kill();
        let _ = self.slirp.wait();
    }
}
