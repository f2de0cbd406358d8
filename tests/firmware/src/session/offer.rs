//! An address for slirp's own end.
//!
//! slirp does not know one, and asks its peer by asking for 0.0.0.0 (RFC 1332 section 3.3). A peer should offer
//! one then; ppproto 0.2.1 agrees to 0.0.0.0, and slirp hangs up. Networks never ask. So what stands for the
//! network here offers slirp an address itself, and passes everything else on.

/// IPCP's Configure-Request, with the address and control fields before it.
const REQUEST: [u8; 5] = [0xff, 0x03, 0x80, 0x21, 1];

/// The option that holds an address, and one that asks for it.
const ASKING: [u8; 6] = [3, 6, 0, 0, 0, 0];

/// slirp's alias for itself.
const OFFERED: [u8; 6] = [3, 6, 10, 0, 2, 2];

const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;

/// Looks at each frame of slirp's.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// Of the frame that is under way, as it came, without its flags.
    held: Vec<u8>,
}

impl Offer {
    /// What goes on to the unit, and what is answered to slirp.
    pub(super) fn handle_input(&mut self, input: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut passed, mut answer) = (Vec::new(), Vec::new());
        for &byte in input {
            if byte != FLAG {
                self.held.push(byte);
                continue;
            }
            let raw = core::mem::take(&mut self.held);
            match nak(&unescaped(&raw)) {
                Some(nak) => answer.extend(framed(&nak)),
                None => passed.extend(raw.into_iter().chain([FLAG])),
            }
        }
        (passed, answer)
    }
}

/// The answer to a request for an address.
fn nak(frame: &[u8]) -> Option<Vec<u8>> {
    let request = frame.strip_prefix(&REQUEST)?;
    let (id, options) = (request.first()?, request.get(3..)?);
    options.windows(ASKING.len()).any(|option| option == ASKING).then(|| {
        let length = 4 + OFFERED.len() as u8;
        [&REQUEST[..4], &[3, *id, 0, length], &OFFERED].concat()
    })
}

fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut bytes = raw.iter();
    let mut frame = Vec::new();
    while let Some(&byte) = bytes.next() {
        frame.push(match byte {
            ESCAPE => bytes.next().map_or(0, |byte| byte ^ 0x20),
            byte => byte,
        });
    }
    frame
}

/// RFC 1662: the check sequence, escapes, flags.
fn framed(frame: &[u8]) -> Vec<u8> {
    let check =
        !frame.iter().fold(0xffff_u16, |fcs, byte| {
            (0..8).fold(fcs ^ u16::from(*byte), |fcs, _| {
                if fcs & 1 == 1 { fcs >> 1 ^ 0x8408 } else { fcs >> 1 }
            })
        });
    let mut raw = vec![FLAG];
    for byte in frame.iter().copied().chain(check.to_le_bytes()) {
        match byte {
            0..0x20 | FLAG | ESCAPE => raw.extend([ESCAPE, byte ^ 0x20]),
            byte => raw.push(byte),
        }
    }
    raw.push(FLAG);
    raw
}
