//! Interface classes.

/// What kind of link: budgets, chunk sizes, timeouts and preference default by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Wired Ethernet.
    Ethernet,
    /// WiFi station.
    Wifi,
    /// 5G (NR) modem.
    FiveG,
    /// LTE modem.
    Lte,
    /// 2G/3G modem, or a PPP link of unknown generation.
    Cellular,
    /// A tunnel that rides on another link.
    Vpn,
    /// Satellite terminal.
    Satellite,
}

impl Class {
    /// Every class, in the order of [`Self::index`].
    pub const ALL: [Self; 7] = [
        Self::Ethernet,
        Self::Wifi,
        Self::FiveG,
        Self::Lte,
        Self::Cellular,
        Self::Vpn,
        Self::Satellite,
    ];

    /// Position in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it rides on another link, of which nothing is known: it proves nothing of another
    /// link, and stands in for none.
    pub(crate) const fn is_tunnel(self) -> bool {
        match self {
            Self::Vpn => true,
            Self::Ethernet
            | Self::Wifi
            | Self::FiveG
            | Self::Lte
            | Self::Cellular
            | Self::Satellite => false,
        }
    }

    /// Whether it stalls by design: satellites pass, and every 15 s it is decided anew which of them
    /// is used (Starlink: Mohan et al., WWW 2024, arXiv:2310.09242).
    pub(crate) const fn is_passing(self) -> bool {
        match self {
            Self::Satellite => true,
            Self::Ethernet | Self::Wifi | Self::FiveG | Self::Lte | Self::Cellular | Self::Vpn => {
                false
            }
        }
    }

    /// What limits of latency are stretched by. A geostationary satellite is 36 000 km up: the way
    /// there and back, twice, takes light 480 ms, and framing and queues take as much again. Four
    /// times the default warning, 800 ms, is beyond most of that, and its limit of 2 s beyond all.
    pub(crate) const fn latency_stretch(self) -> u32 {
        match self {
            Self::Satellite => 4,
            Self::Ethernet | Self::Wifi | Self::FiveG | Self::Lte | Self::Cellular | Self::Vpn => 1,
        }
    }

    /// The name in configuration and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Wifi => "wifi",
            Self::FiveG => "5g",
            Self::Lte => "lte",
            Self::Cellular => "cellular",
            Self::Vpn => "vpn",
            Self::Satellite => "satellite",
        }
    }

    /// The class of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}
