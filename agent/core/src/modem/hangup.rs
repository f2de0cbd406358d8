//! A modem that falls back to words in the middle of PPP.

/// Watches what arrives while PPP has the line. A modem that loses its call says so in a line of its own;
/// so does one that starts anew.
///
/// The words could stand in a packet as well. They are believed only right behind a frame's closing flag:
/// a frame that begins with CR would be of protocol 0x0d, which nobody speaks (RFC 1661 section 2: the
/// first octet of a short protocol field is odd; 0x0d is not assigned).
#[derive(Clone, Copy, Debug, Default)]
pub struct Hangup {
    matched: [Matched; WORDS.len()],
}

/// How much of one of the words stands behind a flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Matched {
    /// Within a frame.
    #[default]
    Nothing,
    /// So many bytes of it.
    Bytes(u8),
}

const WORDS: [&[u8]; 2] = [b"\r\nNO CARRIER\r\n", b"\r\nRDY\r\n"];

/// RFC 1662 section 3.1.
const FLAG: u8 = 0x7e;

impl Hangup {
    /// Looks out from the beginning of PPP on: what precedes the first flag is no frame.
    pub const fn new() -> Self {
        Self { matched: [Matched::Bytes(0); WORDS.len()] }
    }

    /// Whether the modem has hung up within `input`.
    pub fn handle_input(&mut self, input: &[u8]) -> bool {
        input.iter().any(|&byte| self.push(byte))
    }

    fn push(&mut self, byte: u8) -> bool {
        for (word, matched) in WORDS.into_iter().zip(&mut self.matched) {
            *matched = match *matched {
                _ if byte == FLAG => Matched::Bytes(0),
                Matched::Bytes(count) if word[usize::from(count)] == byte => {
                    if usize::from(count) + 1 == word.len() {
                        *self = Self::new();
                        return true;
                    }
                    Matched::Bytes(count + 1)
                }
                Matched::Bytes(_) | Matched::Nothing => Matched::Nothing,
            };
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hears(pieces: &[&[u8]]) -> bool {
        let mut watch = Hangup::new();
        pieces.iter().any(|piece| watch.handle_input(piece))
    }

    #[test]
    fn words_behind_a_frame_are_the_modems() {
        assert!(hears(&[b"\x7e\xff\x03abc\x7e\r\nNO CARRIER\r\n"]));
        assert!(hears(&[b"\x7e\xff\x03abc\x7e", b"\r", b"\nNO CARR", b"IER\r\n"]));
        assert!(hears(&[b"\r\nNO CARRIER\r\n"]));
        assert!(hears(&[b"\x7e\xff\x03abc\x7e\r\nRDY\r\n"]));
    }

    #[test]
    fn words_within_a_frame_are_a_packets() {
        assert!(!hears(&[b"\x7e\xff\x03HTTP\r\nNO CARRIER\r\n\x7e"]));
        assert!(!hears(&[b"\x7e!E\r\nNO CARRIER\r\n\x7e\x7e\r\nNO CARRIE\x7e"]));
    }
}
