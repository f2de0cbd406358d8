//! The receiving half of the dialogue: bytes into replies.

use super::Reply;

/// Cuts what a modem sends into lines, and says what each of them means. Echoes and what is not for us
/// come out as [`Reply::Other`]; lines that can't be one are dropped and counted.
#[derive(Clone, Debug)]
pub struct Line {
    held: [u8; LINE_MAX],
    len: usize,
    fate: Fate,
    noise: Noise,
}

/// What becomes of the line that is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    Overlong,
    Garbled,
}

/// Lines that were dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// Longer than [`LINE_MAX`].
    pub overlong: u32,
    /// With bytes that no modem writes: another baud rate, a loose wire, or PPP's frames.
    pub garbled: u32,
}

/// The longest line that is read. The longest that matters, CESQ of 5G, has 45 bytes.
pub const LINE_MAX: usize = 96;

impl Line {
    /// At the beginning of a line.
    pub const fn new() -> Self {
        Self { held: [0; LINE_MAX], len: 0, fate: Fate::Kept, noise: Noise::COUNTED_NONE }
    }

    /// Feeds input; how much of it was used, and the next reply. Without a reply all was used.
    ///
    /// What follows a CONNECT is the network's: stop feeding there.
    pub fn handle_input(&mut self, input: &[u8]) -> (usize, Option<Reply>) {
        for (at, &byte) in input.iter().enumerate() {
            if let b'\r' | b'\n' = byte {
                if let Some(reply) = self.end() {
                    return (at + 1, Some(reply));
                }
            } else {
                self.push(byte);
            }
        }
        (input.len(), None)
    }

    /// Forgets a line that was begun: after a pause it is nobody's beginning.
    pub fn restart(&mut self) {
        self.len = 0;
        self.fate = Fate::Kept;
    }

    /// What was dropped so far.
    pub const fn noise(&self) -> Noise {
        self.noise
    }

    fn push(&mut self, byte: u8) {
        if !matches!(byte, b' '..=b'~') {
            self.fate = Fate::Garbled;
        } else if let Some(place) = self.held.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        } else if self.fate == Fate::Kept {
            self.fate = Fate::Overlong;
        }
    }

    fn end(&mut self) -> Option<Reply> {
        let (len, fate) = (self.len, self.fate);
        self.restart();
        match fate {
            Fate::Kept => {
                let line = core::str::from_utf8(&self.held[..len]).expect("only ASCII is held");
                let line = line.trim_ascii();
                (!line.is_empty()).then(|| Reply::parse(line))
            }
            Fate::Overlong => {
                self.noise.overlong = self.noise.overlong.saturating_add(1);
                None
            }
            Fate::Garbled => {
                self.noise.garbled = self.noise.garbled.saturating_add(1);
                None
            }
        }
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Noise {
    const COUNTED_NONE: Self = Self { overlong: 0, garbled: 0 };
}

#[cfg(test)]
mod tests;
