//! How a server of the draft is asked, and what its answers mean.

use super::{CONTENT_TYPE, INTEROP, Interop, Limits, SUPPORTED, count, is_complete, say_complete};
use crate::{
    http::{Head, ResponseHead, disposition::Filename},
    sf::Integer,
    upload::{Answer, Append, Create, Location, Refused, Verb},
};

/// What is said of a new upload: that it is not whole yet, whatever comes with it.
pub(crate) fn create<'a>(head: Head<'a>, interop: Interop, new: &Create<'_>) -> Head<'a> {
    say_complete(head, Some(interop), false)
        .maybe("Upload-Length", new.length.map(Integer))
        .header("Content-Disposition", format_args!("inline; {}", Filename(new.filename)))
        .maybe("Content-Type", new.filetype)
}

/// What is said of the next bytes.
pub(crate) fn append<'a>(head: Head<'a>, interop: Interop, append: &Append<'_>) -> Head<'a> {
    say_complete(head, Some(interop), append.last)
        .header("Upload-Offset", Integer(append.offset))
        .maybe("Upload-Length", append.declare_length.map(Integer))
        .header("Content-Type", CONTENT_TYPE)
}

/// How far the upload is by an interim response, if that is what it says.
pub(crate) fn progress(
    verb: Verb,
    interop: Interop,
    status: u16,
    head: &ResponseHead<'_>,
) -> Option<u64> {
    // The draft's appendix on versions: a 104 of another version is to be ignored.
    let is_meant = status == SUPPORTED && Interop::of(head.headers) == Some(interop);
    let offset = count(head.headers, "Upload-Offset").filter(|_| is_meant)?;
    verb.may_reach(offset).then_some(offset)
}

/// What a head means as the answer to `verb`. Success needs the server's own proof.
pub(crate) fn read<'a>(verb: Verb, interop: Interop, head: &ResponseHead<'a>) -> Answer<'a> {
    let headers = head.headers;
    let done = is_complete(headers, Some(interop));
    match head.status {
        // RFC 6585 section 6: 511 is how a portal should speak.
        200..=399 | 511 => {
            let succeeded = if head.status < 300 { succeeded(verb, done, head) } else { None };
            succeeded.unwrap_or(Answer::Impostor { verb, status: head.status })
        }
        status => Answer::Refused(Refused {
            verb,
            status,
            // The draft gives its answers no mark: fields that only it has must do.
            genuine: [INTEROP, "Upload-Offset", "Upload-Limit"]
                .into_iter()
                .any(|name| headers.get(name).is_some())
                || done.is_some(),
            offset: count(headers, "Upload-Offset"),
            retry_after_s: head.retry_after_s(),
            done: done == Some(true),
            interop: Interop::of(headers),
        }),
    }
}

fn succeeded<'a>(verb: Verb, done: Option<bool>, head: &ResponseHead<'a>) -> Option<Answer<'a>> {
    let headers = head.headers;
    let offset = count(headers, "Upload-Offset");
    let limits = Limits::read(headers);
    match verb {
        Verb::Options => {
            let is_offered = headers.lists("Accept-Patch", CONTENT_TYPE)
                || headers.get("Upload-Limit").is_some()
                || Interop::of(headers).is_some();
            is_offered.then(|| Answer::Options { extensions: Default::default(), limits })
        }
        Verb::Create { content } => {
            let location = Location::new(headers.text("Location")?);
            // What a request brought whole is taken whole where no offset is told.
            let offset = offset.unwrap_or(content);
            (verb.may_reach(offset) && done != Some(true)).then_some(Answer::Created {
                location,
                offset,
                limits,
            })
        }
        Verb::Head => {
            let length = count(headers, "Upload-Length");
            let offset = offset.filter(|&offset| length.is_none_or(|length| offset <= length))?;
            let done = done.unwrap_or(false);
            Some(Answer::Offset { offset, length, done: Some(done) })
        }
        Verb::Append { offset: from, length } => {
            let end = from.saturating_add(length);
            // Either field shows that it is the upload's server; without both, anybody may.
            let offset = offset.or(done.map(|_| end))?;
            let done = done.unwrap_or(false);
            (verb.may_reach(offset) && (!done || offset == end))
                .then_some(Answer::Appended { offset, done: Some(done) })
        }
        Verb::Delete => Some(Answer::Deleted),
    }
}

#[cfg(test)]
mod tests;
