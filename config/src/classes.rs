//! `[network_interfaces]`: what links of each class get.

use crate::config::Values;
use crate::table::Key;
use crate::{Bytes, Permille};
use baton_core::Class;

/// What links of one class get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassSettings {
    /// What an upload may have unacknowledged, and so the most that it holds of the pool.
    pub buffer_size: Bytes,
    /// The most one upstream request carries.
    pub chunk_size: Bytes,
    /// What the timeouts upstream are stretched by.
    pub timeout_multiplier: Permille,
    /// Position in the order of links; less goes first.
    pub priority: u32,
}

/// The settings of every class.
#[derive(Clone, Debug)]
pub struct Classes([ClassSettings; Class::ALL.len()]);

/// The rows of the table: class, window, chunk, timeout multiplier, priority. They are the
/// seed's for the classes that it knows. A window has the four blocks that every upload is sure
/// of (64 KB) at least.
macro_rules! class_keys {
    ($($class:literal $window:literal $chunk:literal $multiplier:literal $priority:literal;)+) => {
        &[$(
            Key::acts::<Bytes>(
                concat!("network_interfaces.", $class, ".buffer_size"),
                $window,
                " Window: what an upload may have unacknowledged on such a link.",
            ).within::<Bytes>("64KB", "64MB"),
            Key::acts::<Bytes>(
                concat!("network_interfaces.", $class, ".chunk_size"),
                $chunk,
                " The most one upstream request carries on such a link.",
            ).within::<Bytes>("64KB", "1GB"),
            Key::acts::<Permille>(
                concat!("network_interfaces.", $class, ".timeout_multiplier"),
                $multiplier,
                " What the timeouts upstream are stretched by on such a link.",
            ).within::<Permille>("0.1", "100"),
            Key::acts::<u32>(
                concat!("network_interfaces.", $class, ".priority"),
                $priority,
                " Position in the order of links; less goes first.",
            ),
        )+]
    };
}

impl Classes {
    pub(crate) const KEYS: &[Key] = class_keys! {
        "ethernet"  "1MB"   "10MB"  "1.0" "10";
        "wifi"      "512KB" "5MB"   "1.2" "20";
        "5g"        "512KB" "5MB"   "1.5" "25";
        "lte"       "256KB" "2MB"   "2.0" "30";
        "cellular"  "128KB" "512KB" "3.0" "40";
        "vpn"       "256KB" "2MB"   "1.5" "50";
        "satellite" "1MB"   "5MB"   "3.0" "60";
    };

    pub(crate) fn read(values: &Values) -> Self {
        Self(Class::ALL.map(|class| ClassSettings {
            buffer_size: values.get("network_interfaces.<class>.buffer_size", class.name()),
            chunk_size: values.get("network_interfaces.<class>.chunk_size", class.name()),
            timeout_multiplier:
                values.get("network_interfaces.<class>.timeout_multiplier", class.name()),
            priority: values.get("network_interfaces.<class>.priority", class.name()),
        }))
    }

    /// What links of that class get.
    pub const fn of(&self, class: Class) -> &ClassSettings {
        &self.0[class.index()]
    }
}
