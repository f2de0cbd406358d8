//! What an agent costs in memory, the kernel's part included.

use crate::Scene;
use std::fs::read_to_string;

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Resident: VmRSS, the program's own pages included.
    pub resident: u64,
    /// Of which heap and stacks, the pool among them: RssAnon.
    pub anonymous: u64,
    /// What the kernel holds in the buffers of every socket in the gateway, as `ss -m` has it.
    pub sockets: u64,
    /// Resident and sockets, at one moment.
    pub together: u64,
}

impl Footprint {
    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        Self {
            resident: self.resident.max(other.resident),
            anonymous: self.anonymous.max(other.anonymous),
            sockets: self.sockets.max(other.sockets),
            together: self.together.max(other.together),
        }
    }
}

impl Scene {
    /// What the agent costs now.
    ///
    /// # Panics
    ///
    /// If there is no agent.
    pub fn footprint(&self) -> Footprint {
        let status =
            read_to_string(format!("/proc/{}/status", self.agent.id())).expect("a process");
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("a figure");
            let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
            kib.expect("a number") * 1024
        };
        let (resident, sockets) = (of("VmRSS:"), self.socket_bytes());
        Footprint { resident, anonymous: of("RssAnon:"), sockets, together: resident + sockets }
    }

    /// Nothing but the agent has sockets there.
    fn socket_bytes(&self) -> u64 {
        let out = self.lab.gateway.command("ss").args(["-Htanm"]).output();
        let out = out.expect("ss is installed: apt-get install iproute2").stdout;
        String::from_utf8_lossy(&out).split("skmem:(").skip(1).map(memory).sum()
    }
}

/// `r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)`: read, written and queued, ahead, options, backlog.
fn memory(figures: &str) -> u64 {
    let figures = figures.split(')').next().unwrap_or_default();
    figures
        .split(',')
        .filter_map(|figure| {
            let digits = figure.find(|c: char| c.is_ascii_digit())?;
            let (name, bytes) = figure.split_at(digits);
            // What is ahead may be behind for a moment; ss prints it without its sign.
            let bytes = bytes.parse::<u32>().ok()?.cast_signed();
            matches!(name, "r" | "w" | "f" | "o" | "bl").then_some(i64::from(bytes))
        })
        .sum::<i64>()
        .max(0)
        .cast_unsigned()
}
