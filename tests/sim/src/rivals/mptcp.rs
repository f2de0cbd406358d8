//! Linux' MPTCP with its default scheduler: one subflow a link, all but the first of them backups.
//!
//! Modelled is what decides over a failover, by the kernel's `net/mptcp`. Data goes to the subflow that is no
//! backup as long as it does not count as stale. A timer at the level of the connection, as long as the
//! subflow's own next timeout at the last push, counts the periods in which the subflow heard nothing;
//! what is oldest is sent again over an idle backup from the second on ([`QUIET`]), and all of it once the subflow is
//! stale. What arrives on any subflow acknowledges all that the connection has in order.

use crate::link::LinkPlan;
use crate::net::{Net, Step};
use crate::packet::{ConnId, Side};
use crate::scenario::Change;
use crate::tcp::Phase;
use baton_core::{Duration, Instant};
use std::collections::VecDeque;

/// A transfer over two links.
pub struct Mptcp {
    net: Net<App>,
    subflows: Vec<Subflow>,
    total: u64,
    /// Bytes that were given to some subflow.
    next: u64,
    /// What the receiver is known to have in order.
    acked: u64,
    stored: Ranges,
    /// Timer of the connection: how long, and when.
    period: Duration,
    due: Option<Instant>,
    /// Bytes stored: when, over which link.
    pub(crate) news: Vec<(Instant, usize)>,
}

/// A fault of the first link, to measure by.
#[derive(Clone, Copy, Debug)]
pub struct Primary {
    /// When it falls silent.
    pub silent_at: Duration,
}

struct Subflow {
    conn: ConnId,
    /// Which bytes of the transfer are which of the subflow: where they begin, and how many.
    map: VecDeque<(u64, u64)>,
    unread: VecDeque<(u64, u64)>,
    /// Bytes of the subflow that its receiver had, and how far the transfer was in order there then.
    reports: VecDeque<(u64, u64)>,
    received: u64,
    acked: u64,
    quiet: u32,
    heard: Option<Instant>,
    is_stale: bool,
}

#[derive(Clone, Copy, Debug)]
enum App {
    Start,
    Timer,
    Silence,
}

/// Bytes from zero on, and ranges beyond.
#[derive(Default)]
struct Ranges {
    end: u64,
    beyond: Vec<(u64, u64)>,
}

/// Periods without a sign of life after which data is repeated over a backup: `mptcp_subflow_get_retrans`
/// wants more than one.
const QUIET: u32 = 2;

/// And after which the subflow counts as stale: more than `net.mptcp.stale_loss_cnt`, which is 4.
const STALE: u32 = 5;

/// The most that is repeated at once.
const FRAGMENT: u64 = 32 * 1024;

/// Where no subflow that is heard has a timeout of its own: TCP_RTO_MIN.
const PERIOD: Duration = Duration::from_millis(200);

/// What a subflow takes before it has sent it.
const PIECE: u64 = 16 * 1024;

const PATIENCE: Duration = Duration::from_secs(7200);

impl Mptcp {
    /// A transfer of `bytes` from `start` on.
    pub fn new(links: &[LinkPlan], bytes: u64, start: Duration, seed: u64) -> Self {
        let mut net = Net::new(links.to_vec(), seed);
        net.wake(Instant::ZERO + start, App::Start);
        Self {
            net,
            subflows: Vec::new(),
            total: bytes,
            next: 0,
            acked: 0,
            stored: Ranges::default(),
            period: PERIOD,
            due: None,
            news: Vec::new(),
        }
    }

    /// Has the first link fall silent.
    #[must_use]
    pub fn with(mut self, fault: Primary) -> Self {
        self.net.wake(Instant::ZERO + fault.silent_at, App::Silence);
        self
    }

    /// Runs it; when everything was stored, since the beginning of the run.
    pub fn run(&mut self) -> Option<Duration> {
        while self.stored.end < self.total {
            let mut has_room = false;
            match self.net.step(Instant::ZERO + PATIENCE) {
                Step::End => return None,
                Step::Moved => {}
                Step::App(App::Start) => {
                    let conns: Vec<_> = (0..self.net.links.len())
                        .filter_map(|link| self.net.connect(link))
                        .collect();
                    self.subflows = conns.into_iter().map(Subflow::new).collect();
                }
                Step::App(App::Timer) => self.on_timer(),
                Step::App(App::Silence) => {
                    for shaper in &mut self.net.links[0].shapers {
                        Change::Hole(true).apply(&mut shaper.shape);
                    }
                }
                Step::Notice(id, Side::Server) => self.receive(id),
                Step::Notice(_, Side::Client) => has_room = true,
            }
            // What a probe or a copy sends frees no memory: only what is acknowledged does.
            if self.collect() || has_room {
                self.push();
            }
        }
        Some(self.net.now.saturating_since(Instant::ZERO))
    }

    /// From the silence to the first byte over another link.
    pub fn gap(&self, fault: Primary) -> Option<Duration> {
        let struck = Instant::ZERO + fault.silent_at;
        let first = self.news.iter().find(|(at, link)| *at > struck && *link != 0)?;
        Some(first.0.saturating_since(struck))
    }

    fn receive(&mut self, id: ConnId) {
        let Some(link) = self.subflows.iter().position(|subflow| subflow.conn == id) else {
            return;
        };
        let mut buffer = [0; 1 << 16];
        while let count @ 1.. = self.net.read(id, Side::Server, &mut buffer) {
            let mut count = count as u64;
            self.subflows[link].received += count;
            while count > 0 {
                let Some((start, len)) = self.subflows[link].unread.pop_front() else { return };
                let part = len.min(count);
                if part < len {
                    self.subflows[link].unread.push_front((start + part, len - part));
                }
                let before = self.stored.end;
                self.stored.add(start, start + part);
                if self.stored.end > before {
                    self.news.push((self.net.now, link));
                }
                count -= part;
            }
            let report = (self.subflows[link].received, self.stored.end);
            self.subflows[link].reports.push_back(report);
        }
    }

    /// What the subflows' own acknowledgements say; whether they say anything new.
    fn collect(&mut self) -> bool {
        let (before, mut has_news) = (self.acked, false);
        for subflow in &mut self.subflows {
            let Some(end) = self.net.end(subflow.conn, Side::Client) else { continue };
            let mut news = end.sender.acked - subflow.acked;
            subflow.acked = end.sender.acked;
            has_news |= news > 0;
            while news > 0 {
                let Some((start, len)) = subflow.map.pop_front() else { break };
                let part = len.min(news);
                if part < len {
                    subflow.map.push_front((start + part, len - part));
                }
                news -= part;
            }
            while let Some((received, stored)) = subflow.reports.front().copied()
                && received <= subflow.acked
            {
                self.acked = self.acked.max(stored);
                subflow.reports.pop_front();
            }
            if subflow.is_stale && subflow.map.is_empty() {
                (subflow.is_stale, subflow.quiet) = (false, 0);
            }
        }
        if self.acked > before {
            self.due = None;
        }
        if self.due.is_none() && self.acked < self.next {
            self.arm();
        }
        has_news
    }

    fn arm(&mut self) {
        let at = expiry(self.net.now, self.period);
        self.due = Some(at);
        self.net.wake(at, App::Timer);
    }

    fn push(&mut self) {
        if self.next < self.total {
            self.set_period();
        }
        let Some(chosen) = self.choose() else { return };
        while self.next < self.total
            && self.net.is_writable(self.subflows[chosen].conn, Side::Client)
        {
            let len = PIECE.min(self.total - self.next);
            self.send(chosen, self.next, len);
            self.next += len;
            self.set_period();
        }
    }

    /// As long as the next timeout of any subflow that is heard.
    fn set_period(&mut self) {
        let deadline = |subflow: &Subflow| {
            self.net
                .end(subflow.conn, Side::Client)?
                .sender
                .deadline()
                .filter(|_| subflow.quiet == 0)
        };
        let latest = self.subflows.iter().filter_map(deadline).max();
        let pending = latest.map(|at| at.saturating_since(self.net.now));
        self.period = pending.filter(|left| !left.is_zero()).unwrap_or(PERIOD);
    }

    fn choose(&self) -> Option<usize> {
        let is_open = |subflow: &Subflow| self.net.phase(subflow.conn, Side::Client) == Phase::Open;
        (0..self.subflows.len())
            .find(|link| is_open(&self.subflows[*link]) && !self.subflows[*link].is_stale)
    }

    fn send(&mut self, link: usize, start: u64, len: u64) {
        let zeros = [0; FRAGMENT as usize];
        let subflow = &mut self.subflows[link];
        subflow.map.push_back((start, len));
        subflow.unread.push_back((start, len));
        self.net.write(subflow.conn, Side::Client, &[&zeros[..len as usize]]);
    }

    fn on_timer(&mut self) {
        if self.due.is_none_or(|due| due > self.net.now) {
            return;
        }
        self.due = None;
        let Some(first) = self.subflows.first_mut().filter(|first| !first.map.is_empty()) else {
            return;
        };
        let heard = self.net.end(first.conn, Side::Client).and_then(|end| end.sender.heard);
        // `mptcp_pm_subflow_chk_stale`
        first.quiet = match first.quiet {
            0 => 1,
            quiet if first.heard == heard => quiet + 1,
            _ => 0,
        };
        first.heard = heard;
        let quiet = first.quiet;
        let backup = (1..self.subflows.len())
            .find(|link| self.net.phase(self.subflows[*link].conn, Side::Client) == Phase::Open);
        if let (QUIET.., Some(backup)) = (quiet, backup) {
            let becomes_stale = quiet >= STALE && !self.subflows[0].is_stale;
            self.subflows[0].is_stale |= becomes_stale;
            let most = if becomes_stale { u64::MAX } else { FRAGMENT };
            if self.subflows[backup].map.is_empty() || becomes_stale {
                self.repeat(backup, most);
            }
        }
        self.arm();
    }

    fn repeat(&mut self, link: usize, most: u64) {
        let (mut start, end) = (self.acked, self.next.min(self.acked.saturating_add(most)));
        while start < end {
            let len = FRAGMENT.min(end - start);
            self.send(link, start, len);
            start += len;
        }
    }
}

/// When a timer of the kernel fires: its wheel (`kernel/time/timer.c`) rounds up to a tick, or to eight or
/// sixty-four of them where it is due in more than sixty-three or five hundred.
fn expiry(now: Instant, period: Duration) -> Instant {
    let tick = TICK.as_micros() as u64;
    let grain = match period.as_micros() as u64 / tick {
        0..63 => tick,
        63..504 => 8 * tick,
        _ => 64 * tick,
    };
    Instant::from_micros(((now + period).as_micros() / grain + 1) * grain)
}

/// CONFIG_HZ=250, as the lab's kernel and Debian's have it.
const TICK: Duration = Duration::from_millis(4);

impl Subflow {
    fn new(conn: ConnId) -> Self {
        Self {
            conn,
            map: VecDeque::new(),
            unread: VecDeque::new(),
            reports: VecDeque::new(),
            received: 0,
            acked: 0,
            quiet: 0,
            heard: None,
            is_stale: false,
        }
    }
}

impl Ranges {
    fn add(&mut self, start: u64, end: u64) {
        self.beyond.push((start, end));
        self.beyond.sort_unstable();
        while let Some((start, end)) = self.beyond.first().copied()
            && start <= self.end
        {
            self.end = self.end.max(end);
            self.beyond.remove(0);
        }
    }
}
