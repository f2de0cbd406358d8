//! What happened, told at the end.

use super::file::{Hash, Source};
use super::show::Ending;
use super::world::World;
use crate::draw::{millis, size};
use crate::snapshot::Switch;
use crate::table::Table;
use serde_json::{Value, json};

/// All there is to tell.
pub(super) struct Story<'a> {
    pub(super) world: &'a World,
    pub(super) source: &'a Source,
    pub(super) ending: &'a Ending,
    pub(super) sent: Hash,
    pub(super) stored: Hash,
}

impl Story<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new([
            ">AT",
            "FROM",
            "TO",
            "REASON",
            "EVIDENCE",
            ">GAP",
            ">SENT TWICE",
            ">HEDGED",
        ]);
        for switch in &self.ending.status.switches {
            table.row([
                format!("{:.1} s", self.seconds(switch)),
                switch.from.clone().unwrap_or_default(),
                switch.to.clone().unwrap_or_default(),
                switch.reason.clone(),
                switch.evidence.clone(),
                switch.gap_ms.map(millis).unwrap_or_default(),
                size(switch.resent_bytes),
                size(switch.hedged_bytes),
            ]);
        }
        let unseen = match self.ending.left {
            0 => String::new(),
            left => {
                format!("Too short a file to see it all: {left} steps of the play are left.\n")
            }
        };
        let took = self.ending.took.as_secs_f64();
        let equal = if self.is_equal() { "equal" } else { "NOT equal" };
        format!(
            "\n{}\n{unseen}{} in {took:.1} s, {} of it sent twice\n\
             sent    {}\nstored  {}\nSHA-256 {equal}\n",
            table.finish(),
            size(self.source.size),
            size(self.ending.status.resent_bytes),
            hex(&self.sent),
            hex(&self.stored),
        )
    }

    /// For scripts.
    pub(super) fn json(&self) -> String {
        let switches: Vec<Value> =
            self.ending.status.switches.iter().map(|switch| self.switch(switch)).collect();
        json!({
            "links": if self.world.lines().is_some() { "loopback" } else { "kernel" },
            "file": self.source.name,
            "size": self.source.size,
            "seconds": self.ending.took.as_secs_f64(),
            "resent_bytes": self.ending.status.resent_bytes,
            "switches": switches,
            "sha256_sent": hex(&self.sent),
            "sha256_stored": hex(&self.stored),
            "equal": self.is_equal(),
        })
        .to_string()
    }

    fn switch(&self, switch: &Switch) -> Value {
        let Switch { at: _, from, to, reason, evidence, gap_ms, resent_bytes, hedged_bytes } =
            switch;
        json!({
            "seconds": self.seconds(switch),
            "from": from,
            "to": to,
            "reason": reason,
            "evidence": evidence,
            "gap_ms": gap_ms,
            "resent_bytes": resent_bytes,
            "hedged_bytes": hedged_bytes,
        })
    }

    fn is_equal(&self) -> bool {
        self.sent == self.stored
    }

    /// When a switch happened, since the show began.
    fn seconds(&self, switch: &Switch) -> f64 {
        switch.at.saturating_sub(self.ending.start_ms) as f64 / 1000.0
    }
}

/// Hexadecimal, in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
