//! The spool in the shapes that others script against.

use super::Upload;
use crate::depot::{Depot, Kept, Lost};
use crate::hub::Hub;
use baton_hal::Transport;
use serde::Serialize;

/// In `GET /v1/status`.
#[derive(Serialize)]
pub(super) struct Spool {
    mode: &'static str,
    size_bytes: u64,
    free_bytes: u64,
    #[serde(flatten)]
    depot: Option<Stock>,
}

/// What is told of uploads that were acknowledged before they were delivered.
#[derive(Serialize)]
struct Stock {
    /// Uploads that wait for their delivery, or are on it.
    kept: usize,
    /// Uploads that the upstream refused.
    failed: usize,
    /// Wear, over the life of the spool.
    written_bytes: u64,
    flushes: u64,
    /// Acknowledged uploads that will not arrive, over the life of the spool.
    evicted: u64,
    dropped: u64,
    damaged: u64,
    /// The last of those, oldest first.
    losses: Vec<Loss>,
}

#[derive(Serialize)]
struct Loss {
    id: String,
    path: String,
    size: u64,
    at_s: u64,
    cause: &'static str,
}

pub(super) fn of<T: Transport>(hub: &Hub<T>) -> Spool {
    match &hub.depot {
        None => Spool {
            mode: "through",
            size_bytes: hub.settings.spool_size,
            free_bytes: hub.spool.room(),
            depot: None,
        },
        Some(depot) => {
            let summary = depot.summary();
            let tally = &summary.tally;
            Spool {
                mode: "spool",
                size_bytes: summary.size,
                free_bytes: summary.size.saturating_sub(summary.used),
                depot: Some(Stock {
                    kept: summary.kept,
                    failed: summary.failed,
                    written_bytes: tally.written_bytes,
                    flushes: tally.flushes,
                    evicted: tally.evicted,
                    dropped: tally.dropped,
                    damaged: tally.damaged,
                    losses: summary.losses.iter().map(loss).collect(),
                }),
            }
        }
    }
}

fn loss(lost: &Lost) -> Loss {
    Loss {
        id: id(lost.id),
        path: lost.name.clone(),
        size: lost.total,
        at_s: lost.at_s,
        cause: lost.cause.name(),
    }
}

/// Distinguishes it from uploads that are under way.
pub(super) fn id(chain: u64) -> String {
    format!("s{chain}")
}

/// What waits, or was refused: those that are on their way are listed as such.
pub(super) async fn waiting(depot: &Depot) -> Vec<Upload> {
    let kept = depot.list().await;
    let under_way = depot.under_way.borrow();
    let waits =
        |kept: &&Kept| under_way.get(&kept.chain.id()).is_none_or(|way| way.upload.is_none());
    kept.iter().filter(waits).map(upload).collect()
}

fn upload(kept: &Kept) -> Upload {
    Upload {
        id: id(kept.chain.id()),
        path: kept.name.clone(),
        client: kept.client.clone(),
        size: kept.chain.end(),
        received: kept.chain.end(),
        acked: kept.chain.acked(),
        link: None,
        state: if kept.has_failed() { "failed" } else { "spooled" },
        protocol: None,
        urgency: Some(kept.chain.urgency()),
        reason: kept.failure.as_ref().map(|(_, reason)| reason.clone()),
    }
}
