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
use core::pin::pin;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::sleep;

/// How often the agent is asked and the picture is drawn.
const LOOK: Duration = Duration::from_millis(50);

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
    last: Snapshot,
}

/// Who watches.
enum View {
    Terminal {
        screen: Screen,
        picture: Picture,
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
        let view = match is_silent {
            true => View::Nobody,
            false => match Screen::open() {
                Some(screen) => View::Terminal { screen, picture },
                None => View::Pipe { picture },
            },
        };
        let start_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let (client, script) = (None, Script::new(source.size));
        let last = Snapshot::default();
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
        let mut too_long = pin!(sleep(patience));
        loop {
            tokio::select! {
                stored = answer(&mut self.client) => break stored?,
                failure = self.cast.missing() => return Err(failure),
                () = &mut too_long => {
                    let seconds = patience.as_secs();
                    let text = format!("the upload did not end in {seconds} s: please report it");
                    return Err(Failure::No(text));
                }
                () = sleep(LOOK) => self.look().await?,
            }
        }
        let took = self.clock.now().saturating_since(self.began);
        self.look_back().await?;
        Ok(Ending {
            status: self.last.status,
            took,
            start_ms: self.start_ms,
            left: self.script.left(),
        })
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let snapshot = snapshot(&self.cast.agent).await?;
        let now = self.clock.now();
        if self.client.is_none()
            && (is_ready(&snapshot) || now.saturating_since(self.start) > OVERTURE)
        {
            self.let_client_in(now, &snapshot.status)?;
        }
        let step = self.script.poll(&snapshot);
        if let Some(step) = step {
            self.world.change(step.link, step.change)?;
        }
        self.last = snapshot.clone();
        self.view.show(now, snapshot, step.map(|step| step.note))
    }

    /// The end: the client was told that the upstream has all of it.
    async fn look_back(&mut self) -> Result<(), Failure> {
        let mut snapshot = snapshot(&self.cast.agent).await?;
        snapshot.uploads.clone_from(&self.last.uploads);
        for upload in &mut snapshot.uploads {
            upload.acked = self.source.size;
        }
        self.last = snapshot.clone();
        self.view.show(self.clock.now(), snapshot, None)
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

/// What the client was told, once there is a client.
async fn answer(client: &mut Option<Actor<()>>) -> Result<(), Failure> {
    match client {
        Some(client) => client.ended().await,
        None => pending().await,
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
        if let Some(note) = note {
            picture.note(now, note);
        }
        picture.observe(now, snapshot);
        match self {
            Self::Terminal { screen, picture } => {
                screen.show(&picture.frame(screen.style())).map_err(unheard)
            }
            Self::Pipe { picture } => picture.news().iter().try_for_each(|line| print(line)),
            Self::Nobody => Ok(()),
        }
    }
}
