//! Structured field values (RFC 9651), read in place.
//!
//! A value is checked to its end before anything of it is used: a fault anywhere makes it no value
//! at all (section 4.2). What passed the check is walked again as often as needed.

mod parser;

use core::fmt;
use parser::Parser;

/// The largest Integer, and so the largest offset that can be told (RFC 9651 section 3.3.1).
pub const MAX_INTEGER: u64 = 999_999_999_999_999;

/// Not a structured field of the type wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A value without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare<'a> {
    /// `42`
    Integer(i64),
    /// `4.5`, in thousandths; more digits are not allowed.
    Decimal(i64),
    /// `"text"`
    String(Quoted<'a>),
    /// `text`
    Token(&'a str),
    /// `:dGV4dA==:`: what stands between the colons, of base64's alphabet but not decoded.
    Bytes(&'a str),
    /// `?1`
    Boolean(bool),
    /// `@0`, in Unix seconds.
    Date(i64),
    /// `%"t%c3%a9xt"`: what stands between the quotes; it decodes to UTF-8.
    Display(&'a str),
}

/// What stands between the quotes of a String.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a>(&'a str);

/// One value with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The value.
    pub value: Bare<'a>,
    /// What is said of it.
    pub parameters: Parameters<'a>,
}

/// `;key=value;key`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters<'a>(&'a str);

/// `(item item)` with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InnerList<'a> {
    items: &'a str,
    /// What is said of the list.
    pub parameters: Parameters<'a>,
}

/// What a Dictionary holds under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member<'a> {
    /// One value; a key alone is true.
    Item(Item<'a>),
    /// Some.
    List(InnerList<'a>),
}

/// `key=value, key`, from all the lines of a field.
#[derive(Clone, Copy)]
pub struct Dictionary<L>(L);

impl<'a> Item<'a> {
    /// Reads a field that is one Item. `lines` are the values of its lines: of more than one, none
    /// counts.
    pub fn parse(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Malformed> {
        let mut lines = lines.into_iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(Malformed) };
        let mut parser = Parser::new(line)?;
        parser.skip_spaces();
        let item = parser.item()?;
        parser.skip_spaces();
        if parser.is_empty() { Ok(item) } else { Err(Malformed) }
    }
}

impl<'a, L: Iterator<Item = &'a [u8]> + Clone> Dictionary<L> {
    /// Checks the lines of a field that is a Dictionary. No line at all is an empty one.
    pub fn parse(lines: L) -> Result<Self, Malformed> {
        let mut rest = lines.clone();
        let is_one = (rest.next(), rest.next()).1.is_none();
        for line in lines.clone() {
            let mut parser = Parser::new(line)?;
            parser.skip_spaces();
            // Lines are joined by commas, and between two of them there must be a member.
            if parser.is_empty() && is_one {
                break;
            }
            parser.member()?;
            while parser.next_member()?.is_some() {}
        }
        Ok(Self(lines))
    }

    /// What is under a key. If it is repeated, the last counts (RFC 9651 section 3.2).
    pub fn get(&self, key: &str) -> Option<Member<'a>> {
        self.iter().filter(|(other, _)| *other == key).last().map(|(_, member)| member)
    }

    /// Every member in the order of the lines, the repeated ones too.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Member<'a>)> {
        self.0.clone().flat_map(|line| {
            let mut parser = Parser::new(line).unwrap_or_default();
            parser.skip_spaces();
            let first = parser.member().ok();
            let rest = core::iter::from_fn(move || parser.next_member().ok().flatten());
            first.into_iter().chain(rest)
        })
    }
}

impl<'a> Parameters<'a> {
    /// The value of a parameter. If it is repeated, the last counts (RFC 9651 section 3.1.2).
    pub fn get(self, key: &str) -> Option<Bare<'a>> {
        self.iter().filter(|(other, _)| *other == key).last().map(|(_, value)| value)
    }

    /// Every parameter, the repeated ones too.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Bare<'a>)> {
        let mut parser = Parser::within(self.0);
        core::iter::from_fn(move || parser.parameter().ok().flatten())
    }
}

impl<'a> InnerList<'a> {
    /// The items.
    pub fn iter(self) -> impl Iterator<Item = Item<'a>> {
        let mut parser = Parser::within(self.items);
        core::iter::from_fn(move || {
            parser.skip_spaces();
            parser.item().ok()
        })
    }
}

impl<'a> Quoted<'a> {
    /// The characters, unescaped.
    pub fn chars(self) -> impl Iterator<Item = char> {
        let mut chars = self.0.chars();
        core::iter::from_fn(move || match chars.next()? {
            '\\' => chars.next(),
            plain => Some(plain),
        })
    }
}

impl Bare<'_> {
    /// An Integer that counts something.
    pub fn count(self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(number).ok(),
            Self::Decimal(_)
            | Self::String(_)
            | Self::Token(_)
            | Self::Bytes(_)
            | Self::Boolean(_)
            | Self::Date(_)
            | Self::Display(_) => None,
        }
    }

    /// A Boolean.
    pub fn boolean(self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(value),
            Self::Integer(_)
            | Self::Decimal(_)
            | Self::String(_)
            | Self::Token(_)
            | Self::Bytes(_)
            | Self::Date(_)
            | Self::Display(_) => None,
        }
    }
}

impl Member<'_> {
    /// An Integer that counts something; its parameters don't matter.
    pub fn count(self) -> Option<u64> {
        match self {
            Self::Item(item) => item.value.count(),
            Self::List(_) => None,
        }
    }
}

/// Shows as an Integer; a larger number than [`MAX_INTEGER`] can't be shown.
#[derive(Clone, Copy, Debug)]
pub struct Integer(pub u64);

/// Shows as a Boolean.
#[derive(Clone, Copy, Debug)]
pub struct Boolean(pub bool);

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 9651 section 4.1.4
        if self.0 > MAX_INTEGER { Err(fmt::Error) } else { write!(f, "{}", self.0) }
    }
}

impl fmt::Display for Boolean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "?1" } else { "?0" })
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed structured field")
    }
}

#[cfg(test)]
mod tests;
