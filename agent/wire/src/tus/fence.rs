//! Who may write to an upload.

/// An append is a compare-and-swap: it takes an upload over exactly if its offset is the stored
/// one. Of two clients that both went on at the same offset, one wins and the other learns where
/// the upload now is. `Id` names a request, and is not used again while the upload lives.
///
/// ```text
///           append at the stored offset             write
///   Free ─────────────────────────────▶ Held ─────────────────▶ Writing
///    ▲                                  ▲  │ ▲                   │   │
///    │                       by another └──┘ └──── wrote ────────┘   │
///    └──────── release ────────────────────┘                        │
///    └──────── release, then wrote ─────────────────────────────────┘
/// ```
///
/// Bytes go to the disk only between [`Self::write`] and [`Self::wrote`], so nobody takes over
/// while the stored offset is in motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence<Id> {
    stored: u64,
    state: State<Id>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State<Id> {
    Free,
    Held {
        by: Id,
    },
    /// `by` is `None` once the writer let go in the middle of it.
    Writing {
        by: Option<Id>,
    },
}

/// What becomes of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<Id> {
    /// It holds the upload now.
    Granted {
        /// Who held it until now: its next [`Fence::write`] is refused.
        fenced: Option<Id>,
    },
    /// Its offset is not the stored one. Nothing changed.
    Conflict {
        /// The stored offset.
        stored: u64,
    },
    /// The stored offset is about to move: ask again once the write under way is done.
    Wait,
}

/// Another append took over: what is left of this request is to be drained and answered 409.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fenced {
    /// The stored offset; bytes that were written before stay.
    pub stored: u64,
}

impl<Id: Copy + Eq> Fence<Id> {
    /// An upload of which `stored` bytes are there.
    pub const fn new(stored: u64) -> Self {
        Self { stored, state: State::Free }
    }

    /// Bytes that are there.
    pub const fn stored(&self) -> u64 {
        self.stored
    }

    /// Who may write.
    pub const fn holder(&self) -> Option<Id> {
        match self.state {
            State::Free => None,
            State::Held { by } => Some(by),
            State::Writing { by } => by,
        }
    }

    /// Whether a write is under way.
    pub const fn is_writing(&self) -> bool {
        matches!(self.state, State::Writing { .. })
    }

    /// A request wants to append at `offset`.
    pub fn append(&mut self, id: Id, offset: u64) -> Verdict<Id> {
        let conflict = Verdict::Conflict { stored: self.stored };
        match self.state {
            // The stored offset never goes back.
            State::Writing { .. } if offset < self.stored => conflict,
            State::Writing { .. } => Verdict::Wait,
            State::Free | State::Held { .. } if offset != self.stored => conflict,
            State::Free | State::Held { .. } => {
                let fenced = self.holder().filter(|&by| by != id);
                self.state = State::Held { by: id };
                Verdict::Granted { fenced }
            }
        }
    }

    /// The holder starts to write at the stored offset, which is returned.
    pub fn write(&mut self, id: Id) -> Result<u64, Fenced> {
        match self.state {
            State::Held { by } if by == id => {
                self.state = State::Writing { by: Some(id) };
                Ok(self.stored)
            }
            State::Free | State::Held { .. } | State::Writing { .. } => {
                Err(Fenced { stored: self.stored })
            }
        }
    }

    /// The write is done: `bytes` more are there, 0 if it failed.
    pub fn wrote(&mut self, bytes: u64) {
        let State::Writing { by } = self.state else {
            debug_assert!(false, "no write is under way");
            return;
        };
        self.stored += bytes;
        self.state = by.map_or(State::Free, |by| State::Held { by });
    }

    /// A request ended, in whichever way. One that holds nothing changes nothing.
    pub fn release(&mut self, id: Id) {
        match &mut self.state {
            State::Held { by } if *by == id => self.state = State::Free,
            State::Writing { by } if *by == Some(id) => *by = None,
            State::Free | State::Held { .. } | State::Writing { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
