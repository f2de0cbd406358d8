//! The commented default file, written from the table.

use crate::table::{self, Key, Role};
use core::fmt::Write;

/// The sections that a gateway's owner may want to look at; the rest is for `baton check`.
const SECTIONS: [&str; 5] = ["upstream", "security", "relay", "links", "control"];

const HEAD: &str = "\
# Baton on a gateway. What must be set: [upstream] url, and a secret if Baton shall sign.
# Every other line shows its default; take the # away to change it.
# `baton check` says of every key what becomes of it, also of those that are not listed here.
";

/// `config/baton.toml`: the keys of a gateway with their defaults, all commented out.
pub fn default_file() -> String {
    let mut file = HEAD.to_owned();
    for section in SECTIONS {
        let mut heading = String::new();
        for key in table::keys().filter(|key| key.section() == section) {
            if let Role::Acts(help) = key.role {
                write_key(&mut file, &mut heading, key, help);
            }
        }
    }
    file
}

/// Writes one key, after a heading where its section is not `current`.
fn write_key(file: &mut String, current: &mut String, key: &Key, help: &str) {
    let (section, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
    if current != section {
        *current = section.to_owned();
        // A section of one link is an example: by default there is none.
        let heading = section.replace("<link>", "wwan0");
        let comment = if key.is_template() { "#" } else { "" };
        let _ = write!(file, "\n{comment}[{heading}]\n");
    }
    let text = if key.default.is_empty() { key.kind.example } else { key.default };
    for line in wrapped(help.trim_start()) {
        let _ = writeln!(file, "# {line}");
    }
    let _ = writeln!(file, "#{}", assignment(name, text, key.kind.is_list));
}

/// `key = value` in TOML. `text` is one value, or the items of a list with spaces between.
pub(crate) fn assignment(key: &str, text: &str, is_list: bool) -> String {
    if is_list {
        let items: Vec<_> = text.split_whitespace().map(literal).collect();
        format!("{key} = [{}]", items.join(", "))
    } else {
        format!("{key} = {}", literal(text))
    }
}

/// Numbers and booleans bare, everything else in quotes.
fn literal(text: &str) -> String {
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.matches('.').count() <= 1;
    if is_number || matches!(text, "true" | "false") {
        text.to_owned()
    } else {
        format!("{text:?}")
    }
}

/// Lines of at most 96 columns.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= 96 => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}
