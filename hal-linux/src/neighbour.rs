//! Who has an address on the LAN: the kernel's table of neighbours, as `/proc/net/arp` shows it.
//!
//! ```text
//! IP address       HW type     Flags       HW address            Mask     Device
//! 192.168.1.20     0x1         0x2         aa:bb:cc:dd:ee:ff     *        br-lan
//! ```
//!
//! IPv4 alone: a client that speaks IPv6 is known by its address.

use core::net::IpAddr;

/// The MAC of the neighbour with that address, if the kernel has talked to it lately: it has, to one
/// whose connection it accepted.
pub fn mac_of(address: IpAddr) -> Option<[u8; 6]> {
    find(&std::fs::read_to_string("/proc/net/arp").ok()?, address)
}

pub(crate) fn find(table: &str, address: IpAddr) -> Option<[u8; 6]> {
    let IpAddr::V4(address) = address.to_canonical() else { return None };
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let is_it = fields.next()?.parse() == Ok(address);
        let (kind, flags, mac) = (fields.next()?, fields.next()?, fields.next()?);
        let is_complete = hex(flags)? & ATF_COM != 0;
        (is_it && kind == ETHERNET && is_complete).then(|| parse(mac))?
    })
}

fn parse(mac: &str) -> Option<[u8; 6]> {
    let mut octets = mac.split(':').map(|octet| u8::from_str_radix(octet, 16));
    let mut mac = [0; 6];
    for octet in &mut mac {
        *octet = octets.next()?.ok()?;
    }
    // What never answered has none.
    (octets.next().is_none() && mac != [0; 6]).then_some(mac)
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// linux/if_arp.h: the entry is complete.
const ATF_COM: u32 = 0x02;

/// ARPHRD_ETHER.
const ETHERNET: &str = "0x1";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
192.168.1.20     0x1         0x2         aa:bb:cc:dd:ee:ff     *        br-lan
192.168.1.2      0x1         0x6         02:00:00:00:00:02     *        br-lan
192.168.1.21     0x1         0x0         00:00:00:00:00:00     *        br-lan
10.64.64.64      0x200       0x2         *                     *        ppp0
";

    fn mac(address: &str) -> Option<[u8; 6]> {
        find(TABLE, address.parse().unwrap())
    }

    #[test]
    fn a_neighbour_that_answered_has_its_mac() {
        assert_eq!(mac("192.168.1.20"), Some([0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]));
        assert_eq!(mac("192.168.1.2"), Some([2, 0, 0, 0, 0, 2]));
        assert_eq!(mac("::ffff:192.168.1.2"), Some([2, 0, 0, 0, 0, 2]), "as a dual socket has it");
    }

    #[test]
    fn who_did_not_answer_or_is_no_neighbour_has_none() {
        for address in ["192.168.1.21", "192.168.1.22", "10.64.64.64", "fe80::1"] {
            assert_eq!(mac(address), None, "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_table_is_survived(table in "\\PC{0,40}\n([0-9.]{7,9} 0x1 0x[0-9] [0-9a-f:*]{0,20}\n){0,3}") {
            find(&table, "1.1.1.1".parse().unwrap());
        }
    }
}
