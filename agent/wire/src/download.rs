//! An answer that breaks off, and another that goes on where it did (RFC 9110 sections 13.1.5 and
//! 14).
//!
//! Two answers are of one file if their strong entity tags are equal; where there is none, if the
//! file's length and its date of change are. Of anything else nothing is put together.

use crate::http::{Headers, ResponseHead, head::decimal};
use core::fmt;
use heapless::String;

/// The longest entity tag, or date.
const MAX_VALIDATOR: usize = 128;

/// What of an answer another must have to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portion {
    version: Version,
    span: Span,
}

/// Which state of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Version {
    /// Its strong entity tag.
    Tag(String<MAX_VALIDATOR>),
    /// The date of its last change.
    Date(String<MAX_VALIDATOR>),
}

/// Which bytes of how many: the first, behind the last, and the file's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
    total: u64,
}

/// The value of `Range` that asks for the rest of a portion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    first: u64,
    last: u64,
}

impl Portion {
    /// What the head of a first answer promises; `None` where nothing could go on with it: it is no
    /// part of a file, or one that can't be told from another state of it.
    pub fn of(head: &ResponseHead<'_>) -> Option<Self> {
        let version = Version::of(head.headers)?;
        let length = head.headers.number("Content-Length").ok()?;
        let span = match head.status {
            200 => {
                let total = length?;
                Span { start: 0, end: total, total }
            }
            206 => Span::of(head.headers)?,
            _ => return None,
        };
        let is_consistent = length.is_none_or(|length| length == span.end - span.start);
        let is_refused = head.headers.lists("Accept-Ranges", "none");
        (is_consistent && !is_refused).then_some(Self { version, span })
    }

    /// What to ask for once `got` bytes of it came; `None`: nothing is missing.
    pub fn rest(&self, got: u64) -> Option<Rest> {
        let first = self.span.start.checked_add(got)?;
        (first < self.span.end).then(|| Rest { first, last: self.span.end - 1 })
    }

    /// The value of `If-Range`, where the file has a tag. A date in its place would have to be
    /// older than the clocks are wrong; it is compared in the answer instead.
    pub fn if_range(&self) -> Option<&str> {
        match &self.version {
            Version::Tag(tag) => Some(tag),
            Version::Date(_) => None,
        }
    }

    /// Whether an answer has the rest, as it is behind the first `got` bytes.
    pub fn goes_on_with(&self, got: u64, head: &ResponseHead<'_>) -> bool {
        let span = Span { start: self.span.start + got, ..self.span };
        head.status == 206 && Self::of(head) == Some(Self { version: self.version.clone(), span })
    }

    /// Whether an answer is of another state of the file: no other will have the rest.
    pub fn is_outdated_by(&self, head: &ResponseHead<'_>) -> bool {
        matches!(head.status, 200 | 206)
            && Version::of(head.headers).is_some_and(|version| version != self.version)
    }
}

impl Version {
    fn of(headers: Headers<'_>) -> Option<Self> {
        // RFC 9110 section 8.8.3: a weak tag says nothing of single bytes.
        let tag = headers.text("ETag").filter(|tag| tag.starts_with('"'));
        match tag {
            Some(tag) => tag.try_into().ok().map(Self::Tag),
            None => headers.text("Last-Modified")?.try_into().ok().map(Self::Date),
        }
    }
}

impl Span {
    /// `Content-Range: bytes 0-4/5`.
    fn of(headers: Headers<'_>) -> Option<Self> {
        let (range, total) =
            headers.text("Content-Range")?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let number = |digits: &str| decimal(digits.as_bytes());
        let (start, last, total) = (number(first)?, number(last)?, number(total)?);
        (start <= last && last < total).then_some(Self { start, end: last + 1, total })
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes={}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    fn portion(head: &str) -> Option<Portion> {
        Portion::of(&ResponseHead::parse(head.as_bytes()).unwrap())
    }

    fn head(status: u16, fields: &str) -> std::string::String {
        format!("HTTP/1.1 {status} \r\n{fields}\r\n")
    }

    const TAGGED: &str = "ETag: \"a\"\r\nContent-Length: 100\r\n";

    #[test]
    fn the_rest_is_asked_for_by_the_tag() {
        let portion = portion(&head(200, TAGGED)).unwrap();

        assert_eq!(portion.rest(40).unwrap().to_string(), "bytes=40-99");
        assert_eq!(portion.if_range(), Some("\"a\""));
        assert_eq!((portion.rest(100), portion.rest(u64::MAX)), (None, None));
    }

    #[test]
    fn the_rest_of_a_range_stays_within_it() {
        let fields = "ETag: \"a\"\r\nContent-Range: bytes 10-59/100\r\nContent-Length: 50\r\n";
        let portion = portion(&head(206, fields)).unwrap();

        assert_eq!(portion.rest(0).unwrap().to_string(), "bytes=10-59");
        assert_eq!(portion.rest(20).unwrap().to_string(), "bytes=30-59");
    }

    #[test]
    fn only_the_very_rest_of_the_very_file_goes_on() {
        let tagged = portion(&head(200, TAGGED)).unwrap();
        let range = |tag: &str, range: &str| {
            head(206, &format!("{tag}\r\nContent-Range: bytes {range}\r\n"))
        };
        let cases = [
            (range("ETag: \"a\"", "40-99/100"), true, false),
            (range("ETag: \"b\"", "40-99/100"), false, true),
            (range("ETag: W/\"a\"", "40-99/100"), false, false),
            (range("Last-Modified: now", "40-99/100"), false, true),
            (range("X: y", "40-99/100"), false, false),
            (range("ETag: \"a\"", "41-99/100"), false, false),
            (range("ETag: \"a\"", "40-98/100"), false, false),
            (range("ETag: \"a\"", "40-99/101"), false, false),
            (range("ETag: \"a\"", "40-99/*"), false, false),
            (head(200, TAGGED), false, false),
            (head(200, "ETag: \"b\"\r\nContent-Length: 100\r\n"), false, true),
            (head(200, "Content-Length: 100\r\n"), false, false),
            (head(404, "ETag: \"b\"\r\n"), false, false),
        ];

        for (answer, goes_on, is_outdated) in cases {
            let head = ResponseHead::parse(answer.as_bytes()).unwrap();
            assert_eq!(tagged.goes_on_with(40, &head), goes_on, "{answer}");
            assert_eq!(tagged.is_outdated_by(&head), is_outdated, "{answer}");
        }
    }

    #[test]
    fn without_a_tag_the_date_and_the_length_must_be_equal() {
        let dated = portion(&head(200, "Last-Modified: then\r\nContent-Length: 9\r\n")).unwrap();
        assert_eq!(dated.if_range(), None);

        for (date, total, goes_on) in [("then", 9, true), ("now", 9, false), ("then", 10, false)] {
            let answer = head(
                206,
                &format!("Last-Modified: {date}\r\nContent-Range: bytes 4-8/{total}\r\n"),
            );
            let answer = ResponseHead::parse(answer.as_bytes()).unwrap();
            assert_eq!(dated.goes_on_with(4, &answer), goes_on, "{date} {total}");
        }
    }

    #[test]
    fn what_can_not_be_gone_on_with_is_no_portion() {
        let long = format!("ETag: \"{}\"\r\nContent-Length: 9\r\n", "x".repeat(MAX_VALIDATOR));
        let cases = [
            head(200, "Content-Length: 9\r\n"),
            head(200, "ETag: \"a\"\r\n"),
            head(200, "ETag: W/\"a\"\r\nContent-Length: 9\r\n"),
            head(200, "ETag: \"a\"\r\nContent-Length: 9\r\nAccept-Ranges: none\r\n"),
            head(200, &long),
            head(206, "ETag: \"a\"\r\nContent-Type: multipart/byteranges\r\n"),
            head(206, "ETag: \"a\"\r\nContent-Range: bytes 5-4/9\r\n"),
            head(206, "ETag: \"a\"\r\nContent-Range: bytes 0-9/9\r\n"),
            head(206, "ETag: \"a\"\r\nContent-Range: bytes 0-4/9\r\nContent-Length: 9\r\n"),
            head(404, TAGGED),
        ];
        for answer in cases {
            assert_eq!(portion(&answer), None, "{answer}");
        }
    }
}
