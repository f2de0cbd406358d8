//! hmac-file-server's chunked sessions from a client: numbered chunks, in any order.
//!
//! Chunks that come in order leave as they come. One that is ahead of what is held waits in a spool
//! file until those before it have come.

use super::body::{take, while_there};
use super::intake::Intake;
use super::refusal::Refusal;
use super::request::Request;
use super::sessions::{Session, Visit};
use crate::connection::{Connection, Incoming};
use crate::hub::Hub;
use crate::spool::{Spool, SpoolFile};
use baton_core::BLOCK_SIZE;
use baton_hal::{Id, Transport};
use baton_wire::chunked::server::{Outcome, Request as Asked};
use baton_wire::chunked::{Plan, SessionId};
use baton_wire::http::Framing;
use core::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use tokio::net::TcpStream;

/// How long a chunk is: what is sent again of one that was cut. An answer comes for each, on a link
/// of 1 Mbit/s every 8 s.
const CHUNK: u64 = 1 << 20;

/// A file in chunks.
pub(super) struct Chunks {
    name: String,
    plan: Plan,
    /// Chunks that are ahead of what is held, each at its place.
    ahead: RefCell<Option<SpoolFile>>,
    waiting: RefCell<BTreeSet<u32>>,
}

/// Answers a request to one of the two paths; whether the connection goes on.
pub(super) async fn respond<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
) -> bool {
    match serve(hub, connection, request).await {
        Ok(goes_on) => goes_on,
        Err(refusal) => refusal.answer(connection, &[]).await,
    }
}

async fn serve<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
) -> Result<bool, Refusal> {
    let asked = match Asked::parse(&connection.http().head()) {
        None => return Err(Refusal::new(404, "chunks are sent elsewhere")),
        Some(Err(refusal)) => {
            return Err(Refusal::new(refusal.status(), refusal.to_string()));
        }
        Some(Ok(Asked::Open(open))) => Verb::Open { name: open.name.to_owned(), size: open.size },
        Some(Ok(Asked::Chunk(chunk))) => {
            Verb::Chunk { session: chunk.session, number: chunk.number, content: chunk.content }
        }
        Some(Ok(Asked::Status(session))) => Verb::Status(session),
    };
    match asked {
        Verb::Open { name, size } => open(hub, connection, request, name, size).await,
        Verb::Chunk { session, number, content } => {
            let session = recall(hub, &session)?;
            let chunks = session.chunks()?;
            session.check()?;
            accept(hub, connection, &session, chunks, number, content).await?;
            let (name, size) = (chunks.name.as_str(), chunks.plan.size());
            if session.intake.is_whole() {
                while_there(connection, session.intake.verdict()).await?;
                return Ok(say(connection, &Outcome::Assembled { name, size }).await);
            }
            let uploaded = chunks.uploaded(&session);
            Ok(say(connection, &Outcome::Stored { number, uploaded, size }).await)
        }
        Verb::Status(id) => {
            let session = recall(hub, &id)?;
            let chunks = session.chunks()?;
            session.check()?;
            if session.intake.is_over() {
                return Err(gone());
            }
            let outcome = Outcome::Status {
                session: &id,
                name: &chunks.name,
                size: chunks.plan.size(),
                uploaded: chunks.uploaded(&session),
                chunks: chunks.count(&session),
            };
            Ok(say(connection, &outcome).await)
        }
    }
}

/// What is kept of a request while its body comes.
enum Verb {
    Open { name: String, size: u64 },
    Chunk { session: SessionId, number: u32, content: Framing },
    Status(SessionId),
}

async fn open<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
    name: String,
    size: u64,
) -> Result<bool, Refusal> {
    let plan = Plan::new(size, CHUNK).ok_or_else(|| Refusal::new(413, "too many chunks"))?;
    let proto = request.vouched(&hub.rules.borrow(), &name, None)?;
    let intake = while_there(connection, Intake::open(hub, proto, size)).await?;
    let (ahead, waiting) = (RefCell::default(), RefCell::default());
    let session = hub.remember(intake, Some(Chunks { name, plan, ahead, waiting }))?;
    let id = SessionId::new(&session.id.to_string()).expect("32 digits");
    Ok(say(connection, &Outcome::Opened { session: &id, plan }).await)
}

/// Takes a chunk in, wherever it belongs, and what it makes follow.
async fn accept<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    session: &Visit<T>,
    chunks: &Chunks,
    number: u32,
    content: Framing,
) -> Result<(), Refusal> {
    let range = chunks.plan.range(number);
    let (start, length) = range.ok_or_else(|| Refusal::new(400, "there is no such chunk"))?;
    match content {
        Framing::Length(given) if given == length => {}
        Framing::None if length == 0 => {}
        Framing::None | Framing::Length(_) | Framing::Chunked | Framing::UntilClose => {
            return Err(Refusal::new(400, format!("chunk {number} has {length} bytes")));
        }
    }
    let held = session.intake.received();
    let is_known = held >= start + length || chunks.waiting.borrow().contains(&number);
    if !is_known && held < start {
        set_aside(&hub.spool, connection, chunks, number, start).await?;
    }
    if is_known {
        take(connection, &session.intake, u64::MAX, None).await?;
    }
    if (is_known || held < start) && session.is_taking() {
        // Whoever is, takes up what waits as well.
        return Ok(());
    }
    let mut turn = session.take_turn();
    let follow = async {
        if !is_known && held >= start {
            take(connection, &session.intake, held - start, None).await?;
        }
        while_there(connection, chunks.follow(session)).await
    };
    tokio::select! {
        biased;
        _ = turn.changed() => Err(Refusal::new(409, "the same chunk came again over another connection")),
        followed = follow => followed,
    }
}

/// Keeps a chunk that is ahead.
async fn set_aside(
    spool: &Rc<Spool>,
    connection: &mut Connection<TcpStream>,
    chunks: &Chunks,
    number: u32,
    start: u64,
) -> Result<(), Refusal> {
    if chunks.ahead.borrow().is_none() {
        chunks.ahead.replace(Some(spool.create(0)?));
    }
    connection.invite().await?;
    let mut offset = start;
    loop {
        match connection.next().await? {
            Incoming::Body(range) => {
                let bytes = connection.bytes(range);
                if let Some(file) = &*chunks.ahead.borrow() {
                    file.write_at(bytes, offset)?;
                }
                offset += bytes.len() as u64;
            }
            Incoming::End => break,
            Incoming::Request => {}
        }
    }
    chunks.waiting.borrow_mut().insert(number);
    Ok(())
}

impl Chunks {
    /// Takes up the chunks that waited for those before them. Loses nothing when cancelled.
    async fn follow<T: Transport>(&self, session: &Session<T>) -> Result<(), Refusal> {
        let mut bytes = vec![0; BLOCK_SIZE];
        while let Some(end) = self.next_waiting(session) {
            let held = session.intake.received();
            let most = (end - held).min(BLOCK_SIZE as u64) as usize;
            let read = match &*self.ahead.borrow() {
                Some(file) => file.read_at(&mut bytes[..most], held),
                None => Ok(0),
            };
            match read {
                Ok(0) | Err(_) => {
                    return Err(Refusal::new(500, "the agent's spool lost a chunk: begin again"));
                }
                Ok(read) => session.intake.push(&bytes[..read]).await?,
            }
            tokio::task::yield_now().await;
        }
        if session.intake.is_whole() {
            // What still comes is a repeat.
            self.ahead.replace(None);
        }
        Ok(())
    }

    /// Where the chunk ends that has the next byte, if it waits.
    fn next_waiting<T: Transport>(&self, session: &Session<T>) -> Option<u64> {
        let held = session.intake.received();
        let number = u32::try_from(held / CHUNK).ok()?;
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|&other| other >= number);
        let (start, length) = self.plan.range(number)?;
        (waiting.contains(&number) && held < start + length).then_some(start + length)
    }

    /// Chunks that are there and behind what is held.
    fn ahead<T: Transport>(&self, session: &Session<T>) -> (u64, u32) {
        let held = session.intake.received();
        let waiting = self.waiting.borrow();
        let ranges = waiting.iter().filter_map(|&number| self.plan.range(number));
        let beyond = ranges.filter(|(start, length)| start + length > held);
        beyond.fold((0, 0), |(bytes, count), (start, length)| {
            (bytes + length - held.saturating_sub(start).min(length), count + 1)
        })
    }

    fn uploaded<T: Transport>(&self, session: &Session<T>) -> u64 {
        session.intake.received() + self.ahead(session).0
    }

    fn count<T: Transport>(&self, session: &Session<T>) -> u32 {
        if session.intake.is_whole() {
            return self.plan.chunks();
        }
        let behind = (session.intake.received() / CHUNK) as u32;
        behind + self.ahead(session).1
    }
}

fn recall<T: Transport>(hub: &Rc<Hub<T>>, id: &SessionId) -> Result<Visit<T>, Refusal> {
    Id::parse(id.as_str()).and_then(|id| hub.recall(id)).ok_or_else(gone)
}

fn gone() -> Refusal {
    Refusal::new(404, "no such session: it is complete, or was not heard of for too long")
}

async fn say(connection: &mut Connection<TcpStream>, outcome: &Outcome<'_>) -> bool {
    connection.respond(&[], |out, keep_alive| outcome.write(out, keep_alive)).await.is_ok()
}
