//! A link: two shapers as the lab has them, and what the gateway's kernel says of it.

use crate::packet::{Packet, Side};
use baton_core::{Instant, LinkSpec};
use baton_lab::{Rng, Shape, Shaper};
use core::time::Duration;

/// A link to be built.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    /// Its interface.
    pub name: &'static str,
    /// What the core is told of it.
    pub spec: LinkSpec,
    /// From the gateway to the upstream.
    pub up: Shape,
    /// From the upstream to the gateway.
    pub down: Shape,
    /// The link that carries it, if it is a tunnel.
    pub rides_on: Option<usize>,
    /// Whether it has carrier, address and route from the start.
    pub is_up: bool,
}

/// A running link.
pub(crate) struct Link {
    pub(crate) plan: LinkPlan,
    pub(crate) facts: Facts,
    pub(crate) shapers: [Shaper<Packet>; 2],
    /// When each shaper's next event is under way.
    pub(crate) armed: [Option<Instant>; 2],
    /// Somebody else answers in the upstream's place.
    pub(crate) has_portal: bool,
    /// Changes with the network that it is attached to.
    pub(crate) address: u32,
}

/// What the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The interface is there.
    pub present: bool,
    /// Physical layer up.
    pub carrier: bool,
    /// It has an address.
    pub address: bool,
    /// It has a default route of its own.
    pub route: bool,
}

impl Facts {
    /// It can carry packets.
    pub const UP: Self = Self { present: true, carrier: true, address: true, route: true };
    /// Its cable is out.
    pub const NO_CARRIER: Self = Self { carrier: false, ..Self::UP };
    /// It has no address yet, or no more.
    pub const NO_ADDRESS: Self = Self { address: false, ..Self::UP };
    /// The interface is gone.
    pub const ABSENT: Self = Self { present: false, carrier: false, address: false, route: false };

    pub(crate) const fn is_up(self) -> bool {
        self.present && self.carrier && self.address && self.route
    }
}

impl Link {
    pub(crate) fn new(plan: LinkPlan, seed: u64, number: usize) -> Self {
        let stream = 2 * number as u64;
        let seed = Rng::new(seed, 1000 + stream).next();
        let shaper = |shape: &Shape, side| Shaper::new(shape.clone(), seed, side, Duration::ZERO);
        Self {
            shapers: [shaper(&plan.up, 0), shaper(&plan.down, 1)],
            facts: if plan.is_up { Facts::UP } else { Facts::ABSENT },
            armed: [None; 2],
            has_portal: false,
            address: 1,
            plan,
        }
    }

    /// The direction of what that side sends.
    pub(crate) fn shaper(&mut self, from: Side) -> &mut Shaper<Packet> {
        &mut self.shapers[from.index()]
    }
}

/// The simulation's clock in the words of the shapers.
pub(crate) fn elapsed(now: Instant) -> Duration {
    Duration::from_micros(now.as_micros())
}

/// And back: not before it is due.
pub(crate) fn instant(at: Duration) -> Instant {
    Instant::from_micros(at.as_nanos().div_ceil(1000) as u64)
}
