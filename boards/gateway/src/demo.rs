//! `baton demo`: an upstream, an agent, three links that are taken away and given back, and a
//! file that must arrive all the same.
//!
//! Everything is the real thing: the agent of `baton run`, the receiving end of `baton serve`, an
//! HTTP client. Where the kernel gives a user network namespaces, the links are network
//! interfaces with an emulator behind them; elsewhere they are emulated over loopback.

mod actor;
mod cast;
mod file;
mod loopback;
mod script;
mod show;
mod story;
mod world;

use crate::cli::{DemoArgs, DemoLinks, Globals};
use crate::commands::{block_on, print};
use crate::draw::size;
use crate::failure::Failure;
use file::{Folder, Source};
use show::Show;
use tokio::signal::unix::{SignalKind, signal};
use world::{Ground, World};

/// Runs it all. Called while the process has one thread, as namespaces demand.
pub(crate) fn run(globals: &Globals, args: &DemoArgs) -> Result<(), Failure> {
    if let Some(DemoLinks::Rehearsal) = args.links {
        return world::rehearse();
    }
    // In a user namespace, what belongs to other users is out of reach.
    let source = args.file.as_deref().map(Source::open).transpose()?;
    let ground = Ground::choose(args.links)?;
    block_on(async {
        let stop = stop().map_err(|e| Failure::No(format!("signals: {e}")))?;
        tokio::select! {
            ended = perform(globals, source, ground) => ended,
            () = stop => Err(Failure::No("stopped; nothing of it is left".into())),
        }
    })
}

/// From the file to the comparison. What it started and created is gone when it ends, or when it
/// is dropped.
async fn perform(globals: &Globals, source: Option<Source>, ground: Ground) -> Result<(), Failure> {
    let folder = Folder::create()?;
    let source = match source {
        Some(source) => source,
        None => file::make_up(&folder).await?,
    };
    let sent = source.hash().await?;
    let world = World::build(ground, source.size)?;
    if !globals.json {
        let (name, size) = (&source.name, size(source.size));
        print(&format!(
            "{}{}\n{name}, {size}, is uploaded.\n\n",
            world.description(),
            cast::haste()
        ))?;
    }
    let cast = cast::enter(&world, &folder).await?;
    let ending = Show::new(globals.json, &source, &world, cast).run().await?;
    let stored = Source::open(&folder.stored(&source.name))?.hash().await?;
    let story = story::Story { world: &world, source: &source, ending: &ending, sent, stored };
    print(&if globals.json { story.json() } else { story.text() })?;
    if sent == stored {
        Ok(())
    } else {
        Err(Failure::No("the stored file differs from the one sent: please report it".into()))
    }
}

/// Resolves when someone wants it to end, or when the terminal goes away.
fn stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let asked = crate::commands::asked_to_stop()?;
    Ok(async move {
        tokio::select! {
            () = asked => {}
            _ = hang_up.recv() => {}
        }
    })
}
