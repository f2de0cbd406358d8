//! A scripted upstream whose uploads go by offset, in tus or in the IETF's draft.

use super::{Connection, Dialect};
use baton_wire::http::{Head, RequestHead, Unfit};
use baton_wire::resumable::{self, Interop, Limits};
use baton_wire::tus::{self, VERSION};
use std::io;

/// What a request asks for, in whichever words.
enum Ask {
    Options,
    Create {
        name: String,
        length: u64,
    },
    Offset,
    Append {
        offset: u64,
        is_last: bool,
    },
    Delete,
    /// This status is the answer.
    Nonsense(u16),
}

/// What is answered, in the same words.
enum Reply<'a> {
    Options,
    Created(&'a str),
    Offset {
        told: u64,
        length: u64,
        is_whole: bool,
    },
    Appended {
        told: u64,
        is_whole: bool,
    },
    Deleted,
    /// What it holds, where it says that.
    Conflict(Option<u64>),
    Failed(u16),
}

impl Connection<'_> {
    pub(super) fn serve_offsets(&mut self) -> io::Result<()> {
        let head = self.wire.head();
        let path = head.path_and_query().0.to_owned();
        let ask = match self.shared.script.dialect {
            Dialect::Draft(interop) => draft(&head, interop),
            Dialect::Tus | Dialect::FencedTus | Dialect::Put | Dialect::Chunked => tus(&head),
        };
        let new = self.lock().asked.len();
        match ask {
            Ask::Append { offset, is_last } => self.append(&path, offset, is_last),
            Ask::Options => {
                self.drain()?;
                self.say(Reply::Options)
            }
            Ask::Create { name, length } => {
                self.drain()?;
                self.think();
                let location = format!("{}/{new}", path.trim_end_matches('/'));
                self.lock().create(&location, &name, length)?;
                self.say(Reply::Created(&location))
            }
            Ask::Offset => {
                self.drain()?;
                self.think();
                self.say_offset(&path)
            }
            Ask::Delete => {
                self.drain()?;
                self.lock().files.remove(&path);
                self.say(Reply::Deleted)
            }
            Ask::Nonsense(status) => {
                self.drain()?;
                self.say(Reply::Failed(status))
            }
        }
    }

    fn say_offset(&mut self, path: &str) -> io::Result<()> {
        let state = self.shared.claim(path, self.id);
        let told = state.files.get(path).map(|it| (it.told(), it.length, it.is_whole));
        drop(state);
        self.say(match told {
            Some((told, length, is_whole)) => Reply::Offset { told, length, is_whole },
            None => Reply::Failed(404),
        })
    }

    fn append(&mut self, path: &str, offset: u64, is_last: bool) -> io::Result<()> {
        let mut state = self.shared.claim(path, self.id);
        let conflict = match state.files.get_mut(path) {
            Some(entry) if entry.told() == offset => {
                entry.writer = Some(self.id);
                None
            }
            Some(entry) => Some(Some(entry.told())),
            None => Some(None),
        };
        drop(state);
        match conflict {
            None => self.take(path, is_last),
            Some(told) => {
                self.drain()?;
                self.think();
                self.say_conflict(told)
            }
        }
    }

    /// Ends a request that is longer than was said to be taken.
    fn limit_append(&mut self) -> io::Result<()> {
        let script = &self.shared.script;
        let length = self.wire.head().headers.number("Content-Length").ok().flatten();
        if script.max_append.zip(length).is_some_and(|(most, length)| length > most) {
            self.drain()?;
            self.say(Reply::Failed(413))?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// tus without fencing does not say in a conflict what it holds.
    fn say_conflict(&mut self, told: Option<u64>) -> io::Result<()> {
        let says = self.shared.script.dialect != Dialect::Tus;
        self.say(match told {
            Some(told) => Reply::Conflict(says.then_some(told)),
            None => Reply::Failed(404),
        })
    }

    fn take(&mut self, path: &str, is_last: bool) -> io::Result<()> {
        let (id, whole) = (self.id, self.shared.script.drops_partial);
        let (mut held, mut is_fenced) = (Vec::new(), false);
        self.limit_append()?;
        self.read_body(|state, bytes| {
            is_fenced |= state.files.get(path).is_none_or(|entry| entry.writer != Some(id));
            match (is_fenced, whole) {
                (true, _) => Ok(()),
                (false, true) => {
                    held.extend_from_slice(bytes);
                    Ok(())
                }
                (false, false) => state.append(path, bytes),
            }
        })?;
        if !held.is_empty() {
            self.lock().append(path, &held)?;
        }
        self.think();
        let forgets = is_last && core::mem::take(&mut self.lock().forgets_the_end);
        let mut state = self.lock();
        let told = state.files.get_mut(path).map(|entry| {
            entry.is_whole = is_last && !forgets;
            (entry.told(), entry.is_whole)
        });
        drop(state);
        match told {
            Some((told, is_whole)) if !is_fenced => self.say(Reply::Appended { told, is_whole }),
            told => self.say_conflict(told.map(|(told, _)| told)),
        }
    }

    fn say(&mut self, reply: Reply<'_>) -> io::Result<()> {
        let script = &self.shared.script;
        let (dialect, limit) = (script.dialect, script.max_append);
        self.wire.answer(|out| match dialect {
            Dialect::Draft(interop) => say_draft(out, interop, limit, &reply),
            Dialect::Tus | Dialect::FencedTus | Dialect::Put | Dialect::Chunked => {
                say_tus(out, dialect, &reply)
            }
        })
    }
}

fn tus(head: &RequestHead<'_>) -> Ask {
    use tus::server::Request;
    match Request::parse(head) {
        Ok(Request::Options) => Ask::Options,
        Ok(Request::Create(create)) => {
            let name = create.metadata().ok().and_then(|metadata| metadata.filename);
            Ask::Create {
                name: name.as_deref().unwrap_or("unnamed").to_owned(),
                length: create.length.unwrap_or(0),
            }
        }
        Ok(Request::Head) => Ask::Offset,
        Ok(Request::Append(append)) => Ask::Append { offset: append.offset, is_last: true },
        Ok(Request::Terminate) => Ask::Delete,
        Err(refusal) => Ask::Nonsense(refusal.status()),
    }
}

fn draft(head: &RequestHead<'_>, spoken: Interop) -> Ask {
    use resumable::Request;
    if Interop::of(head.headers) != Some(spoken) {
        return Ask::Nonsense(400);
    }
    match Request::parse(head) {
        Ok(Request::Options) => Ask::Options,
        Ok(Request::Create(create)) => {
            let name = create.filename();
            Ask::Create {
                name: name.as_deref().unwrap_or("unnamed").to_owned(),
                length: create.length.unwrap_or(0),
            }
        }
        Ok(Request::Head) => Ask::Offset,
        Ok(Request::Append(append)) => {
            Ask::Append { offset: append.offset, is_last: append.complete }
        }
        Ok(Request::Cancel) => Ask::Delete,
        Err(refusal) => Ask::Nonsense(refusal.status()),
    }
}

fn say_tus(out: &mut [u8], dialect: Dialect, reply: &Reply<'_>) -> Result<usize, Unfit> {
    use tus::server::Outcome;
    let failed = |status| Outcome::Failed { status, retry_after_s: None };
    let outcome = match *reply {
        Reply::Options if dialect == Dialect::FencedTus => Outcome::Options { max_size: None },
        Reply::Options => {
            return Head::response(out, 204)
                .header("Tus-Resumable", VERSION)
                .header("Tus-Version", VERSION)
                .header("Tus-Extension", "creation,termination")
                .finish();
        }
        Reply::Created(location) => Outcome::Created { location, offset: 0, expires: None },
        Reply::Offset { told, length, .. } => {
            Outcome::Offset { offset: told, length: Some(length), expires: None }
        }
        Reply::Appended { told, .. } => Outcome::Appended { offset: told, expires: None },
        Reply::Deleted => Outcome::Terminated,
        Reply::Conflict(Some(offset)) => Outcome::Conflict { offset },
        Reply::Conflict(None) => failed(409),
        Reply::Failed(status) => failed(status),
    };
    outcome.write(out, true)
}

fn say_draft(
    out: &mut [u8],
    interop: Interop,
    max_append_size: Option<u64>,
    reply: &Reply<'_>,
) -> Result<usize, Unfit> {
    use resumable::Outcome;
    let limits = Limits { max_append_size, ..Limits::NONE };
    let failed = |status| Outcome::Failed { status, retry_after_s: None, limits: Limits::NONE };
    let outcome = match *reply {
        Reply::Options => Outcome::Options { limits },
        Reply::Created(location) => Outcome::Created { location, offset: 0, limits },
        Reply::Offset { told, length, is_whole } => {
            Outcome::Offset { offset: told, length: Some(length), complete: is_whole, limits }
        }
        Reply::Appended { told, is_whole: true } => Outcome::Done { offset: told },
        Reply::Appended { told, is_whole: false } => Outcome::Appended { offset: told },
        Reply::Deleted => Outcome::Cancelled,
        Reply::Conflict(Some(stored)) => Outcome::Conflict { stored, given: 0 },
        Reply::Conflict(None) => failed(409),
        Reply::Failed(status) => failed(status),
    };
    outcome.write(out, Some(interop), true)
}
