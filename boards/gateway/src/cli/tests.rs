use super::*;
use clap::{CommandFactory, error::ErrorKind};

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_go_before_and_after_any_command() {
    for command in [
        "demo",
        "run",
        "serve",
        "check",
        "put f",
        "status",
        "links",
        "uploads",
        "watch",
        "switch auto",
        "token make --path p --size 1",
        "token check http://h/p?v=1",
    ] {
        let before = parse(&format!("--json --config c --socket s {command}")).unwrap();
        let after = parse(&format!("{command} --json --config c --socket s")).unwrap();
        for globals in [before.globals, after.globals] {
            assert!(globals.json, "{command}");
            assert_eq!(globals.config.as_deref(), Some("c".as_ref()), "{command}");
            assert_eq!(globals.socket.as_deref(), Some("s".as_ref()), "{command}");
        }
    }
}

#[test]
fn wrong_usage_is_told_apart() {
    for (line, kind) in [
        ("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("fly", ErrorKind::InvalidSubcommand),
        ("put", ErrorKind::MissingRequiredArgument),
        ("put f --scheme v2", ErrorKind::MissingRequiredArgument),
        ("put f --to http://h --scheme v9", ErrorKind::ValueValidation),
        ("switch", ErrorKind::MissingRequiredArgument),
        ("serve --listen nowhere", ErrorKind::ValueValidation),
        ("token make --size 1", ErrorKind::MissingRequiredArgument),
        ("token make --path p --size -1", ErrorKind::UnknownArgument),
        ("status extra", ErrorKind::UnknownArgument),
    ] {
        assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
    }
}

#[test]
fn no_option_takes_a_secret_itself() {
    fn options(command: &clap::Command) -> Vec<String> {
        let own = command.get_arguments().map(|arg| arg.get_id().to_string());
        own.chain(command.get_subcommands().flat_map(options)).collect()
    }

    let options = options(&Cli::command());

    assert!(options.contains(&"secret_file".to_owned()));
    assert!(!options.iter().any(|id| id == "secret" || id == "key" || id == "password"));
}

#[test]
fn times_are_absolute_or_from_now() {
    assert_eq!(expiry("1800000000"), Ok(1_800_000_000));
    assert!(expiry("+300").unwrap() >= crate::commands::unix_now() + 299);
    assert_eq!(expiry(&format!("+{}", u64::MAX)), Ok(u64::MAX));
    assert!(expiry("soon").is_err() && expiry("-5").is_err() && expiry("+").is_err());
}

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(core::iter::once("baton").chain(line.split_whitespace()))
}
