//! What this unit is told: constants, and what the emulator's command line says.
//!
//! A product would keep them in a page of its flash, written when the unit is made.

use baton_core::modem::{Apn, Config};
use baton_core::{
    Adaptation, Algorithm, Class, ClassLimits, ClientPolicy, Duration, LinkId, LinkKey, LinkPolicy,
    LinkSpec, Policy, Roaming, Tariff, UploadPolicy,
};
use core::net::{Ipv4Addr, SocketAddrV4};
use heapless::String;

/// What signs uploads.
pub(crate) const SECRET: &[u8] = b"a secret of this unit and its upstream";

/// Where the logs go.
pub(crate) const FOLDER: &str = "unit-1";

/// Of each log.
pub(crate) const CONTENT_TYPE: &str = "text/csv";

/// Where tus uploads are created.
pub(crate) const TUS_PATH: &str = "/files/";

/// The access point of the modem's network.
const APN: &str = "internet";

/// The host, as slirp shows it, of QEMU's and of the PPP link alike.
const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// From the command line.
pub(crate) struct Settings {
    /// The upstream.
    pub(crate) upstream: SocketAddrV4,
    /// The same as HTTP wants it.
    pub(crate) authority: String<21>,
    /// Readings a second.
    pub(crate) rate: u32,
    /// So many logs are delivered before the firmware shows its figures and ends; 0: it never does.
    pub(crate) logs: u32,
    /// It only measures itself.
    pub(crate) measure: bool,
}

impl Settings {
    /// `port=N rate=N logs=N` or `measure`, in any order.
    pub(crate) fn read() -> Self {
        let (mut port, mut rate, mut logs, mut measure) = (9000, 10, 0, false);
        if let Ok(args) = semihosting::experimental::env::args::<128>() {
            for word in args.flatten().flat_map(|arg| arg.split(' ')) {
                match word.split_once('=') {
                    Some(("port", value)) => port = value.parse().unwrap_or(port),
                    Some(("rate", value)) => rate = value.parse().unwrap_or(rate),
                    Some(("logs", value)) => logs = value.parse().unwrap_or(logs),
                    Some(_) => {}
                    None => measure |= word == "measure",
                }
            }
        }
        let upstream = SocketAddrV4::new(HOST, port);
        let mut authority = String::new();
        core::fmt::write(&mut authority, format_args!("{upstream}"))
            .expect("the longest address has 21 characters");
        Self { upstream, authority, rate, logs, measure }
    }
}

/// Ethernet while it works.
pub(crate) const ETHERNET: LinkSpec = LinkSpec {
    class: Class::Ethernet,
    priority: 10,
    metric: 0,
    metered: false,
    tariff: Tariff::FREE,
    key: LinkKey(0),
    roaming: Roaming::Allow,
};

/// The modem is paid by the byte.
pub(crate) const MODEM: LinkSpec =
    LinkSpec { class: Class::Lte, priority: 30, metered: true, key: LinkKey(1), ..ETHERNET };

/// What each link is.
pub(crate) const fn spec(link: LinkId) -> LinkSpec {
    match link {
        crate::hub::ETHERNET => ETHERNET,
        _ => MODEM,
    }
}

/// How links are chosen and uploads made.
pub(crate) const POLICY: Policy = Policy {
    links: LinkPolicy::DEFAULT,
    uploads: UploadPolicy {
        // A unit in the field has nobody to tell: it goes on.
        hold: Duration::from_secs(24 * 3600),
        retry: (Duration::from_millis(200), Duration::from_secs(10)),
        hedge: true,
    },
    adaptation: Adaptation { algorithm: Algorithm::Fixed, min_chunk_bytes: 8 * 1024 },
    // There is one, and it is this unit.
    clients: ClientPolicy {
        learn: false,
        apply: false,
        span: 16,
        trust: Duration::ZERO,
        keep: Duration::ZERO,
    },
    classes: [LIMITS; Class::ALL.len()],
    // The log is in the flash: blocks of the pool are not used.
    pool_blocks: baton_core::GUARANTEED,
};

/// 32 KiB under way keep 2.5 Mbit/s busy at 100 ms: more than the processor moves. They are in the flash, not
/// in memory.
const LIMITS: ClassLimits = ClassLimits {
    window_bytes: 32 * 1024,
    chunk_bytes: 8 * 1024,
    budget_blocks: 0,
    timeout_percent: 100,
    answer_timeout: Duration::from_secs(30),
};

/// What the modem is told.
pub(crate) fn modem() -> Config {
    Config { apn: Apn::new(APN).expect("it is one"), pin: None, roaming: true }
}
