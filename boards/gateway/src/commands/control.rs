//! `baton status`, `links`, `uploads` and `switch`: questions to the agent that runs here.

use super::{print, settings, unix_now};
use crate::cli::{Globals, UploadsArgs};
use crate::client::Agent;
use crate::draw::{clip, millis, size};
use crate::failure::Failure;
use crate::snapshot::{Client, Link, Spool, Status, Upload, Upstream};
use crate::span::span;
use crate::table::Table;
use core::time::Duration;
use serde::de::DeserializeOwned;

/// `baton status`.
pub(crate) async fn status(globals: &Globals) -> Result<(), Failure> {
    show(globals, "/v1/status", status_text).await
}

/// `baton links`.
pub(crate) async fn links(globals: &Globals) -> Result<(), Failure> {
    show(globals, "/v1/links", |links: Vec<Link>| links_text(&links)).await
}

/// `baton uploads`.
pub(crate) async fn uploads(globals: &Globals, args: &UploadsArgs) -> Result<(), Failure> {
    if let Some(id) = &args.retry {
        return order_spooled(globals, "retry", id).await;
    }
    if let Some(id) = &args.drop {
        return order_spooled(globals, "drop", id).await;
    }
    show(globals, "/v1/uploads", |uploads: Vec<Upload>| uploads_text(&uploads)).await
}

async fn order_spooled(globals: &Globals, deed: &str, id: &str) -> Result<(), Failure> {
    let order = serde_json::json!({ "id": id }).to_string();
    let agent = Agent::new(settings::socket(globals));
    let reply = agent.order(&format!("/v1/uploads/{deed}"), &order).await?;
    if !reply.is_success() {
        return Err(Failure::No(format!("{deed} {id}: {}", reply.complaint())));
    }
    if globals.json {
        return print(&reply.body);
    }
    let count = reply.json::<serde_json::Value>()?["uploads"].as_u64().unwrap_or(0);
    let done = if deed == "retry" { "tried again" } else { "dropped" };
    print(&format!("{count} {done}"))
}

/// `baton switch`.
pub(crate) async fn switch(globals: &Globals, link: &str) -> Result<(), Failure> {
    let agent = Agent::new(settings::socket(globals));
    let order = serde_json::json!({ "link": link }).to_string();
    let reply = agent.order("/v1/switch", &order).await?;
    if reply.is_success() {
        let done = match link {
            "auto" => "the agent chooses the link again".to_owned(),
            link => format!("everything new goes over {link} now, until `baton switch auto`"),
        };
        return print(if globals.json { &reply.body } else { &done });
    }
    let links: Vec<Link> = agent.ask("/v1/links").await?.json()?;
    let names: Vec<&str> = links.iter().map(|link| &*link.name).collect();
    Err(Failure::No(format!(
        "the agent does not switch to {link}: {}; its links are {}",
        reply.complaint(),
        names.join(", ")
    )))
}

/// Asks `target` and prints the answer, as it is or as `text` puts it.
async fn show<T: DeserializeOwned>(
    globals: &Globals,
    target: &str,
    text: impl FnOnce(T) -> String,
) -> Result<(), Failure> {
    let reply = Agent::new(settings::socket(globals)).ask(target).await?;
    if globals.json { print(&reply.body) } else { print(&text(reply.json()?)) }
}

fn status_text(status: Status) -> String {
    let up = span(Duration::from_secs_f64(status.uptime_s.clamp(0.0, 1e9)));
    let active = status.active_link.as_deref().unwrap_or("none");
    let chosen = match &status.manual {
        // Where it is not there, a warning says so.
        Some(link) => format!("held on {link} by hand: `baton switch auto` ends it"),
        None => "chosen by the agent".to_owned(),
    };
    let mut lines = vec![
        ("active link", format!("{active}, {chosen}")),
        (
            "uploads",
            format!("{} under way, {} relayed", status.uploads_active, size(status.bytes_relayed)),
        ),
        ("listening", status.listen.join(", ")),
        ("upstream", upstream_text(&status.upstream)),
    ];
    let memory = status.pools.first();
    lines.extend(memory.map(|pool| {
        ("memory", format!("{} of {} in use", size(pool.used_bytes), size(pool.size_bytes)))
    }));
    lines.extend(spool_lines(&status.spool));
    lines.extend(status.warnings.into_iter().map(|warning| ("warning", warning)));
    let mut text = format!("baton {}, up {up}\n", status.version);
    for (name, value) in lines {
        text += &format!("{name:<12} {value}\n");
    }
    if !status.clients.is_empty() {
        text += &format!("\nClients\n{}", clients_table(&status.clients));
    }
    if !status.switches.is_empty() {
        let mut table =
            Table::new([">AGO", "FROM", "TO", "REASON", "EVIDENCE", ">GAP", ">SENT TWICE"]);
        let now = unix_now();
        for switch in status.switches {
            let ago = Duration::from_secs(now.saturating_sub(switch.at / 1000));
            table.row([
                span(ago),
                switch.from.unwrap_or_default(),
                switch.to.unwrap_or_default(),
                switch.reason,
                switch.evidence,
                switch.gap_ms.map(millis).unwrap_or_default(),
                size(switch.resent_bytes),
            ]);
        }
        text += &format!("\nLast switches\n{}", table.finish());
    }
    text
}

/// Clients of earlier uploads, a line for each link.
fn clients_table(clients: &[Client]) -> String {
    let mut table = Table::new(["CLIENT", ">AGO", "LINK", ">A SECOND", ">RELIABLE", "BEST"]);
    for client in clients {
        for path in &client.links {
            let is_best = client.preferred.as_deref() == Some(&path.link);
            table.row([
                client.id.clone(),
                span(Duration::from_secs(client.idle_s)),
                path.link.clone(),
                size(path.bytes_per_s),
                format!("{:.0} %", path.reliability_pct),
                if is_best { "✓" } else { "" }.to_owned(),
            ]);
        }
    }
    table.finish()
}

/// What waits in the spool and what it went through; nothing in `through` mode.
fn spool_lines(spool: &Spool) -> Vec<(&'static str, String)> {
    if spool.mode != "spool" {
        return Vec::new();
    }
    let used = size(spool.size_bytes.saturating_sub(spool.free_bytes));
    let failed = match spool.failed {
        0 => String::new(),
        count => format!(", {count} refused upstream: `baton uploads` says why"),
    };
    let mut lines = vec![
        (
            "spool",
            format!("{} waiting{failed}; {used} of {} in use", spool.kept, size(spool.size_bytes)),
        ),
        ("wear", format!("{} written, {} flushes", size(spool.written_bytes), spool.flushes)),
    ];
    let lost = spool.evicted + spool.dropped + spool.damaged;
    if lost > 0 {
        let last: Vec<&str> = spool.losses.iter().rev().take(3).map(|loss| &*loss.path).collect();
        let Spool { evicted, dropped, damaged, .. } = spool;
        let last = last.join(", ");
        lines.push((
            "lost",
            format!("{evicted} evicted, {dropped} dropped, {damaged} damaged; the last: {last}"),
        ));
    }
    lines
}

fn upstream_text(upstream: &Upstream) -> String {
    match &upstream.protocol {
        Some(protocol) => format!("{}, {protocol}", upstream.url),
        None => format!("{}, not reached yet", upstream.url),
    }
}

fn links_text(links: &[Link]) -> String {
    if links.is_empty() {
        return "no links: no interface has a default route of its own (`ip route show default`)\n"
            .to_owned();
    }
    let mut table =
        Table::new(["", "LINK", "CLASS", "STATE", ">RTT", ">LOSS", ">SCORE", "ADDRESS", "NOTES"]);
    for link in links {
        let notes: Vec<String> = money(link).into_iter().chain(link.trouble.clone()).collect();
        table.row([
            if link.active { "▶" } else { " " }.to_owned(),
            link.name.clone(),
            link.class.clone(),
            link.state.clone(),
            link.rtt_ms.map(millis).unwrap_or_default(),
            link.loss_pct.map(|loss| format!("{loss:.1} %")).unwrap_or_default(),
            link.score.map(|score| format!("{score:.0}")).unwrap_or_default(),
            link.address.clone().unwrap_or_default(),
            notes.join(", "),
        ]);
    }
    table.finish()
}

/// What a link costs, as far as there is something to say.
fn money(link: &Link) -> Option<String> {
    let used = size(link.carried_bytes);
    match link.budget_bytes {
        Some(budget) if link.over_budget => {
            Some(format!("over budget: {used} of {}", size(budget)))
        }
        Some(budget) => Some(format!("{used} of {} this month", size(budget))),
        None => link.metered.then(|| "metered".to_owned()),
    }
}

fn uploads_text(uploads: &[Upload]) -> String {
    if uploads.is_empty() {
        return "no uploads\n".to_owned();
    }
    let mut table = Table::new([
        "ID", "PATH", "CLIENT", ">SIZE", ">STORED", ">DONE", "LINK", "STATE", "PROTOCOL", "WHY",
    ]);
    for upload in uploads {
        let percent =
            upload.size.map(|total| u128::from(upload.acked) * 100 / u128::from(total.max(1)));
        table.row([
            upload.id.clone(),
            clip(&upload.path, 40),
            upload.client.clone(),
            upload.size.map(size).unwrap_or_default(),
            size(upload.acked),
            percent.map(|percent| format!("{percent} %")).unwrap_or_default(),
            upload.link.clone().unwrap_or_default(),
            upload.state.clone(),
            upload.protocol.clone().unwrap_or_default(),
            upload.reason.clone().unwrap_or_default(),
        ]);
    }
    table.finish()
}
