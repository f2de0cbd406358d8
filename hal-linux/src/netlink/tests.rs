use super::*;
use proptest::prelude::*;

/// `struct nlmsghdr` and a body.
fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((HEADER as u32 + body.len() as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((4 + value.len() as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn parsed(datagram: &[u8]) -> Vec<Message> {
    frames(datagram).filter_map(Message::parse).collect()
}

#[test]
fn bridge_port_that_leaves_its_bridge_does_not_vanish() {
    let name = attribute(3, b"eth0\0");
    let link =
        |family: u8| [&[family, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &name].concat();

    assert_eq!(
        parsed(&message(libc::RTM_DELLINK, &link(0))),
        [Message::LinkGone(u32::from_ne_bytes([2, 0, 0, 0]))]
    );
    assert_eq!(parsed(&message(libc::RTM_DELLINK, &link(libc::AF_BRIDGE as u8))), []);
}

#[test]
fn flag_bits_of_an_attribute_type_are_not_part_of_it() {
    let nested = attribute(18 | 0x8000, &attribute(1, b"wireguard\0"));
    let body = [
        &[0, 0, 0xfe, 0xff, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &attribute(3, b"wg0\0"),
        &nested,
    ]
    .concat();

    let [Message::Link(link)] = &parsed(&message(libc::RTM_NEWLINK, &body))[..] else { panic!() };

    assert_eq!((link.name.as_str(), link.kind.as_deref()), ("wg0", Some("wireguard")));
}

#[test]
fn malformed_end_leaves_the_messages_before_it() {
    let mut datagram = message(libc::RTM_DELRULE, &[]);
    datagram.extend(message(libc::RTM_DELRULE, &[]));
    datagram.extend([200, 0, 0, 0, 1]);

    assert_eq!(parsed(&datagram), [Message::RoutesChanged, Message::RoutesChanged]);
}

#[test]
fn prefixes_contain_what_shares_their_bits() {
    let prefix = |ip: &str, len| Prefix { ip: ip.parse().unwrap(), len };
    let contains = |ip: &str, len, other: &str| prefix(ip, len).contains(other.parse().unwrap());

    assert!(contains("10.1.0.0", 15, "10.0.255.255"));
    assert!(!contains("10.1.0.0", 16, "10.0.255.255"));
    assert!(contains("0.0.0.0", 0, "255.1.2.3"));
    assert!(contains("10.0.0.1", 32, "10.0.0.1") && !contains("10.0.0.1", 32, "10.0.0.0"));
    assert!(
        contains("2001:db8::", 32, "2001:db8:ffff::1")
            && !contains("2001:db8::", 33, "2001:db8:ffff::1")
    );
    assert!(!contains("0.0.0.0", 0, "::"));
    assert!(!contains("10.0.0.1", 255, "10.0.0.1"), "a malformed length contains nothing");
}

#[test]
fn this_machines_own_tables_are_read() {
    let links = dump(libc::RTM_GETLINK, libc::AF_UNSPEC).unwrap();
    let loopback =
        links.iter().any(|message| matches!(message, Message::Link(link) if link.name == "lo"));
    assert!(loopback, "{links:?}");
    assert!(dump(u16::MAX, 0).is_err());
}

proptest! {
    #[test]
    fn no_datagram_panics(bytes: Vec<u8>, kind in 16u16..128, body: Vec<u8>) {
        parsed(&bytes);
        parsed(&message(kind, &body));
    }

    #[test]
    fn no_attributes_panic(
        kind in prop::sample::select(vec![
            libc::RTM_NEWLINK, libc::RTM_NEWADDR, libc::RTM_NEWROUTE, libc::RTM_NEWRULE, libc::RTM_NEWNETCONF,
        ]),
        family in prop::sample::select(vec![0u8, libc::AF_INET as u8, libc::AF_INET6 as u8]),
        fixed in prop::collection::vec(any::<u8>(), 15),
        attributes in prop::collection::vec((0u16..32, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
    ) {
        let mut body = vec![family];
        body.extend(fixed);
        body.extend(attributes.iter().flat_map(|(kind, value)| attribute(*kind, value)));
        parsed(&message(kind, &body));
    }
}
