//! Probes: one small question to the upstream over one link, on a connection that is then kept.

use crate::connections::write_all;
use crate::hub::Hub;
use crate::upstream::Answerer;
use baton_core::{Duration, LinkId, Observation};
use baton_hal::{Stream, Transport};
use baton_wire::http::{Eof, Peer};
use baton_wire::tus::Extension;
use baton_wire::upload::{Answer, Client, Protocol};
use std::rc::Rc;
use tokio::time::timeout;

/// Asks OPTIONS of the tus path: it tells whether the upstream speaks tus, and any answer at
/// all proves the link. Silence is the core's to judge, which gave the probe a deadline: what
/// fails later says nothing new, and may be about another probe. An answer is good news whenever it comes.
pub(crate) async fn run<T: Transport + 'static>(hub: Rc<Hub<T>>, link: LinkId) {
    let begun = hub.clock.now();
    let deadline = begun + hub.core.borrow().policy().links.probe_timeout;
    let observation = match probe(&hub, link).await {
        Some(observation) => observation,
        None if hub.clock.now() < deadline => Observation::ProbeLost,
        None => return,
    };
    tracing::trace!(link = hub.link_name(link), ?observation, "probe");
    hub.observe(link, observation);
}

/// Connects, if no connection is kept, and asks: each within what the link may need.
async fn probe<T: Transport + 'static>(hub: &Rc<Hub<T>>, link: LinkId) -> Option<Observation> {
    let stream = timeout(patience(hub, link), hub.connect(link)).await.ok()?.ok()?;
    let asked = hub.clock.now();
    let is_upstream = timeout(patience(hub, link), ask(hub, link, stream)).await.ok()??;
    let rtt = hub.clock.now().saturating_since(asked);
    Some(if is_upstream { Observation::ProbeAnswered { rtt } } else { Observation::Impostor })
}

/// Longer than the deadline where round trips are: a late answer tells how long they are.
pub(crate) fn patience<T: Transport + 'static>(hub: &Rc<Hub<T>>, link: LinkId) -> Duration {
    let core = hub.core.borrow();
    let view = core.links().view(link);
    let usual = view.srtt.map_or(hub.settings.upstream.connect_timeout, |srtt| {
        (srtt + view.rttvar * 4) * ROUND_TRIPS
    });
    usual.max(core.policy().links.probe_timeout)
}

/// A handshake of TCP and one of TLS, a question, and one of them lost.
const ROUND_TRIPS: u32 = 5;

/// Whether the upstream answered (`false`: something else did).
async fn ask<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    link: LinkId,
    stream: Rc<T::Stream>,
) -> Option<bool> {
    let peer = Peer { authority: &hub.settings.upstream.authority, authorization: None };
    let mut tus = Client::<2048, 2>::new(Protocol::Tus);
    let mut head = [0; 512];
    let len = tus.options(&mut head, &peer, &hub.tus_target()).ok()?;
    let blame = |error: T::Error| hub.blame(link, &error);
    write_all(&*stream, &head[..len]).await.map_err(blame).ok()?;
    let mut input = [0; 2048];
    loop {
        stream.readable().await;
        let mut rest = match stream.try_read(&mut input).map_err(blame).ok()? {
            None => continue,
            Some(0) => return None,
            Some(n) => &input[..n],
        };
        let mut by = None;
        while !rest.is_empty() {
            let (used, answer) = tus.handle_input(rest).ok()?;
            rest = &rest[used..];
            match answer {
                Some(answer) => by = Some(who(&answer)),
                None if used == 0 => return None,
                None => {}
            }
        }
        let Some(by) = by else { continue };
        let is_upstream = hub.upstream.on_answer(by);
        // An answer whose body is still to come would be taken for the next one's.
        if is_upstream
            && tus.handle_input(&[]).is_ok()
            && tus.ready().is_ok()
            && tus.eof() == Eof::Idle
        {
            hub.connections.keep(link, stream);
        }
        return Some(is_upstream);
    }
}

fn who(answer: &Answer<'_>) -> Answerer {
    match answer {
        Answer::Options { extensions, .. } => {
            Answerer::Tus { fenced: extensions.has(Extension::Fencing) }
        }
        // A server says so that is busy, broken or starting, or a proxy before it.
        Answer::Refused(refused) if matches!(refused.status, 408 | 423 | 429 | 500..=599) => {
            Answerer::Troubled
        }
        // RFC 6585 section 6: 511 is how a portal should speak; most redirect.
        Answer::Impostor { status: 300..=399 | 511, .. } => Answerer::Portal,
        Answer::Refused(_)
        | Answer::Impostor { .. }
        | Answer::Created { .. }
        | Answer::Progress { .. }
        | Answer::Offset { .. }
        | Answer::Appended { .. }
        | Answer::Deleted => Answerer::Other,
    }
}
