//! One TCP connection over one link, and nothing beside it.

use crate::link::LinkPlan;
use crate::net::{Net, Step};
use crate::packet::Side;
use baton_core::{Duration, Instant};

/// How much is handed to the kernel at once.
const PIECE: usize = 16 * 1024;

/// Nobody waits longer.
const PATIENCE: Duration = Duration::from_secs(7200);

/// How long `bytes` take over the link from `start` on, if they come through before `end`.
pub fn plain(
    plan: &LinkPlan,
    bytes: u64,
    start: Duration,
    end: Option<Duration>,
    seed: u64,
) -> Option<Duration> {
    let mut net: Net<()> = Net::new(vec![plan.clone()], seed);
    net.wake(Instant::ZERO + start, ());
    let end = Instant::ZERO + end.unwrap_or(start + PATIENCE);
    let (zeros, mut buffer) = ([0; PIECE], vec![0; 1 << 16]);
    let (mut conn, mut left, mut stored) = (None, bytes, 0);
    loop {
        match net.step(end) {
            Step::End => return None,
            Step::Moved => {}
            Step::App(()) => conn = net.connect(0),
            Step::Notice(id, Side::Server) => {
                while let count @ 1.. = net.read(id, Side::Server, &mut buffer) {
                    stored += count as u64;
                }
                if stored == bytes {
                    return Some(net.now.saturating_since(Instant::ZERO + start));
                }
            }
            Step::Notice(_, Side::Client) => {}
        }
        if let Some(id) = conn {
            while left > 0 && net.is_writable(id, Side::Client) {
                let piece = left.min(PIECE as u64);
                net.write(id, Side::Client, &[&zeros[..piece as usize]]);
                left -= piece;
            }
        }
    }
}
