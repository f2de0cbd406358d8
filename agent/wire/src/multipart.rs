//! Forms as they are posted, `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), read as they
//! come.
//!
//! The bytes of a part are sub-slices of what was fed. Only where a delimiter was begun at the end
//! of one input and turns out to be none in the next, they are told from the parser's own copy.

pub use crate::http::parameter::Parameter;

use crate::http::{Headers, head::collect, parameter};
use core::fmt;
use heapless::Vec;

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// All input is used up, and nothing new is known.
    NeedMore,
    /// A part begins: [`Parser::part`] tells which.
    Part,
    /// Bytes of it; never empty.
    Data(&'a [u8]),
    /// The part is whole.
    PartEnd,
    /// The form is whole. What follows is dropped.
    End,
}

/// Why a form can't be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The content type is no `multipart/form-data` with a boundary.
    ContentType,
    /// Something else than a line end behind a delimiter, or a broken head.
    Malformed,
    /// The head of a part has more than [`MAX_HEAD`] bytes.
    HeadTooLong,
}

/// What stands before the bytes of a part.
#[derive(Clone, Copy)]
pub struct Part<'a>(Headers<'a>);

/// Reads one form.
///
/// ```text
///            delimiter             line end           empty line
///   Text ──────────────▶ Padding ────────────▶ Head ─────────────▶ Text
///    │   closing delimiter
///    └──────────────────▶ Closed ──▶ Epilogue
/// ```
pub struct Parser {
    /// CR LF, `--`, the boundary, `--`. CR stands in it only once: what began as a delimiter and
    /// is none holds no beginning of another.
    delimiter: Vec<u8, { 6 + MAX_BOUNDARY }>,
    head: Vec<u8, MAX_HEAD>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// Having seen the first `matched` bytes of a delimiter.
    Text {
        matched: usize,
        within: Within,
    },
    /// White space behind a delimiter.
    Padding,
    /// The CR behind a delimiter was seen.
    LineEnd,
    Head,
    Closed,
    Epilogue,
    Failed(Error),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Before the first delimiter.
    Preamble,
    /// Right behind a head, whose last line end may be a delimiter's first: the part is then empty.
    Start,
    Part,
}

/// RFC 2046 section 5.1.1.
const MAX_BOUNDARY: usize = 70;

const LINE_END: &[u8] = b"\r\n";

/// The longest head of a part, in bytes: a file name of 1024 bytes, each escaped, would not fit,
/// but no file system has one.
pub const MAX_HEAD: usize = 2048;

impl Parser {
    /// Begins a form whose request has this content type.
    pub fn new(content_type: &[u8]) -> Result<Self, Error> {
        let content_type = core::str::from_utf8(content_type).map_err(|_| Error::ContentType)?;
        let media_type = content_type.split(';').next().unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Err(Error::ContentType);
        }
        let boundary = parameter::find(content_type, "boundary").ok_or(Error::ContentType)?;
        let mut delimiter = Vec::new();
        let mut add = |byte| delimiter.push(byte).map_err(|_| Error::ContentType);
        b"\r\n--".iter().try_for_each(|byte| add(*byte))?;
        for char in boundary.chars() {
            let is_allowed = char.is_ascii_alphanumeric() || "'()+_,-./:=? ".contains(char);
            add(is_allowed.then_some(char as u8).ok_or(Error::ContentType)?)?;
        }
        b"--".iter().try_for_each(|byte| add(*byte))?;
        if delimiter.len() == 6 || delimiter[delimiter.len() - 3] == b' ' {
            return Err(Error::ContentType);
        }
        // The first delimiter needs no line end before it.
        let state = State::Text { matched: LINE_END.len(), within: Within::Preamble };
        Ok(Self { delimiter, head: Vec::new(), state })
    }

    /// The head of the part that began last.
    pub fn part(&self) -> Part<'_> {
        Part(Headers::view(&self.head))
    }

    /// Whether the form came whole.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Epilogue)
    }

    /// Feeds input; how much of it was used, and what it was.
    pub fn handle_input<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Event<'a>), Error> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match self.state {
                State::Text { matched: 0, within } => {
                    let text = &rest[..self.find(rest)];
                    used += text.len();
                    if within == Within::Part && !text.is_empty() {
                        return Ok((used, Event::Data(text)));
                    } else if used == input.len() {
                        return Ok((used, Event::NeedMore));
                    }
                    self.state = State::Text { matched: 1, within };
                    used += 1;
                }
                State::Head => {
                    let (length, is_whole) =
                        collect(&mut self.head, rest).map_err(|error| self.fail(error.into()))?;
                    used += length;
                    if !is_whole {
                        return Ok((used, Event::NeedMore));
                    }
                    self.state = State::Text { matched: LINE_END.len(), within: Within::Start };
                    return Ok((used, Event::Part));
                }
                State::Closed => {
                    self.state = State::Epilogue;
                    return Ok((used, Event::End));
                }
                State::Epilogue => return Ok((input.len(), Event::NeedMore)),
                State::Failed(error) => return Err(error),
                State::Text { .. } | State::Padding | State::LineEnd => {
                    let Some(&byte) = rest.first() else { return Ok((used, Event::NeedMore)) };
                    match self.step(byte)? {
                        Step::Next => used += 1,
                        Step::PartEnd => return Ok((used + 1, Event::PartEnd)),
                        Step::NoDelimiter { from, to } => {
                            return Ok((used, Event::Data(&self.delimiter[from..to])));
                        }
                        Step::Again => {}
                    }
                }
            }
        }
    }

    /// One byte at or behind a delimiter.
    fn step(&mut self, byte: u8) -> Result<Step, Error> {
        let whole = self.delimiter.len() - 2;
        let (next, is_end) = match (self.state, byte) {
            (State::Text { matched, within }, b' ' | b'\t') if matched == whole => {
                (State::Padding, within != Within::Preamble)
            }
            (State::Text { matched, within }, b'\r') if matched == whole => {
                (State::LineEnd, within != Within::Preamble)
            }
            (State::Text { matched, within }, _) if byte == self.delimiter[matched] => {
                if matched + 1 == self.delimiter.len() {
                    (State::Closed, within != Within::Preamble)
                } else {
                    (State::Text { matched: matched + 1, within }, false)
                }
            }
            (State::Text { matched, within }, _) => return Ok(self.mismatch(matched, within)),
            (State::Padding, b' ' | b'\t') => (State::Padding, false),
            (State::Padding, b'\r') => (State::LineEnd, false),
            (State::LineEnd, b'\n') => {
                self.head.clear();
                self.head.extend_from_slice(LINE_END).expect("a head has room for a line end");
                (State::Head, false)
            }
            _ => return Err(self.fail(Error::Malformed)),
        };
        self.state = next;
        Ok(if is_end { Step::PartEnd } else { Step::Next })
    }

    /// What looked like a delimiter was none.
    fn mismatch(&mut self, matched: usize, within: Within) -> Step {
        let (from, next) = match within {
            Within::Preamble => (matched, Within::Preamble),
            Within::Start => (LINE_END.len(), Within::Part),
            Within::Part => (0, Within::Part),
        };
        self.state = State::Text { matched: 0, within: next };
        if from < matched { Step::NoDelimiter { from, to: matched } } else { Step::Again }
    }

    /// Where in `text` a delimiter begins, or may begin at its end; its length if nowhere.
    fn find(&self, text: &[u8]) -> usize {
        let delimiter = &self.delimiter[..self.delimiter.len() - 2];
        let mut from = 0;
        while let Some(at) = text[from..].iter().position(|&byte| byte == b'\r') {
            let candidate = &text[from + at..];
            let length = candidate.len().min(delimiter.len());
            if candidate[..length] == delimiter[..length] {
                return from + at;
            }
            from += at + 1;
        }
        text.len()
    }

    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed(error);
        error
    }
}

enum Step {
    /// The byte is used.
    Next,
    /// It is, and with it the part is whole.
    PartEnd,
    /// It is not, and so much of what looked like a delimiter was a part's text.
    NoDelimiter { from: usize, to: usize },
    /// It is not.
    Again,
}

impl<'a> Part<'a> {
    /// Name of the form's field.
    pub fn name(&self) -> Option<Parameter<'a>> {
        self.disposition("name")
    }

    /// Name of the file, where it is one. Whoever sent it chose it: check it.
    pub fn filename(&self) -> Option<Parameter<'a>> {
        self.disposition("filename")
    }

    /// The media type.
    pub fn content_type(&self) -> Option<&'a str> {
        self.0.text("Content-Type")
    }

    fn disposition(&self, name: &str) -> Option<Parameter<'a>> {
        let value = self.0.text("Content-Disposition")?;
        let kind = value.split(';').next()?.trim();
        kind.eq_ignore_ascii_case("form-data").then(|| parameter::find(value, name)).flatten()
    }
}

impl Error {
    /// The status by which it is answered.
    pub const fn status(self) -> u16 {
        match self {
            Self::ContentType => 415,
            Self::Malformed => 400,
            Self::HeadTooLong => 431,
        }
    }
}

impl From<crate::http::Error> for Error {
    fn from(error: crate::http::Error) -> Self {
        match error {
            crate::http::Error::HeadTooLong | crate::http::Error::TargetTooLong => {
                Self::HeadTooLong
            }
            crate::http::Error::Malformed
            | crate::http::Error::Framing
            | crate::http::Error::Chunk
            | crate::http::Error::Coding
            | crate::http::Error::Expectation
            | crate::http::Error::Version
            | crate::http::Error::Unsolicited
            | crate::http::Error::Undrained => Self::Malformed,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContentType => "not multipart/form-data with a boundary",
            Self::Malformed => "malformed form",
            Self::HeadTooLong => "head of a part too long",
        })
    }
}

#[cfg(test)]
mod tests;
