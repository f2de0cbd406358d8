//! The whole configuration.

use crate::keys::{
    ClientOptimization, Control, Deduplication, Downloads, Handoff, Logging, Monitoring,
    NetworkResilience, Performance, Relay, Security, Server, Timeouts, Uploads, Upstream,
};
use crate::setting::Setting;
use crate::value::Value;
use crate::{Bytes, ChunkSize, Classes, Entry, Links, Report, Syntax, table, toml_text};
use baton_core::{Class, Duration};
use std::collections::BTreeMap;

/// Everything that can be configured, in types that can't be wrong.
#[derive(Clone, Debug)]
pub struct Config {
    /// What clients on the LAN meet.
    pub relay: Relay,
    /// Where uploads go.
    pub upstream: Upstream,
    /// The secret that tokens are signed with.
    pub security: Security,
    /// How the other commands reach the agent.
    pub control: Control,
    /// What is said of single interfaces.
    pub links: Links,
    /// When uploads leave a link.
    pub network_resilience: NetworkResilience,
    /// What links of each class get: `[network_interfaces]`.
    pub classes: Classes,
    /// How calm the choice of a link is.
    pub handoff: Handoff,
    /// What is taken, and in what portions it is sent.
    pub uploads: Uploads,
    /// What is remembered of clients.
    pub performance: Performance,
    /// What is made of it.
    pub client_optimization: ClientOptimization,
    /// How long is remembered.
    pub monitoring: Monitoring,
    /// What is fetched from the upstream.
    pub downloads: Downloads,
    /// How long silence is borne.
    pub timeouts: Timeouts,
    /// What is said on the standard error.
    pub logging: Logging,
    /// The receiving end.
    pub server: Server,
    /// What it does with what it stored.
    pub deduplication: Deduplication,
}

impl Default for Config {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

impl Config {
    /// Reads TOML and judges every key in it.
    pub fn from_toml(text: &str) -> Report {
        let (entries, errors) = toml_text::parse(text);
        Report::judge(entries, errors, Syntax::Toml)
    }

    /// Judges what a program or another syntax says, by the same table.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>) -> Report {
        Report::judge(entries, Vec::new(), Syntax::Toml)
    }

    /// Where a link stands in the order of links; less goes first, and a tie goes by the route
    /// metric. Its own `priority` decides, else its place in `interface_priority` (10, 20, 30:
    /// the steps of the classes), else its class.
    pub fn priority(&self, name: &str, class: Class) -> u32 {
        let listed = &self.network_resilience.interface_priority;
        let by_place = || (1..).zip(listed).find(|(_, listed)| listed.matches(name));
        self.links
            .of(name)
            .priority
            .or_else(|| by_place().map(|(place, _)| 10 * place))
            .unwrap_or(self.classes.of(class).priority)
    }

    /// Whether bytes on a link cost money: as configured, else cellular and satellite do.
    pub fn is_metered(&self, name: &str, class: Class) -> bool {
        self.links.of(name).metered.unwrap_or(match class {
            Class::Ethernet | Class::Wifi | Class::Vpn => false,
            Class::FiveG | Class::Lte | Class::Cellular | Class::Satellite => true,
        })
    }

    /// The most one upstream request carries on links of `class`.
    pub fn chunk_size(&self, class: Class) -> Bytes {
        let Uploads { chunk_size, min_chunk_size, max_chunk_size, .. } = self.uploads;
        match chunk_size {
            ChunkSize::Fixed(size) => size,
            ChunkSize::Adaptive => {
                self.classes.of(class).chunk_size.max(min_chunk_size).min(max_chunk_size)
            }
        }
    }

    /// A timeout upstream, stretched for links of `class` and kept within `[timeouts]`.
    pub fn timeout(&self, base: Duration, class: Class) -> Duration {
        let Timeouts { adaptive_timeouts, min_timeout, max_timeout, .. } = self.timeouts;
        if adaptive_timeouts {
            let stretched = self.classes.of(class).timeout_multiplier.of(base);
            stretched.max(min_timeout).min(max_timeout)
        } else {
            base
        }
    }

    pub(crate) fn read(values: &Values) -> Self {
        Self {
            relay: Relay::read(values, ""),
            upstream: Upstream::read(values, ""),
            security: Security::read(values, ""),
            control: Control::read(values, ""),
            links: Links::read(values),
            network_resilience: NetworkResilience::read(values, ""),
            classes: Classes::read(values),
            handoff: Handoff::read(values, ""),
            uploads: Uploads::read(values, ""),
            performance: Performance::read(values, ""),
            client_optimization: ClientOptimization::read(values, ""),
            monitoring: Monitoring::read(values, ""),
            downloads: Downloads::read(values, ""),
            timeouts: Timeouts::read(values, ""),
            logging: Logging::read(values, ""),
            server: Server::read(values, ""),
            deduplication: Deduplication::read(values, ""),
        }
    }
}

/// The values that act, judged right, by the path of their key.
#[derive(Default)]
pub(crate) struct Values(BTreeMap<Vec<String>, Value>);

impl Values {
    pub(crate) fn insert(&mut self, path: Vec<String>, value: Value) {
        self.0.insert(path, value);
    }

    /// The value of a key of the table, else its default. `name` stands for the segment in angle
    /// brackets.
    pub(crate) fn get<T: Setting>(&self, path: &str, name: &str) -> T {
        let path = table::path_for(path, name);
        let value = self.0.get(&path).cloned().unwrap_or_else(|| {
            let (key, _) = table::find(&path).expect("every field is a row of the table");
            key.default_value()
        });
        T::read(&value).expect("a value is judged before, a default by a test")
    }

    /// The names that something is said of under `section`.
    pub(crate) fn names(&self, section: &str) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self
            .0
            .keys()
            .filter(|path| path.len() == 3 && path[0] == section)
            .map(|path| path[1].as_str())
            .collect();
        names.dedup();
        names.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::from_toml(text).config.expect("nothing is wrong with it")
    }

    #[test]
    fn a_links_own_priority_goes_before_the_list_and_the_list_before_the_class() {
        let config = config(
            "[network_resilience]\ninterface_priority = ['wan', 'wwan*']\n\
             [links.wwan1]\npriority = 5\n",
        );

        assert_eq!(config.priority("wwan1", Class::Lte), 5);
        assert_eq!(config.priority("wan", Class::Ethernet), 10);
        assert_eq!(config.priority("wwan0", Class::Lte), 20);
        assert_eq!(config.priority("eth0", Class::Ethernet), 10);
        assert_eq!(config.priority("ppp0", Class::Cellular), 40);
    }

    #[test]
    fn the_listed_names_stand_where_their_classes_do_by_default() {
        let config = Config::default();

        for (name, class) in [
            ("eth0", Class::Ethernet),
            ("wlan0", Class::Wifi),
            ("wwan0", Class::Lte),
            ("ppp0", Class::Cellular),
        ] {
            assert_eq!(config.priority(name, class), config.priority("other", class), "{name}");
        }
    }

    #[test]
    fn what_costs_money_goes_by_class_unless_it_is_said() {
        let config = config("[links.\"wwan*\"]\nmetered = false\n[links.wwan9]\nmetered = true\n");

        assert!(!config.is_metered("wwan0", Class::Lte));
        assert!(config.is_metered("wwan9", Class::Ethernet));
        assert!(config.is_metered("ppp0", Class::Cellular));
        assert!(!config.is_metered("eth0", Class::Ethernet));
    }

    #[test]
    fn a_links_own_name_goes_before_patterns_and_a_longer_pattern_before_a_shorter() {
        let config = config(
            "[links.\"*\"]\nclass = 'vpn'\npriority = 1\nmetered = true\n\
             [links.\"wwan*\"]\nclass = 'lte'\npriority = 2\n[links.wwan0]\nclass = '5g'\n",
        );

        let link = config.links.of("wwan0");

        assert_eq!(link.class, Some(Class::FiveG));
        assert_eq!(link.priority, Some(2));
        assert_eq!(link.metered, Some(true));
    }

    #[test]
    fn chunks_go_by_class_within_their_bounds_unless_they_are_fixed() {
        let bounds = "[uploads]\nmin_chunk_size = '1MB'\nmax_chunk_size = '4MB'\n";
        let adaptive = config(bounds);
        let fixed = config(&format!("{bounds}chunk_size = '3MB'\n"));

        for (class, mib) in [(Class::Cellular, 1), (Class::Lte, 2), (Class::Ethernet, 4)] {
            assert_eq!(adaptive.chunk_size(class), Bytes(mib << 20));
            assert_eq!(fixed.chunk_size(class), Bytes(3 << 20));
        }
    }

    #[test]
    fn timeouts_stretch_with_the_class_within_their_bounds() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let config = Config::default();

        assert_eq!(config.timeout(minute, Class::Ethernet), minute);
        assert_eq!(config.timeout(minute, Class::Lte), 2 * minute);
        assert_eq!(config.timeout(second, Class::Lte), 5 * second);
        assert_eq!(config.timeout(60 * minute, Class::Lte), 5 * minute);

        let fixed = self::config("[timeouts]\nadaptive_timeouts = false\n");
        assert_eq!(fixed.timeout(second, Class::Lte), second);
    }
}
