//! The files in `config/` are documentation that runs: each is read, and holds the defaults.

use baton_config::{Config, Report, Verdict, default_file};
use std::{collections::BTreeSet, fs, path::PathBuf};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn template(name: &str) -> String {
    fs::read_to_string(file("templates").join(name)).expect("the template ships")
}

/// The template with a secret in place of its placeholder.
fn with_secret(name: &str) -> String {
    let mut text = template(name);
    for placeholder in ["your-hmac-secret-key-here", "test-secret-key-for-adaptive-testing"] {
        text = text.replace(placeholder, "one of our own");
    }
    text
}

fn keys_set(report: &Report) -> BTreeSet<String> {
    report.keys.iter().filter(|key| key.line.is_some()).map(|key| key.key.clone()).collect()
}

/// What acts in `config`, as text, the secret and the list of endings aside: the templates list
/// endings, and without a list every file is taken.
fn acting(mut config: Config) -> String {
    config.security = Config::default().security;
    config.uploads.allowed_extensions = Config::default().uploads.allowed_extensions;
    format!("{config:#?}")
}

#[test]
fn only_the_placeholder_of_each_template_is_refused() {
    for name in ["config-adaptive.toml", "test-config.toml", "test-simple-config.toml"] {
        let report = Config::from_toml(&template(name));

        let refused: Vec<_> = report.keys.iter().filter(|key| key.verdict.is_fatal()).collect();
        assert_eq!(report.mistakes(), 1, "{name}: {report}");
        assert_eq!(refused[0].key, "security.secret", "{name}");
        assert!(Config::from_toml(&with_secret(name)).config.is_some(), "{name}");
    }
}

#[test]
fn the_full_templates_hold_the_same_keys_and_the_defaults() {
    let adaptive = Config::from_toml(&with_secret("config-adaptive.toml"));
    let test = Config::from_toml(&with_secret("test-config.toml"));

    assert_eq!(keys_set(&adaptive), keys_set(&test));
    for report in [adaptive, test] {
        assert_eq!(acting(report.config.unwrap()), acting(Config::default()));
    }
}

#[test]
fn the_simple_template_differs_from_the_defaults_where_the_seed_has_it_so() {
    let mut config = Config::from_toml(&with_secret("test-simple-config.toml")).config.unwrap();
    let defaults = Config::default();
    assert_ne!(config.server.storage_path, defaults.server.storage_path);
    assert_ne!(config.uploads.chunk_size, defaults.uploads.chunk_size);

    config.server.storage_path = defaults.server.storage_path.clone();
    config.server.deduplication_enabled = defaults.server.deduplication_enabled;
    config.uploads.chunk_size = defaults.uploads.chunk_size;

    assert_eq!(acting(config), acting(defaults));
}

#[test]
fn endings_with_and_without_dots_mean_the_same() {
    let endings = |name| {
        let config = Config::from_toml(&with_secret(name)).config.unwrap();
        config.uploads.allowed_extensions
    };

    assert_eq!(endings("config-adaptive.toml"), endings("test-simple-config.toml"));
    assert!(endings("test-config.toml").allow("a/b.jpg"));
    assert!(!endings("test-config.toml").allow("a/b.exe"));
}

#[test]
fn every_routers_profile_is_right_and_every_key_of_it_acts() {
    let folder = file("../boards/profiles");
    let mut profiles = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let report = Config::from_toml(&fs::read_to_string(&path).unwrap());

        let set = report.keys.iter().filter(|key| key.line.is_some());
        let idle: Vec<_> = set.filter(|key| key.verdict != Verdict::Acts).collect();
        assert!(idle.is_empty(), "{}: {report}", path.display());
        assert!(report.config.is_some(), "{}: {report}", path.display());
        profiles += 1;
    }
    assert!(profiles > 0);
}

/// `BATON_WRITE_FILES=1 cargo test -p baton-config` writes the file anew.
#[test]
fn the_default_file_is_the_table() {
    let path = file("baton.toml");
    if std::env::var_os("BATON_WRITE_FILES").is_some() {
        fs::write(&path, default_file()).unwrap();
    }

    assert_eq!(fs::read_to_string(&path).unwrap(), default_file());
}

#[test]
fn the_default_file_changes_nothing_and_every_line_of_it_is_right() {
    let as_it_is = Config::from_toml(&default_file());
    assert_eq!(format!("{:?}", as_it_is.config), format!("{:?}", Some(Config::default())));

    let all_lines: String = default_file()
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let report = Config::from_toml(&all_lines);
    // It shows both ways to give a secret, and only one may be used.
    assert_eq!(report.mistakes(), 1, "{report}");
    assert!(
        report.keys.iter().any(|key| key.key == "security.secret" && key.verdict.is_fatal()),
        "{report}"
    );
    let said = |key: &str| report.keys.iter().find(|said| said.key == key).unwrap();
    assert_eq!(said("links.wwan0.class").verdict, Verdict::Acts);
}
