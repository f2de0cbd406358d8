//! Delivers what is kept: the urgent first, then the old.

use super::keeper::Job;
use super::{Depot, OwnedToken, Parcel, UnderWay};
use crate::hub::Hub;
use crate::ingest::{arrived, begin, close, vacancy, words};
use crate::transfer::{Body, Credential, Proto, Transfer};
use crate::upstream::Spoken;
use baton_core::spool::{Cause, Urgency};
use baton_core::{Duration, Verdict};
use baton_hal::Transport;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Deliveries at once: enough to hide the round trips of small files, few enough for the order to
/// mean something.
const AT_ONCE: usize = 4;

/// How long an upload rests that the upstream could not take just now: as long as clients are told.
const REST: Duration = Duration::from_secs(30);

/// Delivers for as long as the agent runs.
pub(crate) async fn run<T: Transport>(hub: Rc<Hub<T>>) {
    let Some(depot) = &hub.depot else { return core::future::pending().await };
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Ok(place) = places.clone().acquire_owned().await {
        let parcel = next(&hub, depot).await;
        let way = UnderWay { name: parcel.described.whose.name.clone(), upload: None };
        depot.under_way.borrow_mut().insert(parcel.chain.id(), way);
        tokio::task::spawn_local(deliver(hub.clone(), parcel, place));
    }
}

/// The next one, once there is a way to deliver it.
async fn next<T: Transport>(hub: &Hub<T>, depot: &Depot) -> Parcel {
    loop {
        let news = depot.news.notified();
        hub.reachable().await;
        let mut busy: Vec<u64> = depot.under_way.borrow().keys().copied().collect();
        while let Ok(Some(parcel)) =
            depot.ask(|reply| Job::Next { busy: busy.clone(), reply }).await
        {
            let name = &parcel.described.whose.name;
            // Of two with one name, the older decides what that stands for.
            if depot.under_way.borrow().values().all(|way| way.name != *name) {
                return parcel;
            }
            busy.push(parcel.chain.id());
        }
        news.await;
    }
}

async fn deliver<T: Transport>(hub: Rc<Hub<T>>, parcel: Parcel, place: OwnedSemaphorePermit) {
    let Some(depot) = &hub.depot else { return };
    let id = parcel.chain.id();
    let outcome = carry(&hub, depot, parcel).await;
    let noted = match &outcome {
        Outcome::Delivered => depot.ask(|reply| Job::End { id, reply }).await,
        Outcome::Failed { status, reason } => {
            tracing::warn!(spooled = id, status, reason, "refused for good: kept aside");
            let (status, reason) = (*status, reason.clone());
            depot.ask(|reply| Job::Fail { id, status, reason, reply }).await
        }
        Outcome::Damaged => {
            let cause = Cause::Damaged;
            depot.ask(|reply| Job::Lose { id, cause, reply }).await
        }
        Outcome::Later(_) => Ok(Ok(())),
    };
    if let Err(error) | Ok(Err(error)) = noted {
        tracing::error!(spooled = id, %error, "how the delivery ended is not noted");
    }
    drop(place);
    if let Outcome::Later(rest) = outcome {
        tokio::time::sleep(rest).await;
    }
    depot.under_way.borrow_mut().remove(&id);
    depot.news.notify_one();
}

/// What became of one delivery.
enum Outcome {
    Delivered,
    /// For good.
    Failed {
        status: u16,
        reason: String,
    },
    /// Its bytes on disk are not what they were.
    Damaged,
    /// It is tried again, after this.
    Later(Duration),
}

async fn carry<T: Transport>(hub: &Rc<Hub<T>>, depot: &Depot, parcel: Parcel) -> Outcome {
    let Parcel { chain, described, body } = parcel;
    let id = chain.id();
    let Ok((upload, spoken)) = vacancy(hub).await else { return Outcome::Later(REST) };
    let location = described.location.filter(|_| resumes(spoken));
    if chain.acked() > 0 && location.is_none() {
        let acked = chain.acked();
        let reason = format!(
            "the upstream had {acked} bytes, which were let go of here, and does not speak any more \
             as it did then"
        );
        return Outcome::Failed { status: 0, reason };
    }
    let whose = described.whose;
    let proto = Proto {
        name: whose.name,
        content_type: whose.content_type,
        credential: match whose.token {
            OwnedToken::None => Credential::None,
            OwnedToken::Query(query) => Credential::Query(query),
            OwnedToken::Header(header) => Credential::Header(header),
        },
        is_vouched_for: false,
        methods: &["PUT"],
        client: whose.client,
        // Its bytes came long ago: they say nothing of it.
        client_id: None,
        urgency: Urgency::default(),
    };
    let body = Body::Kept { id, body, sha256: *chain.sha256() };
    let transfer = Transfer::open(upload, proto, chain.end(), spoken, body);
    let resumes_at = location.as_ref().map(|_| chain.acked());
    transfer.location.replace(location);
    if chain.begun() {
        // Whatever is found upstream may be what an earlier try has left.
        transfer.on_written(chain.end());
    }
    let transfer = begin(hub, transfer, resumes_at);
    if let Some(way) = depot.under_way.borrow_mut().get_mut(&id) {
        way.upload = Some(upload);
    }
    if !chain.begun() && !resumes(spoken) {
        // Before the first byte leaves, so that a copy that a crash left upstream is known as ours.
        if let Err(error) | Ok(Err(error)) = depot.ask(|reply| Job::Start { id, reply }).await {
            close(hub, &transfer, false);
            tracing::warn!(%error, "a delivery can't be noted");
            return Outcome::Later(REST);
        }
    }
    arrived(hub, &transfer, chain.end());
    let verdict = transfer.concluded().await;
    let is_lost = matches!(verdict, Verdict::Lost { .. });
    if !is_lost {
        // What is upstream stays there, for the next try.
        transfer.location.take();
    }
    close(hub, &transfer, verdict == Verdict::Stored);
    outcome(verdict, &transfer)
}

/// Whether what the upstream has is found again by its URL, also by the agent's next run. A session
/// of hmac-file-server tells how many chunks it has, and not which.
fn resumes(spoken: Spoken) -> bool {
    match spoken {
        Spoken::Tus { .. } | Spoken::Resumable { .. } => true,
        Spoken::Put | Spoken::Chunked => false,
    }
}

fn outcome(verdict: Verdict, transfer: &Transfer) -> Outcome {
    let failed = |status| {
        let reason = words(verdict, transfer);
        Outcome::Failed { status, reason }
    };
    match verdict {
        Verdict::Stored => Outcome::Delivered,
        // The server's own trouble: it may pass.
        Verdict::Refused(500..) => Outcome::Later(REST),
        Verdict::Refused(status) => failed(status),
        Verdict::NotReplayable if transfer.is_damaged.get() => Outcome::Damaged,
        Verdict::NotReplayable => Outcome::Failed {
            status: 0,
            reason: "the upstream forgot bytes that it had acknowledged, and which were let go of \
                     here to make room"
                .into(),
        },
        Verdict::Lost { .. } | Verdict::Absurd { .. } => failed(0),
        Verdict::Stalled | Verdict::Abandoned => Outcome::Later(Duration::ZERO),
    }
}

impl<T: Transport> Hub<T> {
    /// What the upstream has of those that are on their way.
    pub(crate) fn progress(&self) -> Vec<(u64, u64)> {
        let Some(depot) = &self.depot else { return Vec::new() };
        let core = self.core.borrow();
        let acked =
            |way: &UnderWay| way.upload.and_then(|id| core.view(id)).map_or(0, |view| view.acked);
        // Where nothing resumes, a replay needs all of it.
        let kept = |way: &UnderWay| {
            let transfers = self.transfers.borrow();
            way.upload.and_then(|id| transfers.get(&id).map(|t| resumes(t.spoken))) != Some(true)
        };
        let under_way = depot.under_way.borrow();
        under_way.iter().map(|(id, way)| (*id, if kept(way) { 0 } else { acked(way) })).collect()
    }
}
