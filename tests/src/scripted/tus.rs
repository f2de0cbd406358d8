//! A scripted upstream's tus.

use super::state::Entry;
use super::{Connection, Dialect};
use baton_wire::http::Head;
use baton_wire::tus::VERSION;
use baton_wire::tus::server::{Outcome, Request};
use std::io;

impl Connection<'_> {
    pub(super) fn serve_tus(&mut self) -> io::Result<()> {
        let head = self.wire.head();
        let path = head.path_and_query().0.to_owned();
        let new = self.lock().asked.len();
        match Request::parse(&head) {
            Ok(Request::Options) => self.say_options(),
            Ok(Request::Create(create)) => {
                let name = create.metadata().ok().and_then(|metadata| metadata.filename);
                let name = name.as_deref().unwrap_or("unnamed").to_owned();
                let length = create.length.unwrap_or(0);
                self.drain()?;
                self.think();
                let location = format!("{path}{new}");
                self.lock().create(&location, &name, length)?;
                self.say(Outcome::Created { location: &location, offset: 0, expires: None })
            }
            Ok(Request::Head) => {
                self.drain()?;
                self.think();
                self.say_offset(&path)
            }
            Ok(Request::Append(append)) => self.append(&path, append.offset),
            Ok(Request::Terminate) => {
                self.drain()?;
                self.lock().files.remove(&path);
                self.say(Outcome::Terminated)
            }
            Err(refusal) => {
                self.drain()?;
                self.say(Outcome::Refused(refusal))
            }
        }
    }

    fn say_options(&mut self) -> io::Result<()> {
        self.drain()?;
        if self.shared.script.dialect == Dialect::FencedTus {
            return self.say(Outcome::Options { max_size: None });
        }
        self.wire.answer(|out| {
            Head::response(out, 204)
                .header("Tus-Resumable", VERSION)
                .header("Tus-Version", VERSION)
                .header("Tus-Extension", "creation,termination")
                .finish()
        })
    }

    fn say_offset(&mut self, path: &str) -> io::Result<()> {
        let state = self.shared.claim(path, self.id);
        let told = state.files.get(path).map(|entry| (entry.told(), entry.length));
        drop(state);
        match told {
            Some((offset, length)) => {
                self.say(Outcome::Offset { offset, length: Some(length), expires: None })
            }
            None => self.say(Outcome::Failed { status: 404, retry_after_s: None }),
        }
    }

    fn append(&mut self, path: &str, offset: u64) -> io::Result<()> {
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
            None => self.take(path),
            Some(told) => {
                self.drain()?;
                self.think();
                self.say_conflict(told)
            }
        }
    }

    /// Only a fencing server says in a conflict what it holds.
    fn say_conflict(&mut self, told: Option<u64>) -> io::Result<()> {
        let is_fenced = self.shared.script.dialect == Dialect::FencedTus;
        self.say(match told {
            Some(offset) if is_fenced => Outcome::Conflict { offset },
            Some(_) => Outcome::Failed { status: 409, retry_after_s: None },
            None => Outcome::Failed { status: 404, retry_after_s: None },
        })
    }

    fn take(&mut self, path: &str) -> io::Result<()> {
        let (id, whole) = (self.id, self.shared.script.drops_partial);
        let (mut held, mut is_fenced) = (Vec::new(), false);
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
        let told = self.lock().files.get(path).map(Entry::told);
        match told {
            Some(offset) if !is_fenced => self.say(Outcome::Appended { offset, expires: None }),
            told => self.say_conflict(told),
        }
    }

    fn say(&mut self, outcome: Outcome<'_>) -> io::Result<()> {
        self.wire.answer(|out| outcome.write(out, true))
    }
}
