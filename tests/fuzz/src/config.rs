//! Configurations, from the text to the verdicts.

use baton_config::{Config, Report};
use baton_hal_openwrt::uci as openwrt;

pub(crate) fn uci(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = text.lines().count() + 1;
    let (sections, errors) = openwrt::parse(&text);
    for section in &sections {
        assert!((1..=lines).contains(&section.line));
        assert!(section.options.iter().all(|option| (1..=lines).contains(&option.line)));
    }
    assert!(errors.iter().all(|error| error.line.is_none_or(|line| (1..=lines).contains(&line))));
    check(&openwrt::read(&text), lines);
}

pub(crate) fn toml(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    check(&Config::from_toml(text), text.lines().count() + 1);
}

/// What is refused is said, and nothing that is said moves the cursor of a terminal.
fn check(report: &Report, lines: usize) {
    assert_eq!(report.is_fatal(), report.mistakes() > 0, "{report}");
    assert!(report.keys.iter().all(|key| key.line.is_none_or(|line| (1..=lines).contains(&line))));
    let said = report.to_string();
    assert!(!said.chars().any(|char| char.is_control() && char != '\n'), "{said:?}");
    serde_json::to_string(report).expect("it is data");
}
