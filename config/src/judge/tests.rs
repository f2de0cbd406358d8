use super::*;
use proptest::prelude::*;

/// The verdicts on what the text sets, one a line.
fn verdicts(text: &str) -> String {
    let report = Config::from_toml(text);
    let errors = report.errors.iter().map(ToString::to_string);
    let keys = report.keys.iter().filter(|key| key.verdict != Verdict::Default);
    errors.chain(keys.map(ToString::to_string)).collect::<Vec<_>>().join("\n")
}

fn config(text: &str) -> Config {
    let report = Config::from_toml(text);
    report.config.as_ref().unwrap_or_else(|| panic!("{report}")).clone()
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let text = r#"
hold = "5m"
[relay]
listen = ["192.168.1.1:8080", "lan"]
holdd = "5m"
hold = 5
max_clients = 0
[upstrem]
url = "http://example.org"
tus_path = "/files/"
[security]
secret = "hunter2"
secret_file = "/etc/baton/secret"
[uploads]
min_chunk_size = "20MB"
max_chunk_size = "10MB"
[experimental]
http3_support = true
[handoff]
pause_transfers_on_switch = true
min_quality_threshold = 180
[network_interfaces]
wfii = { priority = 1 }
[links.wwan0]
class = "4g"
"#;

    let expected = r#"
    2  unknown            hold: did you mean relay.hold?
    4  invalid            relay.listen = 192.168.1.1:8080, lan: takes address:port, such as 192.168.1.1:8080 or [fd00::1]:8080; for example listen = ["0.0.0.0:8080"]
    5  unknown            relay.holdd: did you mean relay.hold?
    6  invalid            relay.hold = 5: takes a duration: a whole number with ms, s, m, h or d; for example hold = "5m"
    7  invalid            relay.max_clients = 0: takes 1 to 1024; for example max_clients = 64
    9  unknown            [upstrem]: did you mean [upstream]?
   12  invalid            security.secret = (hidden): stands beside secret_file: keep one of them (the file can be kept from other users)
   13  acts               security.secret_file = /etc/baton/secret
   15  invalid            uploads.min_chunk_size = 20MB: min_chunk_size is more than max_chunk_size
   16  acts               uploads.max_chunk_size = 10MB
   18  not for a gateway  experimental.http3_support = true: LAN clients and upload servers speak HTTP/1.1, and so does Baton: use a proxy upstream
   20  invalid            handoff.pause_transfers_on_switch = true: a moved upload goes on at once; for example pause_transfers_on_switch = false
   21  invalid            handoff.min_quality_threshold = 180: takes 0 to 100; for example min_quality_threshold = 70
   23  unknown            network_interfaces.wfii.priority: did you mean network_interfaces.wifi.priority?
   25  invalid            links.wwan0.class = 4g: takes one of ethernet, wifi, 5g, lte, cellular, vpn, satellite; for example class = "lte""#;
    assert_eq!(format!("\n{}", verdicts(text)), expected);
    assert!(Config::from_toml(text).is_fatal());
}

#[test]
fn broken_syntax_is_told_with_its_line_and_the_rest_is_judged() {
    let report = Config::from_toml("[relay]\nhold = \nauth = \"lann\"\n[upstream\n");

    assert_eq!(
        report.errors.iter().map(|error| error.line).collect::<Vec<_>>(),
        [Some(2), Some(4)]
    );
    assert!(report.to_string().contains("relay.auth = lann: takes lan or token"));
    assert!(report.is_fatal());
}

#[test]
fn no_secret_reaches_any_output() {
    let text = "secret = 'hunter2'\n[security]\nsecret = 'hunter2'\nsecrt = 'hunter2'\n\
                jwtsecret = ['hunter2']\n[securty]\nsecret = 'hunter2'\n\
                [upstream]\nurl = 'http://me:hunter2@example.org'\n";

    let report = Config::from_toml(text);

    let json = serde_json::to_string(&report).unwrap();
    let debug = format!("{report:?} {:?}", config("[security]\nsecret = 'hunter2'"));
    for output in [json, debug, report.to_string()] {
        assert!(!output.contains("hunter2"), "{output}");
    }
}

#[test]
fn the_placeholders_of_the_templates_are_refused() {
    for secret in ["your-hmac-secret-key-here", "test-secret-key-for-adaptive-testing"] {
        let said = verdicts(&format!("[security]\nsecret = \"{secret}\"\n"));
        assert!(said.contains("placeholder") && !said.contains(secret), "{said}");
    }
}

#[test]
fn other_spellings_act_and_contradictions_are_refused() {
    let globs = "[network_interfaces]\n\"wlan*\" = 7\n\"wwan*\" = { priority = 8 }\n\
                 [handoff]\nenabled = false\n";
    let config = config(globs);
    assert_eq!(config.links.of("wlan3").priority, Some(7));
    assert_eq!(config.links.of("wwan0").priority, Some(8));
    assert!(!config.network_resilience.auto_switch_enabled);

    let twice = "[network_resilience]\nauto_switch_enabled = true\n[handoff]\nenabled = false\n";
    assert!(verdicts(twice).contains("is set already in line 2"));
}

#[test]
fn a_section_is_no_key_and_a_key_is_no_section() {
    assert_eq!(verdicts("[relay]\n[links.wwan0]\n"), "");
    let said = verdicts("control = 1\n[[relay]]\nhold = '1m'\n[upstream.url]\nx = 1\n");
    assert!(said.contains("control: is a section"), "{said}");
    assert!(said.contains("relay: is a section, not a key: write it once"), "{said}");
    assert!(said.contains("upstream.url.x: did you mean upstream.url?"), "{said}");
}

#[test]
fn values_right_alone_and_wrong_together_are_refused() {
    for (text, why) in [
        ("[timeouts]\nmin_timeout = '10m'", "min_timeout is more than max_timeout"),
        ("[uploads]\nmax_chunk_size = '128KB'", "min_chunk_size is more than max_chunk_size"),
        ("[uploads]\nchunk_size = '64MB'", "is not within min_chunk_size and max_chunk_size"),
    ] {
        assert!(verdicts(text).contains(why), "{text}");
    }
}

#[test]
fn what_acts_is_in_the_configuration() {
    let config = config(
        "[relay]\nlisten = ['10.0.0.1:80', '[fd00::1]:80']\nspool_size = '1GB'\n\
         [upstream]\nurl = 'http://example.org/up'\ntoken = 'pass'\n\
         [network_resilience]\nswitch_threshold_packet_loss = 2.5\n\
         [network_interfaces.satellite]\nbuffer_size = '2MB'\ntimeout_multiplier = 4\n\
         [uploads]\nchunk_size = '1MB'\n",
    );

    assert_eq!(config.relay.listen.len(), 2);
    assert_eq!(config.relay.spool_size, Some(crate::Bytes(1 << 30)));
    assert_eq!(config.upstream.url.unwrap().to_string(), "http://example.org/up");
    assert_eq!(config.upstream.token, crate::Token::Pass);
    assert_eq!(config.network_resilience.switch_threshold_packet_loss, crate::Ppm(25_000));
    let satellite = config.classes.of(baton_core::Class::Satellite);
    assert_eq!(satellite.buffer_size, crate::Bytes(2 << 20));
    assert_eq!(satellite.timeout_multiplier, crate::Permille(4000));
    assert_eq!(config.uploads.chunk_size, ChunkSize::Fixed(crate::Bytes(1 << 20)));
}

#[test]
fn entries_of_a_program_are_judged_by_the_same_table() {
    let report =
        Config::from_entries([Entry::new("relay.hold", "1s"), Entry::new("relay.hold", "1s")]);

    let said: Vec<_> = report.keys.iter().take(2).map(ToString::to_string).collect();
    assert_eq!(said[0], "    -  acts               relay.hold = 1s");
    assert_eq!(said[1], "    -  invalid            relay.hold = 1s: is set already");
}

#[test]
fn a_name_in_a_guess_moves_no_cursor() {
    let report = Config::from_toml("[links.\"wwan\\u001b0\"]\nprioritty = 1\n");

    let said = report.keys[0].to_string();

    assert!(said.ends_with(r#"did you mean links."wwan\u{1b}0".priority?"#), "{said}");
}

#[test]
fn programs_read_the_verdicts_as_json() {
    let report = Config::from_toml("[relay]\nhold = '2m'\nmod = 1\n");

    let json: serde_json::Value = serde_json::to_value(&report).unwrap();

    let expected = serde_json::json!([
        {"key": "relay.hold", "line": 2, "value": "2m", "verdict": "acts"},
        {"key": "relay.mod", "line": 3, "value": null, "verdict": "unknown", "nearest": "relay.mode"},
        {"key": "relay.listen", "line": null, "value": "0.0.0.0:8080", "verdict": "default"},
    ]);
    assert_eq!(json["keys"].as_array().unwrap()[..3], expected.as_array().unwrap()[..]);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}|(\\[[a-z.*\"]{0,9}\\]\n|[a-z_]{1,9} = [0-9a-z\"'{}\\[\\],.]{0,9}\n){0,8}") {
        let report = Config::from_toml(&text);
        prop_assert_eq!(report.is_fatal(), report.mistakes() > 0);
    }

    #[test]
    fn no_value_of_any_key_panics(index in any::<prop::sample::Index>(), value in "\\PC{0,16}") {
        let rows: Vec<_> = table::keys().collect();
        let path = table::path_for(rows[index.index(rows.len())].path, "wwan0");
        let report = Config::from_entries([Entry { path, value: Value::one(value), line: Some(1) }]);
        prop_assert_eq!(report.is_fatal(), report.mistakes() > 0);
    }
}

#[test]
fn marks_that_fall_are_refused_where_both_were_set() {
    let judge = |text: &str| {
        let report = Config::from_toml(&format!("[network_resilience]\n{text}"));
        report.keys.into_iter().find(|key| key.verdict.is_fatal()).map(|key| key.key)
    };

    assert_eq!(judge("switch_threshold_latency = '100ms'\n"), None, "below the default warning");
    assert_eq!(
        judge("switch_threshold_latency = '100ms'\nrtt_warning_threshold = '150ms'\n").as_deref(),
        Some("network_resilience.rtt_warning_threshold")
    );
    assert_eq!(
        judge("packet_loss_warning = 9\npacket_loss_critical = 8\n").as_deref(),
        Some("network_resilience.packet_loss_warning")
    );
}
