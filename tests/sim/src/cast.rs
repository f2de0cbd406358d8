//! Links as they are met: what scenarios are made of.

use crate::link::LinkPlan;
use crate::policy;
use baton_core::Class;
use baton_lab::{Rate, Shape, Stalls};
use core::time::Duration;

impl LinkPlan {
    /// A link of one shape both ways that is up from the start.
    pub fn symmetric(name: &'static str, class: Class, metric: u32, shape: Shape) -> Self {
        Self {
            name,
            spec: policy::spec(name, class, metric),
            up: shape.clone(),
            down: shape,
            rides_on: None,
            is_up: true,
        }
    }

    /// The same, with this place in the order of links.
    #[must_use]
    pub fn preferred(mut self, priority: u32) -> Self {
        self.spec.priority = priority;
        self
    }

    /// The same, absent at first.
    #[must_use]
    pub fn absent(mut self) -> Self {
        self.is_up = false;
        self
    }

    /// A cable to a provider.
    pub fn ethernet() -> Self {
        Self::symmetric("eth0", Class::Ethernet, 100, shape(5, 0, 40, 200))
    }

    /// A WiFi station in range.
    pub fn wifi() -> Self {
        let shape = Shape { loss_ppm: 500, ..shape(8, 2, 20, 100) };
        Self::symmetric("wlan0", Class::Wifi, 200, shape)
    }

    /// An LTE modem.
    pub fn lte() -> Self {
        Self::symmetric("wwan0", Class::Lte, 300, shape(25, 5, 10, 200))
    }

    /// A second modem, of an older generation.
    pub fn cellular() -> Self {
        Self::symmetric("ppp0", Class::Cellular, 400, shape(60, 10, 2, 400))
    }

    /// A satellite terminal: every 15 s the network assigns its paths anew, and nothing moves meanwhile.
    pub fn satellite() -> Self {
        let stalls = Stalls { every: Duration::from_secs(15), lasts: Duration::from_millis(180) };
        let shape = Shape { stalls: Some(stalls), ..shape(25, 5, 15, 150) };
        Self::symmetric("sat0", Class::Satellite, 500, shape)
    }

    /// A tunnel over the link of that number.
    pub fn vpn(rides_on: usize) -> Self {
        let plan = Self::symmetric("wg0", Class::Vpn, 600, Shape::default());
        Self { rides_on: Some(rides_on), ..plan }
    }
}

/// One way in milliseconds, jitter, Mbit/s, and the queue in milliseconds of that.
pub(crate) fn shape(delay_ms: u64, jitter_ms: u64, mbps: u64, queue_ms: u64) -> Shape {
    Shape {
        delay: Duration::from_millis(delay_ms),
        jitter: Duration::from_millis(jitter_ms),
        rate: Rate::Bps(mbps * 1_000_000),
        queue_bytes: (mbps * 125 * queue_ms) as usize,
        ..Shape::default()
    }
}
