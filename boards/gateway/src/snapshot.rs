//! What the control socket tells, as far as this program shows it. Fields it does not know are
//! left alone and fields that are missing are empty, so that any agent of any age can be watched.

use serde::Deserialize;

/// `GET /v1/status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    /// The agent's version.
    pub(crate) version: String,
    /// Seconds since it started.
    pub(crate) uptime_s: f64,
    /// Link that new work starts on.
    pub(crate) active_link: Option<String>,
    /// Link that the operator insists on.
    #[serde(rename = "override")]
    pub(crate) manual: Option<String>,
    /// Uploads under way.
    pub(crate) uploads_active: u64,
    /// Bytes that reached the upstream since start.
    pub(crate) bytes_relayed: u64,
    /// Bytes that crossed twice, false alarms included.
    pub(crate) resent_bytes: u64,
    /// LAN addresses that take uploads.
    pub(crate) listen: Vec<String>,
    /// Where they go.
    pub(crate) upstream: Upstream,
    /// Memory for bytes on their way: all of it, then the budget of each class.
    pub(crate) pools: Vec<Pool>,
    /// Switches since start.
    pub(crate) switches_total: usize,
    /// The last of them, oldest first.
    pub(crate) switches: Vec<Switch>,
    /// What is kept on disk.
    pub(crate) spool: Spool,
    /// Clients of earlier uploads, the one seen last first.
    pub(crate) clients: Vec<Client>,
    /// What the agent lacks, and what that costs.
    pub(crate) warnings: Vec<String>,
}

/// What is kept on disk until the upstream has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Spool {
    /// `through`, or `spool`: clients are told of success before the upstream has their files.
    pub(crate) mode: String,
    /// How much it may hold.
    pub(crate) size_bytes: u64,
    /// How much more it takes.
    pub(crate) free_bytes: u64,
    /// Uploads that wait for their delivery, or are on it.
    pub(crate) kept: u64,
    /// Uploads that the upstream refused.
    pub(crate) failed: u64,
    /// Bytes written over its life.
    pub(crate) written_bytes: u64,
    /// Flushes over its life.
    pub(crate) flushes: u64,
    /// Acknowledged uploads that made room.
    pub(crate) evicted: u64,
    /// Acknowledged uploads that an operator gave up.
    pub(crate) dropped: u64,
    /// Acknowledged uploads that were damaged on disk.
    pub(crate) damaged: u64,
    /// The last of all those, oldest first.
    pub(crate) losses: Vec<Loss>,
}

/// An acknowledged upload that will not arrive.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Loss {
    /// Where it was to be stored.
    pub(crate) path: String,
}

/// A client that has uploaded before.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Client {
    /// Its MAC, else its address.
    pub(crate) id: String,
    /// Seconds since its last upload.
    pub(crate) idle_s: u64,
    /// The link that serves it best.
    pub(crate) preferred: Option<String>,
    /// What it had, the link used last first.
    pub(crate) links: Vec<ClientLink>,
}

/// A client over one link: the mean of its uploads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClientLink {
    /// The link.
    pub(crate) link: String,
    /// While there was something to send.
    pub(crate) bytes_per_s: u64,
    /// Uploads without trouble.
    pub(crate) reliability_pct: f64,
}

/// Where uploads go.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Upstream {
    /// Where it is.
    pub(crate) url: String,
    /// What it speaks, once a link has reached it.
    pub(crate) protocol: Option<String>,
}

/// Memory set aside.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pool {
    /// What for.
    pub(crate) name: String,
    /// How much there is.
    pub(crate) size_bytes: u64,
    /// How much of it is in use.
    pub(crate) used_bytes: u64,
}

/// One change of the active link.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Switch {
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    /// Link that was left, if there was one.
    pub(crate) from: Option<String>,
    /// Link that was taken, if there was one.
    pub(crate) to: Option<String>,
    /// Why.
    pub(crate) reason: String,
    /// What was seen of the link that was left.
    pub(crate) evidence: String,
    /// Last proof on the old link to the first on the new; not known until then.
    pub(crate) gap_ms: Option<f64>,
    /// Bytes that crossed twice.
    pub(crate) resent_bytes: u64,
    /// New bytes carried on suspicion, before the switch was decided.
    pub(crate) hedged_bytes: u64,
}

/// One of `GET /v1/links`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Link {
    /// Interface name.
    pub(crate) name: String,
    /// `ethernet`, `wifi`, ...
    pub(crate) class: String,
    /// `healthy`, `suspect`, ...
    pub(crate) state: String,
    /// Whether new work starts on it.
    pub(crate) active: bool,
    /// Its address, if it has one.
    pub(crate) address: Option<String>,
    /// Smoothed round-trip time, once measured.
    pub(crate) rtt_ms: Option<f64>,
    /// Loss, once measured.
    pub(crate) loss_pct: Option<f64>,
    /// What it is worth to the agent.
    pub(crate) score: Option<f64>,
    /// Whether its bytes cost money.
    pub(crate) metered: bool,
    /// Bytes in both directions since the budget's month began.
    pub(crate) carried_bytes: u64,
    /// How many there may be.
    pub(crate) budget_bytes: Option<u64>,
    /// Whether there were.
    pub(crate) over_budget: bool,
    /// Why it can't be used although it looks usable.
    pub(crate) trouble: Option<String>,
}

/// One of `GET /v1/uploads`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Upload {
    /// Distinguishes uploads of one run of the agent.
    pub(crate) id: String,
    /// Where it is stored upstream.
    pub(crate) path: String,
    /// Who sends it.
    pub(crate) client: String,
    /// Length in bytes, if the client told it.
    pub(crate) size: Option<u64>,
    /// Bytes the upstream has.
    pub(crate) acked: u64,
    /// Link it travels on.
    pub(crate) link: Option<String>,
    /// Where it stands.
    pub(crate) state: String,
    /// What is spoken upstream, if it is on its way.
    pub(crate) protocol: Option<String>,
    /// Why the upstream refused it, if the spool keeps it for that.
    pub(crate) reason: Option<String>,
}

/// All of it at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// The agent.
    pub(crate) status: Status,
    /// Its links.
    pub(crate) links: Vec<Link>,
    /// Its uploads.
    pub(crate) uploads: Vec<Upload>,
}
