//! What `baton check` says.

use crate::Config;
use core::fmt;
use serde::Serialize;

/// The judgement of a whole configuration.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The configuration; `None` if anything is refused.
    #[serde(skip)]
    pub config: Option<Config>,
    /// Places where the text can't be read.
    pub errors: Vec<SyntaxError>,
    /// Every key that is set, in the order of the file; then every key left at its default.
    pub keys: Vec<KeyVerdict>,
}

/// What a text is written in; examples are given in the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `key = "value"`.
    Toml,
    /// `option key 'value'`.
    Uci,
}

/// A place where the text can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyntaxError {
    /// Counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and what to do about it.
    pub what: String,
}

/// What becomes of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyVerdict {
    /// Its dotted path, as it was written; an unknown section is in brackets.
    pub key: String,
    /// Counted from 1; `None` if it is not in a text.
    pub line: Option<usize>,
    /// What it is set to, for keys that are known; secrets are hidden.
    pub value: Option<String>,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Verdict on a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It is set, and does what it says.
    Acts,
    /// It is not set: the default acts.
    Default,
    /// It will act in a later version, and what it is set to changes nothing now.
    NotYet {
        /// What it waits for.
        reason: &'static str,
    },
    /// An upload agent can't do this.
    NotForGateway {
        /// What to use instead.
        instead: &'static str,
    },
    /// There is no such key.
    Unknown {
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// The value is refused.
    Invalid {
        /// What is wrong with it.
        why: String,
        /// A line that is right.
        example: Option<String>,
    },
}

impl Report {
    /// Whether anything is refused: exit status 1 of `baton check`, and no `baton run`.
    pub const fn is_fatal(&self) -> bool {
        self.config.is_none()
    }

    /// How many keys and places of the text are refused.
    pub fn mistakes(&self) -> usize {
        self.refusals().count()
    }

    /// What is refused and why, a line each.
    pub fn refusals(&self) -> impl Iterator<Item = &dyn fmt::Display> {
        let errors = self.errors.iter().map(|error| error as &dyn fmt::Display);
        let keys = self.keys.iter().filter(|key| key.verdict.is_fatal());
        errors.chain(keys.map(|key| key as &dyn fmt::Display))
    }
}

impl Verdict {
    /// Whether the key is refused.
    pub const fn is_fatal(&self) -> bool {
        match self {
            Self::Acts | Self::Default | Self::NotYet { .. } | Self::NotForGateway { .. } => false,
            Self::Unknown { .. } | Self::Invalid { .. } => true,
        }
    }

    const fn label(&self) -> &'static str {
        match self {
            Self::Acts => "acts",
            Self::Default => "default",
            Self::NotYet { .. } => "not yet",
            Self::NotForGateway { .. } => "not for a gateway",
            Self::Unknown { .. } => "unknown",
            Self::Invalid { .. } => "invalid",
        }
    }
}

/// A table, one line for each key.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "{error}")?;
        }
        for key in &self.keys {
            writeln!(f, "{key}")?;
        }
        match self.mistakes() {
            0 => write!(f, "no mistakes"),
            1 => write!(f, "1 mistake"),
            count => write!(f, "{count} mistakes"),
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, self.line, "unreadable")?;
        f.write_str(&self.what)
    }
}

impl fmt::Display for KeyVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, self.line, self.verdict.label())?;
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        match &self.verdict {
            Verdict::Default if self.value.is_none() => f.write_str(" is not set"),
            Verdict::Acts | Verdict::Default => Ok(()),
            Verdict::NotYet { reason: text } | Verdict::NotForGateway { instead: text } => {
                write!(f, ": {text}")
            }
            Verdict::Unknown { nearest: Some(nearest) } => write!(f, ": did you mean {nearest}?"),
            Verdict::Unknown { nearest: None } => write!(f, ": there is nothing of that name"),
            Verdict::Invalid { why, example: None } => write!(f, ": {why}"),
            Verdict::Invalid { why, example: Some(example) } => {
                write!(f, ": {why}; for example {example}")
            }
        }
    }
}

fn row(f: &mut fmt::Formatter<'_>, line: Option<usize>, label: &str) -> fmt::Result {
    match line {
        Some(line) => write!(f, "{line:>5}  {label:<17}  "),
        None => write!(f, "{:>5}  {label:<17}  ", "-"),
    }
}
