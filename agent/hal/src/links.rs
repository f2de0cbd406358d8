//! Which links exist, and what the kernel says of them.

use baton_core::{Class, Signal};
use core::{fmt, net::IpAddr};

/// An interface name, as the kernel has it: IFNAMSIZ is 16, and counts the zero behind it.
pub type LinkName = heapless::String<15>;

/// What the machine knows of one link. Two equal values mean that nothing changed. `T` says what
/// troubles it: text that a backend knows beforehand, or makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts<T = &'static str> {
    /// Interface name.
    pub name: LinkName,
    /// Kernel interface index; a new index under an old name is a new interface.
    pub index: u32,
    /// What kind of link it is.
    pub class: Class,
    /// Physical layer up (IFF_LOWER_UP and administratively up).
    pub carrier: bool,
    /// The address that leaves by this link, if it has one.
    pub address: Option<IpAddr>,
    /// Next hop of its default route, if the route names one (point-to-point links name none).
    pub gateway: Option<IpAddr>,
    /// Metric of its best default route; `None`: it has none, or only a `linkdown` one.
    pub metric: Option<u32>,
    /// Whether it is in a foreign network; false where nothing tells.
    pub roaming: bool,
    /// Why it can't be used although it looks usable, with the command that mends it.
    pub trouble: Option<T>,
}

impl<T> Facts<T> {
    /// Whether packets to the upstream can leave by it: carrier, an address, a default route.
    pub fn is_usable(&self) -> bool {
        self.carrier && self.address.is_some() && self.metric.is_some() && self.trouble.is_none()
    }

    /// The same, with its trouble in other words.
    pub fn map_trouble<U>(self, say: impl FnOnce(T) -> U) -> Facts<U> {
        let Self { name, index, class, carrier, address, gateway, metric, roaming, trouble } = self;
        let trouble = trouble.map(say);
        Facts { name, index, class, carrier, address, gateway, metric, roaming, trouble }
    }
}

/// One observation about links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkChange<T = &'static str> {
    /// The link appeared or any of its facts changed.
    Updated(Facts<T>),
    /// The interface is gone.
    Removed(LinkName),
    /// What the radio of a link that was reported says of itself, about every second or two.
    Heard(LinkName, Signal),
}

/// The links of this machine, live.
#[expect(async_fn_in_trait, reason = "drivers are single-threaded: no Send bound is wanted")]
pub trait Links {
    /// What goes wrong.
    type Error: crate::Error;
    /// How it says why a link can't be used, with the command that mends it.
    type Trouble: Clone + fmt::Debug + fmt::Display + PartialEq;

    /// The next change. The first calls report every link that exists already.
    ///
    /// Facts come before what is heard of a radio, and no radio holds them up.
    ///
    /// Cancel-safe: a dropped call loses no change. Changes to one link may be merged, never
    /// reordered; the last one reported is the truth at that time.
    async fn changed(&mut self) -> Result<LinkChange<Self::Trouble>, Self::Error>;
}
