//! Upstream, agent and client, as `baton serve`, `baton run` and anyone's HTTP client are.

use super::actor::Actor;
use super::file::Folder;
use super::loopback::{self, View};
use super::story::hex;
use super::world::{Place, World};
use crate::assembly;
use crate::client::{Agent, Connection, Upload};
use crate::commands::{Backend, agent, agent_on, never};
use crate::failure::Failure;
use baton_config::Config;
use baton_core::{Duration, LinkPolicy};
use baton_relay::{Origin, Settings};
use baton_store::{Options, Secret, Store};
use baton_wire::media;
use baton_wire::percent::Encoded;
use core::future::pending;
use core::net::SocketAddr;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// Those who are there from the beginning. The agent leaves first.
pub(super) struct Cast {
    relay: Actor<()>,
    upstream: Actor<()>,
    /// The agent's control socket.
    pub(super) agent: Agent,
}

/// How long the agent may take to be there.
const ENTRANCE: Duration = Duration::from_secs(5);

/// Starts upstream and agent, and waits until the agent answers.
pub(super) async fn enter(world: &World, folder: &Folder) -> Result<Cast, Failure> {
    let secret = random_secret()?;
    let options =
        Options::new(vec![world.upstream()], folder.store(), Secret::new(secret.as_bytes()));
    let (tell, bound) = oneshot::channel();
    let mut upstream = Actor::start(world, Place::Upstream, move || serve(options, tell));
    let Ok(address) = bound.await else {
        return Err(upstream.ended().await.err().unwrap_or_else(left));
    };
    let config = format!(
        "[relay]\nlisten = '{}'\nspool_size = '64MB'\n\
         [upstream]\nurl = 'http://{address}'\n[security]\nsecret = '{secret}'\n",
        world.lan(),
    );
    let (socket, spool) = (folder.socket(), folder.spool());
    let others = world.lines().map(|lines| (lines.view(), address));
    let relay = Actor::start(world, Place::Gateway, move || relay(config, spool, socket, others));
    let mut cast = Cast { relay, upstream, agent: Agent::new(folder.socket()) };
    let answers = async {
        while cast.agent.ask("/v1/status").await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        entered = timeout(ENTRANCE, answers) => entered.map_err(|_| left())?,
        ended = cast.relay.ended() => return Err(ended.err().unwrap_or_else(left)),
    }
    Ok(cast)
}

impl Cast {
    /// Why someone left, should that happen: nobody is to.
    pub(super) async fn missing(&mut self) -> Failure {
        let ended = tokio::select! {
            ended = self.relay.ended() => ended,
            ended = self.upstream.ended() => ended,
        };
        ended.err().unwrap_or_else(left)
    }
}

fn left() -> Failure {
    Failure::No("the agent or the upstream of the demo does not run: please report it".into())
}

/// The upstream; tells where it listens.
async fn serve(options: Options, tell: oneshot::Sender<SocketAddr>) -> Result<(), Failure> {
    let store = Store::open(options).await.map_err(|e| Failure::No(e.to_string()))?;
    if let [address, ..] = store.local_addrs()[..] {
        // Nobody waits any more for who was stopped.
        let _ = tell.send(address);
    }
    store.serve(pending()).await;
    Ok(())
}

/// The agent, on the kernel's links unless others are given.
async fn relay(
    config: String,
    spool_dir: PathBuf,
    socket: PathBuf,
    others: Option<(View, SocketAddr)>,
) -> Result<(), Failure> {
    let config = Config::from_toml(&config).config.ok_or_else(left)?;
    let mut settings = Settings { spool_dir, ..assembly::settings(&config)? };
    let links = &mut settings.rules.policy.links;
    *links = hasten(*links);
    match others {
        None => agent(&config, settings, never(), &socket, pending()).await,
        Some((view, upstream)) => {
            let (links, transport) = loopback::open(view, upstream);
            let origin: Origin = Rc::new(|_| Some("lo".to_owned()));
            let backend =
                Backend { links, transport, origin, warnings: Vec::new(), reload: never() };
            agent_on(backend, &config, settings, &socket, pending()).await
        }
    }
}

/// Cuts the agent's patience short, for the show.
fn hasten(usual: LinkPolicy) -> LinkPolicy {
    LinkPolicy {
        up_delay: Duration::from_secs(1),
        hold_down: Duration::from_secs(2),
        quality_interval: Duration::from_secs(1),
        loss_max_ppm: 30_000,
        ..usual
    }
}

/// What is cut short, for people.
pub(super) fn haste() -> String {
    let usual = LinkPolicy::DEFAULT;
    let here = hasten(usual);
    format!(
        "For the show, the agent is less patient than usual:\n  \
           it trusts a link {:?} after it came up, not {:?},\n  \
           avoids one for {:?} after it failed, not {:?},\n  \
           judges quality every {:?}, not {:?}, and finds {} % loss bad, not {} %.\n",
        here.up_delay,
        usual.up_delay,
        here.hold_down,
        usual.hold_down,
        here.quality_interval,
        usual.quality_interval,
        here.loss_max_ppm / 10_000,
        usual.loss_max_ppm / 10_000,
    )
}

/// The client: anyone's HTTP client would do.
pub(super) async fn upload(
    agent: SocketAddr,
    file: File,
    name: String,
    size: u64,
) -> Result<(), Failure> {
    let trouble =
        |e: &dyn core::fmt::Display| Failure::No(format!("uploading {name} to the agent: {e}"));
    let upload = Upload {
        target: &format!("/{}", Encoded(&name)),
        content_type: media::content_type(&name),
        length: size,
    };
    let (host, authority) = (agent.ip().to_string(), agent.to_string());
    let connection =
        Connection::to_server(&host, agent.port(), authority).await.map_err(|e| trouble(&e))?;
    let mut file = tokio::fs::File::from_std(file);
    let reply = connection.put(&upload, &mut file, |_| ()).await.map_err(|e| trouble(&e))?;
    match reply.status {
        200..300 => Ok(()),
        507 => Err(trouble(&format!("{}; name a folder with room in TMPDIR", reply.complaint()))),
        _ => Err(trouble(&reply.complaint())),
    }
}

/// What agent and upstream share, in hexadecimal.
fn random_secret() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    read.map_err(|e| Failure::No(format!("/dev/urandom: {e}")))?;
    Ok(hex(&bytes))
}
