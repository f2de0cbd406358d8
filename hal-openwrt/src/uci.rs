//! `/etc/config/baton`, read into the same configuration as TOML and judged by the same table.
//!
//! ```text
//! config upstream                        [upstream]
//!         option url 'http://...'        url = "http://..."
//!
//! config links                           [links]
//!         list ignore 'br-lan'           ignore = ["br-lan", "docker*"]
//!         list ignore 'docker*'
//!
//! config link 'wwan0'                    [links.wwan0]
//!         option class 'lte'             class = "lte"
//!
//! config link                            [links."phy0-sta0"]
//!         option name 'phy0-sta0'        metered = false
//!         option metered '0'
//!
//! config interface_class 'lte'           [network_interfaces.lte]
//!         option buffer_size '128KB'     buffer_size = "128KB"
//! ```
//!
//! Every other section has its TOML name as its type; whether it has a name does not matter. An
//! interface whose name UCI does not allow (`-` and `.` are not) goes into `option name`.
//! What `uci set` has staged and not committed is not read, as it is with every daemon.

mod lexer;

use baton_config::{Entry, Report, Syntax, SyntaxError, Value};
use lexer::{Lexer, Unreadable};

/// One `config` and what follows it.
pub struct Section {
    /// Its type.
    pub kind: String,
    /// Its name; `None`: anonymous.
    pub name: Option<String>,
    /// Line of the `config`, counted from 1.
    pub line: usize,
    /// Its options and lists, in order.
    pub options: Vec<Setting>,
}

/// One `option`, or all `list`s of one name.
pub struct Setting {
    /// The key.
    pub name: String,
    /// Its value: [`Value::Many`] for a list.
    pub value: Value,
    /// Line of its first mention, counted from 1.
    pub line: usize,
}

/// Reads and judges a configuration.
pub fn read(text: &str) -> Report {
    let (sections, mut errors) = parse(text);
    let mut entries = Vec::new();
    for section in sections {
        let line = Some(section.line);
        match entries_of(section) {
            Ok(of_section) => entries.extend(of_section),
            Err(what) => errors.push(SyntaxError { line, what: what.to_owned() }),
        }
    }
    errors.sort_by_key(|error| error.line);
    Report::judge(entries, errors, Syntax::Uci)
}

/// Reads what can be read, by libuci's rules; what can't is in the second list.
pub fn parse(text: &str) -> (Vec<Section>, Vec<SyntaxError>) {
    let mut parser =
        Parser { lexer: Lexer::new(text), sections: Vec::new(), place: Place::BeforeSections };
    let mut errors = Vec::new();
    while let Some((line, keyword)) = parser.lexer.keyword() {
        if let Err(Unreadable(what)) = parser.statement(line, keyword) {
            errors.push(SyntaxError { line: Some(line), what: what.to_owned() });
            parser.lexer.skip_line(line);
        }
    }
    (parser.sections, errors)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    sections: Vec<Section>,
    place: Place,
}

/// Where an option goes.
enum Place {
    /// Nowhere: no section has begun.
    BeforeSections,
    /// Nowhere, and nothing more is said: the section's own line was told to be wrong.
    InUnreadable,
    /// Into the last section.
    InSection,
}

impl Parser<'_> {
    fn statement(&mut self, line: usize, keyword: &str) -> Result<(), Unreadable> {
        // libuci takes the first letter too.
        match keyword {
            "config" | "c" => self.config(line),
            "option" | "o" => self.option(line, false),
            "list" | "l" => self.option(line, true),
            "package" | "p" => {
                self.lexer.word()?.ok_or(Unreadable("`package` lacks its name: package baton"))?;
                self.end()
            }
            _ => Err(Unreadable("a line starts with config, option or list")),
        }
    }

    fn config(&mut self, line: usize) -> Result<(), Unreadable> {
        self.place = Place::InUnreadable;
        let kind = self.lexer.word()?.filter(|kind| kind.bytes().all(|b| b.is_ascii_graphic()));
        let kind = kind.ok_or(Unreadable("`config` lacks its type: config upstream"))?;
        let name = self.lexer.word()?.filter(|name| !name.is_empty());
        let is_named = name.as_deref().is_none_or(is_name);
        let is_taken = name.is_some()
            && self.sections.iter().any(|other| other.name == name && other.kind != kind);
        self.sections.push(Section { kind, name, line, options: Vec::new() });
        self.place = Place::InSection;
        if !is_named {
            return Err(Unreadable(
                "a section's name has letters, digits and _ only: leave it out, and put other \
                 names in `option name`",
            ));
        }
        if is_taken {
            return Err(Unreadable(
                "a section of another type has that name already, and libuci would merge them",
            ));
        }
        self.end()
    }

    fn option(&mut self, line: usize, is_list: bool) -> Result<(), Unreadable> {
        let name = self.lexer.word()?.filter(|name| is_name(name)).ok_or(Unreadable(
            "an option lacks its name, of letters, digits and _: option hold '5m'",
        ))?;
        let value = self.lexer.word()?.unwrap_or_default();
        self.end()?;
        // libuci allows it, no key needs it, and most often the quote at its end is missing: what
        // follows, a secret perhaps, must not be taken for the value.
        if value.contains('\n') {
            return Err(Unreadable("a value goes on over the end of its line: close its quote"));
        }
        let section = match (&self.place, self.sections.last_mut()) {
            (Place::InSection, Some(section)) => section,
            (Place::InUnreadable, _) => return Ok(()),
            (Place::BeforeSections | Place::InSection, _) => {
                return Err(Unreadable("an option before any section: begin with config upstream"));
            }
        };
        let list = section.options.iter_mut().find_map(|option| match &mut option.value {
            Value::Many(items) if is_list && option.name == name => Some(items),
            Value::Many(_) | Value::One(_) | Value::Nested | Value::Empty => None,
        });
        match list {
            Some(items) => items.push(value),
            None if is_list => {
                section.options.push(Setting { name, value: Value::Many(vec![value]), line });
            }
            // An empty option is none, for libuci too.
            None if value.is_empty() => {}
            None => section.options.push(Setting { name, value: Value::One(value), line }),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        match self.lexer.word()? {
            None => Ok(()),
            Some(_) => Err(Unreadable("more than one value: put all of it in one pair of quotes")),
        }
    }
}

/// What libuci allows for sections and options.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The section as entries of the table of keys.
fn entries_of(section: Section) -> Result<Vec<Entry>, &'static str> {
    let Section { kind, name, line, mut options } = section;
    let path = match kind.as_str() {
        "link" => vec!["links".to_owned(), named(name, &mut options).ok_or(NAMELESS_LINK)?],
        "interface_class" => {
            vec!["network_interfaces".to_owned(), named(name, &mut options).ok_or(NAMELESS_CLASS)?]
        }
        _ => vec![kind],
    };
    if options.is_empty() {
        return Ok(vec![Entry { path, value: Value::Empty, line: Some(line) }]);
    }
    let entry = |Setting { name, value, line }| {
        let path = path.iter().cloned().chain([name]).collect();
        Entry { path, value, line: Some(line) }
    };
    Ok(options.into_iter().map(entry).collect())
}

const NAMELESS_LINK: &str =
    "a link lacks its interface: config link 'wwan0', or option name 'phy0-sta0'";
const NAMELESS_CLASS: &str = "a class lacks its name: config interface_class 'lte'";

/// What a section is about: its `option name`, which it loses, else its own name.
fn named(own: Option<String>, options: &mut Vec<Setting>) -> Option<String> {
    let at = options
        .iter()
        .position(|option| option.name == "name" && matches!(option.value, Value::One(_)));
    match at.map(|at| options.remove(at).value) {
        Some(Value::One(name)) => Some(name),
        Some(Value::Many(_) | Value::Nested | Value::Empty) | None => own,
    }
}

#[cfg(test)]
mod tests;
