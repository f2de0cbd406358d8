//! Just enough JSON (RFC 8259) to read a few fields of an object, and to write text into one.
//!
//! The text is read where it lies. Fields may come in any order, with any white space; what is
//! nested in one is passed over and only its brackets and strings are looked at.

use core::fmt::{self, Write as _};
use core::str::Chars;

/// An object whose outermost level was checked.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a>(&'a str);

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string.
    Text(Text<'a>),
    /// A whole number that fits.
    Integer(u64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`, any other number, an array or an object.
    Other,
}

/// A string as it stands between its quotes. It compares and shows as what it means.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(&'a str);

/// Why text is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Text that shows as a JSON string, quotes included.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

/// The deepest nesting: one bit of a `u32` each.
const MAX_DEPTH: u32 = 32;

impl<'a> Object<'a> {
    /// Checks that `text` is one object.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let mut fields = Fields::new(text)?;
        while fields.next_field()?.is_some() {}
        Ok(Self(text))
    }

    /// The value of the field `name`; none if it stands there twice: who knows which is meant.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let mut fields = Fields::new(self.0).ok()?;
        let mut found = None;
        while let Some((key, value)) = fields.next_field().ok()? {
            if key == *name && found.replace(value).is_some() {
                return None;
            }
        }
        found
    }

    /// A field that is a string.
    pub fn text(&self, name: &str) -> Option<Text<'a>> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Bool(_) | Value::Other => None,
        }
    }

    /// A field that is a whole number.
    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Integer(number) => Some(number),
            Value::Text(_) | Value::Bool(_) | Value::Other => None,
        }
    }

    /// A field that is `true` or `false`.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(flag) => Some(flag),
            Value::Text(_) | Value::Integer(_) | Value::Other => None,
        }
    }
}

impl<'a> Text<'a> {
    /// The characters that it means. Half a surrogate pair is U+FFFD.
    pub fn chars(&self) -> impl Iterator<Item = char> + 'a {
        Unescaped(self.0.chars())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.chars().eq(other.chars())
    }
}

impl Eq for Text<'_> {}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|char| f.write_char(char))
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in self.0.chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                '\0'..' ' => write!(f, "\\u{:04x}", u32::from(char))?,
                _ => f.write_char(char)?,
            }
        }
        f.write_char('"')
    }
}

/// Reads the fields of an object one after another.
struct Fields<'a> {
    scanner: Scanner<'a>,
    /// No field was read yet: the next need not follow a comma.
    is_first: bool,
}

impl<'a> Fields<'a> {
    fn new(text: &'a str) -> Result<Self, Malformed> {
        let mut scanner = Scanner { text, at: 0 };
        scanner.expect(b'{')?;
        Ok(Self { scanner, is_first: true })
    }

    fn next_field(&mut self) -> Result<Option<(Text<'a>, Value<'a>)>, Malformed> {
        let scanner = &mut self.scanner;
        if scanner.peek() == Some(b'}') {
            scanner.at += 1;
            return if scanner.peek().is_none() { Ok(None) } else { Err(Malformed) };
        }
        if !self.is_first {
            scanner.expect(b',')?;
        }
        self.is_first = false;
        scanner.expect(b'"')?;
        let key = scanner.string()?;
        scanner.expect(b':')?;
        Ok(Some((key, scanner.value()?)))
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The next byte that is no white space; the scanner then stands on it.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| b" \t\n\r".contains(byte)).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self) -> Result<Value<'a>, Malformed> {
        match self.peek().ok_or(Malformed)? {
            b'"' => {
                self.at += 1;
                self.string().map(Value::Text)
            }
            b'{' | b'[' => self.nested(),
            _ => self.literal(),
        }
    }

    /// What is left of a string behind its first quote.
    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        let text = &self.text[self.at..];
        let mut bytes = text.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.at += at + 1;
                    return Ok(Text(&text[..at]));
                }
                b'\\' => match bytes.next().ok_or(Malformed)?.1 {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' if (0..4).all(|_| {
                        bytes.next().is_some_and(|(_, digit)| digit.is_ascii_hexdigit())
                    }) => {}
                    _ => return Err(Malformed),
                },
                // RFC 8259 section 7: control characters stand only escaped.
                0..b' ' => return Err(Malformed),
                _ => {}
            }
        }
        Err(Malformed)
    }

    fn nested(&mut self) -> Result<Value<'a>, Malformed> {
        // One bit a level: whether it is an object.
        let (mut depth, mut kinds) = (0, 0u32);
        loop {
            let byte = self.peek().ok_or(Malformed)?;
            self.at += 1;
            match byte {
                b'{' | b'[' if depth == MAX_DEPTH => return Err(Malformed),
                b'{' | b'[' => {
                    depth += 1;
                    kinds = kinds << 1 | u32::from(byte == b'{');
                }
                b'}' | b']' => {
                    if (kinds & 1 == 1) != (byte == b'}') {
                        return Err(Malformed);
                    }
                    depth -= 1;
                    kinds >>= 1;
                    if depth == 0 {
                        return Ok(Value::Other);
                    }
                }
                b'"' => {
                    self.string()?;
                }
                b',' | b':' | b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E' => {}
                _ => return Err(Malformed),
            }
        }
    }

    /// `true`, `false`, `null` or a number.
    fn literal(&mut self) -> Result<Value<'a>, Malformed> {
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let word = &rest[..rest.as_bytes().iter().take_while(|byte| is_part(byte)).count()];
        self.at += word.len();
        match word.as_bytes() {
            b"true" => Ok(Value::Bool(true)),
            b"false" => Ok(Value::Bool(false)),
            b"null" => Ok(Value::Other),
            [b'-' | b'0'..=b'9', ..] if is_number(word.as_bytes()) => {
                Ok(word.parse().map_or(Value::Other, Value::Integer))
            }
            _ => Err(Malformed),
        }
    }
}

/// RFC 8259 section 6.
fn is_number(word: &[u8]) -> bool {
    let split = |word: &[u8]| word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let (whole, rest) = word.split_at(split(word));
    let rest = match rest.strip_prefix(b".") {
        Some(rest) => match split(rest) {
            0 => return false,
            digits => &rest[digits..],
        },
        None => rest,
    };
    let exponent = match rest {
        [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] => Some(digits),
        _ => None,
    };
    let is_end = match exponent {
        Some(digits) => !digits.is_empty() && split(digits) == digits.len(),
        None => rest.is_empty(),
    };
    is_end && !whole.is_empty() && (whole == b"0" || whole[0] != b'0')
}

struct Unescaped<'a>(Chars<'a>);

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.0.next()? {
            '\\' => Some(match self.0.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.utf16(),
                char => char,
            }),
            char => Some(char),
        }
    }
}

impl Unescaped<'_> {
    fn utf16(&mut self) -> char {
        let first = hex4(&mut self.0);
        let mut ahead = self.0.clone();
        let second = (ahead.next() == Some('\\') && ahead.next() == Some('u'))
            .then(|| hex4(&mut ahead))
            .filter(|second| (0xdc00..0xe000).contains(second));
        if let (0xd800..0xdc00, Some(second)) = (first, second) {
            self.0 = ahead;
            return char::from_u32(0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00)))
                .expect("a surrogate pair is a character");
        }
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

fn hex4(chars: &mut Chars<'_>) -> u32 {
    let digits = chars.by_ref().take(4).filter_map(|digit| digit.to_digit(16));
    digits.fold(0, |number, digit| number << 4 | digit)
}

#[cfg(test)]
mod tests;
