//! Probes: one small question to the upstream over one link.

use crate::clock::Clock;
use crate::hub::{Hub, NAMES};
use crate::settings::TUS_PATH;
use crate::sockets;
use baton_core::{Failure, LinkId, Observation};
use baton_hal::{Error, ErrorKind, Stream, Time, Transport};
use baton_wire::http::Peer;
use baton_wire::tus::Extension;
use baton_wire::upload::{Answer, Client, Protocol, Refused};
use embassy_time::{Duration, with_timeout};

/// What the socket of a prober holds: one question and one answer.
pub(crate) type Buffers = sockets::Buffers<512, 512>;

/// Probes when the core wants it, for good. Silence is the core's to judge: what fails after its deadline
/// says nothing new.
pub(crate) async fn run<T: Transport>(hub: &Hub, link: LinkId, transport: T) -> ! {
    let port = hub.port(link);
    loop {
        port.probe.wait().await;
        let begun = Clock.now();
        let answered = with_timeout(PATIENCE, ask(hub, link, &transport)).await;
        let deadline = begun + hub.core.borrow().policy().links.probe_timeout;
        match answered {
            Ok(Ok(observation)) => hub.observe(link, observation),
            Ok(Err(_)) | Err(_) if Clock.now() < deadline => {
                hub.observe(link, Observation::ProbeLost);
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

/// A handshake, a question, and one of them lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// Connects to the upstream. The core bounds the wait.
pub(crate) async fn connect<T: Transport>(
    hub: &Hub,
    link: LinkId,
    transport: &T,
) -> Result<T::Stream, Failure> {
    let begun = Clock.now();
    match transport.connect(NAMES[usize::from(link.0)]).await {
        Ok(stream) => {
            let rtt = Clock.now().saturating_since(begun);
            hub.observe(link, Observation::Connected { rtt });
            Ok(stream)
        }
        Err(error) => {
            if error.kind() == ErrorKind::Unreachable {
                hub.observe(link, Observation::Unreachable);
            }
            // Else its host has answered, or the link went down meanwhile, which is reported by itself.
            Err(Failure::Cut)
        }
    }
}

/// Asks what the upstream can do: any answer proves the link.
async fn ask<T: Transport>(hub: &Hub, link: LinkId, transport: &T) -> Result<Observation, Failure> {
    let stream = connect(hub, link, transport).await?;
    let answered = question(hub, &stream).await;
    // An answer was read, or none is wanted any more.
    stream.abort();
    answered
}

async fn question<S: Stream>(hub: &Hub, stream: &S) -> Result<Observation, Failure> {
    let mut client = Client::<768, 1>::new(Protocol::Tus);
    let peer = Peer { authority: &hub.settings.authority, authorization: None };
    let mut head = [0; 256];
    let length = client.options(&mut head, &peer, TUS_PATH)?;
    let asked = Clock.now();
    let mut rest = &head[..length];
    while !rest.is_empty() {
        stream.writable().await;
        let count = stream.try_write(&[rest]).map_err(|_| Failure::Cut)?;
        rest = &rest[count.unwrap_or(0)..];
    }
    loop {
        let mut input = [0; 256];
        stream.readable().await;
        let count = match stream.try_read(&mut input).map_err(|_| Failure::Cut)? {
            None => continue,
            Some(0) => return Err(Failure::Cut),
            Some(count) => count,
        };
        let (_, answer) = client.handle_input(&input[..count]).map_err(|_| Failure::Cut)?;
        let rtt = Clock.now().saturating_since(asked);
        match answer {
            None => {}
            Some(Answer::Options { extensions, .. }) => {
                hub.upstream.signal(extensions.has(Extension::Fencing));
                return Ok(Observation::ProbeAnswered { rtt });
            }
            // It is there, and busy.
            Some(Answer::Refused(Refused { genuine: true, .. })) => {
                return Ok(Observation::ProbeAnswered { rtt });
            }
            Some(
                Answer::Refused(_)
                | Answer::Impostor { .. }
                | Answer::Created { .. }
                | Answer::Progress { .. }
                | Answer::Offset { .. }
                | Answer::Appended { .. }
                | Answer::Deleted,
            ) => return Ok(Observation::Impostor),
        }
    }
}
