//! Doors to private parsers, for `tests/fuzz`.

use crate::{
    dns::{self, Record},
    neighbour,
    netlink::{Message, frames},
    tcp_info,
};
use core::net::IpAddr;

/// How many messages of a datagram are of use.
pub fn netlink(datagram: &[u8]) -> usize {
    frames(datagram).filter_map(Message::parse).count()
}

/// The MAC of a neighbour, by a table of them.
pub fn neighbour(table: &str, address: IpAddr) -> Option<[u8; 6]> {
    neighbour::find(table, address)
}

/// Whether `struct tcp_info` tells anything.
pub fn tcp_info(info: &[u8]) -> bool {
    tcp_info::parse(info).is_some()
}

/// How many addresses a message gives, and for how many seconds. The message has the echo of its
/// question put in behind its first 12 bytes.
pub fn dns(wants_v6: bool, message: &[u8]) -> Option<(usize, u32)> {
    let record = if wants_v6 { Record::Aaaa } else { Record::A };
    let question = dns::question(0x1234, "upload.example.org", record)?;
    let (header, records) = message.split_at_checked(12)?;
    let message = [header, &question[12..], records].concat();
    let answer = dns::answer(&question, record, &message)?;
    Some((answer.addresses.len(), answer.ttl))
}
