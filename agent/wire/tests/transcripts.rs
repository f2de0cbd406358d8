//! What real programs, and the draft's own examples, say: each file of `transcripts/asking` is fed to
//! the client, each of `transcripts/answering` to the server's side.
//!
//! ```text
//! # where it comes from
//! protocol tus               or: protocol resumable VERSION
//! ! create 11                what the test has our side do
//! > POST /files/ HTTP/1.1    a line of a request; `>|` is without its end, as in a body
//! < HTTP/1.1 201             a line of an answer; `<|` likewise
//! = Created /files/1         what our side makes of it
//! ```
//!
//! What our side says or makes of it is compared; with `BATON_WRITE_FILES=1` it is written anew.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_wire::{
    http::{Peer, Server, ServerEvent},
    resumable::{Interim, Interop, Limits, Outcome, Request, server},
    upload::{Answer, Append, Client, Create, Protocol},
};
use core::fmt::Write as _;
use std::{fs, path::PathBuf};

#[test]
fn what_servers_answer_is_understood() {
    let cases = each("asking", |text| {
        let whole = Asking::replay(text, usize::MAX);
        for size in [1, 7, 100] {
            assert_eq!(Asking::replay(text, size), whole, "in pieces of {size}");
        }
        whole
    });
    assert!(cases >= 6);
}

#[test]
fn what_clients_ask_is_understood() {
    let cases = each("answering", |text| {
        let whole = answering(text, usize::MAX);
        assert_eq!(answering(text, 1), whole, "byte by byte");
        whole
    });
    assert!(cases >= 3);
}

/// Replays every file of a folder; how many there are.
fn each(folder: &str, replay: impl Fn(&str) -> String) -> usize {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(folder);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let replayed = replay(&text);
        if std::env::var_os("BATON_WRITE_FILES").is_some() {
            fs::write(&path, &replayed).unwrap();
        } else {
            assert_eq!(replayed, text, "{}", path.display());
        }
        count += 1;
    }
    count
}

/// Runs of lines that begin with the same sign; what our side says is left out.
fn blocks<'a>(text: &'a str, ours: &[char]) -> Vec<(char, Vec<&'a str>)> {
    let mut blocks: Vec<(char, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        let sign = line.chars().next().unwrap_or('#');
        if ours.contains(&sign) {
            continue;
        }
        match blocks.last_mut() {
            Some((last, lines)) if *last == sign && sign != '!' => lines.push(line),
            _ => blocks.push((sign, vec![line])),
        }
    }
    blocks
}

fn bytes(lines: &[&str]) -> Vec<u8> {
    let line = |line: &&str| match line[1..].strip_prefix('|') {
        Some(part) => part.to_owned(),
        None => format!("{}\r\n", line[1..].trim_start()),
    };
    lines.iter().map(line).collect::<String>().into_bytes()
}

fn show(out: &mut String, sign: char, bytes: &[u8]) {
    let text = core::str::from_utf8(bytes).unwrap();
    for line in text.split_inclusive("\r\n") {
        let shown = match line.strip_suffix("\r\n") {
            Some("") => format!("{sign}"),
            Some(line) => format!("{sign} {line}"),
            None => format!("{sign}|{line}"),
        };
        writeln!(out, "{shown}").unwrap();
    }
}

struct Asking {
    client: Client,
    shown: String,
}

const PEER: Peer<'_> = Peer { authority: "example.com", authorization: None };

impl Asking {
    fn replay(text: &str, size: usize) -> String {
        let mut this = Self { client: Client::default(), shown: String::new() };
        for (sign, lines) in blocks(text, &['>', '=']) {
            for line in &lines {
                writeln!(this.shown, "{line}").unwrap();
            }
            match sign {
                'p' => this.client = Client::new(protocol(lines[0])),
                '!' => this.ask(&lines[0].split_whitespace().skip(1).collect::<Vec<_>>()),
                '<' => this.hear(&bytes(&lines), size),
                _ => {}
            }
        }
        this.shown
    }

    fn ask(&mut self, words: &[&str]) {
        let mut out = [0; 1024];
        let number = |index: usize| words[index].parse().unwrap();
        let length = match words[0] {
            "options" => self.client.options(&mut out, &PEER, words[1]),
            "create" => {
                let new = Create {
                    target: words[1],
                    length: Some(number(2)),
                    filename: "a/b.txt",
                    filetype: Some("text/plain"),
                    content: 0,
                };
                self.client.create(&mut out, &PEER, &new)
            }
            "head" => self.client.head(&mut out, &PEER, words[1]),
            "append" | "finish" => {
                let append = Append {
                    target: words[1],
                    offset: number(2),
                    length: number(3),
                    declare_length: None,
                    awaits: false,
                    last: words[0] == "finish",
                };
                self.client.append(&mut out, &PEER, &append)
            }
            "delete" => self.client.delete(&mut out, &PEER, words[1]),
            word => panic!("{word}?"),
        };
        show(&mut self.shown, '>', &out[..length.unwrap()]);
        self.client.wrote_body(self.client.body_left());
    }

    fn hear(&mut self, input: &[u8], size: usize) {
        for mut piece in input.chunks(size) {
            while let (used, Some(answer)) = self.client.handle_input(piece).unwrap() {
                piece = &piece[used..];
                match answer {
                    Answer::Created { location, offset, limits } => {
                        let target = location.resolve(&PEER, "/files/").unwrap();
                        writeln!(self.shown, "= Created {target} {offset} {limits:?}").unwrap();
                    }
                    Answer::Options { .. }
                    | Answer::Progress { .. }
                    | Answer::Offset { .. }
                    | Answer::Appended { .. }
                    | Answer::Deleted
                    | Answer::Refused(_)
                    | Answer::Impostor { .. } => writeln!(self.shown, "= {answer:?}").unwrap(),
                }
            }
        }
    }
}

fn protocol(line: &str) -> Protocol {
    match line.split_whitespace().skip(1).collect::<Vec<_>>()[..] {
        ["tus"] => Protocol::Tus,
        ["resumable", version] => {
            Protocol::Resumable(Interop::from_number(version.parse().unwrap()).unwrap())
        }
        _ => panic!("{line}?"),
    }
}

fn answering(text: &str, size: usize) -> String {
    let (mut server, mut shown, mut interop) = (Server::<4096>::new(), String::new(), None);
    for (sign, lines) in blocks(text, &['<', '=']) {
        for line in &lines {
            writeln!(shown, "{line}").unwrap();
        }
        if sign == '>' {
            for mut piece in bytes(&lines).chunks(size) {
                loop {
                    let (used, event) = server.handle_input(piece).unwrap();
                    piece = &piece[used..];
                    match event {
                        ServerEvent::NeedMore => break,
                        ServerEvent::Body(_) | ServerEvent::End => {}
                        ServerEvent::Request => {
                            let head = server.head();
                            interop = server::hears_interim(&head);
                            writeln!(shown, "= {}", asked(&head)).unwrap();
                        }
                    }
                }
            }
        } else if sign == '!' {
            let mut out = [0; 1024];
            let words: Vec<_> = lines[0].split_whitespace().skip(1).collect();
            let length = answer(&words, interop, &mut out);
            show(&mut shown, '<', &out[..length]);
        }
    }
    shown
}

fn asked(head: &baton_wire::http::RequestHead<'_>) -> String {
    match Request::parse(head) {
        Ok(Request::Create(create)) => {
            let (name, complete) = (create.filename(), create.complete);
            let (length, content) = (create.length, create.content);
            format!(
                "Create {name:?} {:?} {length:?} {content:?} complete={complete}",
                create.filetype
            )
        }
        Ok(request @ (Request::Options | Request::Head | Request::Append(_) | Request::Cancel)) => {
            format!("{request:?}")
        }
        Err(refusal) => format!("{refusal:?}"),
    }
}

fn answer(words: &[&str], interop: Option<Interop>, out: &mut [u8]) -> usize {
    let number = |index: usize| words[index].parse().unwrap();
    let limits = Limits { max_size: Some(1_234_567_890), ..Limits::NONE };
    let interim = match words[0] {
        "supported" => Some(Interim::Supported { location: words[1], limits }),
        "progress" => Some(Interim::Progress { offset: number(1) }),
        _ => None,
    };
    if let Some(interim) = interim {
        return interim.write(out, interop.unwrap()).unwrap();
    }
    let outcome = match words[0] {
        "options" => Outcome::Options { limits },
        "created" => Outcome::Created { location: words[1], offset: number(2), limits },
        "offset" => Outcome::Offset {
            offset: number(1),
            length: Some(number(2)),
            complete: number(1) == number(2),
            limits,
        },
        "appended" => Outcome::Appended { offset: number(1) },
        "done" => Outcome::Done { offset: number(1) },
        "cancelled" => Outcome::Cancelled,
        "conflict" => Outcome::Conflict { stored: number(1), given: number(2) },
        word => panic!("{word}?"),
    };
    outcome.write(out, interop, true).unwrap()
}
