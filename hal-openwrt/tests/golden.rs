//! Whole files and what is said of them. `golden/NAME.uci` is read, and every verdict but the
//! defaults compared with `golden/NAME.expected`; with `BATON_WRITE_FILES=1` it is written anew.

use baton_config::{Config, Report, Verdict};
use baton_hal_openwrt::uci;
use std::{fs, path::PathBuf};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn report(name: &str) -> Report {
    uci::read(&fs::read_to_string(golden(&format!("{name}.uci"))).expect("the file is there"))
}

fn assert_golden(name: &str) -> Option<Config> {
    let mut report = report(name);
    report.keys.retain(|key| key.verdict != Verdict::Default);
    let said = format!("{report}\n");

    let path = golden(&format!("{name}.expected"));
    if std::env::var_os("BATON_WRITE_FILES").is_some() {
        fs::write(&path, &said).expect("the folder can be written to");
    }
    assert_eq!(said, fs::read_to_string(path).expect("the file is there"));
    report.config
}

#[test]
fn a_gateway_of_the_usual_kind() {
    let config = assert_golden("gateway").unwrap();

    assert_eq!(config.upstream.url.unwrap().to_string(), "http://203.0.113.10:9000/up");
    assert_eq!(config.relay.listen.len(), 2);
    assert!(config.links.ignores("docker0") && !config.links.ignores("wan"));
    assert_eq!(config.links.of("wwan0").metered, Some(true));
    assert_eq!(config.links.of("phy0-sta0").priority, Some(15));
}

#[test]
fn the_same_as_toml() {
    let toml = fs::read_to_string(golden("gateway.toml")).unwrap();

    let toml = Config::from_toml(&toml).config.unwrap();

    assert_eq!(format!("{toml:#?}"), format!("{:#?}", report("gateway").config.unwrap()));
}

#[test]
fn every_kind_of_quoting() {
    assert!(assert_golden("quoting").is_some());
}

#[test]
fn named_and_anonymous_sections() {
    let config = assert_golden("sections").unwrap();

    assert_eq!(config.links.of("eth0.2").priority, Some(5));
    assert_eq!(config.links.of("wlan7").priority, Some(9));
}

#[test]
fn a_file_with_nothing_in_it() {
    let config = assert_golden("empty").unwrap();

    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

#[test]
fn lines_that_can_not_be_read() {
    assert!(assert_golden("broken").is_none());
}

#[test]
fn keys_and_values_that_are_refused() {
    assert!(assert_golden("refused").is_none());
}

#[test]
fn a_quote_that_is_never_closed() {
    assert!(assert_golden("unclosed").is_none());
}
