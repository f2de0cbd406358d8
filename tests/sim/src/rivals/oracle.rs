//! Who knows the future, and pays for nothing: every byte goes by the link that carries more just then.

use crate::packet::{HEADERS, MSS};
use crate::traces::{Capacity, SLOT};
use core::time::Duration;

/// How long `bytes` take from `start` on over whichever link is the better one in each 100 ms. Headers
/// count; handshakes, round trips and congestion control do not.
pub fn oracle(links: &[&Capacity], bytes: u64, start: Duration) -> Duration {
    let frames = bytes.div_ceil(MSS) * (MSS + HEADERS as u64);
    let mut left = frames as f64;
    let mut slot = (start.as_millis() / SLOT.as_millis()) as usize;
    let first = slot;
    loop {
        let best = links.iter().map(|link| link.slots[slot % link.slots.len()]).max().unwrap_or(0);
        if left <= f64::from(best) {
            let part = left / f64::from(best.max(1));
            return SLOT.mul_f64((slot - first) as f64 + part);
        }
        left -= f64::from(best);
        slot += 1;
    }
}
