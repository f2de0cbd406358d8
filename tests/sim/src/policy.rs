//! What `baton run` decides by without a configuration file.

use baton_config::Config;
use baton_core::{Class, LinkSpec, Policy};

/// Half of the default pool of 8 MB: the other half is the kernel's.
const POOL_BLOCKS: u16 = 256;

/// The defaults.
pub fn defaults() -> Policy {
    Config::default().policy(POOL_BLOCKS)
}

/// What the core is told of a link of that class whose place in the order is `metric`.
pub fn spec(name: &str, class: Class, metric: u32) -> LinkSpec {
    Config::default().link_spec(name, class, Some(metric))
}
