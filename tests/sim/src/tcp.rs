//! TCP, one end of a connection: segments and time in, segments out. No byte passes through here.

mod cubic;
mod rate;
mod receiver;
mod rtt;
mod sender;

pub(crate) use cubic::Cubic;
pub(crate) use rate::Rate;
pub(crate) use receiver::Receiver;
pub(crate) use rtt::Rtt;
pub(crate) use sender::{Piece, Sender};

use crate::packet::{Kind, MSS};
use baton_core::{Duration, Instant};
use baton_hal::StreamInfo;

/// One end.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) phase: Phase,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

/// Where its connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was heard of the other end yet.
    Opening {
        begun: Instant,
        tries: u32,
        again: Instant,
    },
    Open,
    /// Reset, by either end.
    Closed,
}

/// RFC 6298 (2.1), doubled each time.
const SYN_TIMEOUT: Duration = Duration::from_secs(1);

impl End {
    /// The asking end; its SYN leaves now.
    pub(crate) fn connecting(now: Instant) -> Self {
        Self::new(Phase::Opening { begun: now, tries: 1, again: now + SYN_TIMEOUT })
    }

    /// The end that was asked, and answers.
    pub(crate) fn accepting() -> Self {
        Self::new(Phase::Open)
    }

    fn new(phase: Phase) -> Self {
        Self { phase, sender: Sender::new(), receiver: Receiver::default() }
    }

    /// The handshake is over.
    pub(crate) fn on_opened(&mut self, now: Instant) {
        if let Phase::Opening { begun, tries, .. } = self.phase {
            self.phase = Phase::Open;
            if tries == 1 {
                self.sender.rtt.sample(now.saturating_since(begun));
            }
        }
    }

    /// When [`Self::handle_timeout`] or [`Self::poll_kind`] has work.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Opening { again, .. } => Some(again),
            Phase::Open => self.sender.timeout().into_iter().chain(self.receiver.timeout()).min(),
            Phase::Closed => None,
        }
    }

    /// Time passed: what has to leave whatever the window says.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Kind> {
        match &mut self.phase {
            Phase::Opening { tries, again, .. } if *again <= now => {
                *again = now + SYN_TIMEOUT * (1 << (*tries).min(6));
                *tries += 1;
                Some(Kind::Syn)
            }
            Phase::Opening { .. } | Phase::Closed => None,
            Phase::Open => {
                let piece = self.sender.handle_timeout(now)?;
                Some(self.pack(now, piece))
            }
        }
    }

    /// The next segment that may leave.
    pub(crate) fn poll_kind(&mut self, now: Instant) -> Option<Kind> {
        if self.phase != Phase::Open {
            return None;
        }
        if let Some(piece) = self.sender.poll_piece(now) {
            return Some(self.pack(now, piece));
        }
        self.receiver.is_due(now).then(|| {
            let start = self.sender.next;
            self.pack(now, Piece { start, len: 0 })
        })
    }

    fn pack(&mut self, now: Instant, piece: Piece) -> Kind {
        let (ack, echo, sacks) = self.receiver.tell();
        Kind::Data { start: piece.start, len: piece.len, sent: now, ack, echo, sacks }
    }

    /// As the kernel shows it.
    pub(crate) fn info(&self, now: Instant) -> StreamInfo {
        let sender = &self.sender;
        StreamInfo {
            acked_bytes: sender.acked,
            unacked_segments: sender.unacked(),
            segment_bytes: MSS as u32,
            notsent_bytes: sender.unsent() as u32,
            last_ack: sender.heard.map_or(Duration::ZERO, |heard| now.saturating_since(heard)),
            srtt: sender.rtt.smoothed().unwrap_or_default(),
            rttvar: sender.rtt.deviation(),
            retransmitted_segments: sender.resent_segments,
            sent_segments: sender.sent_segments,
            delivery_rate: sender.rate.bytes_a_second(),
            is_app_limited: sender.rate.is_limited(),
            carried_bytes: 0,
        }
    }
}
