//! What a configuration says, before it is judged.

/// A value as it was written. Scalars are text whatever the syntax calls them: UCI knows nothing
/// else, and `true`, `"true"` and `'1'` mean the same. It has no `Debug`: it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A string, number, boolean or date.
    One(String),
    /// A list of those.
    Many(Vec<String>),
    /// A list of lists or tables.
    Nested,
    /// A section with nothing in it.
    Empty,
}

impl Value {
    /// One scalar.
    pub fn one(text: impl Into<String>) -> Self {
        Self::One(text.into())
    }

    /// For people to read, on a terminal: nothing in it moves the cursor.
    pub(crate) fn text(&self) -> String {
        let text = match self {
            Self::One(text) => text.clone(),
            Self::Many(items) => items.join(", "),
            Self::Nested => "a nested list".to_owned(),
            Self::Empty => "nothing".to_owned(),
        };
        let shown =
            |c: char| if c.is_control() { c.escape_default().collect() } else { c.to_string() };
        text.chars().map(shown).collect()
    }
}

/// One thing that a configuration says.
#[derive(Clone)]
pub struct Entry {
    /// Section, name within it where it has one, key: `["links", "wwan0", "class"]`.
    pub path: Vec<String>,
    /// What it is set to.
    pub value: Value,
    /// Where, counted from 1, if it comes from a text.
    pub line: Option<usize>,
}

impl Entry {
    /// An entry of a program. `path` is written with dots, so no name in it may contain one.
    pub fn new(path: &str, value: impl Into<String>) -> Self {
        let path = path.split('.').map(str::to_owned).collect();
        Self { path, value: Value::one(value), line: None }
    }
}
