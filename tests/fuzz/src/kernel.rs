//! What the kernel and name servers say.

use baton_hal_linux::fuzz;
use core::net::{IpAddr, Ipv4Addr};

/// A datagram of rtnetlink.
pub(crate) fn netlink(data: &[u8]) {
    fuzz::netlink(data);
}

/// `/proc/net/arp` of some kernel.
pub(crate) fn neighbour(data: &[u8]) {
    let Ok(table) = core::str::from_utf8(data) else { return };
    let mac = fuzz::neighbour(table, IpAddr::V4(Ipv4Addr::new(192, 168, 1, 20)));
    assert_ne!(mac, Some([0; 6]), "nobody has that");
}

/// `struct tcp_info` of some kernel.
pub(crate) fn tcp_info(data: &[u8]) {
    fuzz::tcp_info(data);
}

/// An answer: the first byte says what was asked for, the rest follows the echo of the question.
pub(crate) fn dns(data: &[u8]) {
    let Some((kind, message)) = data.split_first() else { return };
    if let Some((addresses, _)) = fuzz::dns(kind & 1 == 1, message) {
        assert!(addresses <= 16);
    }
}
