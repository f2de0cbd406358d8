//! From what is written to a verdict on every key.

use crate::config::Values;
use crate::default_file::assignment;
use crate::table::{self, Key, Role};
use crate::{ChunkSize, Config, Entry, KeyVerdict, Report, Syntax, SyntaxError, Value, Verdict};
use std::collections::{BTreeMap, BTreeSet};

impl Report {
    /// Judges everything, so that all mistakes are told at once. `errors` are those of the
    /// syntax that the entries come from.
    pub fn judge(
        entries: impl IntoIterator<Item = Entry>,
        errors: Vec<SyntaxError>,
        syntax: Syntax,
    ) -> Self {
        let mut judge = Judge::new(syntax);
        for entry in entries {
            judge.entry(entry);
        }
        let config = Config::read(&judge.values);
        judge.conflicts(&config);
        judge.defaults();
        let fatal = !errors.is_empty() || judge.keys.iter().any(|key| key.verdict.is_fatal());
        Self { config: (!fatal).then_some(config), errors, keys: judge.keys }
    }
}

struct Judge {
    syntax: Syntax,
    /// What acts.
    values: Values,
    keys: Vec<KeyVerdict>,
    /// Every key of the table that was set, with its line, under whatever spelling.
    set: BTreeMap<Vec<String>, Option<usize>>,
    unknown_sections: BTreeSet<String>,
}

impl Judge {
    fn new(syntax: Syntax) -> Self {
        Self {
            syntax,
            values: Values::default(),
            keys: Vec::new(),
            set: BTreeMap::new(),
            unknown_sections: BTreeSet::new(),
        }
    }

    fn entry(&mut self, entry: Entry) {
        let Some((key, path)) = table::find(&entry.path) else { return self.unfound(entry) };
        let verdict = match self.set.get(&path) {
            Some(line) => Verdict::Invalid { why: set_twice(*line), example: None },
            None => verdict(key, &entry.value, self.syntax),
        };
        let mut value = entry.value.text();
        if (key.kind.is_secret && !value.is_empty()) || has_password(&value) {
            value = "(hidden)".to_owned();
        }
        self.say(dotted(&entry.path), entry.line, Some(value), verdict.clone());
        self.set.entry(path.clone()).or_insert(entry.line);
        if let (Role::Acts(_), Verdict::Acts) = (key.role, verdict) {
            self.values.insert(path, entry.value);
        }
    }

    /// The path is no key. Its value stays unsaid: it may be a secret under a misspelt name.
    fn unfound(&mut self, entry: Entry) {
        let Entry { path, value, line } = entry;
        let (head, _) = path.split_at(path.len().min(1));
        let section = head.concat();
        if table::is_section(&path) {
            if value != Value::Empty {
                let why = "is a section, not a key: write it once, in one pair of brackets";
                let example = Some(format!("[{}]", dotted(&path)));
                let verdict = Verdict::Invalid { why: why.to_owned(), example };
                self.say(dotted(&path), line, None, verdict);
            }
        } else if table::is_section(head) {
            let nearest = table::nearest_key(&path).as_deref().map(dotted);
            self.say(dotted(&path), line, None, Verdict::Unknown { nearest });
        } else if path.len() == 1 && value != Value::Empty {
            let nearest = table::nearest_key(&[String::new(), section]).as_deref().map(dotted);
            self.say(dotted(&path), line, None, Verdict::Unknown { nearest });
        } else if self.unknown_sections.insert(section.clone()) {
            let nearest = table::nearest_section(&section).map(|near| format!("[{near}]"));
            self.say(format!("[{}]", dotted(head)), line, None, Verdict::Unknown { nearest });
        }
    }

    /// Values that are right alone and wrong together.
    fn conflicts(&mut self, config: &Config) {
        let Config { security, uploads, timeouts, network_resilience: limits, handoff, .. } =
            config;
        if security.secret.is_some() && security.secret_file.is_some() {
            self.blame(
                &["security.secret"],
                "stands beside secret_file: keep one of them (the file can be kept from other users)",
            );
        }
        if uploads.min_chunk_size > uploads.max_chunk_size {
            self.blame(
                &["uploads.min_chunk_size", "uploads.max_chunk_size"],
                "min_chunk_size is more than max_chunk_size",
            );
        }
        if let ChunkSize::Fixed(size) = uploads.chunk_size
            && (size < uploads.min_chunk_size || size > uploads.max_chunk_size)
        {
            self.blame(&["uploads.chunk_size"], "is not within min_chunk_size and max_chunk_size");
        }
        if timeouts.min_timeout > timeouts.max_timeout {
            self.blame(
                &["timeouts.min_timeout", "timeouts.max_timeout"],
                "min_timeout is more than max_timeout",
            );
        }
        self.rise([
            ("network_resilience.rtt_warning_threshold", limits.rtt_warning_threshold),
            ("network_resilience.switch_threshold_latency", limits.switch_threshold_latency),
            ("network_resilience.rtt_critical_threshold", limits.rtt_critical_threshold),
        ]);
        self.rise([
            ("network_resilience.packet_loss_warning", limits.packet_loss_warning),
            (
                "network_resilience.switch_threshold_packet_loss",
                limits.switch_threshold_packet_loss,
            ),
            ("network_resilience.packet_loss_critical", limits.packet_loss_critical),
        ]);
        self.rise([
            ("handoff.quality_poor", handoff.quality_poor),
            ("handoff.quality_fair", handoff.quality_fair),
            ("handoff.quality_good", handoff.quality_good),
            ("handoff.quality_excellent", handoff.quality_excellent),
        ]);
    }

    /// Refuses a key that is set to more than a later one that is set too. Next to a default, the
    /// one that was set counts.
    fn rise<T: PartialOrd, const N: usize>(&mut self, marks: [(&str, T); N]) {
        let set = marks.iter().filter(|(key, _)| self.keys.iter().any(|said| said.key == *key));
        let set: Vec<_> = set.collect();
        if let Some([(low, _), (high, _)]) =
            set.array_windows().find(|[(_, low), (_, high)]| low > high)
        {
            self.blame(&[low], &format!("is more than {high}"));
        }
    }

    /// Refuses the first of the keys that is set.
    fn blame(&mut self, suspects: &[&str], why: &str) {
        let culprit = suspects
            .iter()
            .find_map(|suspect| self.keys.iter().position(|verdict| verdict.key == *suspect));
        if let Some(culprit) = culprit {
            self.keys[culprit].verdict = Verdict::Invalid { why: why.to_owned(), example: None };
        }
    }

    fn defaults(&mut self) {
        for key in table::keys().filter(|key| !key.is_template()) {
            let path = table::path_for(key.path, "");
            if let Role::Acts(_) = key.role
                && !self.set.contains_key(&path)
            {
                let items: Vec<_> = key.default.split_whitespace().collect();
                let value = (!items.is_empty()).then(|| items.join(", "));
                self.say(key.path.to_owned(), None, value, Verdict::Default);
            }
        }
    }

    fn say(&mut self, key: String, line: Option<usize>, value: Option<String>, verdict: Verdict) {
        self.keys.push(KeyVerdict { key, line, value, verdict });
    }
}

fn verdict(key: &Key, value: &Value, syntax: Syntax) -> Verdict {
    let invalid =
        |why: &str| Verdict::Invalid { why: why.to_owned(), example: Some(key.example(syntax)) };
    if let Err(why) = (key.kind.check)(value) {
        return invalid(why);
    }
    let same_as = |text: &str| (key.kind.same)(value, &Value::one(text));
    match key.role {
        Role::Acts(_) => match key.kind.bounds {
            Some((min, max)) if !(key.kind.is_within)(value, min, max) => {
                invalid(&format!("takes {min} to {max}"))
            }
            Some(_) | None => Verdict::Acts,
        },
        Role::Always(_) if same_as(key.default) => Verdict::Acts,
        Role::Always(why) => invalid(why),
        Role::NotYet(reason) if same_as(key.default) || same_as("false") => {
            Verdict::NotYet { reason }
        }
        Role::NotYet(reason) => invalid(&format!("is not in this version: {reason}")),
        Role::Never(instead) => Verdict::NotForGateway { instead },
    }
}

impl Key {
    /// A line that is right: the default where it is a value, else the type's example.
    fn example(&self, syntax: Syntax) -> String {
        let text =
            if matches!(self.default, "" | "auto") { self.kind.example } else { self.default };
        let name = self.path.rsplit('.').next().unwrap_or(self.path);
        match syntax {
            Syntax::Toml => assignment(name, text, self.kind.is_list),
            Syntax::Uci if self.kind.is_list => {
                format!("list {name} '{}'", text.split_whitespace().next().unwrap_or(text))
            }
            Syntax::Uci => format!("option {name} '{text}'"),
        }
    }
}

/// Whether it may be a URL with a password in it, which no key takes.
fn has_password(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

fn set_twice(line: Option<usize>) -> String {
    match line {
        Some(line) => format!("is set already in line {line}"),
        None => "is set already".to_owned(),
    }
}

/// The path as TOML would have it: a name that is no bare key in quotes.
fn dotted(path: &[String]) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let segment = |segment: &String| match segment.bytes().all(is_bare) && !segment.is_empty() {
        true => segment.clone(),
        false => format!("{segment:?}"),
    };
    path.iter().map(segment).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests;
