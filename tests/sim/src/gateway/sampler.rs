//! TCP_INFO of the lanes, as `agent/relay/src/sampler.rs` reads it.

use super::{App, Gateway};
use crate::packet::Side;
use baton_core::{Duration, Event, Observation, Outcome};

type Net = crate::net::Net<App>;

/// How often.
const INTERVAL: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Default)]
struct Seen {
    in_flight: bool,
    proved: bool,
    sent: u32,
    lost: u32,
    acked: u64,
    is_filled: bool,
    rtt: Option<(Duration, Duration)>,
}

impl Gateway {
    pub(super) fn start_sampling(&mut self, net: &mut Net) {
        if !core::mem::replace(&mut self.is_sampling, true) {
            net.wake(net.now + INTERVAL, App::Sample);
        }
    }

    pub(super) fn on_sample_due(&mut self, net: &mut Net) {
        self.sample(net);
        if self.handles.is_empty() {
            self.is_sampling = false;
        } else {
            net.wake(net.now + INTERVAL, App::Sample);
        }
    }

    /// Reads every lane's transport once, and tells the core.
    pub(super) fn sample(&mut self, net: &mut Net) {
        let mut seen = vec![Seen::default(); self.in_flight.len()];
        let mut sent = Vec::new();
        for (key, handle) in &self.handles {
            let Some(lane) = self.lanes.get_mut(&handle.lane) else { continue };
            let Some(info) = lane.gauge.stream.and_then(|conn| net.info(conn, Side::Client)) else {
                continue;
            };
            let before = core::mem::replace(&mut lane.gauge.last, info);
            let seen = &mut seen[lane.link];
            seen.in_flight |= info.unacked_segments > 0;
            seen.proved |= info.acked_bytes > before.acked_bytes || info.last_ack < before.last_ack;
            seen.acked += info.acked_bytes.saturating_sub(before.acked_bytes);
            seen.is_filled |= !info.is_app_limited && info.unacked_segments > 0;
            seen.sent += info.sent_segments.saturating_sub(before.sent_segments);
            seen.lost += info.retransmitted_segments.saturating_sub(before.retransmitted_segments);
            if !info.srtt.is_zero() {
                seen.rtt = Some((info.srtt, info.rttvar));
            }
            let left = lane.gauge.left(u64::from(info.notsent_bytes));
            if core::mem::replace(&mut lane.gauge.sent, left) != left {
                sent.push((*key, left));
            }
        }
        for ((id, attempt), left) in sent {
            self.feed(net, Event::Attempted { id, attempt, outcome: Outcome::Sent(left) });
        }
        for (link, seen) in seen.into_iter().enumerate() {
            self.tell(net, link, seen);
        }
    }

    fn tell(&mut self, net: &mut Net, link: usize, seen: Seen) {
        let was_in_flight = core::mem::replace(&mut self.in_flight[link], seen.in_flight);
        if seen.proved {
            self.observe(net, link, Observation::Proof);
        }
        if seen.in_flight != was_in_flight {
            self.observe(net, link, Observation::InFlight(seen.in_flight));
        }
        if let Some((srtt, rttvar)) = seen.rtt
            && seen.proved
        {
            self.observe(net, link, Observation::Rtt { srtt, rttvar });
        }
        if seen.acked > 0 {
            let bytes = seen.acked as u32;
            self.observe(net, link, Observation::Delivered { bytes, limited: !seen.is_filled });
        }
        if seen.sent > 0 || seen.lost > 0 {
            self.observe(net, link, Observation::Segments { sent: seen.sent, lost: seen.lost });
        }
    }
}
