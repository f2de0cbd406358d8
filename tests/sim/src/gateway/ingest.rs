//! Clients on the LAN, and what the ingest does with their bytes: as `agent/relay/src/ingest/intake.rs`.

use super::{App, Gateway, Task, Transfer};
use crate::content::Content;
use baton_core::{BLOCK_SIZE, Duration, Event, Instant, Resume, UploadId, UploadSpec, Verdict};

type Net = crate::net::Net<App>;

/// An upload that a client will begin.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When, since the start.
    pub at: Duration,
    /// Length of the file.
    pub bytes: u64,
    /// How fast the client sends.
    pub lan_bps: u64,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When it began.
    pub begun: Instant,
    /// When its client was told.
    pub ended: Instant,
    /// How.
    pub verdict: Verdict,
}

/// One client with one file.
#[derive(Debug)]
pub(super) struct Client {
    arrival: Arrival,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It waits for its `100 Continue`.
    Waiting,
    /// The next bytes come then.
    Sending {
        id: UploadId,
        next: Instant,
    },
    /// They are here, and there is no room for them.
    Blocked {
        id: UploadId,
    },
    /// All of them are here.
    Sent {
        id: UploadId,
    },
    Ended(End),
}

impl Gateway {
    /// A client comes.
    pub(crate) fn on_arrival(&mut self, net: &mut Net, arrival: Arrival) {
        self.contents.push(Content::of(self.clients.len() as u64));
        self.clients.push(Client { arrival, state: State::Waiting });
        self.try_admit(net);
        self.work(net);
    }

    /// The next bytes of a client are here.
    pub(crate) fn on_client(&mut self, net: &mut Net, client: usize) {
        if let State::Sending { id, .. } = self.clients[client].state {
            self.take_bytes(net, client, id);
        }
        self.work(net);
    }

    /// How the uploads ended, in the order in which they came.
    pub(crate) fn ends(&self) -> Vec<Option<End>> {
        let end = |client: &Client| match client.state {
            State::Ended(end) => Some(end),
            State::Waiting | State::Sending { .. } | State::Blocked { .. } | State::Sent { .. } => {
                None
            }
        };
        self.clients.iter().map(end).collect()
    }

    /// Whether as many clients came, and all were told.
    pub(crate) fn all_ended(&self, count: usize) -> bool {
        self.clients.len() == count
            && self.clients.iter().all(|client| matches!(client.state, State::Ended(_)))
    }

    pub(super) fn serve_waiting(&mut self, net: &mut Net) {
        for client in 0..self.clients.len() {
            if let State::Blocked { id } = self.clients[client].state {
                self.take_bytes(net, client, id);
            }
        }
        self.try_admit(net);
    }

    fn try_admit(&mut self, net: &mut Net) {
        for client in 0..self.clients.len() {
            if self.clients[client].state != State::Waiting {
                continue;
            }
            let is_reachable = self.core.links().ranked().next().is_some();
            let Some(id) = self.core.vacancy().filter(|_| is_reachable) else { return };
            let total = self.clients[client].arrival.bytes;
            let name = format!("file-{client}");
            let transfer = Transfer {
                client,
                name,
                total,
                received: 0,
                written: 0,
                held_from: 0,
                location: None,
            };
            self.transfers.insert(id, transfer);
            let state =
                if total == 0 { State::Sent { id } } else { State::Sending { id, next: net.now } };
            self.clients[client].state = state;
            self.log.opened(net.now, id, client, total);
            let spec = UploadSpec {
                total,
                resume: Resume::Fenced,
                replayable: false,
                resumes_at: None,
                client: None,
            };
            self.feed(net, Event::Opened { id, spec });
            if let State::Sending { next, .. } = state {
                net.wake(next, App::Client(client));
            }
        }
    }

    /// Takes the bytes of one block, or as many as there is room for.
    fn take_bytes(&mut self, net: &mut Net, client: usize, id: UploadId) {
        let Some(transfer) = self.transfers.get(&id) else { return };
        let (offset, total) = (transfer.received, transfer.total);
        let at = (offset - transfer.held_from) as usize % BLOCK_SIZE;
        let len = (total - offset).min((BLOCK_SIZE - at) as u64);
        if self.locate(id, offset).is_none() && self.core.try_take_block(id).is_none() {
            self.clients[client].state = State::Blocked { id };
            return;
        }
        let Some((block, at)) = self.locate(id, offset) else {
            return self.checks.fail(net.now, "a block that was given is not in the chain");
        };
        let start = block * BLOCK_SIZE + at;
        self.contents[client].fill(offset, &mut self.arena[start..start + len as usize]);
        let received = offset + len;
        if let Some(transfer) = self.transfers.get_mut(&id) {
            transfer.received = received;
        }
        let next = net.now + wire_time(len, self.clients[client].arrival.lan_bps);
        self.clients[client].state = if received == total {
            State::Sent { id }
        } else {
            net.wake(next, App::Client(client));
            State::Sending { id, next }
        };
        self.feed(net, Event::Received { id, offset: received });
        let sending = self.lanes.iter().filter(|(_, lane)| lane.key.0 == id && lane.is_sending());
        self.ready.extend(sending.map(|(id, _)| Task::Lane(*id)));
    }

    /// The core has decided: the client is told, and the slot is free.
    pub(super) fn conclude(&mut self, net: &mut Net, id: UploadId, verdict: Verdict) {
        let Some(transfer) = self.transfers.get(&id) else { return };
        let client = transfer.client;
        let arrival = self.clients[client].arrival;
        let begun = Instant::ZERO + arrival.at;
        self.clients[client].state = State::Ended(End { begun, ended: net.now, verdict });
        self.log.ended(net.now, id, verdict);
        if verdict != Verdict::Stored {
            self.feed(net, Event::ClientGone { id });
        }
        self.transfers.remove(&id);
        self.feed(net, Event::Answered { id });
        self.has_room = true;
    }
}

fn wire_time(bytes: u64, bps: u64) -> Duration {
    Duration::from_micros((bytes * 8_000_000).div_ceil(bps.max(1)))
}
