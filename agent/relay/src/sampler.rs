//! TCP_INFO of the lanes that have something in flight: the proofs that a link delivers.

use crate::hub::{Hub, LINKS};
use crate::lane::Gauge;
use baton_core::{Duration, Event, LinkId, Observation, Outcome};
use baton_hal::{Stream, StreamInfo, Transport};
use std::rc::Rc;

/// How often: well under the 60 ms that make a link suspect, and a fraction of a percent of a
/// slow core's time (one getsockopt a lane).
const INTERVAL: Duration = Duration::from_millis(5);

/// Samples for as long as the agent runs; sleeps while no lane is open.
pub(crate) async fn run<T: Transport + 'static>(hub: Rc<Hub<T>>) {
    loop {
        let started = hub.sending.notified();
        if hub.lanes.borrow().is_empty() {
            // Nothing is in flight any more: said once, then asleep.
            sample(&hub);
            started.await;
        }
        tokio::time::sleep(INTERVAL).await;
        sample(&hub);
    }
}

/// What one pass over the lanes saw of a link.
#[derive(Clone, Copy, Default)]
struct Seen {
    lanes: u32,
    in_flight: bool,
    proved: bool,
    sent: u32,
    lost: u32,
    acked: u64,
    /// Some lane had as much to send as the link would take.
    is_filled: bool,
    rtt: Option<(Duration, Duration)>,
}

/// Reads every lane's transport once, and tells the core.
pub(crate) fn sample<T: Transport + 'static>(hub: &Rc<Hub<T>>) {
    let mut seen = [Seen::default(); LINKS];
    let mut sent = Vec::new();
    for ((_, attempt), lane) in hub.lanes.borrow().iter() {
        let gauge = &lane.gauge;
        let seen = &mut seen[usize::from(lane.link.0)];
        let Some(info) = gauge.stream.borrow().as_ref().and_then(|stream| stream.info()) else {
            continue;
        };
        read(seen, gauge, info);
        let left = gauge.left(u64::from(info.notsent_bytes));
        if gauge.sent.replace(left) != left {
            sent.push((lane.transfer.clone(), *attempt, left));
        }
    }
    for (transfer, attempt, left) in sent {
        hub.feed(Event::Attempted { id: transfer.id, attempt, outcome: Outcome::Sent(left) });
        hub.release_sent(&transfer, left);
    }
    for (index, seen) in seen.into_iter().enumerate() {
        tell(hub, LinkId(index as u8), seen);
    }
}

fn read<T: Transport>(seen: &mut Seen, gauge: &Gauge<T>, info: StreamInfo) {
    let before = gauge.last.replace(info);
    seen.lanes += 1;
    seen.in_flight |= info.unacked_segments > 0;
    // An ACK that acknowledges nothing new (a window probe's) proves the link as well.
    seen.proved |= info.acked_bytes > before.acked_bytes || info.last_ack < before.last_ack;
    seen.acked += info.acked_bytes.saturating_sub(before.acked_bytes);
    seen.is_filled |= !info.is_app_limited && info.unacked_segments > 0;
    seen.sent += info.sent_segments.saturating_sub(before.sent_segments);
    seen.lost += info.retransmitted_segments.saturating_sub(before.retransmitted_segments);
    if info.srtt > Duration::ZERO {
        seen.rtt = Some((info.srtt, info.rttvar));
    }
}

fn tell<T: Transport + 'static>(hub: &Rc<Hub<T>>, link: LinkId, seen: Seen) {
    let was_in_flight = hub.in_flight[usize::from(link.0)].replace(seen.in_flight);
    if seen.proved {
        hub.observe(link, Observation::Proof);
    }
    if seen.in_flight != was_in_flight {
        hub.observe(link, Observation::InFlight(seen.in_flight));
    }
    if let Some((srtt, rttvar)) = seen.rtt
        && seen.proved
    {
        hub.observe(link, Observation::Rtt { srtt, rttvar });
    }
    if seen.acked > 0 {
        let bytes = u32::try_from(seen.acked).unwrap_or(u32::MAX);
        hub.observe(link, Observation::Delivered { bytes, limited: !seen.is_filled });
    }
    if seen.sent > 0 || seen.lost > 0 {
        hub.observe(link, Observation::Segments { sent: seen.sent, lost: seen.lost });
    }
}
