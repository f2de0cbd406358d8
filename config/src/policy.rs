//! The configuration as the core takes it.

use crate::choice;
use crate::{ChunkSize, Config, Link, Performance, Speed, Uploads};
use baton_core::{
    Adaptation, Algorithm, BLOCK_SIZE, Class, ClassLimits, ClientPolicy, Duration, LinkKey,
    LinkPolicy, LinkSpec, OverBudget, Policy, Roaming, Tariff, UploadPolicy,
};
use core::num::NonZeroU64;

impl Config {
    /// What the core decides by, with so many blocks in the arena.
    pub fn policy(&self, pool_blocks: u16) -> Policy {
        let resilience = &self.network_resilience;
        Policy {
            links: link_policy(self),
            uploads: UploadPolicy {
                hold: self.relay.hold,
                hedge: resilience.enabled
                    && resilience.fast_detection
                    && self.handoff.chunk_retry_on_switch,
                ..UploadPolicy::default()
            },
            adaptation: adaptation(&self.uploads),
            clients: clients(self),
            classes: Class::ALL.map(|class| limits(self, class, pool_blocks)),
            pool_blocks,
        }
    }

    /// What is said of a link, beside what the kernel says.
    pub fn link_spec(&self, name: &str, class: Class, metric: Option<u32>) -> LinkSpec {
        let link = self.links.of(name);
        let class = link.class.unwrap_or(class);
        LinkSpec {
            class,
            priority: self.priority(name, class),
            metric: metric.unwrap_or(u32::MAX),
            metered: self.is_metered(name, class),
            tariff: tariff(&link),
            key: LinkKey::of(name),
            roaming: match link.roaming {
                None | Some(choice::Roaming::Allow) => Roaming::Allow,
                Some(choice::Roaming::Avoid) => Roaming::Avoid,
                Some(choice::Roaming::Never) => Roaming::Never,
            },
        }
    }
}

fn tariff(link: &Link) -> Tariff {
    Tariff {
        cost: link.cost_per_mb.map_or(0, |cost| cost.0),
        budget_bytes: link.monthly_budget.and_then(|budget| NonZeroU64::new(budget.0)),
        probe_share: link.probe_share.map_or(Tariff::FREE.probe_share, |share| share as u8),
        over_budget: match link.over_budget {
            Some(choice::OverBudget::Refuse) => OverBudget::Refuse,
            Some(choice::OverBudget::LastResort) | None => OverBudget::LastResort,
        },
    }
}

fn adaptation(uploads: &Uploads) -> Adaptation {
    let least = match uploads.chunk_size {
        // There is nothing to fit.
        ChunkSize::Fixed(size) => size,
        ChunkSize::Adaptive => uploads.min_chunk_size,
    };
    Adaptation {
        algorithm: match uploads.chunk_adaptation_algorithm {
            choice::Algorithm::Fixed => Algorithm::Fixed,
            choice::Algorithm::Adaptive => Algorithm::Adaptive,
            choice::Algorithm::Predictive => Algorithm::Predictive,
        },
        min_chunk_bytes: u32::try_from(least.0).unwrap_or(u32::MAX),
    }
}

fn clients(config: &Config) -> ClientPolicy {
    let Performance { client_profiling, profile_persistence_duration, performance_history_samples } =
        config.performance;
    let speed = match config.client_optimization.adaptation_speed {
        Speed::Slow => 64,
        Speed::Medium => 16,
        Speed::Fast => 4,
    };
    ClientPolicy {
        learn: client_profiling && config.client_optimization.learning_enabled,
        apply: config.client_optimization.enabled,
        span: u16::try_from(performance_history_samples).map_or(speed, |most| most.min(speed)),
        trust: profile_persistence_duration,
        keep: config.monitoring.client_profile_retention,
    }
}

fn link_policy(config: &Config) -> LinkPolicy {
    let (resilience, handoff) = (&config.network_resilience, &config.handoff);
    LinkPolicy {
        probe_idle: if resilience.quality_monitoring {
            resilience.quality_check_interval
        } else {
            DAY
        },
        probe_timeout: resilience.detection_interval,
        probe_trouble: resilience.max_detection_interval,
        latency_warning: resilience.rtt_warning_threshold,
        latency_max: resilience.switch_threshold_latency,
        latency_critical: resilience.rtt_critical_threshold,
        loss_warning_ppm: resilience.packet_loss_warning.0,
        loss_max_ppm: resilience.switch_threshold_packet_loss.0,
        loss_critical_ppm: resilience.packet_loss_critical.0,
        stability_min_permille: u16::try_from(resilience.stability_minimum.0).unwrap_or(999),
        drop_max_permille: u16::try_from(resilience.quality_degradation_threshold.0)
            .unwrap_or(1000),
        score_min: small(handoff.min_quality_threshold),
        history: small(handoff.interface_quality_history),
        comparison: handoff.performance_comparison_window,
        excellent: small(handoff.quality_excellent),
        good: small(handoff.quality_good),
        fair: small(handoff.quality_fair),
        poor: small(handoff.quality_poor),
        margin: small(handoff.handoff_hysteresis.0 / 10_000),
        cooldown: handoff.handoff_cooldown,
        moves_max: small(resilience.max_switch_attempts),
        auto_switch: resilience.enabled && resilience.auto_switch_enabled,
        ..LinkPolicy::default()
    }
}

/// What the table of keys bounds well below 256.
fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

fn limits(config: &Config, class: Class, pool_blocks: u16) -> ClassLimits {
    let settings = config.classes.of(class);
    let window_bytes = u32::try_from(settings.buffer_size.0).unwrap_or(u32::MAX);
    let window_blocks = window_bytes.div_ceil(BLOCK_SIZE as u32);
    ClassLimits {
        window_bytes,
        chunk_bytes: u32::try_from(config.chunk_size(class).0).unwrap_or(u32::MAX),
        budget_blocks: u16::try_from(window_blocks * WINDOWS_IN_A_BUDGET)
            .unwrap_or(u16::MAX)
            .min(pool_blocks),
        timeout_percent: u16::try_from(settings.timeout_multiplier.0 / 10).unwrap_or(u16::MAX),
        answer_timeout: config.timeout(config.upstream.answer_timeout, class),
    }
}

/// Uploads of one class that may have a full window at once; more of them share.
const WINDOWS_IN_A_BUDGET: u32 = 8;

/// Without quality monitoring, a link that carries nothing is left alone.
const DAY: Duration = Duration::from_secs(24 * 3600);
