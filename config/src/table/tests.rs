use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn path(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

#[test]
fn every_default_is_right_by_its_own_row() {
    for key in keys() {
        let default = key.default_value();

        assert_eq!((key.kind.check)(&default), Ok(()), "{}", key.path);
        if let Some((min, max)) = key.kind.bounds {
            assert!((key.kind.is_within)(&default, min, max), "{}", key.path);
            for bound in [min, max] {
                let bound = Value::one(bound);
                assert_eq!((key.kind.check)(&bound), Ok(()), "{}", key.path);
                assert!((key.kind.is_within)(&bound, min, max), "{}", key.path);
            }
        }
        if let Role::Always(_) | Role::NotYet(_) = key.role {
            assert!((key.kind.same)(&default, &default), "{}", key.path);
        }
    }
}

#[test]
fn every_key_stands_once_and_says_something() {
    let mut paths = BTreeSet::new();
    for key in keys() {
        assert!(paths.insert(key.path), "{} stands twice", key.path);
        let (Role::Acts(text) | Role::Always(text) | Role::NotYet(text) | Role::Never(text)) =
            key.role;
        assert!(!text.trim().is_empty(), "{}", key.path);
    }
}

#[test]
fn every_other_spelling_means_a_key() {
    for (alias, other) in others::SAME_AS {
        let given = path_for(alias, "wlan*");

        let (_, found) = find(&given).expect(alias);

        assert_eq!(found, path_for(other, "wlan*"));
        assert_ne!(found, given);
    }
}

#[test]
fn a_class_goes_before_an_interface_of_that_name() {
    for class in baton_core::Class::ALL {
        let given = path(&format!("network_interfaces.{}.priority", class.name()));
        assert_eq!(find(&given).unwrap().1, given);
    }
    let (_, interface) = find(&path("network_interfaces.eth1.priority")).unwrap();
    assert_eq!(interface, path("links.eth1.priority"));
    assert!(find(&path("network_interfaces.wfii.priority")).is_none());
}

#[test]
fn what_was_meant_is_guessed_near_and_not_far() {
    for (given, meant) in [
        ("relay.holdd", Some("relay.hold")),
        ("uploads.max_retries", Some("uploads.maxretries")),
        ("network_interfaces.wfii.priority", Some("network_interfaces.wifi.priority")),
        ("links.wwan0.prioritty", Some("links.wwan0.priority")),
        ("links.ignroe", Some("links.ignore")),
        ("relay.secret_file", Some("security.secret_file")),
        ("relay.something_else", None),
        ("relay", None),
    ] {
        assert_eq!(nearest_key(&path(given)), meant.map(path), "{given}");
    }
    assert_eq!(nearest_section("upstrem"), Some("upstream"));
    for other in ["completely_different", "foo", "x", ""] {
        assert_eq!(nearest_section(other), None, "{other}");
    }
}

proptest! {
    #[test]
    fn distance_agrees_with_its_definition(a in "[abc]{0,5}", b in "[abc]{0,5}") {
        fn model(a: &[u8], b: &[u8]) -> usize {
            match (a.split_last(), b.split_last()) {
                (None, _) => b.len(),
                (_, None) => a.len(),
                (Some((x, a_rest)), Some((y, b_rest))) => (model(a_rest, b_rest) + usize::from(x != y))
                    .min(model(a_rest, b) + 1)
                    .min(model(a, b_rest) + 1),
            }
        }
        prop_assert_eq!(distance(&a, &b), model(a.as_bytes(), b.as_bytes()));
    }
}
