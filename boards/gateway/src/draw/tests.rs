use super::*;
use crate::span::span;
use serde_json::json;

const MB: u64 = 1 << 20;

#[test]
fn a_transfer_that_changed_links_shows_who_carried_what() {
    let picture = relay_race();

    let frame = picture.frame(plain(80));

    assert_eq!(
        frame.join("\n"),
        "\
baton  up 2m 03s  41.0 MB relayed

  LINK      STATE           RTT    LOSS        RATE
  eth0      down         1.2 ms   0.0 %              █ █
  wlan0     suspect       26 ms   0.4 %                  ▂ ▅
▶ wwan0     healthy       51 ms   0.8 %    2.0 MB/s          ▁

holiday.mp4                                  47.0 MB of 64.0 MB   73 %  2.0 MB/s
━━━━━━━━━━━━━━━━━ eth0 ━━━━━━━━━━━━━━━━╸━━━━ wlan0 ━━━━╸━╸······················
  eth0 32.0 MB  wlan0 13.0 MB  wwan0 2.0 MB

  3.0 s  eth0 → wlan0  carrier lost  gap 38 ms  sent twice 0 B
  5.0 s  wlan0 → wwan0  silent  gap 141 ms  sent twice 96 KB
  5.1 s  eth0: cable back in"
    );
}

#[test]
fn narrow_terminals_lose_whole_columns_and_never_wrap() {
    let picture = relay_race();

    assert_eq!(
        picture.frame(plain(40)).join("\n"),
        "\
baton  up 2m 03s  41.0 MB relayed

  LINK      STATE           RTT    LOSS
  eth0      down         1.2 ms   0.0 %
  wlan0     suspect       26 ms   0.4 %
▶ wwan0     healthy       51 ms   0.8 %

holiday.mp4               73 %  2.0 MB/s
━━━━━━━ eth0 ━━━━━━╸━━━━━━━╸╸···········
  eth0 32.0 MB  wlan0 13.0 MB

  3.0 s  eth0 → wlan0  carrier lost
  5.0 s  wlan0 → wwan0  silent
  5.1 s  eth0: cable back in"
    );
    for columns in 0..200 {
        for line in picture.frame(plain(columns)) {
            assert!(width(&line) <= columns, "{columns} columns: {line:?}");
        }
    }
}

#[test]
fn colours_add_escapes_and_move_nothing() {
    let picture = relay_race();

    let coloured = picture.frame(Style { width: 80, colour: true });

    let (stripped, escapes): (Vec<_>, Vec<_>) = coloured.iter().map(|line| strip(line)).unzip();
    assert_eq!(stripped, picture.frame(plain(80)));
    assert!(escapes.iter().sum::<usize>() > 20);
    assert!(coloured[5].contains("\x1b[32mhealthy"), "{:?}", coloured[5]);
}

#[test]
fn news_tells_each_change_once() {
    let mut picture = Picture::new(Instant::ZERO);
    let mut news = Vec::new();
    for (ms, snapshot) in relay_race_snapshots() {
        picture.observe(Instant::from_millis(ms), snapshot.clone());
        news.extend(picture.news());
        picture.observe(Instant::from_millis(ms), snapshot);
        assert_eq!(picture.news(), [""; 0], "nothing changed");
    }

    assert_eq!(
        ["", &news.join("\n")].join("\n"),
        "
   0.0 s  eth0 is healthy
   0.0 s  wlan0 is healthy
   0.0 s  wwan0 is healthy
   0.2 s  holiday.mp4 0 %, 0 B by eth0
   1.0 s  holiday.mp4 25 %, 16.0 MB by eth0
   2.0 s  holiday.mp4 50 %, 32.0 MB by eth0
   3.0 s  eth0 is down
   3.0 s  switch eth0 -> wlan0: carrier lost (kernel), gap 38 ms, sent twice 0 B
   4.0 s  holiday.mp4 70 %, 45.0 MB by wlan0
   5.0 s  wlan0 is suspect
   5.0 s  switch wlan0 -> wwan0: silent (no proof for 112 ms), gap 141 ms, sent twice 96 KB"
    );
}

#[test]
fn a_switch_waits_for_its_gap_but_not_forever() {
    let mut picture = Picture::new(Instant::ZERO);
    picture.observe(Instant::ZERO, snapshot(&[("eth0", "healthy")], None));
    let mut switched = snapshot(&[("eth0", "failed")], None);
    switched.status.switches = vec![Switch { reason: "carrier lost".into(), ..Switch::default() }];
    picture.observe(Instant::from_millis(500), switched.clone());

    let at_once = picture.news().join("\n");
    picture.observe(Instant::from_millis(4000), switched);
    let later = picture.news().join("\n");

    assert!(!at_once.contains("carrier lost"), "{at_once}");
    assert!(later.contains("carrier lost") && later.contains("gap unknown"), "{later}");
}

#[test]
fn an_upload_that_is_over_says_so_and_leaves() {
    let mut picture = Picture::new(Instant::ZERO);
    let links = [("eth0", "healthy")];
    picture.observe(Instant::ZERO, snapshot(&links, Some(("eth0", 64 * MB))));

    picture.observe(Instant::from_millis(500), snapshot(&links, None));
    let soon = picture.frame(plain(80)).join("\n");
    picture.observe(Instant::from_millis(20_000), snapshot(&links, None));
    let later = picture.frame(plain(80)).join("\n");

    assert!(soon.contains("holiday.mp4") && soon.contains("done"), "{soon}");
    assert!(!later.contains("holiday.mp4"), "{later}");
}

#[test]
fn an_upload_sent_back_to_its_start_is_drawn_from_there() {
    let mut parts = Parts::default();
    parts.grow(Some(0), 10);
    parts.grow(Some(1), 20);

    assert_eq!(parts.grow(Some(1), 5), 0);
    assert_eq!(parts.totals(), [(Some(0), 5)]);
    assert_eq!(parts.grow(Some(1), 0), 0);
    assert_eq!(parts.end(), 0);
    assert_eq!(parts.grow(Some(2), 7), 7);
    assert_eq!(parts.totals(), [(Some(2), 7)]);
}

#[test]
fn rates_are_bytes_a_second_whatever_the_polling() {
    for step_ms in [50, 200, 500, 700] {
        let mut rate = Rate::new(Instant::ZERO);
        for ms in (step_ms..=6000).step_by(step_ms) {
            rate.add(Instant::from_millis(ms as u64), 1000 * step_ms as u64);
        }
        let measured = rate.per_second();
        assert!((600_000..=1_400_000).contains(&measured), "{measured} every {step_ms} ms");
    }
}

#[test]
fn a_long_silence_empties_the_rate() {
    let mut rate = Rate::new(Instant::ZERO);
    rate.add(Instant::from_millis(600), 1 << 40);

    rate.add(Instant::from_millis(10_000_000), 0);

    assert_eq!((rate.per_second(), rate.spark(rate.peak()).trim()), (0, ""));
}

#[test]
fn sparklines_are_as_high_as_their_share() {
    let mut rate = Rate::new(Instant::ZERO);
    for (at, bytes) in (1..).zip([0, 1, 50, 100]) {
        rate.add(Instant::from_millis(at * 500), bytes);
    }

    assert_eq!(rate.spark(rate.peak()), " ▁▄█");
    assert_eq!(rate.spark(200), " ▁▂▄");
}

#[test]
fn names_from_clients_can_not_steer_the_terminal() {
    let line = Line::new(plain(40)).put(Tone::Plain, "a\x1b[2Jb\r\u{202e}c").finish();

    assert_eq!(line, "a?[2Jb??c");
}

#[test]
fn wide_and_combining_characters_are_counted_as_shown() {
    assert_eq!(width("日本.txt"), 8);
    assert_eq!(width("e\u{301}"), 1);
    assert_eq!(clip("日本語.txt", 6), "日本…");
    assert_eq!(clip("short", 5), "short");
    assert_eq!(clip("longer", 0), "");
}

#[test]
fn numbers_read_well() {
    let sizes = [0, 1023, 1024, 524_288, 1_048_576, 67_108_864, 5_368_709_120, u64::MAX].map(size);
    let times = [0, 59, 60, 3599, 3600, 90_000].map(|s| span(Duration::from_secs(s)));
    let gaps = [0.04, 9.9, 51.2, 12_000.0].map(millis);

    let expected = ["0 B", "1023 B", "1 KB", "512 KB", "1.0 MB", "64.0 MB", "5.00 GB"];
    assert_eq!(sizes[..7], expected);
    assert_eq!(times, ["0s", "59s", "1m 00s", "59m 59s", "1h 00m", "1d 01h"]);
    assert_eq!(gaps, ["0.0 ms", "9.9 ms", "51 ms", "12 s"]);
}

fn plain(width: usize) -> Style {
    Style { width, colour: false }
}

/// The text without its escapes, and how many there were.
fn strip(line: &str) -> (String, usize) {
    let mut parts = line.split("\x1b[");
    let head = parts.next().unwrap().to_owned();
    let tails: Vec<&str> = parts.map(|part| part.split_once('m').unwrap().1).collect();
    (head + &tails.concat(), tails.len())
}

/// Half by eth0, a fifth by wlan0 after eth0's cable went out, then wlan0 falls silent.
fn relay_race() -> Picture {
    let mut picture = Picture::new(Instant::ZERO);
    for (ms, snapshot) in relay_race_snapshots() {
        picture.observe(Instant::from_millis(ms), snapshot);
    }
    picture.note(Instant::from_millis(5100), "eth0: cable back in");
    picture
}

fn relay_race_snapshots() -> Vec<(u64, Snapshot)> {
    let up = [("eth0", "healthy"), ("wlan0", "healthy"), ("wwan0", "healthy")];
    let out = [("eth0", "down"), ("wlan0", "healthy"), ("wwan0", "healthy")];
    let silent = [("eth0", "down"), ("wlan0", "suspect"), ("wwan0", "healthy")];
    let mut steps = vec![
        (0, snapshot(&up, None)),
        (200, snapshot(&up, Some(("eth0", 0)))),
        (1000, snapshot(&up, Some(("eth0", 16 * MB)))),
        (2000, snapshot(&up, Some(("eth0", 32 * MB)))),
        (3000, snapshot(&out, Some(("wlan0", 36 * MB)))),
        (4000, snapshot(&out, Some(("wlan0", 45 * MB)))),
        (5000, snapshot(&silent, Some(("wwan0", 47 * MB)))),
    ];
    let switches: Vec<Switch> = serde_json::from_value(json!([
        {"at": 1, "from": "eth0", "to": "wlan0", "reason": "carrier lost", "evidence": "kernel",
         "gap_ms": 38.4, "resent_bytes": 0, "hedged_bytes": 0},
        {"at": 2, "from": "wlan0", "to": "wwan0", "reason": "silent", "evidence": "no proof for 112 ms",
         "gap_ms": 141, "resent_bytes": 98304, "hedged_bytes": 65536},
    ]))
    .unwrap();
    for (at, (_, snapshot)) in steps.iter_mut().enumerate() {
        snapshot.status.switches = switches[..at.saturating_sub(3).min(2)].to_vec();
    }
    // What was decided between two looks is seen by the second.
    steps[4].1.status.switches = switches[..1].to_vec();
    steps[5].1.status.switches = switches[..1].to_vec();
    steps[6].1.status.switches = switches;
    steps
}

fn snapshot(links: &[(&str, &str)], upload: Option<(&str, u64)>) -> Snapshot {
    let carrier = upload.map_or("eth0", |(link, _)| link);
    let links = links.iter().enumerate().map(|(at, (name, state))| {
        json!({"name": name, "class": "ethernet", "state": state, "active": *name == carrier,
               "rtt_ms": 1.2 + 25.0 * at as f64, "loss_pct": 0.4 * at as f64})
    });
    let upload = upload.map(|(link, acked)| {
        json!({"id": "7.0", "path": "holiday.mp4", "client": "192.168.1.20", "size": 64 * MB,
               "acked": acked, "link": link, "state": "sending", "protocol": "tus"})
    });
    let status = json!({"version": "0.1.0", "uptime_s": 123, "active_link": carrier,
                        "override": null, "uploads_active": 1, "bytes_relayed": 41 * MB});
    Snapshot {
        status: serde_json::from_value(status).unwrap(),
        links: serde_json::from_value(links.collect()).unwrap(),
        uploads: serde_json::from_value(upload.into_iter().collect()).unwrap(),
    }
}
