use super::*;
use core::sync::atomic::{AtomicU32, Ordering};
use std::{env, os::unix::fs::symlink, process};

const ETHER: u16 = libc::ARPHRD_ETHER;

/// A sysfs with one interface of index 7, removed when dropped.
struct Sysfs {
    root: PathBuf,
    name: &'static str,
}

impl Sysfs {
    fn with(name: &'static str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = env::temp_dir().join(format!("baton-sysfs-{}-{number}", process::id()));
        Self { root, name }.file("ifindex", "7\n")
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = format!("class/net/{}/{path}", self.name);
        self.at(&path, text)
    }

    fn folder(self, path: &str) -> Self {
        fs::create_dir_all(self.root.join("class/net").join(self.name).join(path)).unwrap();
        self
    }

    fn at(self, path: &str, text: &str) -> Self {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Puts the interface on USB interface 1-1:1.4 of this class, subclass and protocol.
    fn usb(self, code: [&str; 3]) -> Self {
        let link = self.root.join("class/net").join(self.name).join("device");
        let this = ["bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"]
            .into_iter()
            .zip(code)
            .fold(self, |this, (name, code)| {
                this.at(&format!("devices/usb1/1-1/1-1:1.4/{name}"), &format!("{code}\n"))
            });
        symlink("../../../devices/usb1/1-1/1-1:1.4", link).unwrap();
        this
    }

    fn class(&self, hardware: u16) -> Class {
        classify(&self.root, Interface { name: self.name, index: 7, hardware, kind: None })
    }
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.root).unwrap();
    }
}

fn by_netlink_alone(name: &str, hardware: u16, kind: Option<&str>) -> Class {
    classify(Path::new("/nonexistent"), Interface { name, index: 7, hardware, kind })
}

#[test]
fn devtype_outweighs_the_name() {
    for (name, devtype, class) in [
        ("eth1", "wlan", Class::Wifi),
        ("eth1", "wwan", Class::Lte),
        ("usb0", "dsa", Class::Ethernet),
        ("wan", "wireguard", Class::Vpn),
        ("internet", "ppp", Class::Cellular),
        ("pppoe-wan", "ppp", Class::Ethernet),
        ("l2tp-office", "ppp", Class::Vpn),
        // No evidence: the name is asked.
        ("wlan0", "bridge", Class::Wifi),
    ] {
        let sysfs = Sysfs::with(name)
            .file("uevent", &format!("INTERFACE={name}\nIFINDEX=7\nDEVTYPE={devtype}\n"));
        assert_eq!(sysfs.class(ETHER), class, "{name} {devtype}");
    }
}

#[test]
fn wireless_and_tun_show_in_sysfs() {
    assert_eq!(Sysfs::with("eth1").folder("wireless").class(ETHER), Class::Wifi);
    assert_eq!(Sysfs::with("eth1").folder("phy80211").class(ETHER), Class::Wifi);
    assert_eq!(Sysfs::with("eth1").file("tun_flags", "0x1002\n").class(ETHER), Class::Vpn);
}

#[test]
fn hardware_type_is_evidence_unless_it_is_ethernet() {
    for (hardware, class) in [
        (libc::ARPHRD_PPP, Class::Cellular),
        (519, Class::Lte),
        (0xfffe, Class::Vpn),
        (libc::ARPHRD_SIT, Class::Vpn),
        (ETHER, Class::Ethernet),
    ] {
        assert_eq!(by_netlink_alone("x0", hardware, None), class, "{hardware}");
    }
    assert_eq!(by_netlink_alone("wwan0", ETHER, None), Class::Lte);
}

#[test]
fn what_created_an_interface_is_evidence() {
    assert_eq!(by_netlink_alone("eth5", ETHER, Some("wireguard")), Class::Vpn);
    assert_eq!(by_netlink_alone("eth5", ETHER, Some("wwan")), Class::Lte);
    assert_eq!(by_netlink_alone("wlan0", ETHER, Some("veth")), Class::Wifi);
}

#[test]
fn raw_ip_modem_that_looks_like_a_tunnel_is_a_modem() {
    let sysfs = Sysfs::with("wwan0").file("uevent", "DEVTYPE=wwan\n");

    assert_eq!(sysfs.class(0xfffe), Class::Lte);
}

#[test]
fn usb_modems_are_told_from_usb_cable_adapters() {
    let made_up = "0e:c3:12:34:56:78\n";
    let makers = "00:e0:4c:36:00:01\n";
    for (name, code, address, class) in [
        ("eth1", ["02", "0e", "00"], makers, Class::Lte),
        ("eth1", ["e0", "01", "03"], made_up, Class::Lte),
        ("eth1", ["ff", "fd", "01"], makers, Class::Lte),
        ("eth1", ["02", "06", "00"], made_up, Class::Lte),
        ("eth1", ["02", "06", "00"], makers, Class::Ethernet),
        ("eth1", ["02", "0d", "00"], makers, Class::Ethernet),
        ("enx00e04c360001", ["ff", "ff", "00"], makers, Class::Ethernet),
    ] {
        let sysfs = Sysfs::with(name).usb(code).file("address", address);
        assert_eq!(sysfs.class(ETHER), class, "{name} {code:?} {address}");
    }
}

#[test]
fn serial_port_beside_it_makes_a_usb_interface_a_modems() {
    let sysfs = Sysfs::with("eth1").usb(["02", "06", "00"]).file("address", "00:e0:4c:36:00:01\n");
    assert_eq!(sysfs.class(ETHER), Class::Ethernet);

    let sysfs = sysfs.at("devices/usb1/1-1/1-1:1.2/ttyUSB2/dev", "188:2\n");

    assert_eq!(sysfs.class(ETHER), Class::Lte);
}

#[test]
fn sysfs_of_another_namespace_is_not_believed() {
    let sysfs = Sysfs::with("eth0").folder("wireless").file("ifindex", "3\n");

    assert_eq!(sysfs.class(ETHER), Class::Ethernet);
}

#[test]
fn names_tell_where_nothing_else_does() {
    for (class, names) in [
        (Class::Wifi, &["wlan0", "wlp2s0", "wlx00c0ca123456", "phy0-sta0", "phy0.1-sta0"][..]),
        (Class::Lte, &["wwan0", "wwp0s20u4", "usb0", "lte0", "rmnet_data0"]),
        (Class::Cellular, &["ppp0", "3g-wan"]),
        (Class::FiveG, &["5g0"]),
        (Class::Vpn, &["wg0", "tun0", "tap0", "tailscale0"]),
        (
            Class::Ethernet,
            &[
                "eth0",
                "eth0.2",
                "wan",
                "lan1",
                "enp3s0",
                "end0",
                "br-wan",
                "pppoe-wan",
                "phy0-ap0",
                "",
            ],
        ),
    ] {
        for name in names {
            assert_eq!(by_netlink_alone(name, ETHER, None), class, "{name}");
        }
    }
}
