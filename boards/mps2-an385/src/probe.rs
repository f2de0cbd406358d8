//! Probes: one small question to the upstream over one link.

use crate::hub::{Hub, now};
use crate::settings::TUS_PATH;
use baton_core::{Failure, LinkId, Observation};
use baton_wire::http::Peer;
use baton_wire::tus::Extension;
use baton_wire::upload::{Answer, Client, Protocol, Refused};
use embassy_net::tcp::{ConnectError, TcpSocket};
use embassy_time::{Duration, with_timeout};

/// What the socket of a prober holds: one question and one answer.
pub(crate) struct Buffers {
    receive: [u8; 512],
    send: [u8; 512],
}

impl Buffers {
    pub(crate) const fn new() -> Self {
        Self { receive: [0; 512], send: [0; 512] }
    }
}

/// Probes when the core wants it, for good. Silence is the core's to judge: what fails after its deadline
/// says nothing new.
pub(crate) async fn run(hub: &'static Hub, link: LinkId, buffers: &'static mut Buffers) -> ! {
    let port = hub.port(link);
    let Buffers { receive, send } = buffers;
    loop {
        port.probe.wait().await;
        let begun = now();
        let mut socket = TcpSocket::new(port.stack, receive, send);
        let answered = with_timeout(PATIENCE, ask(hub, link, &mut socket)).await;
        let deadline = begun + hub.core.borrow().policy().links.probe_timeout;
        match answered {
            Ok(Ok(observation)) => hub.observe(link, observation),
            Ok(Err(_)) | Err(_) if now() < deadline => hub.observe(link, Observation::ProbeLost),
            Ok(Err(_)) | Err(_) => {}
        }
        // An answer was read, or none is wanted any more.
        socket.abort();
        let _ = with_timeout(Duration::from_millis(10), socket.flush()).await;
    }
}

/// A handshake, a question, and one of them lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// Connects to the upstream. The core bounds the wait.
pub(crate) async fn connect(
    hub: &Hub,
    link: LinkId,
    socket: &mut TcpSocket<'_>,
) -> Result<(), Failure> {
    socket.abort();
    let begun = now();
    match socket.connect(hub.settings.upstream).await {
        Ok(()) => {
            let rtt = now().saturating_since(begun);
            hub.observe(link, Observation::Connected { rtt });
            Ok(())
        }
        Err(ConnectError::NoRoute) => {
            hub.observe(link, Observation::Unreachable);
            Err(Failure::Cut)
        }
        // Its host has answered, or the link went down meanwhile, which is reported by itself.
        Err(
            ConnectError::ConnectionReset | ConnectError::TimedOut | ConnectError::InvalidState,
        ) => Err(Failure::Cut),
    }
}

/// Asks what the upstream can do: any answer proves the link.
async fn ask(hub: &Hub, link: LinkId, socket: &mut TcpSocket<'_>) -> Result<Observation, Failure> {
    connect(hub, link, socket).await?;
    let mut client = Client::<768, 1>::new(Protocol::Tus);
    let peer = Peer { authority: &hub.settings.authority, authorization: None };
    let mut head = [0; 256];
    let length = client.options(&mut head, &peer, TUS_PATH).map_err(|_| Failure::Refused(431))?;
    let asked = now();
    let mut rest = &head[..length];
    while !rest.is_empty() {
        let count = socket.write(rest).await.map_err(|_| Failure::Cut)?;
        rest = &rest[count..];
    }
    loop {
        let mut input = [0; 256];
        let count = socket.read(&mut input).await.map_err(|_| Failure::Cut)?;
        if count == 0 {
            return Err(Failure::Cut);
        }
        let (_, answer) = client.handle_input(&input[..count]).map_err(|_| Failure::Cut)?;
        let rtt = now().saturating_since(asked);
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
