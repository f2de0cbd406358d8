//! What the sampler reads of a lane: its stream, and which bytes of the upload have left by it.

use baton_hal::{StreamInfo, Transport};
use core::cell::{Cell, RefCell};
use heapless::Deque;
use std::rc::Rc;

/// Requests that can be in part unsent: the transport takes few bytes more than it sends.
const PIECES: usize = 8;

/// One request in the stream, as far as it was written.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    head: u64,
    body: u64,
}

pub(crate) struct Gauge<T: Transport> {
    pub(crate) stream: RefCell<Option<Rc<T::Stream>>>,
    pub(crate) last: Cell<StreamInfo>,
    /// Highest byte that has left, as last reported.
    pub(crate) sent: Cell<u64>,
    written: Written,
}

impl<T: Transport> Gauge<T> {
    pub(super) fn new() -> Self {
        Self {
            stream: RefCell::new(None),
            last: Cell::default(),
            sent: Cell::new(0),
            written: Written::default(),
        }
    }

    /// A request begins, whose body is the upload's bytes from `offset` on.
    pub(super) fn begin(&self, offset: u64) {
        self.written.begin(offset);
    }

    /// Bytes of it were handed to the transport.
    pub(super) fn wrote(&self, head: u64, body: u64) {
        self.written.add(head, body);
    }

    /// The upload's bytes below this have left, where the last `unsent` of the stream have not.
    pub(crate) fn left(&self, unsent: u64) -> u64 {
        self.written.left(unsent)
    }
}

/// Which bytes of the stream are the upload's: request heads lie between them.
#[derive(Debug, Default)]
struct Written {
    /// Highest byte of the upload that was written.
    end: Cell<u64>,
    pieces: RefCell<Deque<Piece, PIECES>>,
}

impl Written {
    fn begin(&self, offset: u64) {
        let mut pieces = self.pieces.borrow_mut();
        if pieces.is_full() {
            pieces.pop_front();
        }
        // There is room now.
        let _ = pieces.push_back(Piece::default());
        self.end.set(offset);
    }

    fn add(&self, head: u64, body: u64) {
        if let Some(piece) = self.pieces.borrow_mut().back_mut() {
            piece.head += head;
            piece.body += body;
            self.end.set(self.end.get() + body);
        }
    }

    fn left(&self, mut unsent: u64) -> u64 {
        let mut end = self.end.get();
        for piece in self.pieces.borrow().iter().rev() {
            if unsent <= piece.body {
                break;
            }
            end -= piece.body;
            unsent = unsent.saturating_sub(piece.head + piece.body);
        }
        end.saturating_sub(unsent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_in_the_unsent_tail_are_no_bytes_of_the_upload() {
        let written = Written::default();
        for offset in [1000, 1100] {
            written.begin(offset);
            written.add(20, 0);
            written.add(0, 100);
        }

        for (unsent, left) in
            [(0, 1200), (1, 1199), (100, 1100), (110, 1100), (120, 1100), (121, 1099), (240, 1000)]
        {
            assert_eq!(written.left(unsent), left, "{unsent}");
        }
    }

    #[test]
    fn a_connection_starts_where_its_first_request_does() {
        let written = Written::default();

        written.begin(5000);
        written.add(20, 0);

        assert_eq!(written.left(20), 5000);
        assert_eq!(written.left(0), 5000);
    }

    #[test]
    fn many_requests_are_remembered_as_far_as_they_matter() {
        let written = Written::default();
        for number in 0..20 {
            written.begin(number * 10);
            written.add(5, 10);
        }

        assert_eq!(written.left(15 * 7), 130);
    }
}
