//! Parameters behind a value: `form-data; name="file"` (RFC 9110 section 5.6.6).

use core::fmt::{self, Write as _};

/// A parameter's value as it stands, without its quotes. It compares and shows as what it means.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<'a> {
    text: &'a str,
    is_quoted: bool,
}

impl<'a> Parameter<'a> {
    /// As it stands, escapes and all.
    pub(super) const fn raw(&self) -> &'a str {
        self.text
    }

    /// The characters that it means. A backslash in quotes stands for what it escapes only before
    /// `"` and `\`: some clients send Windows paths.
    pub fn chars(&self) -> impl Iterator<Item = char> + 'a {
        let (mut chars, is_quoted) = (self.text.chars(), self.is_quoted);
        core::iter::from_fn(move || {
            let char = chars.next()?;
            let mut ahead = chars.clone();
            match ahead.next() {
                Some(escaped @ ('"' | '\\')) if is_quoted && char == '\\' => {
                    chars = ahead;
                    Some(escaped)
                }
                Some(_) | None => Some(char),
            }
        })
    }
}

impl PartialEq<str> for Parameter<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl fmt::Display for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|char| f.write_char(char))
    }
}

/// The first parameter `name` behind a value; none from the first that is broken on.
pub(crate) fn find<'a>(value: &'a str, name: &str) -> Option<Parameter<'a>> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (parameter, end) = match after.strip_prefix('"') {
            Some(text) => {
                let length = quoted_length(text)?;
                (Parameter { text: &text[..length], is_quoted: true }, &text[length + 1..])
            }
            None => {
                let length = after.find(';').unwrap_or(after.len());
                (Parameter { text: after[..length].trim(), is_quoted: false }, &after[length..])
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(parameter);
        }
        rest = end.trim_start().strip_prefix(';')?;
    }
}

/// Where the quote is that ends a quoted string.
fn quoted_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &str) -> Option<String> {
        find(text, name).map(|parameter| parameter.to_string())
    }

    #[test]
    fn parameters_are_found_quoted_or_not() {
        for (text, expected) in [
            (r#"form-data; name="file"; filename="a b.jpg""#, Some("a b.jpg")),
            (r#"form-data;filename=a.jpg;name=file"#, Some("a.jpg")),
            (r#"form-data; FileName = "a.jpg" ; x=y"#, Some("a.jpg")),
            (r#"form-data; name="; filename=x"; filename="a;=b""#, Some("a;=b")),
            (r#"form-data; filename="\"a\\b\" C:\dir""#, Some(r#""a\b" C:\dir"#)),
            (r#"form-data; filename=a\b"#, Some(r"a\b")),
            (r#"form-data; filename="""#, Some("")),
            (r#"form-data; filename="a" "b""#, Some("a")),
            (r#"form-data; name="file""#, None),
            (r#"form-data"#, None),
            (r#"form-data; filename"#, None),
            (r#"form-data; filename="a"#, None),
            (r#"form-data; name="a" x; filename="b""#, None),
            ("", None),
        ] {
            assert_eq!(value(text, "filename").as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_backslash_before_the_last_quote_ends_it_where_it_is_escaped_itself() {
        assert_eq!(value(r#"x; a="b\\"; c=d"#, "c").as_deref(), Some("d"));
        assert_eq!(value(r#"x; a="b\"; c=d"#, "c"), None);
    }
}
