//! The network: links, connections, and the time in which their segments move.

use crate::{
    link::{Facts, Link, LinkPlan, elapsed, instant},
    packet::{ConnId, Kind, Packet, Side},
    queue::Queue,
    tcp::{End, Phase},
};
use baton_core::Instant;
use baton_hal::StreamInfo;
use baton_lab::Frame;
use std::collections::{BTreeMap, VecDeque};

/// What is under way; `A` is of those who use the network.
#[derive(Debug)]
pub(crate) enum Wake<A> {
    Shaper { link: usize, from: Side },
    Tcp { conn: ConnId, side: Side },
    App(A),
}

/// Links and connections over them.
pub(crate) struct Net<A> {
    pub(crate) now: Instant,
    pub(crate) queue: Queue<Wake<A>>,
    pub(crate) links: Vec<Link>,
    conns: BTreeMap<ConnId, Conn>,
    opened: u32,
    /// Ends at which something happened, in that order.
    notices: VecDeque<(ConnId, Side)>,
    /// Payload that was handed to links, repeats included.
    pub(crate) payload_sent: Vec<u64>,
}

/// A connection.
struct Conn {
    link: usize,
    address: u32,
    /// The far end is a portal's.
    is_portal: bool,
    client: End,
    /// There once a SYN came through.
    server: Option<End>,
    streams: [Stream; 2],
    armed: [Option<Instant>; 2],
    noticed: [bool; 2],
}

/// The bytes of one direction, from the first that the receiver's application has not read.
#[derive(Default)]
struct Stream {
    bytes: VecDeque<u8>,
    read: u64,
}

/// TCP_NOTSENT_LOWAT of the gateway's sockets, as `baton run` sets it.
const NOTSENT_LOWAT: u64 = 16 * 1024;

impl<A> Net<A> {
    pub(crate) fn new(plans: Vec<LinkPlan>, seed: u64) -> Self {
        let links: Vec<Link> =
            plans.into_iter().enumerate().map(|(i, plan)| Link::new(plan, seed, i)).collect();
        Self {
            now: Instant::ZERO,
            queue: Queue::new(),
            payload_sent: vec![0; links.len()],
            links,
            conns: BTreeMap::new(),
            opened: 0,
            notices: VecDeque::new(),
        }
    }

    /// Has the application woken at that time.
    pub(crate) fn wake(&mut self, at: Instant, app: A) {
        self.queue.push(at.max(self.now), Wake::App(app));
    }

    /// The next event of the application's; the network's own are carried out. A notice comes first.
    pub(crate) fn step(&mut self, until: Instant) -> Step<A> {
        if let Some(notice) = self.poll_notice() {
            return Step::Notice(notice.0, notice.1);
        }
        let Some((at, wake)) = self.queue.pop() else { return Step::End };
        if at > until {
            self.queue.push(at, wake);
            return Step::End;
        }
        self.now = at;
        match wake {
            Wake::App(app) => return Step::App(app),
            Wake::Shaper { link, from } => self.on_shaper(link, from),
            Wake::Tcp { conn, side } => self.on_tcp(conn, side),
        }
        Step::Moved
    }

    fn poll_notice(&mut self) -> Option<(ConnId, Side)> {
        loop {
            let (id, side) = self.notices.pop_front()?;
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.noticed[side.index()] = false;
                return Some((id, side));
            }
        }
    }

    /// Opens a connection over a link; `None`: the kernel refuses, since there is no way out.
    pub(crate) fn connect(&mut self, link: usize) -> Option<ConnId> {
        if !self.links[link].facts.is_up() {
            return None;
        }
        self.opened += 1;
        let id = ConnId(self.opened);
        let conn = Conn {
            link,
            address: self.links[link].address,
            is_portal: false,
            client: End::connecting(self.now),
            server: None,
            streams: Default::default(),
            armed: [None; 2],
            noticed: [false; 2],
        };
        self.conns.insert(id, conn);
        self.send(id, Side::Client, Kind::Syn);
        self.arm(id, Side::Client);
        Some(id)
    }

    /// Whether the far end of a connection is a portal's.
    pub(crate) fn is_portal(&self, id: ConnId) -> bool {
        self.conns.get(&id).is_some_and(|conn| conn.is_portal)
    }

    pub(crate) fn phase(&self, id: ConnId, side: Side) -> Phase {
        self.end(id, side).map_or(Phase::Closed, |end| end.phase)
    }

    pub(crate) fn info(&self, id: ConnId, side: Side) -> Option<StreamInfo> {
        self.end(id, side).map(|end| end.info(self.now))
    }

    /// One end of a connection, to look at.
    pub(crate) fn end(&self, id: ConnId, side: Side) -> Option<&End> {
        let conn = self.conns.get(&id)?;
        match side {
            Side::Client => Some(&conn.client),
            Side::Server => conn.server.as_ref(),
        }
    }

    /// Whether an end takes bytes now, as poll(2) says it.
    pub(crate) fn is_writable(&self, id: ConnId, side: Side) -> bool {
        self.end(id, side)
            .is_some_and(|end| end.phase == Phase::Open && end.sender.unsent() < NOTSENT_LOWAT)
    }

    /// Takes all of `bytes`.
    pub(crate) fn write(&mut self, id: ConnId, side: Side, parts: &[&[u8]]) -> usize {
        let Some(conn) = self.conns.get_mut(&id) else { return 0 };
        let Some(end) = conn.end(side) else { return 0 };
        let count = parts.iter().map(|part| part.len()).sum();
        end.sender.written += count as u64;
        for part in parts {
            conn.streams[side.index()].bytes.extend(*part);
        }
        self.flush(id, side);
        count
    }

    /// Bytes that are there to be read.
    pub(crate) fn readable(&self, id: ConnId, side: Side) -> u64 {
        let Some(conn) = self.conns.get(&id) else { return 0 };
        let stream = &conn.streams[side.other().index()];
        self.end(id, side).map_or(0, |end| end.receiver.next - stream.read)
    }

    /// Reads as much as is there and fits.
    pub(crate) fn read(&mut self, id: ConnId, side: Side, out: &mut [u8]) -> usize {
        let count = self.readable(id, side).min(out.len() as u64) as usize;
        if let Some(conn) = self.conns.get_mut(&id) {
            let stream = &mut conn.streams[side.other().index()];
            for (to, from) in out.iter_mut().zip(stream.bytes.drain(..count)) {
                *to = from;
            }
            stream.read += count as u64;
        }
        count
    }

    /// The link that a connection goes over.
    pub(crate) fn link_of(&self, id: ConnId) -> usize {
        self.conns.get(&id).map_or(0, |conn| conn.link)
    }

    /// Ends a connection; the other end learns it if the reset gets through.
    pub(crate) fn reset(&mut self, id: ConnId, side: Side) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Some(end) = conn.end(side) else { return };
        if core::mem::replace(&mut end.phase, Phase::Closed) != Phase::Closed {
            self.send(id, side, Kind::Reset);
        }
        self.forget(id);
    }

    fn forget(&mut self, id: ConnId) {
        let is_over = |conn: &Conn| {
            conn.client.phase == Phase::Closed
                && conn.server.as_ref().is_none_or(|end| end.phase == Phase::Closed)
        };
        if self.conns.get(&id).is_some_and(is_over) {
            self.conns.remove(&id);
        }
    }

    /// What the kernel says of a link changes.
    pub(crate) fn set_facts(&mut self, link: usize, facts: Facts) {
        self.links[link].facts = facts;
    }

    /// The shape of a link changed: what is due may have moved.
    pub(crate) fn reshape(&mut self, link: usize) {
        for from in [Side::Client, Side::Server] {
            self.links[link].armed[from.index()] = None;
            self.arm_shaper(link, from);
        }
    }

    fn on_tcp(&mut self, id: ConnId, side: Side) {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.armed[side.index()] = None;
        let Some(end) = conn.end(side) else { return };
        let could = end.sender.unsent() < NOTSENT_LOWAT;
        if let Some(kind) = end.handle_timeout(now) {
            self.send(id, side, kind);
        }
        self.flush(id, side);
        // A probe may carry what was not sent yet.
        if !could && self.is_writable(id, side) {
            self.notice(id, side);
        }
    }

    /// Sends what may leave, and has its timer right.
    fn flush(&mut self, id: ConnId, side: Side) {
        let now = self.now;
        while let Some(kind) = self
            .conns
            .get_mut(&id)
            .and_then(|conn| conn.end(side))
            .and_then(|end| end.poll_kind(now))
        {
            self.send(id, side, kind);
        }
        self.arm(id, side);
    }

    fn arm(&mut self, id: ConnId, side: Side) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Some(at) = conn.end(side).and_then(|end| end.timeout()) else { return };
        let armed = &mut conn.armed[side.index()];
        if armed.is_none_or(|armed| at < armed) {
            *armed = Some(at);
            self.queue.push(at.max(self.now), Wake::Tcp { conn: id, side });
        }
    }

    fn send(&mut self, id: ConnId, from: Side, kind: Kind) {
        let Some(conn) = self.conns.get(&id) else { return };
        let (link, address) = (conn.link, conn.address);
        if let Kind::Data { len, .. } = kind {
            self.payload_sent[link] += if from == Side::Client { len } else { 0 };
        }
        self.offer(link, Packet { conn: id, from, address, kind, tunnel: None });
    }

    fn offer(&mut self, link: usize, packet: Packet) {
        let now = elapsed(self.now);
        let from = packet.from;
        let it = &mut self.links[link];
        let is_sent = match from {
            Side::Client => {
                it.facts.is_up() && (packet.tunnel.is_some() || packet.address == it.address)
            }
            Side::Server => true,
        };
        if is_sent {
            it.shaper(from).offer(now, packet);
            self.arm_shaper(link, from);
        }
    }

    fn arm_shaper(&mut self, link: usize, from: Side) {
        let it = &mut self.links[link];
        let Some(due) = it.shaper(from).poll_timeout() else { return };
        let at = instant(due).max(self.now);
        let armed = &mut it.armed[from.index()];
        if armed.is_none_or(|armed| at < armed) {
            *armed = Some(at);
            self.queue.push(at, Wake::Shaper { link, from });
        }
    }

    fn on_shaper(&mut self, link: usize, from: Side) {
        if self.links[link].armed[from.index()] == Some(self.now) {
            self.links[link].armed[from.index()] = None;
        }
        while let Some(packet) = self.links[link].shaper(from).poll_frame(elapsed(self.now)) {
            self.pass(link, packet);
        }
        self.arm_shaper(link, from);
    }

    /// A packet came to the end of a link: of a tunnel, it goes on over what carries that.
    fn pass(&mut self, link: usize, packet: Packet) {
        let it = &self.links[link];
        let arrives = match packet.from {
            Side::Client => true,
            Side::Server => it.facts.is_up(),
        };
        match (it.plan.rides_on, packet.tunnel) {
            _ if !arrives => {}
            (Some(carrier), None) => {
                self.offer(carrier, Packet { tunnel: Some(link as u8), ..packet });
            }
            (_, Some(tunnel)) => {
                let is_there = self.links[usize::from(tunnel)].facts.is_up();
                if packet.from == Side::Client || is_there {
                    self.deliver(usize::from(tunnel), packet);
                }
            }
            (None, None) => self.deliver(link, packet),
        }
    }

    fn deliver(&mut self, link: usize, packet: Packet) {
        let now = self.now;
        let (has_portal, address) = (self.links[link].has_portal, self.links[link].address);
        if packet.from == Side::Server && packet.address != address {
            return;
        }
        debug_assert!(packet.length() >= crate::packet::HEADERS, "every packet has its headers");
        let (id, side) = (packet.conn, packet.from.other());
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if conn.server.is_some() && conn.is_portal != has_portal {
            // Whoever stands in the way now knows nothing of it.
            return;
        }
        match packet.kind {
            Kind::Syn => {
                conn.is_portal = has_portal;
                conn.server.get_or_insert_with(End::accepting);
                self.send(id, Side::Server, Kind::SynAck);
            }
            Kind::SynAck => {
                conn.client.on_opened(now);
                self.notice(id, Side::Client);
            }
            Kind::Reset => {
                if let Some(end) = conn.end(side) {
                    end.phase = Phase::Closed;
                }
                self.notice(id, side);
            }
            Kind::Data { start, len, sent, ack, echo, sacks } => {
                let Some(end) = conn.end(side) else { return };
                if end.phase == Phase::Closed {
                    if len > 0 {
                        self.send(id, side, Kind::Reset);
                    }
                    return;
                }
                let (had, could) = (end.receiver.next, end.sender.unsent() < NOTSENT_LOWAT);
                if len > 0 {
                    end.receiver.on_data(now, start, len, sent);
                }
                end.sender.on_ack(now, ack, echo, &sacks);
                let is_news = end.receiver.next > had;
                self.flush(id, side);
                let can = self.end(id, side).is_some_and(|end| end.sender.unsent() < NOTSENT_LOWAT);
                if is_news || can && !could {
                    self.notice(id, side);
                }
            }
        }
    }

    fn notice(&mut self, id: ConnId, side: Side) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if !core::mem::replace(&mut conn.noticed[side.index()], true) {
            self.notices.push_back((id, side));
        }
    }
}

impl Conn {
    fn end(&mut self, side: Side) -> Option<&mut End> {
        match side {
            Side::Client => Some(&mut self.client),
            Side::Server => self.server.as_mut(),
        }
    }
}

/// What [`Net::step`] came to.
pub(crate) enum Step<A> {
    /// Something happened at one end of a connection.
    Notice(ConnId, Side),
    App(A),
    /// The network did something of its own.
    Moved,
    /// Nothing more until then.
    End,
}
