//! Probes: one small question to the upstream over one link, on a connection that is then kept.

use crate::connections::write_all;
use crate::hub::Hub;
use crate::upstream::{Answerer, Heard, Question};
use baton_core::{Duration, LinkId, Observation};
use baton_hal::{Bytes, Stream, Transport};
use baton_wire::chunked::{PATH, STATUS_PATH};
use baton_wire::http::{Eof, Peer};
use baton_wire::put;
use baton_wire::resumable::Interop;
use baton_wire::tus::{Extension, Extensions};
use baton_wire::upload::{Answer, Client, Protocol, Refused};
use std::rc::Rc;
use tokio::time::timeout;

/// Asks what tells whether the upstream is there, and what it speaks if that is not known: any
/// answer at all proves the link. Silence is the core's to judge, which gave the probe a deadline: what
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

/// Asks until it is clear who is there: what is asked again is one question.
async fn probe<T: Transport + 'static>(hub: &Rc<Hub<T>>, link: LinkId) -> Option<Observation> {
    let mut question = hub.upstream.question();
    loop {
        let kept = hub.connections.take(link);
        // Of a new connection, all of it is the probe's.
        let before = kept.as_deref().map_or(0, carried);
        let stream = match kept {
            Some(stream) => stream,
            None => timeout(patience(hub, link), hub.open(link)).await.ok()?.ok()?,
        };
        let asked = hub.clock.now();
        let answered = timeout(patience(hub, link), ask(hub, link, &stream, question)).await;
        let cost = carried(&*stream).saturating_sub(before) + if before == 0 { CLOSING } else { 0 };
        hub.observe(link, Observation::Probed(u32::try_from(cost).unwrap_or(u32::MAX)));
        let (by, is_reusable) = answered.ok()??;
        let rtt = hub.clock.now().saturating_since(asked);
        let heard = hub.upstream.hear(question, by);
        if is_reusable && heard != Heard::Stranger {
            hub.connections.keep(link, stream, hub.clock.now());
        }
        match heard {
            Heard::Upstream => return Some(Observation::ProbeAnswered { rtt }),
            Heard::Stranger => return Some(Observation::Impostor),
            Heard::Ask(next) => question = next,
        }
    }
}

fn carried<S: Stream>(stream: &S) -> u64 {
    stream.info().map_or(0, |info| info.carried_bytes)
}

/// What the end of a connection takes, which its last reader does not see: four bare segments.
const CLOSING: u64 = 4 * 52;

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

/// Who answered, and whether the connection takes another question.
async fn ask<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    link: LinkId,
    stream: &Rc<T::Stream>,
    question: Question,
) -> Option<(Answerer, bool)> {
    let mut head = [0; 512];
    let (mut asking, len) = Asking::begin(hub, question, &mut head)?;
    let blame = |error: T::Error| hub.blame(link, &error);
    write_all(&**stream, &head[..len]).await.map_err(blame).ok()?;
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
            let (used, answerer) = asking.handle_input(rest)?;
            rest = &rest[used..];
            by = by.or(answerer);
            if used == 0 && answerer.is_none() {
                return None;
            }
        }
        if let Some(by) = by {
            // An answer whose body is still to come would be taken for the next one's.
            return Some((by, asking.is_over()));
        }
    }
}

/// A question on its way.
enum Asking {
    Tus(Client<2048, 1>),
    Draft(Client<2048, 1>),
    Get(put::Client<1024>),
}

impl Asking {
    /// Writes the question into `out`; its length.
    fn begin<T: Transport + 'static>(
        hub: &Hub<T>,
        question: Question,
        out: &mut [u8],
    ) -> Option<(Self, usize)> {
        let peer = Peer { authority: &hub.settings.upstream.authority, authorization: None };
        let mut options = |protocol| {
            let mut client = Client::new(protocol);
            let len = client.options(out, &peer, &hub.tus_target()).ok()?;
            Some((client, len))
        };
        let path = match question {
            Question::Tus => return options(Protocol::Tus).map(|(it, len)| (Self::Tus(it), len)),
            Question::Draft { .. } => {
                let asked =
                    options(Protocol::Resumable(hub.upstream.interop().unwrap_or(Interop::LATEST)));
                return asked.map(|(it, len)| (Self::Draft(it), len));
            }
            Question::State => STATUS_PATH,
            Question::Session => PATH,
        };
        let mut client = put::Client::<1024>::new();
        let target = format!("{}{path}", hub.settings.upstream.base);
        let len = client.get(out, &peer, &target, 0).ok()?;
        Some((Self::Get(client), len))
    }

    fn handle_input(&mut self, input: &[u8]) -> Option<(usize, Option<Answerer>)> {
        match self {
            Self::Tus(client) => {
                let (used, answer) = client.handle_input(input).ok()?;
                let tus = |extensions: Extensions| Answerer::Tus {
                    fenced: extensions.has(Extension::Fencing),
                };
                Some((used, answer.map(|answer| of_options(&answer, tus))))
            }
            Self::Draft(client) => {
                let (used, answer) = client.handle_input(input).ok()?;
                Some((
                    used,
                    answer.map(|answer| of_options(&answer, |_| Answerer::Draft { other: None })),
                ))
            }
            Self::Get(client) => {
                let (used, answer) = client.handle_input(input).ok()?;
                Some((used, answer.and_then(|answer| of_get(&answer))))
            }
        }
    }

    fn is_over(&mut self) -> bool {
        match self {
            Self::Tus(client) | Self::Draft(client) => {
                client.handle_input(&[]).is_ok()
                    && client.ready().is_ok()
                    && client.eof() == Eof::Idle
            }
            Self::Get(client) => {
                client.handle_input(&[]).is_ok()
                    && client.ready().is_ok()
                    && client.eof() == Eof::Idle
            }
        }
    }
}

fn of_options(answer: &Answer<'_>, understood: impl Fn(Extensions) -> Answerer) -> Answerer {
    match answer {
        Answer::Options { extensions, .. } => understood(*extensions),
        Answer::Refused(Refused { interop: Some(other), .. }) => {
            Answerer::Draft { other: Some(*other) }
        }
        Answer::Refused(refused) => of_status(refused.status),
        Answer::Impostor { status, .. } => of_status(*status),
        Answer::Created { .. }
        | Answer::Progress { .. }
        | Answer::Offset { .. }
        | Answer::Appended { .. }
        | Answer::Deleted => Answerer::Troubled,
    }
}

/// `None`: more of the same answer.
fn of_get(answer: &put::Answer<'_>) -> Option<Answerer> {
    match answer {
        put::Answer::Found(_) => Some(of_status(200)),
        put::Answer::Refused { status, .. } => Some(of_status(*status)),
        put::Answer::Continue
        | put::Answer::Stored { .. }
        | put::Answer::Receipt { .. }
        | put::Answer::Body(_)
        | put::Answer::End => None,
    }
}

fn of_status(status: u16) -> Answerer {
    match status {
        // RFC 6585 section 6: 511 is how a portal should speak; most redirect.
        300..=399 | 511 => Answerer::Portal,
        // A server says so that is busy, broken or starting, or a proxy before it.
        408 | 423 | 429 | 500..=599 => Answerer::Troubled,
        _ => Answerer::Other { status },
    }
}
