//! Which bytes of the upload have left by a stream: request heads lie between them. As
//! `agent/relay/src/lane/gauge.rs`.

use crate::packet::ConnId;
use baton_hal::StreamInfo;
use std::collections::VecDeque;

/// Requests that can be in part unsent.
const PIECES: usize = 8;

/// What the sampler reads of a lane.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    pub(super) stream: Option<ConnId>,
    pub(super) last: StreamInfo,
    /// Highest byte that has left, as last reported.
    pub(super) sent: u64,
    end: u64,
    pieces: VecDeque<(u64, u64)>,
}

impl Gauge {
    /// A request begins, whose body is the upload's bytes from `offset` on.
    pub(super) fn begin(&mut self, offset: u64) {
        if self.pieces.len() == PIECES {
            self.pieces.pop_front();
        }
        self.pieces.push_back((0, 0));
        self.end = offset;
    }

    /// Bytes of it were handed to the transport.
    pub(super) fn wrote(&mut self, head: u64, body: u64) {
        if let Some(piece) = self.pieces.back_mut() {
            piece.0 += head;
            piece.1 += body;
            self.end += body;
        }
    }

    /// The upload's bytes below this have left, where the last `unsent` of the stream have not.
    pub(super) fn left(&self, mut unsent: u64) -> u64 {
        let mut end = self.end;
        for (head, body) in self.pieces.iter().rev() {
            if unsent <= *body {
                break;
            }
            end -= body;
            unsent = unsent.saturating_sub(head + body);
        }
        end.saturating_sub(unsent)
    }
}
