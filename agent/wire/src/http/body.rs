//! Bodies, delimited by a length, by chunks, or by the end of the connection.

use super::Error;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// Whatever comes before the peer closes; only in responses.
    UntilClose,
}

/// What [`Body::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The input is used up, and the body goes on.
    NeedMore,
    /// Bytes of the body; never empty.
    Data(&'a [u8]),
    /// The body is over. Said again at every further call.
    End,
}

/// Where in a body the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body(State);

/// ```text
///  Size ──▶ Extension ──▶ SizeLf ──▶ Data ──▶ DataCr ──▶ DataLf ──▶ Size
///                           │
///                 last chunk└──▶ TrailerStart ──▶ LastLf ──▶ Done
///                                   ▲    │
///                         TrailerLf ┘    └▶ Trailer ──▶ TrailerLf
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    UntilClose,
    Size { size: u64, digits: u8 },
    Extension { size: u64, room: u16 },
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    TrailerStart { room: u16 },
    Trailer { room: u16 },
    TrailerLf { room: u16 },
    LastLf,
    Done,
}

/// Hexadecimal digits of the largest chunk size; leading zeros count.
const SIZE_DIGITS: u8 = 16;

/// Bytes of extensions taken after one chunk size. RFC 9112 section 7.1.1 asks for a limit.
const EXTENSION_ROOM: u16 = 256;

/// Bytes of all trailer fields together; they are dropped.
const TRAILER_ROOM: u16 = 1024;

impl Body {
    /// The start of a body.
    pub const fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// Takes the next piece off `input`, and says how much of it that used.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Piece<'a>), Error> {
        let mut used = 0;
        while self.run() == 0 && !self.is_done() {
            let Some(&byte) = input.get(used) else { return Ok((used, Piece::NeedMore)) };
            self.0 = self.0.after(byte)?;
            used += 1;
        }
        let data = &input[used..];
        if self.is_done() {
            return Ok((used, Piece::End));
        } else if data.is_empty() {
            return Ok((used, Piece::NeedMore));
        }
        let length = data.len().min(usize::try_from(self.run()).unwrap_or(usize::MAX));
        self.took(length as u64);
        Ok((used + length, Piece::Data(&data[..length])))
    }

    /// How many bytes from here on are nothing but body: they need not pass through
    /// [`Self::decode`] where [`Self::took`] is told of them.
    pub const fn run(&self) -> u64 {
        match self.0 {
            State::Length(left) | State::Data(left) => left,
            State::UntilClose => u64::MAX,
            State::Size { .. }
            | State::Extension { .. }
            | State::SizeLf(_)
            | State::DataCr
            | State::DataLf
            | State::TrailerStart { .. }
            | State::Trailer { .. }
            | State::TrailerLf { .. }
            | State::LastLf
            | State::Done => 0,
        }
    }

    /// Counts bytes of [`Self::run`] that went another way.
    pub fn took(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.run(), "more than the run");
        let left = self.run().saturating_sub(bytes);
        self.0 = match self.0 {
            State::Length(_) if left == 0 => State::Done,
            State::Length(_) => State::Length(left),
            State::Data(_) if left == 0 => State::DataCr,
            State::Data(_) => State::Data(left),
            State::UntilClose
            | State::Size { .. }
            | State::Extension { .. }
            | State::SizeLf(_)
            | State::DataCr
            | State::DataLf
            | State::TrailerStart { .. }
            | State::Trailer { .. }
            | State::TrailerLf { .. }
            | State::LastLf
            | State::Done => self.0,
        };
    }

    /// Whether all of it came.
    pub fn is_done(&self) -> bool {
        self.0 == State::Done
    }

    /// Whether the end of the connection is its end.
    pub fn is_until_close(&self) -> bool {
        self.0 == State::UntilClose
    }
}

impl State {
    /// The state behind one byte of chunk framing.
    fn after(self, byte: u8) -> Result<Self, Error> {
        let is_text = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        Ok(match (self, byte) {
            (Self::Size { size, digits: 1.. }, b'\r') => Self::SizeLf(size),
            (Self::Size { size, digits: 1.. }, b';' | b' ' | b'\t') => {
                Self::Extension { size, room: EXTENSION_ROOM }
            }
            (Self::Size { size, digits: digits @ ..SIZE_DIGITS }, _) => {
                let digit = char::from(byte).to_digit(16).ok_or(Error::Chunk)?;
                Self::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Extension { size, .. }, b'\r') => Self::SizeLf(size),
            (Self::Extension { size, room: room @ 1.. }, _) if is_text => {
                Self::Extension { size, room: room - 1 }
            }
            (Self::SizeLf(0), b'\n') => Self::TrailerStart { room: TRAILER_ROOM },
            (Self::SizeLf(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::TrailerStart { .. }, b'\r') => Self::LastLf,
            (Self::Trailer { room }, b'\r') => Self::TrailerLf { room },
            (Self::TrailerStart { room: room @ 1.. } | Self::Trailer { room: room @ 1.. }, _)
                if is_text =>
            {
                Self::Trailer { room: room - 1 }
            }
            (Self::TrailerStart { room: 0 } | Self::Trailer { room: 0 }, _) => {
                return Err(Error::HeadTooLong);
            }
            (Self::TrailerLf { room }, b'\n') => Self::TrailerStart { room },
            (Self::LastLf, b'\n') => Self::Done,
            _ => return Err(Error::Chunk),
        })
    }
}

#[cfg(test)]
mod tests;
