//! How tus is asked, and what its answers mean.

use super::{AWAIT, CONTENT_TYPE, Extensions, VERSION};
use crate::{
    base64::Encoded,
    http::{Head, Headers, ResponseHead},
    resumable::Limits,
    upload::{Answer, Append, Create, Location, Refused, Verb},
};

/// What is said of a new upload.
pub(crate) fn create<'a>(head: Head<'a>, new: &Create<'_>) -> Head<'a> {
    let filename = Encoded(new.filename.as_bytes());
    let head = head
        .maybe("Upload-Length", new.length)
        .maybe("Upload-Defer-Length", new.length.is_none().then_some(1));
    let head = match new.filetype.map(|filetype| Encoded(filetype.as_bytes())) {
        Some(filetype) => {
            head.header("Upload-Metadata", format_args!("filename {filename},filetype {filetype}"))
        }
        None => head.header("Upload-Metadata", format_args!("filename {filename}")),
    };
    head.maybe("Content-Type", (new.content > 0).then_some(CONTENT_TYPE))
}

/// What is said of the next bytes.
pub(crate) fn append<'a>(head: Head<'a>, append: &Append<'_>) -> Head<'a> {
    head.header("Upload-Offset", append.offset)
        .maybe("Upload-Length", append.declare_length)
        .maybe(AWAIT, append.awaits.then_some(1))
        .header("Content-Type", CONTENT_TYPE)
}

/// What a head means as the answer to `verb`. Success needs the server's own proof.
pub(crate) fn read<'a>(verb: Verb, head: &ResponseHead<'a>) -> Answer<'a> {
    let headers = head.headers;
    let genuine = headers.get("Tus-Resumable") == Some(VERSION.as_bytes());
    match head.status {
        // RFC 6585 section 6: 511 is how a portal should speak.
        200..=399 | 511 => {
            succeeded(verb, head, genuine).unwrap_or(Answer::Impostor { verb, status: head.status })
        }
        status => Answer::Refused(Refused {
            verb,
            status,
            genuine,
            offset: if genuine { number(headers, "Upload-Offset") } else { None },
            retry_after_s: head.retry_after_s(),
            done: false,
            interop: None,
        }),
    }
}

fn succeeded<'a>(verb: Verb, head: &ResponseHead<'a>, genuine: bool) -> Option<Answer<'a>> {
    let headers = head.headers;
    let offset = number(headers, "Upload-Offset");
    match (verb, head.status) {
        (Verb::Options, 200 | 204) if headers.lists("Tus-Version", VERSION) => {
            Some(Answer::Options {
                extensions: Extensions::read(headers),
                limits: Limits { max_size: number(headers, "Tus-Max-Size"), ..Limits::NONE },
            })
        }
        (Verb::Create { .. }, 201) if genuine => {
            let offset = offset.unwrap_or(0);
            let location = Location::new(headers.text("Location")?);
            let limits = Limits::NONE;
            verb.may_reach(offset).then_some(Answer::Created { location, offset, limits })
        }
        (Verb::Head, 200 | 204) if genuine => {
            let length = number(headers, "Upload-Length");
            let offset = offset.filter(|&offset| length.is_none_or(|length| offset <= length))?;
            Some(Answer::Offset { offset, length, done: length.map(|length| length == offset) })
        }
        (Verb::Append { .. }, 200 | 204) if genuine => {
            let offset = offset.filter(|&offset| verb.may_reach(offset))?;
            Some(Answer::Appended { offset, done: None })
        }
        (Verb::Delete, 200 | 204) if genuine => Some(Answer::Deleted),
        _ => None,
    }
}

fn number(headers: Headers<'_>, name: &str) -> Option<u64> {
    headers.number(name).ok().flatten()
}

#[cfg(test)]
mod tests;
