//! Forms, and names in fields.

use crate::pieces::however_cut;
use baton_wire::{
    http::disposition::{self, Filename},
    multipart::{Error, Event, Parser},
};

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Part { name: Option<String>, filename: Option<String> },
    Data(Vec<u8>),
    PartEnd,
    End,
    Error(Error),
}

/// A form; its first line is the content type.
pub(crate) fn form(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (content_type, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    if Parser::new(content_type).is_err() {
        return;
    }
    let seen = however_cut(body, |pieces| {
        let mut parser = Parser::new(content_type).expect("it was good before");
        let mut seen = Vec::new();
        for piece in pieces {
            if feed(&mut parser, piece, &mut seen).is_err() {
                break;
            }
        }
        assert_eq!(parser.is_done(), seen.last() == Some(&Seen::End));
        seen
    });
    let bytes: usize = seen
        .iter()
        .map(|seen| match seen {
            Seen::Data(data) => data.len(),
            Seen::Part { .. } | Seen::PartEnd | Seen::End | Seen::Error(_) => 0,
        })
        .sum();
    assert!(bytes <= body.len(), "nothing is made up");
}

fn feed(parser: &mut Parser, mut input: &[u8], seen: &mut Vec<Seen>) -> Result<(), ()> {
    loop {
        let (used, event) = match parser.handle_input(input) {
            Ok(progress) => progress,
            Err(error) => {
                seen.push(Seen::Error(error));
                return Err(());
            }
        };
        input = &input[used..];
        match (event, seen.last_mut()) {
            (Event::NeedMore, _) => {
                assert!(input.is_empty(), "all is used before more is needed");
                return Ok(());
            }
            (Event::Data(bytes), Some(Seen::Data(data))) => data.extend_from_slice(bytes),
            (Event::Data(bytes), _) => seen.push(Seen::Data(bytes.into())),
            (Event::PartEnd, _) => seen.push(Seen::PartEnd),
            (Event::End, _) => seen.push(Seen::End),
            (Event::Part, _) => {
                let part = parser.part();
                seen.push(Seen::Part {
                    name: part.name().map(|name| name.to_string()),
                    filename: part.filename().map(|name| name.to_string()),
                });
            }
        }
    }
}

/// A name that was read is read again from what is written for it.
pub(crate) fn disposition(data: &[u8]) {
    if let Some(name) = disposition::filename(data)
        && !name.chars().any(|char| char.is_ascii_control())
    {
        let shown = format!("inline; {}", Filename(&name));
        assert_eq!(disposition::filename(shown.as_bytes()), Some(name));
    }
}
