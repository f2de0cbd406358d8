//! What files hold: bytes that differ by file and by place, and are cheap to know again.

use baton_lab::Rng;

/// The bytes of one file.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    shift: u64,
}

/// A prime: no block, part or window is a multiple of it, so bytes in a wrong place are other bytes.
const PERIOD: usize = 65_521;

static BYTES: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let mut rng = Rng::new(0, 0);
    (0..2 * PERIOD)
        .scan(Vec::new(), |first: &mut Vec<u8>, at| {
            let byte = if at < PERIOD { rng.below(256) as u8 } else { first[at - PERIOD] };
            first.push(byte);
            Some(byte)
        })
        .collect()
});

impl Content {
    /// The file of that number.
    pub(crate) fn of(number: u64) -> Self {
        Self { shift: number.wrapping_mul(7919) % PERIOD as u64 }
    }

    /// Writes its bytes from `offset` on.
    pub(crate) fn fill(&self, mut offset: u64, mut out: &mut [u8]) {
        while !out.is_empty() {
            let piece = self.piece(offset, out.len());
            let (now, later) = out.split_at_mut(piece.len());
            now.copy_from_slice(piece);
            offset += piece.len() as u64;
            out = later;
        }
    }

    /// Whether these are its bytes from `offset` on.
    pub(crate) fn is(&self, mut offset: u64, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let piece = self.piece(offset, bytes.len());
            if piece != &bytes[..piece.len()] {
                return false;
            }
            offset += piece.len() as u64;
            bytes = &bytes[piece.len()..];
        }
        true
    }

    fn piece(&self, offset: u64, most: usize) -> &'static [u8] {
        let at = ((offset + self.shift) % PERIOD as u64) as usize;
        &BYTES[at..at + most.min(PERIOD)]
    }
}
