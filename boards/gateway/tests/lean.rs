//! The program with every feature left out: what it lacks, it says.

#![cfg(not(any(feature = "control", feature = "serve", feature = "tls")))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

#[test]
fn a_command_that_was_left_out_is_named_with_its_feature() {
    for (command, feature) in [
        (&["demo"][..], "feature demo"),
        (&["serve", "--dir", "/srv"], "feature serve"),
        (&["status"], "feature control"),
        (&["switch", "auto"], "feature control"),
        (&["put", "a.jpg"], "feature control"),
    ] {
        let output = baton(command);

        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(told(&output).contains(feature), "{command:?}: {}", told(&output));
    }
}

#[test]
fn what_was_never_a_command_is_wrong_usage_as_ever() {
    let output = baton(&["fly"]);

    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("unrecognized subcommand 'fly'"), "{}", told(&output));
}

#[test]
fn a_configuration_that_asks_for_what_was_left_out_is_refused_and_says_what_to_do() {
    for (name, config, feature) in [
        ("https", "upstream.url = \"https://files.example\"\n", "feature tls"),
        ("socket", "control.socket = \"/tmp/own.sock\"\n", "feature control"),
    ] {
        let path = std::env::temp_dir().join(format!("baton-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, config).unwrap();

        let output = baton(&["check", "--config", path.to_str().unwrap()]);

        std::fs::remove_file(&path).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {}", told(&output));
        assert!(told(&output).contains(feature), "{name}: {}", told(&output));
    }
}

fn baton(line: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baton")).args(line).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
