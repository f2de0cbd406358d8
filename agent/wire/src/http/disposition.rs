//! The name of a file in `Content-Disposition` (RFC 6266).

use super::parameter;
use crate::percent::{self, MAX_NAME};
use core::fmt::{self, Write as _};
use heapless::{String, Vec};

/// Shows as the parameter `filename`, or as `filename*` (RFC 8187) where the name needs that.
#[derive(Clone, Copy, Debug)]
pub struct Filename<'a>(pub &'a str);

impl fmt::Display for Filename<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some receivers decode a percent sign within quotes, too.
        let is_plain = |byte| matches!(byte, b' '..=b'~') && !b"\"\\%".contains(&byte);
        if self.0.bytes().all(is_plain) {
            return write!(f, "filename=\"{}\"", self.0);
        }
        f.write_str("filename*=UTF-8''")?;
        self.0.bytes().try_for_each(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => f.write_char(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => f.write_char(char::from(byte)),
            _ => write!(f, "%{byte:02X}"),
        })
    }
}

/// The name in a field's value, unchecked. `filename*` goes before `filename`; a name of more than
/// [`MAX_NAME`] bytes is none.
pub fn filename(value: &[u8]) -> Option<String<MAX_NAME>> {
    let value = core::str::from_utf8(value).ok()?;
    if let Some(extended) = parameter::find(value, "filename*") {
        return decode(extended.raw());
    }
    let mut name = String::new();
    let plain = parameter::find(value, "filename")?;
    write!(name, "{plain}").ok()?;
    Some(name)
}

/// RFC 8187 section 3.2: charset, language, and percent-encoded bytes, with `'` between them.
fn decode(value: &str) -> Option<String<MAX_NAME>> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, text) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("UTF-8") {
        return None;
    }
    let mut name = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' { percent::decode_byte(&mut bytes).ok()? } else { byte };
        name.push(byte).ok()?;
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_in_every_form() {
        let cases = [
            (r#"inline; filename="a b.jpg""#, Some("a b.jpg")),
            ("attachment;filename=a.jpg", Some("a.jpg")),
            (r#"inline; FileName = "a\"b\\c" ; x=y"#, Some(r#"a"b\c"#)),
            // The draft's own example.
            (
                r#"inline; filename="file name.jpg"; filename*=UTF-8''file%20n%C3%A4me.jpg"#,
                Some("file näme.jpg"),
            ),
            ("inline; filename*=utf-8'de'%e4%bd%a0", Some("你")),
            ("inline; filename=\"ä\"", Some("ä")),
            ("inline", None),
            ("", None),
            ("inline; filename", None),
            ("inline; filename=\"a", None),
            ("inline; filename=\"a\\", None),
            ("inline; filename=a; filename=b", Some("a")),
            ("inline; filename*=ISO-8859-1''%e4", None),
            ("inline; filename*=UTF-8''%e4", None),
            ("inline; filename*=UTF-8''%e", None),
            ("inline; filename*=UTF-8", None),
        ];

        for (value, name) in cases {
            assert_eq!(filename(value.as_bytes()).as_deref(), name, "{value}");
        }
        let long = format!("inline; filename={}", "x".repeat(MAX_NAME + 1));
        assert_eq!(filename(long.as_bytes()), None);
    }

    #[test]
    fn only_a_name_that_needs_it_is_encoded() {
        assert_eq!(Filename("a b/c.jpg").to_string(), "filename=\"a b/c.jpg\"");
        assert_eq!(Filename("100%").to_string(), "filename*=UTF-8''100%25");
        assert_eq!(Filename("ä/b").to_string(), "filename*=UTF-8''%C3%A4%2Fb");
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_it_is_shown(name in "\\PC{0,60}") {
            let shown = format!("inline; {}", Filename(&name));
            prop_assert!(shown.is_ascii());
            let read = filename(shown.as_bytes());
            prop_assert_eq!(read.as_deref(), Some(&name[..]));
        }

        #[test]
        fn any_bytes_are_survived(value: std::vec::Vec<u8>) {
            let _ = filename(&value);
        }
    }
}
