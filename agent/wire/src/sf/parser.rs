//! The grammar (RFC 9651 section 4.2). Nothing but ASCII is ever taken off the text.

use super::{Bare, InnerList, Item, Malformed, Member, Parameters, Quoted};

#[derive(Clone, Copy, Default)]
pub(super) struct Parser<'a> {
    rest: &'a str,
}

/// Digits of an Integer, and of a Decimal before and after its point (sections 3.3.1, 3.3.2).
const INTEGER_DIGITS: usize = 15;
const WHOLE_DIGITS: usize = 12;
const FRACTION_DIGITS: usize = 3;

impl<'a> Parser<'a> {
    pub(super) fn new(line: &'a [u8]) -> Result<Self, Malformed> {
        core::str::from_utf8(line).map(Self::within).map_err(|_| Malformed)
    }

    pub(super) const fn within(rest: &'a str) -> Self {
        Self { rest }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn skip_white_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// A further member of a Dictionary on the same line, up to the line's end.
    pub(super) fn next_member(&mut self) -> Result<Option<(&'a str, Member<'a>)>, Malformed> {
        self.skip_white_space();
        if self.is_empty() {
            return Ok(None);
        }
        self.expect(b',')?;
        self.skip_white_space();
        self.member().map(Some)
    }

    pub(super) fn member(&mut self) -> Result<(&'a str, Member<'a>), Malformed> {
        let key = self.key()?;
        if !self.eat(b'=') {
            let parameters = self.parameters()?;
            let item = Item { value: Bare::Boolean(true), parameters };
            return Ok((key, Member::Item(item)));
        }
        let member = if self.eat(b'(') {
            Member::List(self.inner_list()?)
        } else {
            Member::Item(self.item()?)
        };
        Ok((key, member))
    }

    /// What follows an opening parenthesis.
    fn inner_list(&mut self) -> Result<InnerList<'a>, Malformed> {
        let start = self.rest;
        loop {
            self.skip_spaces();
            let items = &start[..start.len() - self.rest.len()];
            if self.eat(b')') {
                return Ok(InnerList { items, parameters: self.parameters()? });
            }
            self.item()?;
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(Malformed);
            }
        }
    }

    pub(super) fn item(&mut self) -> Result<Item<'a>, Malformed> {
        Ok(Item { value: self.bare()?, parameters: self.parameters()? })
    }

    fn parameters(&mut self) -> Result<Parameters<'a>, Malformed> {
        let start = self.rest;
        while self.parameter()?.is_some() {}
        Ok(Parameters(&start[..start.len() - self.rest.len()]))
    }

    pub(super) fn parameter(&mut self) -> Result<Option<(&'a str, Bare<'a>)>, Malformed> {
        if !self.eat(b';') {
            return Ok(None);
        }
        self.skip_spaces();
        let key = self.key()?;
        let value = if self.eat(b'=') { self.bare()? } else { Bare::Boolean(true) };
        Ok(Some((key, value)))
    }

    fn key(&mut self) -> Result<&'a str, Malformed> {
        if !matches!(self.peek(), Some(b'a'..=b'z' | b'*')) {
            return Err(Malformed);
        }
        let is_key = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*');
        Ok(self.take_while(is_key))
    }

    fn bare(&mut self) -> Result<Bare<'a>, Malformed> {
        match self.peek().ok_or(Malformed)? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string().map(Bare::String),
            b'*' | b'A'..=b'Z' | b'a'..=b'z' => Ok(Bare::Token(self.take_while(is_token))),
            b':' => self.bytes().map(Bare::Bytes),
            b'?' => self.boolean().map(Bare::Boolean),
            b'@' => self.date().map(Bare::Date),
            b'%' => self.display().map(Bare::Display),
            _ => Err(Malformed),
        }
    }

    fn number(&mut self) -> Result<Bare<'a>, Malformed> {
        let sign = if self.eat(b'-') { -1 } else { 1 };
        let whole = self.take_while(|byte| byte.is_ascii_digit());
        if !self.eat(b'.') {
            let is_fit = (1..=INTEGER_DIGITS).contains(&whole.len());
            return if is_fit { Ok(Bare::Integer(sign * value(whole))) } else { Err(Malformed) };
        }
        let fraction = self.take_while(|byte| byte.is_ascii_digit());
        if !(1..=WHOLE_DIGITS).contains(&whole.len())
            || !(1..=FRACTION_DIGITS).contains(&fraction.len())
        {
            return Err(Malformed);
        }
        let scale = [100, 10, 1][fraction.len() - 1];
        Ok(Bare::Decimal(sign * (value(whole) * 1000 + value(fraction) * scale)))
    }

    fn string(&mut self) -> Result<Quoted<'a>, Malformed> {
        self.expect(b'"')?;
        let start = self.rest;
        loop {
            self.take_while(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
            let text = &start[..start.len() - self.rest.len()];
            if self.eat(b'"') {
                return Ok(Quoted(text));
            }
            self.expect(b'\\')?;
            if !self.eat(b'"') {
                self.expect(b'\\')?;
            }
        }
    }

    fn bytes(&mut self) -> Result<&'a str, Malformed> {
        self.expect(b':')?;
        let text = self
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.expect(b':')?;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, Malformed> {
        self.expect(b'?')?;
        let value = self.eat(b'1');
        if !value {
            self.expect(b'0')?;
        }
        Ok(value)
    }

    fn date(&mut self) -> Result<i64, Malformed> {
        self.expect(b'@')?;
        let Bare::Integer(seconds) = self.number()? else { return Err(Malformed) };
        Ok(seconds)
    }

    fn display(&mut self) -> Result<&'a str, Malformed> {
        self.expect(b'%')?;
        self.expect(b'"')?;
        let text = self.take_while(|byte| matches!(byte, b' '..=b'~') && byte != b'"');
        self.expect(b'"')?;
        if decodes_to_utf8(text) { Ok(text) } else { Err(Malformed) }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.bytes().next()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let rest = self.rest.strip_prefix(char::from(byte));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.eat(byte) { Ok(()) } else { Err(Malformed) }
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !byte.is_ascii() || !is_part(byte));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }
}

/// At most 15 digits: it can't overflow.
fn value(digits: &str) -> i64 {
    digits.bytes().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
}

/// Whether every `%` starts two lower-case hexadecimal digits, and the text is UTF-8 then.
fn decodes_to_utf8(text: &str) -> bool {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (mut rest, mut character, mut length) = (text.bytes(), [0; 4], 0);
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => match (rest.next().and_then(digit), rest.next().and_then(digit)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return false,
            },
            plain => plain,
        };
        // A character that goes on after four bytes is found out at its fourth.
        character[length] = byte;
        length += 1;
        match core::str::from_utf8(&character[..length]) {
            Ok(_) => length = 0,
            Err(fault) if fault.error_len().is_none() => {}
            Err(_) => return false,
        }
    }
    length == 0
}
