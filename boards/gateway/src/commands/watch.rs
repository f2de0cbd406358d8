//! `baton watch`: links and transfers, live.

use super::{print, settings, stop};
use crate::cli::Globals;
use crate::client::Agent;
use crate::draw::{Picture, Screen};
use crate::failure::Failure;
use crate::snapshot::Snapshot;
use baton_hal::Clock;
use core::time::Duration;

/// How often the agent is asked.
const POLL: Duration = Duration::from_millis(200);

/// How often with `--json`: scripts keep what they get.
const POLL_JSON: Duration = Duration::from_millis(500);

/// `baton watch`: until interrupted or the agent goes away.
pub(crate) async fn run(globals: &Globals) -> Result<(), Failure> {
    let agent = Agent::new(settings::socket(globals));
    let stop = stop::asked().map_err(|e| Failure::No(format!("signals: {e}")))?;
    tokio::select! {
        ended = follow(globals, agent) => ended,
        () = stop => Ok(()),
    }
}

async fn follow(globals: &Globals, agent: Agent) -> Result<(), Failure> {
    if globals.json {
        loop {
            print(&combined(&agent).await?)?;
            tokio::time::sleep(POLL_JSON).await;
        }
    }
    let clock = Clock::start();
    let mut picture = Picture::new(clock.now());
    let mut screen = Screen::open();
    loop {
        picture.observe(clock.now(), snapshot(&agent).await?);
        match &mut screen {
            Some(screen) => screen.show(&picture.frame(screen.style())).map_err(super::unheard)?,
            None => picture.news().iter().try_for_each(|line| print(line))?,
        }
        tokio::time::sleep(POLL).await;
    }
}

/// All that the agent says at this moment.
pub(crate) async fn snapshot(agent: &Agent) -> Result<Snapshot, Failure> {
    Ok(Snapshot {
        status: agent.ask("/v1/status").await?.json()?,
        links: agent.ask("/v1/links").await?.json()?,
        uploads: agent.ask("/v1/uploads").await?.json()?,
    })
}

/// The three answers in one object on one line.
async fn combined(agent: &Agent) -> Result<String, Failure> {
    let mut members = Vec::with_capacity(3);
    for name in ["status", "links", "uploads"] {
        let value: serde_json::Value = agent.ask(&format!("/v1/{name}")).await?.json()?;
        members.push(format!("\"{name}\":{value}"));
    }
    Ok(format!("{{{}}}", members.join(",")))
}
