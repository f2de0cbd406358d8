//! An upstream behind HTTPS, with nginx's OpenSSL at the other end: uploads cross failing links as
//! ever, sessions are resumed, and who is not believed gets not a byte.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Rate, Sandbox};
use baton_tests::{Certified, Scene, Secured, Setup, Upstream, baton, temp_dir, wait_until};
use core::time::Duration;
use std::process::Command;

baton_lab::tests_side_by_side![
    an_upload_crosses_a_lost_carrier_and_a_black_hole_over_https,
    a_put_is_replayed_over_https,
    a_stranger_gets_nothing_and_is_told_apart_on_every_link,
    a_certificate_for_another_name_is_told,
    an_expired_certificate_is_told,
    a_certificate_of_the_future_is_told,
    a_wrong_pin_is_told_with_the_right_one,
    a_pinned_server_is_believed_before_the_clock_is_set,
    a_clock_that_was_never_set_is_blamed,
    certificates_that_can_not_be_read_are_refused_at_start,
];

const MIB: u64 = 1 << 20;

/// Longer than any of these takes.
const PATIENCE: Duration = Duration::from_secs(10);

fn trusting(tls: &Secured) -> Setup {
    let config = format!(
        "upstream.ca_file = \"{}\"\nlogging.level = \"debug\"\nrelay.hold = \"2s\"\n",
        tls.authority().display()
    );
    Setup { tls: Some(tls.clone()), config, ..Setup::default() }
}

fn an_upload_crosses_a_lost_carrier_and_a_black_hole_over_https(sandbox: &Sandbox) {
    let tls = Secured::new("tls-crosses", &Certified::default());
    let setup = Setup { config: trusting(&tls).config.replace("2s", "1m"), ..trusting(&tls) };
    let scene = Scene::new(sandbox, setup);
    // Links that came up together began together. One that comes back resumes, for tickets came
    // with the first answer.
    wait_until("an answer", PATIENCE, || scene.status()["upstream"]["protocol"].as_str().map(drop));
    scene.lab.link("wlan0").carrier(false).unwrap();
    wait_until("wlan0 is down", PATIENCE, || {
        scene.links().as_array()?.iter().any(|link| link["state"] == "down").then_some(())
    });
    scene.lab.link("wlan0").carrier(true).unwrap();
    wait_until("a session resumed over wlan0", PATIENCE, || {
        scene.agent.log().contains("TLS handshake link=\"wlan0\" kind=Resumed").then_some(())
    });

    let file = scene.file("a.bin", 24 * MIB);
    let curl = scene.curl(&file, "a.bin", &[]);
    scene.wait_for_bytes(8 * MIB);
    scene.lab.link("eth0").carrier(false).unwrap();
    scene.wait_for_bytes(16 * MIB);
    scene.lab.link("wlan0").black_hole(true);
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    let status = scene.status();
    println!("{:#}", status["upstream"]);
    assert!(status["upstream"]["handshakes"]["resumed"].as_u64().unwrap() > 0, "{status:#}");
    assert!(status["upstream"]["handshakes"]["full"].as_u64().unwrap() <= 6, "{status:#}");
    // At most a window a switch crosses twice, and TLS adds less than a hundredth.
    assert!(status["resent_bytes"].as_u64().unwrap() <= MIB + MIB / 2, "{status:#}");
    assert!(scene.payload_up() <= 24 * MIB + 24 * MIB / 32 + 2 * MIB, "{}", scene.payload_up());
}

fn a_put_is_replayed_over_https(sandbox: &Sandbox) {
    let tls = Secured::new("tls-put", &Certified::default());
    let setup = Setup { protocol: "put", rate: Rate::Bps(64_000_000), ..trusting(&tls) };
    let scene = Scene::new(sandbox, setup);
    let file = scene.file("a.bin", 8 * MIB);
    let curl = scene.curl(&file, "a.bin", &[]);
    scene.wait_for_bytes(4 * MIB);
    scene.lab.link("eth0").carrier(false).unwrap();
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
}

/// A scene in which the upstream will not be believed.
fn distrusting(sandbox: &Sandbox, server: &Secured, config: &str) -> Scene {
    let config = format!("{config}\nrelay.hold = \"2s\"\n");
    let setup =
        Setup { tls: Some(server.clone()), config, upstream: Upstream::None, ..Setup::default() };
    Scene::new(sandbox, setup)
}

/// Waits until a link says that what answers is not the upstream; what it says.
fn trouble(scene: &Scene) -> String {
    wait_until("trouble with a link", PATIENCE, || {
        let links = scene.links();
        let link = links.as_array()?.iter().find(|link| !link["trouble"].is_null())?;
        assert_eq!(link["state"], "failed", "{link:#}");
        Some(link["trouble"].as_str()?.to_owned())
    })
}

fn a_stranger_gets_nothing_and_is_told_apart_on_every_link(sandbox: &Sandbox) {
    let stranger = Secured::new("tls-stranger", &Certified::default());
    let expected = Secured::new("tls-expected", &Certified::default());
    let config = format!("upstream.ca_file = \"{}\"", expected.authority().display());
    let scene = distrusting(sandbox, &stranger, &config);

    let said = trouble(&scene);
    let (status, text) = scene.finish(scene.curl(&scene.file("a.bin", MIB), "a.bin", &[]));

    assert!(said.contains("not trusted here"), "{said}");
    assert_eq!(status, 503, "{text}");
    assert!(text.contains(&said), "{text}");
    let log = scene.agent.log();
    for link in ["eth0", "wlan0", "wwan0"] {
        let lines = log.lines().filter(|line| {
            line.contains("WARN") && line.contains(link) && line.contains("not trusted here")
        });
        assert_eq!(lines.count(), 1, "said once of {link}, not at every probe\n{log}");
    }
    assert_eq!(scene.status()["upstream"]["handshakes"]["full"], 0);
}

fn a_certificate_for_another_name_is_told(sandbox: &Sandbox) {
    let certified = Certified { name: "other.example".into(), ..Certified::default() };
    assert_told(sandbox, "tls-name", &certified, "not for 203.0.113.10 but for");
}

fn an_expired_certificate_is_told(sandbox: &Sandbox) {
    let certified = Certified { years: [2001, 2002], ..Certified::default() };
    assert_told(sandbox, "tls-expired", &certified, "expired on Tue, 01 Jan 2002");
}

fn a_certificate_of_the_future_is_told(sandbox: &Sandbox) {
    let certified = Certified { years: [2090, 2100], ..Certified::default() };
    assert_told(sandbox, "tls-early", &certified, "not valid before Sun, 01 Jan 2090");
}

fn assert_told(sandbox: &Sandbox, what: &str, certified: &Certified, told: &str) {
    let server = Secured::new(what, certified);
    let config = format!("upstream.ca_file = \"{}\"", server.authority().display());
    let scene = distrusting(sandbox, &server, &config);

    let said = trouble(&scene);

    assert!(said.contains(told), "{said}");
}

fn a_wrong_pin_is_told_with_the_right_one(sandbox: &Sandbox) {
    let server = Secured::new("tls-pin", &Certified::default());
    let config = "upstream.pin = \"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"";
    let scene = distrusting(sandbox, &server, config);

    let said = trouble(&scene);

    assert!(
        said.contains("its key is not the pinned one") && said.contains(server.pin()),
        "{said}"
    );
}

/// A machine without a battery for its clock, three minutes after it started.
fn at_the_epoch(setup: Setup) -> Setup {
    let library = std::fs::read_dir("/usr/lib").unwrap().flatten().find_map(|folder| {
        let path = folder.path().join("faketime/libfaketime.so.1");
        path.exists().then_some(path)
    });
    let library = library.expect("libfaketime is installed: apt-get install faketime");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap().to_owned()),
        ("FAKETIME", "@1970-01-01 00:03:00".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("TZ", "UTC".to_owned()),
    ];
    Setup { environment: environment.to_vec(), ..setup }
}

fn a_clock_that_was_never_set_is_blamed(sandbox: &Sandbox) {
    let server = Secured::new("tls-clock", &Certified::default());
    let scene =
        Scene::new(sandbox, Setup { upstream: Upstream::None, ..at_the_epoch(trusting(&server)) });

    let said = trouble(&scene);

    assert!(said.contains("this machine's clock says Thu, 01 Jan 1970 00:03"), "{said}");
    assert!(said.contains("set it (ntpd)"), "{said}");
}

fn a_pinned_server_is_believed_before_the_clock_is_set(sandbox: &Sandbox) {
    let server = Secured::new("tls-pinned", &Certified::default());
    let config = format!("upstream.pin = [\"{}\"]\n", server.pin());
    let scene = Scene::new(sandbox, at_the_epoch(Setup { config, ..trusting(&server) }));
    let file = scene.file("a.bin", MIB);

    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
}

fn certificates_that_can_not_be_read_are_refused_at_start(_: &Sandbox) {
    let dir = temp_dir("tls-unreadable");
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "no certificate\n").unwrap();
    let broken = dir.path().join("broken.pem");
    let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&broken, text).unwrap();
    let https = "[upstream]\nurl = 'https://203.0.113.10'\n";
    let pin = "pin = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='";
    let http = https.replace("https", "http");
    for (config, told) in [
        (format!("{https}ca_file = '/nonexistent.pem'"), "/nonexistent.pem: No such file"),
        (format!("{https}ca_file = '{}'", empty.display()), "empty.pem has no certificate"),
        (format!("{https}ca_file = '{}'", broken.display()), "not a certificate"),
        (format!("{https}ca_file = '{}'\n{pin}", empty.display()), "leave one of them out"),
        (format!("{http}{pin}"), "begins with https://"),
        (format!("{https}pin = 'sha256/AAAA'"), "openssl x509"),
    ] {
        let path = dir.path().join("baton.toml");
        std::fs::write(&path, config).unwrap();
        for command in ["check", "run"] {
            let mut baton = Command::new(baton());
            let out = baton.arg(command).arg("--config").arg(&path).output().unwrap();
            let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
            assert_eq!(out.status.code(), Some(1), "{said}");
            assert!(said.contains(told), "{command}: {said}");
        }
    }
}
