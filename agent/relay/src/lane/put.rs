//! A lane in `put`: one request from the first byte, then proof that the upstream has the file.

use super::session::{Dialect, HEAD, nonsense};
use super::{Lane, Order, Outbox};
use crate::settings::TokenMode;
use crate::sign::Signed;
use crate::transfer::Credential;
use baton_core::{Duration, Failure, Observation, Outcome};
use baton_hal::Transport;
use baton_wire::http::{Eof, Peer};
use baton_wire::percent::Encoded;
use baton_wire::put::client::Found;
use baton_wire::put::{self, Answer, Boundary, Client, Form};
use core::hash::{BuildHasher, Hasher};
use core::ops::Range;
use std::hash::RandomState;

/// One connection's PUT.
#[derive(Default)]
pub(super) struct Put {
    put: Client<HEAD>,
    stage: Stage,
    /// A try before this one has written the whole body.
    is_repeat: bool,
    /// What is still to follow the file, where that is part of a form.
    end: Option<[u8; 40]>,
}

/// How far a PUT has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// It is due.
    Due,
    Sending,
    /// It was answered.
    Unproved {
        status: u16,
    },
    /// The server is asked what it holds.
    Proving {
        status: u16,
    },
    Proved,
}

impl<T: Transport + 'static> Dialect<T> for Put {
    fn obey(&mut self, _: &Lane<T>, order: Order) -> Result<(), Failure> {
        match order {
            Order::Append { .. } => self.stage = Stage::Due,
            // A replay neither creates nor asks, and is never moved in the middle.
            Order::Create | Order::Ask | Order::Hold | Order::Unhold => {}
        }
        Ok(())
    }

    fn next(&mut self, lane: &Lane<T>, out: &mut Outbox) -> Result<Option<Range<u64>>, Failure> {
        match self.stage {
            Stage::Due => self.begin(lane, out).map(Some),
            Stage::Unproved { status } => {
                self.prove(lane, out, status)?;
                Ok(Some(0..0))
            }
            Stage::Sending => self.end_form(out),
            Stage::Idle | Stage::Proving { .. } | Stage::Proved => Ok(None),
        }
    }

    fn wrote(&mut self, bytes: u64) {
        self.put.wrote_body(bytes);
    }

    fn hear(&mut self, lane: &Lane<T>, mut input: &[u8]) -> Result<(), Failure> {
        loop {
            let (used, answer) = self.put.handle_input(input).map_err(nonsense)?;
            input = &input[used..];
            match answer {
                Some(Answer::Stored { .. }) if self.put.body_left() > 0 => {
                    return Err(lane.impostor());
                }
                Some(Answer::Stored { status }) if self.stage == Stage::Sending => {
                    lane.hub.on_admitted(&lane.transfer);
                    self.stage = Stage::Unproved { status };
                }
                Some(Answer::Refused { status: 409, .. }) if self.stage == Stage::Sending => {
                    self.stage = Stage::Unproved { status: 409 };
                }
                Some(Answer::Refused { status: 401 | 403, .. })
                    if self.stage == Stage::Sending && lane.hub.sign_otherwise(&lane.transfer) =>
                {
                    return Err(Failure::Cut);
                }
                Some(Answer::Receipt { size }) => self.on_receipt(lane, size)?,
                Some(Answer::Found(found)) => self.on_found(lane, &found)?,
                Some(Answer::Refused { status, retry_after_s, .. }) => {
                    self.on_refusal(lane, status, retry_after_s)?
                }
                Some(Answer::Continue | Answer::Stored { .. } | Answer::Body(_) | Answer::End) => {}
                None if input.is_empty() => return Ok(()),
                None => {}
            }
        }
    }

    /// It owes body bytes, or the server ends it: the proof is asked for on another.
    fn is_spent(&self) -> bool {
        matches!(self.stage, Stage::Unproved { .. }) && self.put.ready().is_err()
    }

    fn renew(&mut self) {
        self.put = Client::new();
    }

    fn is_sending(&self) -> bool {
        self.stage == Stage::Sending
    }

    fn is_settled(&self) -> bool {
        self.put.outstanding() == 0 && self.put.ready().is_ok()
    }

    fn is_asking(&self) -> bool {
        false
    }

    fn eof(&self) -> Eof {
        self.put.eof()
    }
}

impl Put {
    fn begin<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        out: &mut Outbox,
    ) -> Result<Range<u64>, Failure> {
        let transfer = &lane.transfer;
        self.is_repeat = transfer.written() == transfer.total;
        let is_form = lane.is_form();
        let signed = lane.hub.sign(transfer, if is_form { "POST" } else { "PUT" });
        let peer = lane.authorized(&signed);
        let content_type = &transfer.content_type;
        if is_form {
            let target = signed.target(&format!("{}/upload", lane.hub.settings.upstream.base));
            let form = Form {
                target: &target,
                signature: None,
                filename: &transfer.name,
                content_type,
                length: transfer.total,
                boundary: Boundary(random()),
                expect_continue: false,
            };
            out.refill(|out| self.put.post(out, &peer, &form))?;
            self.end = Some(form.end());
        } else {
            let target = signed.target(&lane.path(&transfer.name));
            let length = transfer.total;
            let put = put::Put { target: &target, length, content_type, expect_continue: false };
            out.refill(|out| self.put.put(out, &peer, &put))?;
        }
        self.stage = Stage::Sending;
        Ok(0..transfer.total)
    }

    fn end_form(&mut self, out: &mut Outbox) -> Result<Option<Range<u64>>, Failure> {
        let Some(end) = self.end.take() else { return Ok(None) };
        out.refill(|out| {
            out[..end.len()].copy_from_slice(&end);
            Ok(end.len())
        })?;
        self.put.wrote_body(end.len() as u64);
        Ok(Some(0..0))
    }

    /// A status proves nothing: a portal says 200 to everything, and 409 is said of a broken
    /// file too. The server is asked for the length of what it holds.
    fn prove<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        out: &mut Outbox,
        status: u16,
    ) -> Result<(), Failure> {
        let name = &lane.transfer.name;
        // What was posted is stored under its last part.
        let name = if lane.is_form() { name.rsplit('/').next().unwrap_or(name) } else { name };
        let signed = lane.hub.sign(&lane.transfer, "HEAD");
        let (target, peer) = (signed.target(&lane.path(name)), lane.authorized(&signed));
        self.stage = Stage::Proving { status };
        out.refill(|out| self.put.head(out, &peer, &target))
    }

    /// hmac-file-server tells what it wrote: no portal does.
    fn on_receipt<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        size: u64,
    ) -> Result<(), Failure> {
        match self.stage {
            Stage::Unproved { .. } | Stage::Proving { .. } if size == lane.transfer.total => {
                self.conclude(lane);
                Ok(())
            }
            Stage::Unproved { .. } | Stage::Proving { .. } => Err(Failure::Cut),
            Stage::Idle | Stage::Due | Stage::Sending | Stage::Proved => Ok(()),
        }
    }

    /// What the server holds: the same by its digest, or else by its length.
    fn on_found<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        found: &Found,
    ) -> Result<(), Failure> {
        let Stage::Proving { status } = self.stage else { return Ok(()) };
        let transfer = &lane.transfer;
        let is_same = match found.sha256.zip(transfer.digest()) {
            Some((theirs, ours)) => theirs == ours,
            // A portal's empty page is as long as an empty file.
            None if transfer.total == 0 && !matches!(status, 201 | 204) => false,
            // Somebody else's file may have that length: after a whole try of ours, it is ours.
            None => found.length == Some(transfer.total) && (status != 409 || self.is_repeat),
        };
        match (is_same, status) {
            (true, _) => {
                self.conclude(lane);
                Ok(())
            }
            (false, 409) => Err(Failure::Refused(409)),
            (false, _) => Err(lane.impostor()),
        }
    }

    fn conclude<T: Transport + 'static>(&mut self, lane: &Lane<T>) {
        self.stage = Stage::Proved;
        lane.report(Outcome::Proved);
    }

    fn on_refusal<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        status: u16,
        retry_after_s: Option<u32>,
    ) -> Result<(), Failure> {
        // It does not answer HEAD. "Created" is then as much proof as it gives; a bare 200 is none.
        if self.stage == (Stage::Proving { status: 201 }) && matches!(status, 401 | 403 | 405 | 501)
        {
            self.conclude(lane);
            return Ok(());
        }
        let later = Duration::from_secs(u64::from(retry_after_s.unwrap_or(0)));
        Err(match (status, self.stage) {
            (408 | 423 | 429 | 500 | 502 | 503 | 504, _) => Failure::Busy(later),
            (_, Stage::Proving { status: 409 }) => Failure::Refused(409),
            (_, Stage::Proving { .. }) => Failure::Refused(502),
            (300..400, _) => lane.impostor(),
            (_, _) => Failure::Refused(status),
        })
    }
}

impl<T: Transport + 'static> Lane<T> {
    /// Whether the file is posted as a form: a client's own token is for a PUT.
    fn is_form(&self) -> bool {
        self.transfer.credential == Credential::None
            && self.hub.rules.borrow().token == TokenMode::Bearer
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{}", self.hub.settings.upstream.base, Encoded(name))
    }

    pub(super) fn authorized<'a>(&'a self, signed: &'a Signed) -> Peer<'a> {
        let authority = &self.hub.settings.upstream.authority;
        Peer { authority, authorization: signed.header.as_deref() }
    }

    /// Something answered that can't be the upstream.
    pub(super) fn impostor(&self) -> Failure {
        self.hub.observe(self.link, Observation::Impostor);
        Failure::Cut
    }
}

/// Bytes that no file holds by chance.
fn random() -> [u8; 16] {
    let word = || RandomState::new().build_hasher().finish().to_ne_bytes();
    let mut bytes = [0; 16];
    bytes.chunks_exact_mut(8).for_each(|half| half.copy_from_slice(&word()));
    bytes
}
