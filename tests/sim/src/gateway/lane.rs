//! What one link does for one upload, on one connection after the other: as
//! `agent/relay/src/lane/session.rs`, with what wakes it there as calls of [`Gateway::pump`].

use super::gauge::Gauge;
use super::offsets::{HEAD, Offsets, PEER, TARGET};
use super::{App, Gateway, Owner, Task};
use crate::packet::{ConnId, Side};
use crate::tcp::Phase;
use baton_core::{
    Attempt, BLOCK_SIZE, Duration, Failure, Instant, LinkId, Observation, Outcome, UploadId,
};
use baton_wire::http::Eof;
use baton_wire::upload::{Heard, Order, Protocol};
use core::ops::Range;
use std::collections::VecDeque;

type Net = crate::net::Net<App>;

/// The core's end of a lane. Without it, a lane ends.
pub(super) struct Handle {
    pub(super) lane: u32,
    pub(super) orders: VecDeque<Order>,
    /// When the core last heard of it, or ordered something.
    pub(super) heard: Instant,
}

/// A lane at work.
pub(super) struct Lane {
    pub(super) key: (UploadId, Attempt),
    pub(super) link: usize,
    pub(super) gauge: Gauge,
    stage: Stage,
    dialect: Offsets,
    out: Vec<u8>,
    out_at: usize,
    /// What is still to be written of the upload in the request under way.
    body: Range<u64>,
    /// Bytes that may be written before the transport is asked again what it holds.
    room: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    Connecting {
        conn: ConnId,
        deadline: Instant,
    },
    Open {
        conn: ConnId,
    },
    /// The core let go of it; the answer makes its connection as good as new.
    Leaving {
        conn: ConnId,
        deadline: Instant,
    },
}

/// Whether a lane goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    On,
    Over,
}

/// A connection to work on.
pub(super) enum Connection {
    Kept(ConnId),
    New(ConnId),
}

/// `[upstream] connect_timeout`
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Gateway {
    pub(super) fn open_lane(
        &mut self,
        net: &mut Net,
        key: (UploadId, Attempt),
        link: LinkId,
        first: Order,
    ) {
        self.lane_count += 1;
        let id = self.lane_count;
        let handle = Handle { lane: id, orders: VecDeque::from([first]), heard: net.now };
        self.handles.insert(key, handle);
        let lane = Lane {
            key,
            link: usize::from(link.0),
            gauge: Gauge::default(),
            stage: Stage::Fresh,
            dialect: Offsets::new(Protocol::Tus),
            out: Vec::new(),
            out_at: 0,
            body: 0..0,
            room: 0,
        };
        self.lanes.insert(id, lane);
        self.ready.push_back(Task::Lane(id));
        self.start_sampling(net);
    }

    /// Lets a lane do what it can do now.
    pub(super) fn pump(&mut self, net: &mut Net, id: u32) {
        let Some(mut lane) = self.lanes.remove(&id) else { return };
        match lane.run(self, net, id) {
            Ok(Course::On) => {
                self.lanes.insert(id, lane);
            }
            Ok(Course::Over) => {}
            Err(failure) => {
                lane.disconnect(self, net, false);
                if self.holds(id, lane.key) {
                    self.report(net, lane.key, Outcome::Failed(failure));
                }
            }
        }
    }

    fn holds(&self, id: u32, key: (UploadId, Attempt)) -> bool {
        self.handles.get(&key).is_some_and(|handle| handle.lane == id)
    }

    /// An open connection over a link, or one that will be.
    pub(super) fn connect(&mut self, net: &mut Net, link: usize) -> Result<Connection, Failure> {
        while !self.idle[link].is_empty() {
            let conn = self.idle[link].remove(0);
            if net.phase(conn, Side::Client) == Phase::Open && net.readable(conn, Side::Client) == 0
            {
                return Ok(Connection::Kept(conn));
            }
            net.reset(conn, Side::Client);
        }
        match net.connect(link) {
            Some(conn) => Ok(Connection::New(conn)),
            None => {
                self.observe(net, link, Observation::Unreachable);
                Err(Failure::Cut)
            }
        }
    }

    /// A connection was made.
    pub(super) fn on_connected(&mut self, net: &mut Net, link: usize, conn: ConnId) {
        if let Some(info) = net.info(conn, Side::Client) {
            self.observe(net, link, Observation::Connected { rtt: info.srtt });
        }
    }

    /// Keeps a connection on which nothing is outstanding.
    pub(super) fn keep(&mut self, net: &mut Net, link: usize, conn: ConnId) {
        self.owners.remove(&conn);
        if self.idle[link].len() < KEPT {
            self.idle[link].push(conn);
        } else {
            net.reset(conn, Side::Client);
        }
    }
}

/// Idle connections kept for each link: one for the upload that switches, one for a probe.
const KEPT: usize = 2;

impl Lane {
    fn run(&mut self, hub: &mut Gateway, net: &mut Net, id: u32) -> Result<Course, Failure> {
        loop {
            let is_held = hub.holds(id, self.key);
            match self.stage {
                Stage::Fresh if !is_held => return Ok(Course::Over),
                Stage::Fresh => self.connect(hub, net, id)?,
                Stage::Connecting { conn, deadline } => {
                    if !is_held {
                        self.disconnect(hub, net, false);
                        return Ok(Course::Over);
                    }
                    match net.phase(conn, Side::Client) {
                        Phase::Opening { .. } if net.now < deadline => return Ok(Course::On),
                        Phase::Opening { .. } => return Err(Failure::TimedOut),
                        Phase::Closed => return Err(Failure::Cut),
                        Phase::Open => {
                            hub.on_connected(net, self.link, conn);
                            self.open(net, conn);
                        }
                    }
                }
                Stage::Open { conn } if !is_held => {
                    if self.is_written() && self.dialect.is_asking() && !self.is_clean() {
                        let deadline = net.now + hub.core.policy().links.probe_timeout;
                        self.stage = Stage::Leaving { conn, deadline };
                        net.wake(deadline, App::Lane(id));
                    } else {
                        let is_clean = self.is_clean();
                        self.disconnect(hub, net, is_clean);
                        return Ok(Course::Over);
                    }
                }
                Stage::Open { conn } => {
                    if !self.work(hub, net, id, conn)? {
                        return Ok(Course::On);
                    }
                }
                Stage::Leaving { conn, deadline } => return self.leave(hub, net, conn, deadline),
            }
        }
    }

    fn connect(&mut self, hub: &mut Gateway, net: &mut Net, id: u32) -> Result<(), Failure> {
        match hub.connect(net, self.link)? {
            Connection::Kept(conn) => {
                hub.owners.insert(conn, Owner::Lane(id));
                self.open(net, conn);
            }
            Connection::New(conn) => {
                hub.owners.insert(conn, Owner::Lane(id));
                let deadline = net.now + CONNECT_TIMEOUT;
                self.stage = Stage::Connecting { conn, deadline };
                net.wake(deadline, App::Lane(id));
            }
        }
        Ok(())
    }

    fn open(&mut self, net: &Net, conn: ConnId) {
        self.stage = Stage::Open { conn };
        self.gauge.last = net.info(conn, Side::Client).unwrap_or_default();
        self.gauge.stream = Some(conn);
    }

    fn leave(
        &mut self,
        hub: &mut Gateway,
        net: &mut Net,
        conn: ConnId,
        deadline: Instant,
    ) -> Result<Course, Failure> {
        while net.readable(conn, Side::Client) > 0 && !self.is_clean() {
            if self.read(hub, net, conn).is_err() {
                break;
            }
        }
        let is_waiting = net.phase(conn, Side::Client) == Phase::Open && net.now < deadline;
        if !self.is_clean() && is_waiting {
            return Ok(Course::On);
        }
        let is_clean = self.is_clean();
        self.disconnect(hub, net, is_clean);
        Ok(Course::Over)
    }

    /// Does one thing, in the order in which the relay's lane looks for them. `false`: there is nothing
    /// to do now.
    fn work(
        &mut self,
        hub: &mut Gateway,
        net: &mut Net,
        id: u32,
        conn: ConnId,
    ) -> Result<bool, Failure> {
        let order = hub.handles.get_mut(&self.key).and_then(|handle| handle.orders.pop_front());
        if let Some(order) = order {
            // `baton serve` fences.
            self.dialect.obey(order, true);
            return Ok(true);
        }
        if self.dialect.is_spent() {
            self.disconnect(hub, net, false);
            self.stage = Stage::Fresh;
            (self.out_at, self.body, self.room) = (0, 0..0, 0);
            self.out.clear();
            self.dialect.renew();
            return Ok(true);
        }
        if self.is_written() {
            if self.dialect.take_drained() {
                hub.report(net, self.key, Outcome::Drained);
            }
            let subject =
                hub.subject(self.key.0, self.gauge.last.delivery_rate).ok_or(Failure::Gone)?;
            if let Some(body) = subject.next(&mut self.dialect, &mut self.out)? {
                self.out_at = 0;
                if !body.is_empty() {
                    let id = self.key.0;
                    let (view, window) = (hub.core.view(id), hub.core.limits(id).window_bytes);
                    let len = body.end - body.start;
                    hub.checks.on_append(net.now, id, body.start, len, view, window.into());
                    self.gauge.begin(body.start);
                }
                self.body = body;
                return Ok(true);
            }
        }
        if net.phase(conn, Side::Client) == Phase::Closed && net.readable(conn, Side::Client) == 0 {
            return Err(Failure::Cut);
        }
        if net.readable(conn, Side::Client) > 0 {
            self.read(hub, net, conn)?;
            return Ok(true);
        }
        if !self.has_output(hub) {
            return Ok(false);
        }
        if let Some(pause) = self.make_room(hub, net, conn) {
            net.wake(net.now + pause, App::Lane(id));
            return Ok(false);
        }
        if !net.is_writable(conn, Side::Client) {
            return Ok(false);
        }
        self.write(hub, net, conn)?;
        Ok(true)
    }

    /// What an upload has unacknowledged stays within its window. How long to wait, if there is no room.
    fn make_room(&mut self, hub: &Gateway, net: &Net, conn: ConnId) -> Option<Duration> {
        if self.room > 0 {
            return None;
        }
        let window = u64::from(hub.core.limits(self.key.0).window_bytes);
        let info = net.info(conn, Side::Client)?;
        let room = window.saturating_sub(info.unacked_bytes());
        self.room = if room < (window / 4).min(BLOCK_SIZE as u64) { 0 } else { room };
        let pause = (info.srtt / 8).clamp(Duration::from_millis(1), Duration::from_millis(10));
        (self.room == 0).then_some(pause)
    }

    fn write(&mut self, hub: &mut Gateway, net: &mut Net, conn: ConnId) -> Result<(), Failure> {
        let head = &self.out[self.out_at..];
        let end = self.ready_end(hub).min(self.body.start + self.room);
        let bytes = if end > self.body.start {
            hub.held(self.key.0, self.body.start..end)
                .ok_or_else(|| hub.lacks(self.key.0, self.body.start))?
        } else {
            &[]
        };
        let (head_len, body_len) = (head.len() as u64, bytes.len() as u64);
        net.write(conn, Side::Client, &[head, bytes]);
        self.out_at = self.out.len();
        self.body.start += body_len;
        self.room = self.room.saturating_sub(head_len + body_len);
        self.dialect.wrote(body_len);
        self.gauge.wrote(head_len, body_len);
        if body_len > 0 {
            hub.on_written(self.key.0, self.body.start);
        }
        Ok(())
    }

    fn read(&mut self, hub: &mut Gateway, net: &mut Net, conn: ConnId) -> Result<(), Failure> {
        let mut input = [0; HEAD];
        let count = net.read(conn, Side::Client, &mut input);
        let mut rest = &input[..count];
        loop {
            let subject =
                hub.subject(self.key.0, self.gauge.last.delivery_rate).ok_or(Failure::Gone)?;
            let (used, heard) = self.dialect.hear(&subject.standing(), rest)?;
            rest = &rest[used..];
            match heard {
                None => return Ok(()),
                Some(Heard::Nothing) => {}
                Some(Heard::Outcome(outcome)) => hub.report(net, self.key, outcome),
                Some(Heard::Created { location, outcome, .. }) => {
                    let target = location.resolve(&PEER, TARGET);
                    let target = target.map_err(|_| Failure::Refused(502))?;
                    hub.on_location(self.key.0, target.as_str().to_owned());
                    if let Some(outcome) = outcome {
                        hub.report(net, self.key, outcome);
                    }
                }
                Some(Heard::Impostor { .. }) => {
                    hub.observe(net, self.link, Observation::Impostor);
                    return Err(Failure::Cut);
                }
                Some(Heard::Other(_) | Heard::Nonsense(_)) => return Err(Failure::Cut),
            }
        }
    }

    fn disconnect(&mut self, hub: &mut Gateway, net: &mut Net, is_clean: bool) {
        let conn = match self.stage {
            Stage::Fresh => return,
            Stage::Connecting { conn, .. } | Stage::Open { conn } | Stage::Leaving { conn, .. } => {
                conn
            }
        };
        self.gauge.stream = None;
        hub.owners.remove(&conn);
        if is_clean && hub.core.links().is_usable(LinkId(self.link as u8)) {
            hub.keep(net, self.link, conn);
        } else {
            net.reset(conn, Side::Client);
        }
    }

    /// Whether bytes that the client sends now are what it waits for.
    pub(super) fn is_sending(&self) -> bool {
        self.dialect.is_sending()
    }

    fn ready_end(&self, hub: &Gateway) -> u64 {
        self.body.end.min(hub.received(self.key.0)).max(self.body.start)
    }

    fn has_output(&self, hub: &Gateway) -> bool {
        self.out_at < self.out.len() || self.body.start < self.ready_end(hub)
    }

    fn is_written(&self) -> bool {
        self.out_at == self.out.len() && self.body.is_empty()
    }

    fn is_clean(&self) -> bool {
        self.is_written() && self.dialect.is_answered() && self.dialect.eof() == Eof::Idle
    }
}
