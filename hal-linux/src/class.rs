//! What kind of link an interface is.
//!
//! The kernel's evidence comes first, the name is asked only where the kernel has none: an LTE
//! modem in ECM mode, a veth and a cable all look like Ethernet.

use baton_core::Class;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What netlink says of an interface.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its index.
    pub index: u32,
    /// ARPHRD_*.
    pub hardware: u16,
    /// What created it (IFLA_INFO_KIND), if that says so.
    pub kind: Option<&'a str>,
}

/// The class of an interface; `sysfs` is where sysfs is mounted.
pub fn classify(sysfs: &Path, interface: Interface<'_>) -> Class {
    let device = Device::open(sysfs, interface);
    by_kernel(interface, device.as_ref())
        .or_else(|| by_name(interface.name))
        .unwrap_or(Class::Ethernet)
}

fn by_kernel(interface: Interface<'_>, device: Option<&Device>) -> Option<Class> {
    let by_device = device.and_then(|device| device.class(interface.name));
    by_device.or_else(|| by_creator(interface.kind?)).or_else(|| by_hardware(interface))
}

/// IFLA_INFO_KIND: what `ip link add type` calls it.
fn by_creator(kind: &str) -> Option<Class> {
    match kind {
        "wireguard" | "tun" | "gre" | "gretap" | "ip6gre" | "ip6gretap" | "ipip" | "ip6tnl"
        | "sit" | "vti" | "vti6" | "xfrm" | "vxlan" | "geneve" | "ovpn" | "amneziawg" => {
            Some(Class::Vpn)
        }
        "wwan" | "rmnet" => Some(Class::Lte),
        // veth, bridge, vlan, bond, ppp... carry anything: no evidence.
        _ => None,
    }
}

fn by_hardware(interface: Interface<'_>) -> Option<Class> {
    match interface.hardware {
        libc::ARPHRD_PPP => Some(ppp(interface.name)),
        ARPHRD_RAWIP => Some(Class::Lte),
        libc::ARPHRD_NONE
        | libc::ARPHRD_TUNNEL
        | libc::ARPHRD_TUNNEL6
        | libc::ARPHRD_SIT
        | libc::ARPHRD_IPGRE
        | ARPHRD_IP6GRE => Some(Class::Vpn),
        libc::ARPHRD_IEEE80211 => Some(Class::Wifi),
        _ => None,
    }
}

/// The kernel does not say what a PPP link runs over; netifd names it after its protocol.
fn ppp(name: &str) -> Class {
    if name.starts_with("pppoe") {
        Class::Ethernet
    } else if ["l2tp", "pptp", "sstp"].iter().any(|tunnel| name.starts_with(tunnel)) {
        Class::Vpn
    } else {
        Class::Cellular
    }
}

fn by_name(name: &str) -> Option<Class> {
    let names = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    // `phy0-sta0`, and `phy0.0-sta0` of a radio with several.
    if names(&["wl", "ath", "ra0", "apcli"]) || (names(&["phy"]) && name.contains("-sta")) {
        Some(Class::Wifi)
    } else if names(&["ww", "usb", "lte", "4g", "rmnet", "qmi", "mhi"]) {
        Some(Class::Lte)
    } else if names(&["5g"]) {
        Some(Class::FiveG)
    } else if names(&["ppp"]) {
        Some(ppp(name))
    } else if names(&["3g"]) {
        Some(Class::Cellular)
    } else if names(&["wg", "tun", "tap", "vpn", "tailscale", "zt", "ipsec", "gre"]) {
        Some(Class::Vpn)
    } else {
        None
    }
}

// linux/if_arp.h
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_IP6GRE: u16 = 823;

/// An interface's folder in sysfs.
struct Device(PathBuf);

impl Device {
    /// `None` where sysfs shows another network namespace than netlink, or nothing.
    fn open(sysfs: &Path, interface: Interface<'_>) -> Option<Self> {
        let device = Self(sysfs.join("class/net").join(interface.name));
        let index = device.read("ifindex")?;
        (index.parse() == Ok(interface.index)).then_some(device)
    }

    fn class(&self, name: &str) -> Option<Class> {
        self.by_devtype(name).or_else(|| {
            if self.has("wireless") || self.has("phy80211") {
                Some(Class::Wifi)
            } else if self.has("tun_flags") {
                Some(Class::Vpn)
            } else {
                self.by_usb()
            }
        })
    }

    fn by_devtype(&self, name: &str) -> Option<Class> {
        let uevent = self.read("uevent")?;
        match uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE="))? {
            "wlan" => Some(Class::Wifi),
            "wwan" => Some(Class::Lte),
            "ppp" => Some(ppp(name)),
            "wireguard" | "vxlan" | "geneve" => Some(Class::Vpn),
            "dsa" => Some(Class::Ethernet),
            _ => None,
        }
    }

    /// USB networking has a class code for each way to frame packets, shared by modems and by
    /// cable adapters. What is made for modems or tethering is one; the rest is one where its
    /// address is made up (a real adapter has one of its maker's) or a serial port sits beside it.
    fn by_usb(&self) -> Option<Class> {
        let field = |name| {
            let text = self.read(&format!("device/{name}"))?;
            u8::from_str_radix(&text, 16).ok()
        };
        let code =
            (field("bInterfaceClass")?, field("bInterfaceSubClass")?, field("bInterfaceProtocol")?);
        match code {
            // MBIM; RNDIS in its three disguises; an iPhone.
            (0x02, 0x0e, _)
            | (0xe0, 0x01, 0x03)
            | (0xef, 0x04, 0x01)
            | (0x02, 0x02, 0xff)
            | (0xff, 0xfd, 0x01) => Some(Class::Lte),
            // ECM, EEM, NCM, and CDC's data interface.
            (0x02, 0x06 | 0x0c | 0x0d, _) | (0x0a, _, _) => {
                (self.is_local() || self.has_serial()).then_some(Class::Lte)
            }
            // A vendor's own: adapters and modems alike.
            (0xff, _, _) => self.has_serial().then_some(Class::Lte),
            _ => None,
        }
    }

    /// Whether the hardware address is locally administered (IEEE 802: bit 1 of the first octet).
    fn is_local(&self) -> bool {
        let first =
            self.read("address").and_then(|text| u8::from_str_radix(text.get(..2)?, 16).ok());
        first.is_some_and(|octet| octet & 0x02 != 0)
    }

    /// Whether another interface of the same USB device is a serial port, as a modem's AT port is.
    fn has_serial(&self) -> bool {
        let Ok(interface) = fs::canonicalize(self.0.join("device")) else { return false };
        let siblings = interface.parent().and_then(|device| fs::read_dir(device).ok());
        let mut nodes = siblings
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|sibling| fs::read_dir(sibling.path()).ok());
        nodes.any(|nodes| {
            nodes.flatten().any(|node| node.file_name().as_encoded_bytes().starts_with(b"tty"))
        })
    }

    fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name)).ok().map(|text| text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests;
