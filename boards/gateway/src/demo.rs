//! `baton demo`: an upstream, an agent, three links that are taken away and given back, and a
//! file that must arrive all the same.
//!
//! Everything is the real thing, the agent and the receiving end included. Where the kernel lets
//! a user have network namespaces, the links are network interfaces with an emulator behind them.

mod file;
mod script;
mod story;
mod world;

use crate::cli::DemoArgs;
use crate::client::Agent;
use crate::commands::print;
use crate::draw::{Picture, Screen, millis, size};
use crate::failure::Failure;
use crate::snapshot::Snapshot;
use baton_core::Duration;
use baton_hal::Clock;
use script::Script;
use world::World;

/// How often the picture is drawn and the script looks at the progress.
const LOOK: Duration = Duration::from_millis(100);

/// Longer than the slowest machine needs; then something is wrong, and it is said.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs it all. Called before the process has a second thread.
pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let world = World::build()?;
    let sent = file::prepare(args.file.as_deref(), world.dir())?;
    print(&format!("{}\n{} of {} follow.\n", world.description(), size(sent.size), sent.name))?;
    let clock = Clock::start();
    let running = world.start(&sent)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::No(format!("no event loop: {e}")))?;
    let (answer, last) = runtime.block_on(async {
        let agent = Agent::new(running.socket());
        let mut show = Show { picture: Picture::new(clock.now()), screen: Screen::open(), clock };
        let mut script = Script::new(sent.size);
        tokio::select! {
            answer = running.client_answer() => answer.map(|answer| (answer, show.picture.progress())),
            failed = show.play(&agent, &mut script, &world) => Err(failed),
            () = tokio::time::sleep(PATIENCE) => Err(Failure::No("the upload did not end".into())),
        }?;
        let status = agent.ask("/v1/status").await?.json()?;
        Ok::<_, Failure>((clock.now(), status))
    })?;
    let stored = file::hash(&world.stored(&sent.name))?;
    print(&story::table(&last, answer.saturating_since(baton_core::Instant::from_millis(1000)), &sent, &stored))?;
    if stored == sent.sha256 { Ok(()) } else { Err(Failure::No("the stored file differs from the one sent".into())) }
}
