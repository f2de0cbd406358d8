//! Writes the sensor's log into the journal, and has what is whole in there delivered.

use crate::hub::{Hub, Transfer};
use crate::settings::FOLDER;
use baton_core::{Event, Resume, UploadSpec, Verdict};
use baton_mps2_an385::journal::{Error, Log, PIECE};
use baton_mps2_an385::sensor::{LINE, Sensor};
use defmt::{error, info, warn};
use embassy_time::{Duration, Instant, Ticker, Timer};
use heapless::{String, Vec};

/// Of a log: some minutes of upload over the slowest link, and a quarter of the flash.
const LOG: u64 = 256 * 1024;

/// Takes readings for good. When the flash is full it waits: nothing that is there makes room for news.
pub(crate) async fn sample(hub: &Hub) -> ! {
    // Many readings a second are taken in bursts: the timer's tick is not for each of them.
    let burst = hub.settings.rate.div_ceil(100).max(1);
    let every = Duration::from_hz(u64::from(hub.settings.rate.max(1) / burst));
    let (mut sensor, mut ticker) = (Sensor::default(), Ticker::every(every));
    let mut piece = Vec::<u8, PIECE>::new();
    loop {
        ticker.next().await;
        for _ in 0..burst {
            let line = sensor.read(Instant::now().as_millis());
            piece.extend_from_slice(line.as_bytes()).expect("the last line has left room");
            if piece.len() + LINE > PIECE {
                keep(hub, &piece).await;
                piece.clear();
            }
        }
    }
}

/// Puts a piece into the journal, as soon as there is room.
async fn keep(hub: &Hub, piece: &[u8]) {
    loop {
        let kept = {
            let mut journal = hub.journal.borrow_mut();
            journal.append(piece).and_then(|()| {
                if journal.pending() + PIECE as u64 > LOG { journal.commit() } else { Ok(()) }
            })
        };
        match kept {
            Ok(()) => return hub.logged.signal(()),
            Err(Error::Full) => Timer::after(Duration::from_millis(200)).await,
            Err(Error::Flash) => {
                error!("the flash fails");
                return;
            }
        }
    }
}

/// Delivers one log after the other, for good; `done` is told of each.
pub(crate) async fn deliver(hub: &Hub, mut done: impl FnMut(u32)) -> ! {
    let resume = if hub.upstream.wait().await { Resume::Fenced } else { Resume::Plain };
    let mut delivered = 0;
    loop {
        let log = hub.journal.borrow().next();
        let Some(log) = log else {
            hub.logged.wait().await;
            continue;
        };
        match upload(hub, log, resume).await {
            Verdict::Stored => {
                info!("stored log {}: {} bytes, sha256 {:02x}", log.chain, log.total, log.sha256);
                end(hub, log.chain);
                delivered += 1;
                done(delivered);
            }
            verdict => {
                warn!("log {}: {}", log.chain, defmt::Debug2Format(&verdict));
                if is_final(verdict) {
                    end(hub, log.chain);
                }
                Timer::after(Duration::from_secs(10)).await;
            }
        }
    }
}

/// Whether it would be the same again: a log that was refused blocks those behind it no longer.
fn is_final(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Stored | Verdict::Refused(_) | Verdict::NotReplayable => true,
        Verdict::Lost { .. } | Verdict::Absurd { .. } | Verdict::Stalled | Verdict::Abandoned => {
            false
        }
    }
}

fn end(hub: &Hub, chain: u64) {
    if hub.journal.borrow_mut().end(chain).is_err() {
        error!("the flash fails");
    }
}

async fn upload(hub: &Hub, log: Log, resume: Resume) -> Verdict {
    let location = hub.journal.borrow_mut().location(log.chain);
    let spec = UploadSpec {
        total: log.total,
        resume,
        replayable: true,
        resumes_at: location.is_some().then_some(log.acked),
        client: None,
    };
    let id = hub.core.borrow().vacancy().expect("one upload at a time, and this is it");
    let mut name = String::new();
    core::fmt::write(&mut name, format_args!("{FOLDER}/log-{:04}.csv", log.chain))
        .expect("a number of 64 bits fits");
    // What an earlier run wrote is not known: any offset within the log may be the upstream's.
    let written = if location.is_some() { log.total } else { 0 };
    if location.is_some() {
        info!("log {} goes on at {}", log.chain, log.acked);
    }
    let (chain, total, mark) = (log.chain, log.total, log.acked);
    let transfer = Transfer { id, chain, name, total, resume, location, written, mark };
    hub.transfer.replace(Some(transfer));
    hub.verdict.reset();
    hub.feed(Event::Opened { id, spec });
    hub.feed(Event::Received { id, offset: log.total });
    let verdict = hub.verdict.wait().await;
    hub.feed(Event::Answered { id });
    hub.transfer.replace(None);
    verdict
}

/// Writes down how far a log is; without it, a reset sends more of it again.
pub(crate) fn note(hub: &Hub, chain: u64, acked: u64, location: Option<&str>) {
    if hub.journal.borrow_mut().progress(chain, acked, location).is_err() {
        warn!("the journal has no room for progress");
    }
}
