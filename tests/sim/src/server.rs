//! The upstream: `baton serve` as far as tus goes, on the same machines of `baton-wire`
//! ([`baton_wire::http::Server`], [`tus::server`], [`Fence`]), files in memory by their lengths.

use crate::content::Content;
use crate::gateway::{App, TARGET};
use crate::packet::{ConnId, Side};
use crate::tcp::Phase;
use baton_core::{Duration, Instant};
use baton_wire::http::{self, Drain, Framing, Head, ServerEvent};
use baton_wire::tus::fence::{Fence, Verdict};
use baton_wire::tus::server::{Append, Outcome, Request};
use std::collections::BTreeMap;

type Net = crate::net::Net<App>;

/// Uploads by number, connections by what is asked on them.
#[derive(Default)]
pub(crate) struct Server {
    uploads: Vec<Upload>,
    conns: BTreeMap<ConnId, Conn>,
    turns: u64,
    /// What is wrong with what was stored, if anything.
    pub(crate) broken: Option<String>,
    /// When bytes last were stored, by link, and how many in all.
    pub(crate) stored: Vec<(Instant, usize, u64)>,
}

struct Upload {
    content: Content,
    length: u64,
    fence: Fence<u64>,
    touched: Instant,
    /// Whose turn it is, on which connection.
    turn: Option<(u64, ConnId)>,
}

struct Conn {
    http: Box<http::Server<8192>>,
    input: Vec<u8>,
    /// How much of that was used.
    used: usize,
    stage: Stage,
    heard: Instant,
    is_closing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Between requests, or in a body that nobody wants.
    Idle,
    /// An append waits for bytes that are landing.
    Awaiting {
        upload: usize,
        append: Offer,
        until: Instant,
    },
    Receiving {
        upload: usize,
        turn: u64,
        reached: u64,
    },
}

/// An append, before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offer {
    offset: u64,
    body: u64,
}

/// As `agent/store` has them: how long landing bytes may stay away, how long the wait may last in all,
/// and how often is looked.
const STILL: Duration = Duration::from_millis(20);
const LANDING: Duration = Duration::from_secs(1);
const GLANCE: Duration = Duration::from_millis(1);

/// The most that is read of a request that was answered early.
const DRAINED: u64 = 64 << 10;

/// Read at once.
const BLOCK: usize = 64 << 10;

/// After so much silence a connection is closed.
const IDLE: Duration = Duration::from_secs(60);

/// The longest answer.
const ANSWER: usize = 1024;

impl Server {
    /// Something happened at this end of a connection.
    pub(crate) fn on_notice(&mut self, net: &mut Net, id: ConnId) {
        if net.phase(id, Side::Server) == Phase::Closed {
            net.reset(id, Side::Server);
            return self.close(id);
        }
        if !self.conns.contains_key(&id) {
            net.wake(net.now + IDLE, App::Server(id));
        }
        let now = net.now;
        let conn = self.conns.entry(id).or_insert_with(|| Conn::new(now));
        conn.heard = now;
        if matches!(conn.stage, Stage::Awaiting { .. }) {
            return;
        }
        if net.is_portal(id) { self.portal(net, id) } else { self.serve(net, id) }
    }

    /// A wait is over, or it is time to look.
    pub(crate) fn on_wake(&mut self, net: &mut Net, id: ConnId) {
        let Some(conn) = self.conns.get(&id) else { return };
        if matches!(conn.stage, Stage::Awaiting { .. }) {
            return self.serve(net, id);
        }
        let end = conn.heard + IDLE;
        if end <= net.now {
            net.reset(id, Side::Server);
            self.close(id);
        } else {
            net.wake(end, App::Server(id));
        }
    }

    /// Bytes of the file of that name, and whether they are all.
    pub(crate) fn find(&self, location: &str) -> Option<(u64, bool)> {
        let upload = self.uploads.get(number(location)?)?;
        Some((upload.fence.stored(), upload.fence.stored() == upload.length))
    }

    fn close(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.remove(&id)
            && let Stage::Receiving { upload, turn, .. } = conn.stage
        {
            self.uploads[upload].release(turn);
        }
    }

    /// What stands in the way sends everybody to its own page.
    fn portal(&mut self, net: &mut Net, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.fill(net, id);
        loop {
            let Ok((used, event)) = conn.http.handle_input(&conn.input[conn.used..]) else {
                return net.reset(id, Side::Server);
            };
            let is_request = event == ServerEvent::Request;
            let is_starved = event == ServerEvent::NeedMore;
            conn.used += used;
            if is_request {
                let mut out = [0; ANSWER];
                let head = Head::response(&mut out, 302)
                    .header("Location", "http://portal.example/login")
                    .body_length(0);
                let length = head.finish().expect("a short head");
                net.write(id, Side::Server, &[&out[..length]]);
            }
            if is_starved {
                return;
            }
        }
    }

    fn serve(&mut self, net: &mut Net, id: ConnId) {
        loop {
            let Some(mut conn) = self.conns.remove(&id) else { return };
            let goes_on = self.advance(net, id, &mut conn);
            let has_more = net.readable(id, Side::Server) > 0;
            if conn.is_closing {
                net.reset(id, Side::Server);
                return;
            }
            self.conns.insert(id, conn);
            if !goes_on && !has_more {
                return;
            }
            if !goes_on && self.is_waiting(id) {
                return;
            }
        }
    }

    fn is_waiting(&self, id: ConnId) -> bool {
        self.conns.get(&id).is_some_and(|conn| matches!(conn.stage, Stage::Awaiting { .. }))
    }

    /// Takes what came, until there is nothing to do for now.
    fn advance(&mut self, net: &mut Net, id: ConnId, conn: &mut Conn) -> bool {
        if let Stage::Awaiting { upload, append, until } = conn.stage {
            let it = &self.uploads[upload];
            let is_growing = net.now.saturating_since(it.touched) < STILL && net.now < until;
            if it.fence.stored() < append.offset && is_growing {
                net.wake(net.now + GLANCE, App::Server(id));
                return false;
            }
            self.begin(net, id, conn, upload, append);
            return true;
        }
        conn.fill(net, id);
        let input = core::mem::take(&mut conn.input);
        let Ok((used, event)) = conn.http.handle_input(&input[conn.used..]) else {
            conn.is_closing = true;
            return false;
        };
        let goes_on = match event {
            ServerEvent::NeedMore => false,
            ServerEvent::Request => {
                self.on_request(net, id, conn);
                true
            }
            ServerEvent::Body(bytes) => {
                self.on_body(net, id, conn, bytes);
                true
            }
            ServerEvent::End => {
                self.on_end(net, id, conn);
                true
            }
        };
        conn.used += used;
        conn.input = input;
        goes_on
    }

    fn on_request(&mut self, net: &mut Net, id: ConnId, conn: &mut Conn) {
        let head = conn.http.head();
        let (path, _) = head.path_and_query();
        let upload = path.strip_prefix(TARGET).and_then(|_| number(path));
        let upload = upload.filter(|upload| *upload < self.uploads.len());
        match (Request::parse(&head), upload) {
            (Ok(Request::Options), _) => conn.say(net, id, &Outcome::Options { max_size: None }),
            (Ok(Request::Create(create)), None) => {
                let name = create.metadata().ok().and_then(|metadata| metadata.filename);
                let file =
                    name.as_deref().and_then(|name| name.strip_prefix("file-")?.parse().ok());
                let (Some(file), Some(length)) = (file, create.length) else {
                    return conn.say(net, id, &FORBIDDEN);
                };
                let location = format!("{TARGET}{}", self.uploads.len());
                self.uploads.push(Upload::new(Content::of(file), length, net.now));
                let created = Outcome::Created { location: &location, offset: 0, expires: None };
                conn.say(net, id, &created);
            }
            (Ok(Request::Head), Some(upload)) => {
                let it = &self.uploads[upload];
                let (offset, length) = (it.fence.stored(), Some(it.length));
                conn.say(net, id, &Outcome::Offset { offset, length, expires: None });
            }
            (Ok(Request::Append(append)), Some(upload)) => {
                let offer = Offer { offset: append.offset, body: body_of(&append) };
                if append.awaits {
                    let until = net.now + LANDING;
                    conn.stage = Stage::Awaiting { upload, append: offer, until };
                } else {
                    self.begin(net, id, conn, upload, offer);
                }
            }
            (Ok(_), _) => conn.say(net, id, &Outcome::Failed { status: 404, retry_after_s: None }),
            (Err(refusal), _) => conn.say(net, id, &Outcome::Refused(refusal)),
        }
    }

    /// Compare and swap.
    fn begin(&mut self, net: &mut Net, id: ConnId, conn: &mut Conn, upload: usize, offer: Offer) {
        conn.stage = Stage::Idle;
        self.turns += 1;
        let turn = self.turns;
        let it = &mut self.uploads[upload];
        let stored = it.fence.stored();
        if offer.offset.saturating_add(offer.body) > it.length {
            return conn.say(net, id, &Outcome::Failed { status: 413, retry_after_s: None });
        }
        match it.fence.append(turn, offer.offset) {
            Verdict::Conflict { .. } | Verdict::Wait => {
                conn.say(net, id, &Outcome::Conflict { offset: stored });
            }
            Verdict::Granted { .. } => {
                let before = it.turn.replace((turn, id));
                conn.stage = Stage::Receiving { upload, turn, reached: stored };
                if let Some((_, loser)) = before {
                    self.on_fenced(net, loser);
                }
            }
        }
    }

    /// Another append took over: what is left of this one is dropped.
    fn on_fenced(&mut self, net: &mut Net, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if let Stage::Receiving { reached, .. } = conn.stage {
            conn.stage = Stage::Idle;
            conn.say(net, id, &Outcome::Conflict { offset: reached });
            if conn.is_closing {
                net.reset(id, Side::Server);
                self.conns.remove(&id);
            }
        }
    }

    fn on_body(&mut self, net: &Net, id: ConnId, conn: &mut Conn, bytes: &[u8]) {
        let Stage::Receiving { upload, turn, reached } = &mut conn.stage else { return };
        let it = &mut self.uploads[*upload];
        let Ok(start) = it.fence.write(*turn) else {
            self.broken.get_or_insert_with(|| format!("a turn was lost and nobody told: {id:?}"));
            return;
        };
        it.fence.wrote(bytes.len() as u64);
        it.touched = net.now;
        *reached = it.fence.stored();
        if !it.content.is(start, bytes) {
            self.broken.get_or_insert_with(|| format!("upload {upload}: other bytes at {start}"));
        }
        let link = net.link_of(id);
        match self.stored.last_mut() {
            Some((at, last, sum)) if *at == net.now && *last == link => *sum += bytes.len() as u64,
            Some(_) | None => self.stored.push((net.now, link, bytes.len() as u64)),
        }
    }

    fn on_end(&mut self, net: &mut Net, id: ConnId, conn: &mut Conn) {
        if let Stage::Receiving { upload, turn, reached } = conn.stage {
            conn.stage = Stage::Idle;
            self.uploads[upload].release(turn);
            conn.say(net, id, &Outcome::Appended { offset: reached, expires: None });
        }
    }
}

#[cfg(test)]
impl Server {
    /// Loses what it has.
    pub(crate) fn forget(&mut self) {
        self.uploads.iter_mut().for_each(|upload| upload.fence = Fence::new(0));
    }
}

const FORBIDDEN: Outcome<'static> = Outcome::Failed { status: 400, retry_after_s: None };

fn number(location: &str) -> Option<usize> {
    location.strip_prefix(TARGET)?.parse().ok()
}

fn body_of(append: &Append) -> u64 {
    match append.content {
        Framing::Length(length) => length,
        Framing::None | Framing::Chunked | Framing::UntilClose => 0,
    }
}

impl Upload {
    fn new(content: Content, length: u64, now: Instant) -> Self {
        Self { content, length, fence: Fence::new(0), touched: now, turn: None }
    }

    fn release(&mut self, turn: u64) {
        self.fence.release(turn);
        if self.turn.is_some_and(|(held, _)| held == turn) {
            self.turn = None;
        }
    }
}

impl Conn {
    fn new(now: Instant) -> Self {
        Self {
            http: Box::default(),
            input: Vec::new(),
            used: 0,
            stage: Stage::Idle,
            heard: now,
            is_closing: false,
        }
    }

    fn fill(&mut self, net: &mut Net, id: ConnId) {
        if self.used == self.input.len() {
            self.used = 0;
            self.input.resize(BLOCK.min(net.readable(id, Side::Server) as usize), 0);
            net.read(id, Side::Server, &mut self.input);
        }
    }

    fn say(&mut self, net: &mut Net, id: ConnId, outcome: &Outcome<'_>) {
        let keep_alive = match self.http.discard(DRAINED) {
            Drain::MustClose => false,
            Drain::Done | Drain::Draining => self.http.keep_alive(),
        };
        self.is_closing |= !keep_alive;
        let mut out = [0; ANSWER];
        let length = outcome.write(&mut out, keep_alive).expect("a short answer");
        net.write(id, Side::Server, &[&out[..length]]);
    }
}
