//! What is known of clients.

use crate::hub::{Hub, LINKS};
use baton_core::{ClientId, ClientProfile, LinkId, LinkKey, PathRecord};
use baton_hal::Transport;
use core::net::Ipv6Addr;
use serde::Serialize;

/// One client.
#[derive(Serialize)]
pub(super) struct Client {
    /// Its MAC, else its address.
    id: String,
    idle_s: u64,
    /// The link that serves it best.
    preferred: Option<String>,
    links: Vec<Path>,
}

/// What it had over one link: the mean of its uploads.
#[derive(Serialize)]
struct Path {
    link: String,
    bytes_per_s: u32,
    reliability_pct: f64,
    window_bytes: u32,
}

/// Every client, the one seen last first.
pub(super) fn of<T: Transport>(hub: &Hub<T>) -> Vec<Client> {
    let core = hub.core.borrow();
    let now = hub.clock.now();
    let mut profiles: Vec<&ClientProfile> = core.profiles().iter().collect();
    profiles.sort_by_key(|profile| profile.idle(now));
    let name = |key: LinkKey| {
        let is_it = |index: &u8| core.links().view(LinkId(*index)).spec.key == key;
        let named = |index: u8| is_it(&index).then(|| hub.link_name(LinkId(index)))?;
        // A link that is gone has left its key.
        (0..LINKS as u8).find_map(named).unwrap_or_else(|| format!("{:08x}", key.0))
    };
    let path = |path: &PathRecord| Path {
        link: name(path.link),
        bytes_per_s: path.throughput,
        reliability_pct: f64::from(path.reliability_ppm) / 10_000.0,
        window_bytes: path.window_bytes,
    };
    profiles
        .into_iter()
        .map(|profile| Client {
            id: written(profile.id),
            idle_s: profile.idle(now).as_secs(),
            preferred: profile.preferred().map(name),
            links: profile.paths.iter().flatten().map(path).collect(),
        })
        .collect()
}

fn written(id: ClientId) -> String {
    match id {
        ClientId::Mac(octets) => octets.map(|octet| format!("{octet:02x}")).join(":"),
        ClientId::Address(octets) => Ipv6Addr::from(octets).to_canonical().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_written_as_people_do() {
        let [mapped, v6] = ["::ffff:192.168.1.20", "fd00::1"]
            .map(|text| ClientId::Address(text.parse::<Ipv6Addr>().unwrap().octets()));

        assert_eq!(written(ClientId::Mac([2, 0, 0, 0xaa, 0, 1])), "02:00:00:aa:00:01");
        assert_eq!(written(mapped), "192.168.1.20");
        assert_eq!(written(v6), "fd00::1");
    }
}
