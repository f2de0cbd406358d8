//! The program from outside: what it prints and how it exits.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod fake;

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use fake::{Folder, Play, Request, tcp, unix};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};

const STATUS: &str = r#"{"version":"0.1.0","uptime_s":123,"active_link":"eth0","override":null,
"uploads_active":1,"bytes_relayed":43000000,"listen":["LISTEN"],"upstream":{"url":
"http://203.0.113.10:9000","protocol":"tus"},"pools":[{"name":"all","size_bytes":8388608,
"used_bytes":1048576}],"clients":[{"id":"02:00:00:00:00:07","idle_s":90,"preferred":"wlan0",
"links":[{"link":"eth0","bytes_per_s":1048576,"reliability_pct":66.6},{"link":"wlan0","bytes_per_s":900000,
"reliability_pct":100.0}]}],"switches_total":1,"warnings":["no spool"],"switches":[{"at":AT,"from":"wlan0","to":"eth0","reason":"carrier lost","evidence":"kernel","gap_ms":38.2,
"resent_bytes":0,"hedged_bytes":0}]}"#;

const LINKS: &str = r#"[{"name":"eth0","index":2,"class":"ethernet","state":"healthy","active":true,
"carrier":true,"address":"203.0.113.2","gateway":null,"rtt_ms":1.25,"rttvar_ms":0.5,"loss_pct":0.0,
"score":97,"metered":false},{"name":"wwan0","index":3,"class":"lte","state":"down","active":false,
"carrier":false,"address":null,"rtt_ms":null,"loss_pct":null,"score":null,"metered":true},{"name":"wwan1","index":4,"class":"lte","state":
"healthy","active":false,"carrier":true,"address":null,"rtt_ms":40,"loss_pct":0.0,"score":90,"metered":true,
"carried_bytes":524288000,"budget_bytes":524288000,"over_budget":true}]"#;

const UPLOADS: &str = r#"[{"id":"7.0","path":"a/holiday.mp4","client":"192.168.1.20:5000",
"size":67108864,"acked":33554432,"link":"eth0","state":"sending","protocol":"tus"}]"#;

#[test]
fn help_is_no_error_and_wrong_usage_is_status_2() {
    for line in ["--help", "--version", "help put", "token make --help"] {
        let output = baton(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{line}");
    }
    for line in ["fly", "status --fly", "put", "token", "switch", "token make --path a"] {
        let output = baton(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2), "{line}: {}", text(&output.stderr));
    }
    assert_eq!(baton(&[]).status.code(), Some(2));
}

#[test]
fn without_an_agent_every_question_is_status_3() {
    let folder = Folder::new();
    let socket = folder.path("none.sock");

    for question in [&["status"][..], &["links"], &["uploads"], &["watch"], &["switch", "auto"]] {
        let output = baton(&[question, &["--socket", &socket]].concat());
        assert_eq!(output.status.code(), Some(3), "{question:?}");
        let told = text(&output.stderr);
        assert!(told.contains("none.sock") && told.contains("baton run"), "{told}");
    }
}

#[test]
fn an_agent_that_hangs_up_or_talks_nonsense_is_no_agent() {
    let folder = Folder::new();
    let socket = folder.path("agent.sock");
    let _requests = unix(socket.as_ref(), |_| Play::Cut(0));

    let output = baton(&["status", "--socket", &socket]);

    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}

#[test]
fn answers_are_tables_for_people() {
    let agent = Agent::start();

    assert_eq!(
        format!("\n{}", agent.told(&["links"])),
        "
   LINK   CLASS     STATE       RTT   LOSS  SCORE  ADDRESS      NOTES
▶  eth0   ethernet  healthy  1.2 ms  0.0 %     97  203.0.113.2  -
   wwan0  lte       down          -      -      -  -            metered
   wwan1  lte       healthy   40 ms  0.0 %     90  -            over budget: 500.0 MB of 500.0 MB
"
    );
    assert_eq!(
        agent.told(&["uploads"]),
        "\
ID   PATH           CLIENT                SIZE   STORED  DONE  LINK  STATE    PROTOCOL  WHY
7.0  a/holiday.mp4  192.168.1.20:5000  64.0 MB  32.0 MB  50 %  eth0  sending  tus       -
"
    );
    assert_eq!(
        agent.told(&["status"]),
        "\
baton 0.1.0, up 2m 03s
active link  eth0, chosen by the agent
uploads      1 under way, 41.0 MB relayed
listening    192.168.1.1:8080
upstream     http://203.0.113.10:9000, tus
memory       1.0 MB of 8.0 MB in use
warning      no spool

Clients
CLIENT                AGO  LINK   A SECOND  RELIABLE  BEST
02:00:00:00:00:07  1m 30s  eth0     1.0 MB      67 %  -
02:00:00:00:00:07  1m 30s  wlan0    879 KB     100 %  ✓

Last switches
   AGO  FROM   TO    REASON        EVIDENCE    GAP  SENT TWICE
2h 05m  wlan0  eth0  carrier lost  kernel    38 ms         0 B
"
    );
}

#[test]
fn json_is_what_the_agent_said() {
    let agent = Agent::start();

    assert_eq!(agent.told(&["links", "--json"]), format!("{LINKS}\n"));
    assert_eq!(agent.told(&["--json", "uploads"]), format!("{UPLOADS}\n"));
}

#[test]
fn a_switch_is_ordered_and_a_link_that_is_not_there_is_status_1() {
    let agent = Agent::start();

    let done = agent.ask(&["switch", "wwan0"]);
    let order = agent.requests.recv().unwrap();
    let refused = agent.ask(&["switch", "ppp9"]);

    assert_eq!(done.status.code(), Some(0));
    assert_eq!(order.line, "POST /v1/switch");
    assert_eq!(order.header("Content-Type"), Some("application/json"));
    assert_eq!(order.body, br#"{"link":"wwan0"}"#);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(told.contains("no such link") && told.contains("eth0, wwan0"), "{told}");
}

#[test]
fn watch_in_a_pipe_tells_changes_and_ends_with_the_agent() {
    let folder = Folder::new();
    let socket = folder.path("agent.sock");
    let asked = AtomicU32::new(0);
    let _requests =
        unix(socket.as_ref(), move |request| match asked.fetch_add(1, Ordering::Relaxed) {
            6.. => Play::Cut(0),
            _ => script(request, "192.168.1.1:8080"),
        });

    let output = baton(&["watch", "--socket", &socket]);

    assert_eq!(output.status.code(), Some(3));
    let told = text(&output.stdout);
    for line in ["eth0 is healthy", "wwan0 is down", "holiday.mp4 50 %", "switch wlan0 -> eth0"] {
        assert_eq!(told.matches(line).count(), 1, "{line} in {told}");
    }
    assert!(!told.contains('\x1b'), "no escapes in a pipe");
}

#[test]
fn output_that_nobody_reads_is_no_crash() {
    let agent = Agent::start();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);

    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.args(["links", "--socket", &agent.socket]).stdout(writer);
    let output = command.stderr(Stdio::piped()).output().unwrap();

    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), ""));
}

#[test]
fn tokens_made_are_tokens_accepted() {
    let folder = Folder::new();
    let secret = folder.file("secret", "sharedsecret\n");
    let file = ["--secret-file", &secret];
    let v2 = "e612cf5535ad6cf16301f5f7835f1809af6fe04feffb551c80a75c9fdc9de70a";

    let made = baton(
        &[&["token", "make", "--path", "foo/bar.jpg", "--size", "1048576"], &file[..]].concat(),
    );
    assert_eq!(text(&made.stdout), format!("v2={v2}\n"), "{}", text(&made.stderr));

    let url = format!("http://h:1/foo/b%61r.jpg?x=1&v2={}", v2.to_uppercase());
    let checked = baton(&[&["token", "check", &url, "--size", "1048576"], &file[..]].concat());
    assert_eq!((checked.status.code(), text(&checked.stdout)), (Some(0), "valid\n"));

    for scheme in ["v", "v2", "token", "v3"] {
        let made = baton(
            &[
                &["token", "make", "--scheme", scheme, "--path", "/a b.txt", "--size", "5"][..],
                &["--expires", "+60"],
                &file[..],
            ]
            .concat(),
        );
        let url = format!("https://host/a%20b.txt?{}", text(&made.stdout).trim_end());
        let checked = baton(&[&["token", "check", &url, "--size", "5"], &file[..]].concat());
        assert_eq!(checked.status.code(), Some(0), "{scheme}: {}", text(&checked.stderr));
    }
}

#[test]
fn a_refused_token_is_status_1_and_says_what_is_wrong() {
    let folder = Folder::new();
    let secret = folder.file("secret", "sharedsecret");
    let v2 = "e612cf5535ad6cf16301f5f7835f1809af6fe04feffb551c80a75c9fdc9de70a";
    let v3 = "9044e2d3c4597575e4c48150157ae72cc2a7262539ea20324aebf5ebf1b95f43";
    let sized = ["--size", "1048576"];

    for (url, more, why) in [
        (
            format!("http://h/foo/bar.jpg?v2={v2}"),
            &["--type", "image/png"][..],
            "type \"image/jpeg\"",
        ),
        (format!("http://h/up/foo/bar.jpg?v2={v2}"), &[], "for the path foo/bar.jpg"),
        (format!("http://h/foo/bar.jpg?v={v2}"), &["--type", "image/jpeg"], "it is a v2 token"),
        (
            format!("http://h/foo/bar.jpg?v3={v3}&expires=1800000000"),
            &["--method", "POST"],
            "signed for PUT",
        ),
        (format!("http://h/foo/bar.jpg?v3={v3}"), &[], "needs expires="),
        (format!("http://h/foo/bar.jpg?v2={}", &v2[1..]), &[], "63 characters"),
        (format!("http://h/foo/bar.jpg?v2={}0", &v2[1..]), &[], "another secret"),
        ("http://h/foo/bar.jpg?x=1".to_owned(), &[], "none of v, v2"),
        ("http://h".to_owned(), &[], "no path"),
    ] {
        let args = [&["token", "check", &url, "--secret-file", &secret], &sized[..], more].concat();
        let output = baton(&args);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{url}: {told}");
        assert!(told.contains(why), "{url}: {told}");
        assert!(!told.contains("sharedsecret"));
    }
    let past = baton(&[
        "token",
        "make",
        "--scheme",
        "v3",
        "--path",
        "a",
        "--expires",
        "1000",
        "--secret-file",
        &secret,
    ]);
    let url = format!("http://h/a?{}", text(&past.stdout).trim_end());
    let output = baton(&["token", "check", &url, "--secret-file", &secret, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains(r#""valid":false"#), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("it ended"), "{}", text(&output.stderr));
}

#[test]
fn a_missing_secret_or_length_is_wrong_usage() {
    let folder = Folder::new();
    let secret = folder.file("secret", "s");
    let config = folder.file("baton.toml", "");
    let url = format!("http://h/a?v={:064}", 0);

    let no_secret = baton(&["token", "check", &url, "--size", "1", "--config", &config]);
    let no_file = baton(&["token", "check", &url, "--size", "1", "--secret-file", "/none"]);
    let no_size = baton(&["token", "check", &url, "--secret-file", &secret]);

    for output in [no_secret, no_file, no_size] {
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }
}

#[test]
fn put_goes_through_the_agent_and_keeps_going_after_a_refusal() {
    let (address, uploads) = tcp(|request| match &*request.line {
        "PUT /taken.jpg" => Play::Refuse(409, r#"{"error":"exists with other content"}"#.into()),
        "PUT /cut.jpg" => Play::Cut(1000),
        _ => Play::Answer(201, String::new()),
    });
    let agent = Agent::listening(&address);
    let folder = Folder::new();
    let content: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    let files = ["a b.jpg", "taken.jpg", "cut.jpg", "empty"]
        .map(|name| folder.file(name, if name == "empty" { &[][..] } else { &content }));
    let missing = folder.path("missing");
    let [first, taken, cut, empty] = &files;

    let output = agent.ask(&["put", first, taken, cut, &missing, empty]);

    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("taken.jpg: ") && told.contains("exists with other content"), "{told}");
    assert!(told.contains("cut.jpg: ") && told.contains("missing: "), "{told}");
    assert!(told.contains("3 of 5 not stored"), "{told}");
    let requests: Vec<Request> = uploads.try_iter().collect();
    let lines: Vec<&str> = requests.iter().map(|request| &*request.line).collect();
    assert_eq!(lines, ["PUT /a%20b.jpg", "PUT /taken.jpg", "PUT /cut.jpg", "PUT /empty"]);
    assert_eq!(requests[0].body, content);
    assert_eq!(requests[0].header("Expect"), Some("100-continue"));
    assert_eq!(requests[0].header("Content-Type"), Some("image/jpeg"));
    assert_eq!(requests[3].header("Content-Length"), Some("0"));
}

#[test]
fn a_server_that_says_no_in_the_middle_of_a_body_is_heard_at_once() {
    let (address, uploads) = tcp(|_| Play::Interrupt(70_000, 507, "disk full\n".to_owned()));
    let agent = Agent::listening(&address);
    let folder = Folder::new();
    let large = folder.file("large.bin", vec![7; 64 << 20]);

    let output = agent.ask(&["put", &large]);

    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("disk full (status 507): the server's disk is full"), "{told}");
    assert_eq!(uploads.recv().unwrap().body.len(), 70_000);
}

#[test]
fn put_straight_to_a_server_is_signed_and_below_its_base() {
    let (address, uploads) = tcp(|_| Play::Answer(201, String::new()));
    let folder = Folder::new();
    let secret = folder.file("secret", "sharedsecret\n");
    let photo = folder.file("a b.jpg", "four");
    let to = format!("http://{address}/photos/");

    let output = baton(&["put", &photo, "--to", &to, "--secret-file", &secret, "--json"]);

    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told[0]["stored"], &told[0]["status"]), (&true.into(), &201.into()));
    assert!(!text(&output.stdout).contains("v2="), "a token is not for logs");
    let request = uploads.recv().unwrap();
    assert!(request.line.starts_with("PUT /photos/a%20b.jpg?v2="), "{}", request.line);
    // What a server signs comes behind its base path.
    let url = format!("http://{address}{}", request.line.trim_start_matches("PUT /photos"));
    let checked = baton(&["token", "check", &url, "--size", "4", "--secret-file", &secret]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
}

#[test]
fn a_server_that_can_not_be_reached_is_told_by_its_address() {
    let folder = Folder::new();
    let secret = folder.file("secret", "s");
    let photo = folder.file("a.jpg", "four");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (gone, tls) = (format!("http://{nobody}"), "https://203.0.113.1/");

    let unreachable = baton(&["put", &photo, "--to", &gone, "--secret-file", &secret]);
    let unspoken = baton(&["put", &photo, "--to", tls, "--secret-file", &secret]);

    assert_eq!(unreachable.status.code(), Some(1));
    assert!(text(&unreachable.stderr).contains(&nobody.to_string()));
    assert_eq!(unspoken.status.code(), Some(2));
    assert!(text(&unspoken.stderr).contains("https"), "{}", text(&unspoken.stderr));
}

#[test]
fn what_serve_takes_is_stored_whole_and_its_end_is_orderly() {
    let folder = Folder::new();
    let secret = folder.file("secret", "sharedsecret\n");
    let other = folder.file("other", "another");
    let photo = folder.file("a b.jpg", vec![42; 3 << 20]);
    let dir = folder.path("stored");
    let mut serve = Running(
        Command::new(env!("CARGO_BIN_EXE_baton"))
            .args(["serve", "--listen", "127.0.0.1:0", "--dir", &dir, "--secret-file", &secret])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    // Once the address is known, nobody reads the log any more: that stops nothing.
    let log = BufReader::new(serve.0.stderr.take().unwrap());
    let address = log.lines().find_map(|line| {
        let line = line.unwrap();
        Some(line.split_once("address=")?.1.trim().to_owned())
    });
    let to = format!("http://{}", address.unwrap());

    let stranger = baton(&["put", &photo, "--to", &to, "--secret-file", &other]);
    let friend = baton(&["put", &photo, "--to", &to, "--secret-file", &secret]);

    assert_eq!(stranger.status.code(), Some(1));
    assert!(text(&stranger.stderr).contains("compare secret"), "{}", text(&stranger.stderr));
    assert_eq!(friend.status.code(), Some(0), "{}", text(&friend.stderr));
    let stored = std::fs::read(folder.path("stored/a b.jpg")).unwrap();
    assert!(stored == vec![42; 3 << 20]);
    let pid = serve.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(serve.0.wait().unwrap().code(), Some(0));
}

#[test]
fn check_says_of_every_configuration_whether_it_can_run() {
    let folder = Folder::new();
    let good = folder.file("good.toml", "[upstream]\nurl = \"http://203.0.113.10:9000\"\n");
    let typo = folder.file("typo.toml", "[relay]\nholdd = \"5m\"\n");
    let broken = folder.file("broken.toml", "[relay\n");
    let uci = folder.file("uci", "config relay\n\toption hold '2m'\n");

    assert_eq!(baton(&["check", "--config", &good]).status.code(), Some(0));
    let refused = baton(&["check", "--config", &typo]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).contains("relay.hold"), "{}", text(&refused.stdout));
    assert_eq!(baton(&["check", "--config", &broken]).status.code(), Some(1));
    assert_eq!(baton(&["check", "--config", "/none"]).status.code(), Some(2));
    let uci = baton(&["check", "--config", &uci]);
    assert_eq!(uci.status.code(), Some(0), "{}", text(&uci.stdout));
    assert!(text(&uci.stdout).contains("relay.hold = 2m"), "{}", text(&uci.stdout));
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An agent that answers with the texts above.
struct Agent {
    socket: String,
    requests: Receiver<Request>,
    _folder: Folder,
}

impl Agent {
    fn start() -> Self {
        Self::listening("192.168.1.1:8080")
    }

    fn listening(address: &str) -> Self {
        let folder = Folder::new();
        let socket = folder.path("agent.sock");
        let address = address.to_owned();
        let requests = unix(socket.as_ref(), move |request| script(request, &address));
        Self { socket, requests, _folder: folder }
    }

    fn ask(&self, args: &[&str]) -> Output {
        baton(&[args, &["--socket", &self.socket]].concat())
    }

    fn told(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    }
}

fn script(request: &Request, listen: &str) -> Play {
    match &*request.line {
        "GET /v1/status" => {
            // Two hours, five and a half minutes ago.
            let at = SystemTime::now() - Duration::from_secs(2 * 3600 + 330);
            let at = at.duration_since(UNIX_EPOCH).unwrap().as_millis().to_string();
            Play::Answer(200, STATUS.replace("LISTEN", listen).replace("AT", &at))
        }
        "GET /v1/links" => Play::Answer(200, LINKS.to_owned()),
        "GET /v1/uploads" => Play::Answer(200, UPLOADS.to_owned()),
        "POST /v1/switch" if request.body.ends_with(br#""ppp9"}"#) => {
            Play::Answer(404, r#"{"error":"no such link"}"#.to_owned())
        }
        "POST /v1/switch" => Play::Answer(200, "{}".to_owned()),
        _ => Play::Answer(404, "{}".to_owned()),
    }
}

fn baton(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}
