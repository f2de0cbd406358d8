//! The play as it is seen: the picture, drawn again and again, and the script that follows it.

use super::actor::Actor;
use super::cast::{self, Cast};
use super::file::Source;
use super::script::Script;
use super::world::{Place, World};
use crate::commands::{print, snapshot, unheard};
use crate::draw::{Picture, Screen};
use crate::failure::Failure;
use crate::snapshot::{Snapshot, Status};
use baton_core::{Duration, Instant};
use baton_hal::Clock;
use core::future::pending;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::sleep;

/// How often the agent is asked: what a link carries within that is a few percent of the file.
const LOOK: Duration = Duration::from_millis(50);

/// How often the picture is drawn.
const DRAW: Duration = Duration::from_millis(150);

/// How long the client waits for all links to be healthy.
const OVERTURE: Duration = Duration::from_secs(5);

/// A performance.
pub(super) struct Show<'a> {
    source: &'a Source,
    world: &'a World,
    client: Option<Actor<()>>,
    cast: Cast,
    script: Script,
    clock: Clock,
    start: Instant,
    /// The same moment in milliseconds since 1970.
    start_ms: u64,
    /// When the client came.
    began: Instant,
    view: View,
    last: Status,
}

/// Who watches.
enum View {
    Terminal {
        screen: Screen,
        picture: Picture,
        drawn: Instant,
    },
    Pipe {
        picture: Picture,
    },
    /// Only the end is of interest.
    Nobody,
}

/// How it ended, if it ended well.
pub(super) struct Ending {
    /// The agent's last words.
    pub(super) status: Status,
    /// From the client's first byte to its answer.
    pub(super) took: Duration,
    /// When the show began, in milliseconds since 1970.
    pub(super) start_ms: u64,
    /// Steps of the script that the upload was too short for.
    pub(super) left: usize,
}

impl<'a> Show<'a> {
    /// Ready to begin; `is_silent`: nothing is shown.
    pub(super) fn new(is_silent: bool, source: &'a Source, world: &'a World, cast: Cast) -> Self {
        let clock = Clock::start();
        let start = clock.now();
        let picture = Picture::new(start);
        let view = match Screen::open() {
            _ if is_silent => View::Nobody,
            Some(screen) => View::Terminal { screen, picture, drawn: start },
            None => View::Pipe { picture },
        };
        let start_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let (client, script) = (None, Script::new(source.size));
        let last = Status::default();
        Self {
            source,
            world,
            client,
            cast,
            script,
            clock,
            start,
            start_ms,
            began: start,
            view,
            last,
        }
    }

    /// Until the client has its answer.
    pub(super) async fn run(mut self) -> Result<Ending, Failure> {
        let patience = self.world.patience(self.source.size);
        let too_long = sleep(patience);
        tokio::pin!(too_long);
        loop {
            let client = self.client.as_mut();
            tokio::select! {
                stored = async { match client { Some(client) => client.ended().await, None => pending().await } } => {
                    stored?;
                    break;
                }
                failure = self.cast.missing() => return Err(failure),
                () = &mut too_long => {
                    let seconds = patience.as_secs();
                    return Err(Failure::No(format!("the upload did not end in {seconds} s: please report it")));
                }
                () = sleep(LOOK) => self.look().await?,
            }
        }
        let took = self.clock.now().saturating_since(self.began);
        self.look().await?;
        Ok(Ending { status: self.last, took, start_ms: self.start_ms, left: self.script.left() })
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let snapshot = snapshot(&self.cast.agent).await?;
        let now = self.clock.now();
        if self.client.is_none()
            && (is_ready(&snapshot) || now.saturating_since(self.start) > OVERTURE)
        {
            self.let_client_in(now, &snapshot.status)?;
        }
        let step = snapshot.uploads.first().and_then(|upload| self.script.poll(upload));
        if let Some(step) = step {
            self.world.change(step.link, step.change)?;
        }
        self.last.clone_from(&snapshot.status);
        self.view.show(now, snapshot, step.map(|step| step.note))
    }

    fn let_client_in(&mut self, now: Instant, status: &Status) -> Result<(), Failure> {
        let address = status.listen.iter().find_map(|address| address.parse().ok());
        let address = address
            .ok_or_else(|| Failure::No("the agent takes no uploads: please report it".into()))?;
        let (file, name, size) =
            (self.source.handle()?, self.source.name.clone(), self.source.size);
        let part = move || cast::upload(address, file, name, size);
        self.client = Some(Actor::start(self.world, Place::Lan, part));
        self.began = now;
        Ok(())
    }
}

/// Whether every link is trusted.
fn is_ready(snapshot: &Snapshot) -> bool {
    !snapshot.links.is_empty() && snapshot.links.iter().all(|link| link.state == "healthy")
}

impl View {
    /// Shows what is, and what was done to it.
    fn show(
        &mut self,
        now: Instant,
        snapshot: Snapshot,
        note: Option<&str>,
    ) -> Result<(), Failure> {
        let (Self::Terminal { picture, .. } | Self::Pipe { picture }) = self else { return Ok(()) };
        let is_news = note.is_some() || snapshot.uploads.is_empty();
        note.inspect(|note| picture.note(now, note));
        picture.observe(now, snapshot);
        match self {
            Self::Terminal { screen, picture, drawn } => {
                if is_news || now.saturating_since(*drawn) >= DRAW {
                    *drawn = now;
                    screen.show(&picture.frame(screen.style())).map_err(unheard)?;
                }
                Ok(())
            }
            Self::Pipe { picture } => picture.news().iter().try_for_each(|line| print(line)),
            Self::Nobody => Ok(()),
        }
    }
}
