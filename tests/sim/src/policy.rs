//! The policy that `baton run` has without a configuration file.

use baton_config::Config;
use baton_core::{BLOCK_SIZE, Class, ClassLimits, LinkPolicy, LinkSpec, Policy, UploadPolicy};

/// Half of the default pool of 8 MB: the other half is the kernel's.
const POOL_BLOCKS: u16 = 256;

/// Uploads of one class that may have a full window at once, as `boards/gateway` has it.
const WINDOWS_IN_A_BUDGET: u32 = 8;

/// The defaults.
pub fn defaults() -> Policy {
    let config = Config::default();
    Policy {
        links: LinkPolicy::default(),
        uploads: UploadPolicy { hold: config.relay.hold, ..UploadPolicy::default() },
        classes: Class::ALL.map(|class| limits(&config, class)),
        pool_blocks: POOL_BLOCKS,
    }
}

fn limits(config: &Config, class: Class) -> ClassLimits {
    let settings = config.classes.of(class);
    let window_bytes = settings.buffer_size.0 as u32;
    let window_blocks = window_bytes.div_ceil(BLOCK_SIZE as u32);
    ClassLimits {
        window_bytes,
        chunk_bytes: config.chunk_size(class).0 as u32,
        budget_blocks: (window_blocks * WINDOWS_IN_A_BUDGET).min(POOL_BLOCKS.into()) as u16,
        timeout_percent: (settings.timeout_multiplier.0 / 10) as u16,
        answer_timeout: config.timeout(config.upstream.answer_timeout, class),
    }
}

/// What the core is told of a link of that class whose place in the order is `metric`.
pub fn spec(class: Class, metric: u32) -> LinkSpec {
    let config = Config::default();
    LinkSpec {
        class,
        priority: config.classes.of(class).priority,
        metric,
        metered: config.is_metered("", class),
    }
}
