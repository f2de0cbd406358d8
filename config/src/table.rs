//! The one table of keys.

use crate::classes::Classes;
use crate::keys::{
    ClientOptimization, Control, Deduplication, Downloads, Handoff, Logging, Monitoring,
    NetworkResilience, Performance, Relay, Security, Server, Timeouts, Uploads, Upstream,
};
use crate::links::{Link, Links};
use crate::others;
use crate::pattern::Pattern;
use crate::setting::Setting;
use crate::value::Value;

/// One key: a row of the table.
pub(crate) struct Key {
    /// Dotted. A segment in angle brackets stands for a name: see [`is_name`].
    pub(crate) path: &'static str,
    /// As it would be written, lists with spaces between the items. Empty: not set.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) role: Role,
    /// What it takes.
    pub(crate) kind: Kind,
}

/// What a key does.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// It acts. The text is its help.
    Acts(&'static str),
    /// Baton always does as the default says, and anything else is refused. The text is why.
    Always(&'static str),
    /// It does nothing yet; only the default, or a plain `false`, is let pass. The text is what
    /// it waits for.
    NotYet(&'static str),
    /// It makes no sense in an upload agent. The text is what to use instead.
    Never(&'static str),
}

/// What a key takes: [`Setting`] as data.
pub(crate) struct Kind {
    /// Whether the value is right, else what is wanted.
    pub(crate) check: fn(&Value) -> Result<(), &'static str>,
    /// Whether both are right and mean the same.
    pub(crate) same: fn(&Value, &Value) -> bool,
    /// Least and greatest value, as they would be written.
    pub(crate) bounds: Option<(&'static str, &'static str)>,
    /// Whether the value is within these.
    pub(crate) is_within: fn(&Value, &'static str, &'static str) -> bool,
    pub(crate) example: &'static str,
    pub(crate) is_list: bool,
    pub(crate) is_secret: bool,
}

impl Kind {
    const fn of<T: Setting>() -> Self {
        Self {
            check: |value| T::read(value).map(drop),
            same: |_, _| false,
            bounds: None,
            is_within: |_, _, _| true,
            example: T::EXAMPLE,
            is_list: T::IS_LIST,
            is_secret: T::IS_SECRET,
        }
    }

    const fn comparable<T: Setting + PartialEq>() -> Self {
        Self {
            same: |a, b| matches!((T::read(a), T::read(b)), (Ok(a), Ok(b)) if a == b),
            ..Self::of::<T>()
        }
    }

    /// Anything goes: what does not act needs no right value.
    const ANY: Self = Self {
        check: |_| Ok(()),
        same: |_, _| true,
        bounds: None,
        is_within: |_, _, _| true,
        example: "",
        is_list: false,
        is_secret: false,
    };
}

impl Key {
    pub(crate) const fn acts<T: Setting>(
        path: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self { path, default, role: Role::Acts(help), kind: Kind::of::<T>() }
    }

    /// Refuses values out of `min` to `max`. What is not a `T` at all, such as `auto`, passes.
    pub(crate) const fn within<T: Setting + PartialOrd>(
        mut self,
        min: &'static str,
        max: &'static str,
    ) -> Self {
        self.kind.bounds = Some((min, max));
        self.kind.is_within = |value, min, max| match (T::read(value), T::parse(min), T::parse(max))
        {
            (Ok(value), Ok(min), Ok(max)) => min <= value && value <= max,
            _ => true,
        };
        self
    }

    pub(crate) const fn always<T: Setting + PartialEq>(
        path: &'static str,
        default: &'static str,
        why: &'static str,
    ) -> Self {
        Self { path, default, role: Role::Always(why), kind: Kind::comparable::<T>() }
    }

    pub(crate) const fn not_yet<T: Setting + PartialEq>(
        path: &'static str,
        default: &'static str,
        waits_for: &'static str,
    ) -> Self {
        Self { path, default, role: Role::NotYet(waits_for), kind: Kind::comparable::<T>() }
    }

    pub(crate) const fn never(path: &'static str, instead: &'static str) -> Self {
        Self { path, default: "", role: Role::Never(instead), kind: Kind::ANY }
    }

    pub(crate) fn default_value(&self) -> Value {
        Value::one(self.default)
    }

    /// Whether it stands for many keys, one for each name.
    pub(crate) fn is_template(&self) -> bool {
        self.path.contains('<')
    }

    /// The section that it is in.
    pub(crate) fn section(&self) -> &'static str {
        self.path.split('.').next().unwrap_or(self.path)
    }
}

fn matches(known: &str, path: &[String]) -> bool {
    known.split('.').count() == path.len()
        && known.split('.').zip(path).all(|(known, segment)| match known {
            "<link>" => Pattern::new(segment).is_some(),
            "<pattern>" => is_name(segment),
            literal => literal == segment,
        })
}

/// The segments of a dotted path, with `name` for the one in angle brackets.
pub(crate) fn path_for(path: &str, name: &str) -> Vec<String> {
    let named = |segment: &str| if segment.starts_with('<') { name } else { segment }.to_owned();
    path.split('.').map(named).collect()
}

/// Whether `text` names interfaces rather than a class. In `[network_interfaces]`, where both
/// may stand, an interface has a digit or a wildcard in its name; a misspelt class has not.
fn is_name(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit() || matches!(c, '*' | '?'))
}

/// Every key, sections together and in the order of the default file.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
    TABLE.iter().copied().flatten()
}

const TABLE: &[&[Key]] = &[
    Relay::KEYS,
    Upstream::KEYS,
    Security::KEYS,
    Control::KEYS,
    Links::KEYS,
    Link::KEYS,
    NetworkResilience::KEYS,
    Classes::KEYS,
    Handoff::KEYS,
    Uploads::KEYS,
    Performance::KEYS,
    ClientOptimization::KEYS,
    Monitoring::KEYS,
    Downloads::KEYS,
    Timeouts::KEYS,
    Logging::KEYS,
    Server::KEYS,
    Deduplication::KEYS,
    others::KEYS,
];

/// The key of that path or of that other spelling, and the path that it is known by. A path
/// spelt out goes before one with a name in it.
pub(crate) fn find(path: &[String]) -> Option<(&'static Key, Vec<String>)> {
    let row = |path: &[String], is_template| {
        keys().find(|key| key.is_template() == is_template && matches(key.path, path))
    };
    if let Some(key) = row(path, false) {
        return Some((key, path.to_vec()));
    }
    let name = path.get(1).map_or("", String::as_str);
    let meant = others::SAME_AS
        .iter()
        .find(|(spelling, _)| matches(spelling, path))
        .map_or_else(|| path.to_vec(), |(_, meant)| path_for(meant, name));
    let key = row(&meant, false).or_else(|| row(&meant, true))?;
    Some((key, meant))
}

/// Whether keys may stand under `path`.
pub(crate) fn is_section(path: &[String]) -> bool {
    keys().any(|key| {
        let segments = key.path.split('.');
        segments.clone().count() > path.len()
            && segments.zip(path).all(|(known, given)| known.starts_with('<') || known == given)
    })
}

/// What was probably meant by `path`: a key of that section spelt like it, else the key of that
/// very name in another section.
pub(crate) fn nearest_key(path: &[String]) -> Option<Vec<String>> {
    let (section, name) = path.split_first()?;
    let rest = name.join(".");
    // A link's keys stand under its name; where no name was given, none is suggested.
    let link = name.first().filter(|_| name.len() > 1).map_or("", String::as_str);
    let known: Vec<Vec<String>> = keys()
        .filter(|key| !key.path.contains("<pattern>"))
        .map(|key| path_for(key.path, link))
        .filter(|known| known.iter().all(|segment| !segment.is_empty()))
        .collect();
    let siblings = known.iter().filter(|known| known[0] == *section);
    nearest(&rest, siblings.map(|known| (known[1..].join("."), known)))
        .or_else(|| known.iter().find(|known| known[1..] == *name))
        .cloned()
}

/// What was probably meant by a section's name.
pub(crate) fn nearest_section(name: &str) -> Option<&'static str> {
    nearest(name, keys().map(|key| (key.section().to_owned(), key.section())))
}

/// What has the known name spelt most like `given`, if any is spelt like it.
fn nearest<T>(given: &str, known: impl Iterator<Item = (String, T)>) -> Option<T> {
    // One slip in four characters, and two in all but the shortest: more is another word.
    let slips_max = (given.len() / 4).max(2).min(given.len() / 2);
    known
        .filter(|(name, _)| name.len().abs_diff(given.len()) <= slips_max)
        .map(|(name, found)| (distance(given, &name), found))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, found)| found)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
mod tests;
