//! A lane in hmac-file-server's chunked sessions: chunks in order, each sent again whole where it
//! was not acknowledged, then proof that the upstream has the file.

use super::session::{Dialect, HEAD, nonsense};
use super::{Lane, Order, Outbox};
use crate::settings::TokenMode;
use crate::transfer::{Body, Credential};
use baton_core::token;
use baton_core::{Duration, Failure, Outcome};
use baton_hal::Transport;
use baton_wire::chunked::{
    Answer, Chunk, Client, File, Open, PATH, Refused, STATUS_PATH, Session, Verb,
};
use baton_wire::http::{Eof, Peer};
use baton_wire::put;
use core::ops::Range;

/// Chunks without an answer: one on its way behind another keeps a link busy.
const DEPTH: usize = 2;

/// Old servers give one name to all sessions of about 100 s.
const COLLISION: Duration = Duration::from_secs(110);

/// One connection's chunks.
#[derive(Default)]
pub(super) struct Chunked {
    client: Client<HEAD>,
    /// Asks for the file itself, after what the sessions had to say.
    proof: Option<put::Client<HEAD>>,
    due: Option<Due>,
    opened: Option<Session>,
    mode: Mode,
}

/// A question that comes before any chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Open,
    Verify,
    State,
    Proof(Doubt),
}

/// Why the file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It was assembled, and nothing compared.
    Assembled,
    /// Its session is gone, or has all chunks and no file.
    Lost,
    /// Something has its name.
    Present,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// It was not asked to send.
    #[default]
    Quiet,
    /// From this chunk on.
    Sending { next: u32 },
    /// Not before it is told to go on.
    Held { next: u32, reported: bool },
    /// The file itself is asked for.
    Proving(Doubt),
}

impl<T: Transport + 'static> Dialect<T> for Chunked {
    fn obey(&mut self, lane: &Lane<T>, order: Order) -> Result<(), Failure> {
        match (order, self.mode) {
            (Order::Create, _) => self.due = Some(Due::Open),
            (Order::Ask, _) => self.due = Some(Due::State),
            (Order::Append { from }, _) => {
                self.mode = Mode::Sending { next: lane.chunk_at(from).ok_or(Failure::Gone)? };
            }
            (Order::Hold, Mode::Sending { next }) => {
                self.mode = Mode::Held { next, reported: false };
            }
            (Order::Unhold, Mode::Held { next, .. }) => {
                // Another link may have got further meanwhile.
                let acked = lane.chunk_at(lane.acked()).ok_or(Failure::Gone)?;
                self.mode = Mode::Sending { next: next.max(acked) };
            }
            (Order::Hold | Order::Unhold, _) => {}
        }
        Ok(())
    }

    fn next(&mut self, lane: &Lane<T>, out: &mut Outbox) -> Result<Option<Range<u64>>, Failure> {
        match self.due.take() {
            Some(due) => self.ask(lane, out, due).map(|()| Some(0..0)),
            None => {
                if let Mode::Held { next, reported: false } = self.mode
                    && self.client.outstanding().len() == 0
                {
                    self.mode = Mode::Held { next, reported: true };
                    lane.report(Outcome::Drained);
                }
                self.send(lane, out)
            }
        }
    }

    fn wrote(&mut self, bytes: u64) {
        self.client.wrote_body(bytes);
    }

    fn hear(&mut self, lane: &Lane<T>, mut input: &[u8]) -> Result<(), Failure> {
        let transfer = &lane.transfer;
        loop {
            let used = if let Some(proof) = &mut self.proof {
                let (used, answer) = proof.handle_input(input).map_err(nonsense)?;
                if let (Some(answer), Mode::Proving(doubt)) = (answer, self.mode) {
                    lane.on_proof(&answer, doubt)?;
                }
                used
            } else {
                let file = File { name: &transfer.name, size: transfer.total };
                let (used, answer) = self.client.handle_input(input, &file).map_err(nonsense)?;
                if let Some(answer) = answer {
                    self.on_answer(lane, answer)?;
                }
                used
            };
            input = &input[used..];
            if input.is_empty() {
                return Ok(());
            }
            if used == 0 {
                return Err(Failure::Cut);
            }
        }
    }

    /// What is half written, or unanswered, stands before the proof.
    fn is_spent(&self) -> bool {
        matches!(self.due, Some(Due::Proof(_))) && !self.is_answered()
    }

    fn renew(&mut self) {
        self.client = Client::new();
        self.proof = None;
    }

    fn is_sending(&self) -> bool {
        matches!(self.mode, Mode::Sending { .. })
    }

    fn is_settled(&self) -> bool {
        self.is_answered()
    }

    fn is_asking(&self) -> bool {
        self.proof.is_none() && self.client.outstanding().all(|verb| verb == Verb::Status)
    }

    fn eof(&self) -> Eof {
        self.proof.as_ref().map_or(self.client.eof(), put::Client::eof)
    }
}

impl Chunked {
    fn is_answered(&self) -> bool {
        match &self.proof {
            Some(proof) => proof.outstanding() == 0 && proof.ready().is_ok(),
            None => self.client.outstanding().len() == 0 && self.client.ready().is_ok(),
        }
    }

    fn ask<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        out: &mut Outbox,
        due: Due,
    ) -> Result<(), Failure> {
        let transfer = &lane.transfer;
        let base = &lane.hub.settings.upstream.base;
        let state = format!("{base}{STATUS_PATH}");
        let pass = lane.pass();
        match due {
            Due::Open => {
                let file = File { name: &transfer.name, size: transfer.total };
                let open =
                    Open { target: &pass.target, signature: pass.signature.as_deref(), file };
                out.refill(|out| self.client.open(out, &pass.peer(lane), &open))
            }
            Due::Verify => {
                let opened = self.opened.as_ref().ok_or(Failure::Cut)?;
                out.refill(|out| self.client.verify(out, &pass.peer(lane), &state, &opened.id))
            }
            Due::State => {
                let session = transfer.session.borrow();
                let session = session.as_ref().ok_or(Failure::Gone)?;
                out.refill(|out| self.client.status(out, &pass.peer(lane), &state, &session.id))
            }
            Due::Proof(doubt) => {
                self.mode = Mode::Proving(doubt);
                let signed = lane.hub.sign(transfer, "HEAD");
                let target = signed.target(&lane.path(&transfer.name));
                let proof = self.proof.insert(put::Client::new());
                out.refill(|out| proof.head(out, &lane.authorized(&signed), &target))
            }
        }
    }

    /// The next chunk, if the first of its bytes is here.
    fn send<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        out: &mut Outbox,
    ) -> Result<Option<Range<u64>>, Failure> {
        let Mode::Sending { next } = self.mode else { return Ok(None) };
        let transfer = &lane.transfer;
        let session = transfer.session.borrow();
        let session = session.as_ref().ok_or(Failure::Gone)?;
        let Some((start, length)) = session.plan.range(next) else { return Ok(None) };
        let is_here = length == 0 || start < transfer.received();
        if !is_here || self.client.outstanding().len() >= DEPTH || self.client.ready().is_err() {
            return Ok(None);
        }
        let pass = lane.pass();
        let chunk = Chunk {
            target: &pass.target,
            signature: pass.signature.as_deref(),
            session,
            number: next,
            is_repeat: start < transfer.written() || length == 0,
            acked: lane.acked(),
        };
        out.refill(|out| self.client.chunk(out, &pass.peer(lane), &chunk))?;
        self.mode = Mode::Sending { next: next + 1 };
        Ok(Some(start..start + length))
    }

    fn on_answer<T: Transport + 'static>(
        &mut self,
        lane: &Lane<T>,
        answer: Answer,
    ) -> Result<(), Failure> {
        match answer {
            Answer::Opened(session) => {
                if lane.is_taken(&session) {
                    return Err(Failure::Busy(COLLISION));
                }
                self.opened = Some(session);
                self.due = Some(Due::Verify);
            }
            Answer::Fresh => self.begin(lane)?,
            Answer::Present { .. } => self.doubt(Doubt::Present),
            Answer::Status { chunks, .. } => {
                // A count: it tells that chunks are missing, and not which.
                let acked = lane.acked();
                let held = lane.chunk_at(acked).ok_or(Failure::Gone)?;
                if chunks < u64::from(held) {
                    return Err(lane.forget());
                }
                lane.report(Outcome::Offset(acked));
            }
            Answer::Stored { number, .. } | Answer::Repeated { number } => {
                match lane.end_of(number).ok_or(Failure::Gone)? {
                    // None is missing, and still there is no file.
                    end if end == lane.transfer.total => self.doubt(Doubt::Lost),
                    end => lane.report(Outcome::Acked(end)),
                }
            }
            Answer::Assembled => self.doubt(Doubt::Assembled),
            Answer::Collided(Verb::Open | Verb::Verify) | Answer::Unknown(Verb::Verify) => {
                return Err(Failure::Busy(COLLISION));
            }
            Answer::Collided(Verb::Status | Verb::Chunk { .. }) => return Err(lane.forget()),
            Answer::Unknown(Verb::Open | Verb::Status | Verb::Chunk { .. }) => {
                self.doubt(Doubt::Lost);
            }
            Answer::Refused(refused) => return Err(refusal(&refused)),
            Answer::Impostor { .. } => return Err(lane.impostor()),
        }
        Ok(())
    }

    fn doubt(&mut self, doubt: Doubt) {
        self.mode = Mode::Quiet;
        self.due = Some(Due::Proof(doubt));
    }

    /// The session is this file's alone.
    fn begin<T: Transport + 'static>(&mut self, lane: &Lane<T>) -> Result<(), Failure> {
        let session = self.opened.take().ok_or(Failure::Cut)?;
        let transfer = &lane.transfer;
        if let Body::Chunks(file) = &transfer.body
            && file.room() < session.plan.chunk_size().min(transfer.total)
        {
            return Err(Failure::NotKept);
        }
        transfer.session.replace(Some(session));
        if transfer.total == 0 {
            // To the core nothing is due any more: the one empty chunk belongs to the creation.
            self.mode = Mode::Sending { next: 0 };
        } else {
            lane.report(Outcome::Created);
        }
        Ok(())
    }
}

fn refusal(refused: &Refused) -> Failure {
    let later = Duration::from_secs(u64::from(refused.retry_after_s.unwrap_or(0)));
    match refused.status {
        408 | 409 | 423 | 429 | 500 | 502 | 503 | 504 => Failure::Busy(later),
        status => Failure::Refused(status),
    }
}

/// What lets a request in.
struct Pass {
    target: String,
    signature: Option<String>,
    header: Option<String>,
}

impl Pass {
    fn peer<'a, T: Transport>(&'a self, lane: &'a Lane<T>) -> Peer<'a> {
        let authority = &lane.hub.settings.upstream.authority;
        Peer { authority, authorization: self.header.as_deref() }
    }
}

impl<T: Transport + 'static> Lane<T> {
    fn pass(&self) -> Pass {
        let path = format!("{}{PATH}", self.hub.settings.upstream.base);
        let rules = self.hub.rules.borrow();
        match (&rules.secret, &self.transfer.credential) {
            (Some(secret), Credential::None) if rules.token != TokenMode::Pass => {
                let signature = Some(token::signature(secret.bytes(), &path).as_str().to_owned());
                Pass { target: path, signature, header: None }
            }
            (_, Credential::None | Credential::Query(_) | Credential::Header(_)) => {
                let signed = self.hub.sign(&self.transfer, "PUT");
                Pass { target: signed.target(&path), signature: None, header: signed.header }
            }
        }
    }

    /// Bytes that the upstream has.
    fn acked(&self) -> u64 {
        self.hub.core.borrow().view(self.transfer.id).map_or(0, |view| view.acked)
    }

    /// The chunk that the byte at `offset` is in.
    fn chunk_at(&self, offset: u64) -> Option<u32> {
        let session = self.transfer.session.borrow();
        u32::try_from(offset / session.as_ref()?.plan.chunk_size()).ok()
    }

    fn end_of(&self, chunk: u32) -> Option<u64> {
        let session = self.transfer.session.borrow();
        session.as_ref()?.plan.range(chunk).map(|(start, length)| start + length)
    }

    /// Whether another upload of this agent is in a session of that name.
    fn is_taken(&self, session: &Session) -> bool {
        self.hub.transfers.borrow().values().any(|other| {
            other.id != self.transfer.id
                && other.session.borrow().as_ref().is_some_and(|own| own.id == session.id)
        })
    }

    /// What was sent in the session does not count any more.
    fn forget(&self) -> Failure {
        self.transfer.session.replace(None);
        self.transfer.forget_written();
        Failure::Gone
    }

    /// What the server holds: the same by its digest, or else by its length.
    fn on_proof(&self, answer: &put::Answer<'_>, doubt: Doubt) -> Result<(), Failure> {
        let transfer = &self.transfer;
        let is_same = match answer {
            put::Answer::Found(found) => match found.sha256.zip(transfer.digest()) {
                Some((theirs, ours)) => theirs == ours,
                // Somebody else's may have that length: it is ours after all of ours was sent.
                None => {
                    found.length == Some(transfer.total) && transfer.written() == transfer.total
                }
            },
            put::Answer::Refused { status, retry_after_s, .. } => match status {
                408 | 429 | 500 | 502 | 503 | 504 => {
                    let later = Duration::from_secs(u64::from(retry_after_s.unwrap_or(0)));
                    return Err(Failure::Busy(later));
                }
                // It does not answer HEAD: its word is as much proof as it gives.
                401 | 403 | 405 | 501 => doubt == Doubt::Assembled,
                300..=399 => return Err(self.impostor()),
                _ => false,
            },
            put::Answer::Continue
            | put::Answer::Stored { .. }
            | put::Answer::Receipt { .. }
            | put::Answer::Body(_)
            | put::Answer::End => return Ok(()),
        };
        match (is_same, doubt) {
            (true, _) => {
                self.report(Outcome::Proved);
                Ok(())
            }
            (false, Doubt::Present) => Err(Failure::Refused(409)),
            (false, Doubt::Assembled | Doubt::Lost) => Err(self.forget()),
        }
    }
}
