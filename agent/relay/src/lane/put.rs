//! A lane in `put`: one PUT from the first byte, then proof that the upstream has the file.

use super::{Lane, Order, Outbox};
use crate::upstream::sign;
use baton_core::{Duration, Failure, Observation, Outcome};
use baton_hal::{Stream, Transport};
use baton_wire::http::{Eof, Peer};
use baton_wire::percent::Encoded;
use baton_wire::put::client::Found;
use baton_wire::put::{Answer, Client, Put};
use std::rc::Rc;
use tokio::sync::mpsc;

/// Longest head of an answer.
const HEAD: usize = 2048;

/// Works until the core lets go of the lane (`Ok`) or it fails.
pub(super) async fn run<T: Transport + 'static>(
    lane: &Lane<T>,
    mut orders: mpsc::Receiver<Order>,
) -> Result<(), Failure> {
    let Some((stream, early)) = lane.open(&mut orders).await? else { return Ok(()) };
    let mut session = Session {
        lane,
        stream,
        put: Client::new(),
        out: Outbox::default(),
        next: 0,
        is_repeat: false,
        stage: Stage::Idle,
    };
    for order in early {
        session.obey(order)?;
    }
    let mut received = lane.transfer.watch_received();
    let ended = loop {
        if let Err(failure) = session.prove(&mut orders).await {
            break Err(failure);
        }
        let stream = session.stream.clone();
        let step = tokio::select! {
            // Orders first: a lane that was dropped says and believes nothing more.
            biased;
            order = orders.recv() => match order {
                Some(order) => session.obey(order),
                None => break Ok(()),
            },
            () = stream.readable() => session.read(),
            () = stream.writable(), if session.has_output() => session.write(),
            _ = received.changed(), if session.stage == Stage::Sending => Ok(()),
        };
        if let Err(failure) = step {
            break Err(failure);
        }
    };
    let is_clean = session.stage == Stage::Proved
        && session.put.ready().is_ok()
        && session.put.eof() == Eof::Idle;
    lane.disconnect(session.stream, is_clean);
    ended
}

/// How far a PUT has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Sending,
    /// The PUT was answered.
    Unproved {
        status: u16,
    },
    /// The server is asked what it holds.
    Proving {
        status: u16,
    },
    Proved,
}

struct Session<'a, T: Transport> {
    lane: &'a Lane<T>,
    stream: Rc<T::Stream>,
    put: Client<HEAD>,
    out: Outbox,
    /// Next byte of the body to write.
    next: u64,
    /// A try before this one has written the whole body.
    is_repeat: bool,
    stage: Stage,
}

impl<T: Transport + 'static> Session<'_, T> {
    fn obey(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            Order::Append { .. } => self.begin(),
            // A replay neither creates nor asks, and is never moved in the middle.
            Order::Create | Order::Ask | Order::Hold | Order::Unhold => Ok(()),
        }
    }

    fn begin(&mut self) -> Result<(), Failure> {
        let transfer = &self.lane.transfer;
        self.is_repeat = transfer.written() == transfer.total;
        let (target, authorization) = self.target("PUT");
        let put = Put {
            target: &target,
            length: transfer.total,
            content_type: &transfer.content_type,
            expect_continue: false,
        };
        let authority = &self.lane.hub.settings.upstream.authority;
        let peer = Peer { authority, authorization: authorization.as_deref() };
        let client = &mut self.put;
        self.out.refill(|out| client.put(out, &peer, &put))?;
        self.lane.gauge.begin(self.next);
        self.stage = Stage::Sending;
        Ok(())
    }

    fn target(&self, method: &str) -> (String, Option<String>) {
        let signed = sign(&self.lane.hub.rules.borrow(), &self.lane.transfer, method);
        let path = format!(
            "{}/{}",
            self.lane.hub.settings.upstream.base,
            Encoded(&self.lane.transfer.name)
        );
        (signed.target(&path), signed.header)
    }

    fn has_output(&self) -> bool {
        !self.out.pending().is_empty()
            || self.stage == Stage::Sending && self.next < self.lane.transfer.received()
    }

    fn write(&mut self) -> Result<(), Failure> {
        let end =
            if self.stage == Stage::Sending { self.lane.transfer.received() } else { self.next };
        let wrote = self.lane.write(&self.stream, self.out.pending(), self.next..end)?;
        let body = self.out.wrote(wrote);
        self.next += body;
        self.put.wrote_body(body);
        self.lane.transfer.on_written(self.next);
        self.lane.gauge.wrote(wrote as u64 - body, body);
        Ok(())
    }

    fn read(&mut self) -> Result<(), Failure> {
        let mut input = [0; HEAD];
        let read = self
            .stream
            .try_read(&mut input)
            .map_err(|error| self.lane.hub.blame(self.lane.link, &error))?;
        let mut rest = match read {
            None => return Ok(()),
            Some(0) => return Err(Failure::Cut),
            Some(n) => &input[..n],
        };
        loop {
            let (used, answer) = self.put.handle_input(rest).map_err(|error| {
                tracing::debug!(%error, "upstream's answer");
                Failure::Cut
            })?;
            rest = &rest[used..];
            match answer {
                Some(Answer::Stored { .. }) if self.next < self.lane.transfer.total => {
                    return self.impostor();
                }
                Some(Answer::Stored { status } | Answer::Refused { status: status @ 409, .. })
                    if self.stage == Stage::Sending =>
                {
                    self.stage = Stage::Unproved { status };
                }
                Some(Answer::Found(found)) => self.on_found(&found)?,
                Some(Answer::Refused { status, retry_after_s, .. }) => {
                    self.on_refusal(status, retry_after_s)?
                }
                Some(Answer::Continue | Answer::Stored { .. } | Answer::Body(_) | Answer::End) => {}
                None if rest.is_empty() => return Ok(()),
                None => {}
            }
        }
    }

    /// A status proves nothing: a portal says 200 to everything, and 409 is said of a broken
    /// file too. The server is asked for the length of what it holds.
    async fn prove(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<(), Failure> {
        let Stage::Unproved { status } = self.stage else { return Ok(()) };
        if self.put.ready().is_err() {
            // The connection still owes body bytes, or the server ends it: ask on another.
            self.stream.abort();
            // Of orders that come meanwhile none is for a PUT that was answered; the end comes again.
            let Some((stream, _)) = self.lane.open(orders).await? else { return Ok(()) };
            self.stream = stream;
            self.put = Client::new();
        }
        self.stage = Stage::Proving { status };
        let (target, authorization) = self.target("HEAD");
        let authority = &self.lane.hub.settings.upstream.authority;
        let peer = Peer { authority, authorization: authorization.as_deref() };
        let client = &mut self.put;
        self.out.refill(|out| client.head(out, &peer, &target))
    }

    /// What the server holds: the same by its digest, or else by its length.
    fn on_found(&mut self, found: &Found) -> Result<(), Failure> {
        let Stage::Proving { status } = self.stage else { return Ok(()) };
        let transfer = &self.lane.transfer;
        let is_same = match found.sha256.zip(transfer.digest()) {
            Some((theirs, ours)) => theirs == ours,
            // A portal's empty page is as long as an empty file.
            None if transfer.total == 0 && !matches!(status, 201 | 204) => false,
            // Somebody else's file may have that length: after a whole try of ours, it is ours.
            None => found.length == Some(transfer.total) && (status != 409 || self.is_repeat),
        };
        match (is_same, status) {
            (true, _) => {
                self.stage = Stage::Proved;
                self.lane.report(Outcome::Proved);
                Ok(())
            }
            (false, 409) => Err(Failure::Refused(409)),
            (false, _) => self.impostor(),
        }
    }

    fn on_refusal(&mut self, status: u16, retry_after_s: Option<u32>) -> Result<(), Failure> {
        // It does not answer HEAD. "Created" is then as much proof as it gives; a bare 200 is none.
        if self.stage == (Stage::Proving { status: 201 }) && matches!(status, 401 | 403 | 405 | 501)
        {
            self.stage = Stage::Proved;
            self.lane.report(Outcome::Proved);
            return Ok(());
        }
        let later = Duration::from_secs(u64::from(retry_after_s.unwrap_or(0)));
        Err(match (status, self.stage) {
            (408 | 423 | 429 | 500 | 502 | 503 | 504, _) => Failure::Busy(later),
            (_, Stage::Proving { status: 409 }) => Failure::Refused(409),
            (_, Stage::Proving { .. }) => Failure::Refused(502),
            (300..400, _) => {
                self.lane.hub.observe(self.lane.link, Observation::Impostor);
                Failure::Cut
            }
            (_, _) => Failure::Refused(status),
        })
    }

    fn impostor(&self) -> Result<(), Failure> {
        self.lane.hub.observe(self.lane.link, Observation::Impostor);
        Err(Failure::Cut)
    }
}
