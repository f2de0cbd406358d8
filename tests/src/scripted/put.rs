//! A scripted upstream's PUT.

use super::{Connection, Early};
use baton_wire::http::{Head, Method};
use baton_wire::put::Request;
use std::io;

impl Connection<'_> {
    pub(super) fn serve_put(&mut self) -> io::Result<()> {
        let head = self.wire.head();
        let length = head.headers.number("Content-Length").ok().flatten().unwrap_or(0);
        let (method, name) = match Request::parse(&head) {
            Ok(request) => (request.method, request.name.as_str().to_owned()),
            Err(refusal) => {
                let status = refusal.status();
                self.wire.refuse(status, false, None)?;
                return self.drain();
            }
        };
        let path = format!("/{name}");
        if method == Method::Put {
            return self.store(&path, &name, length);
        }
        self.drain()?;
        self.think();
        let stored = self.lock().files.get(&path).map(|entry| entry.stored);
        match stored {
            Some(stored) => {
                self.wire.answer(|out| Head::response(out, 200).body_length(stored).finish())
            }
            None => self.wire.refuse(404, false, None),
        }
    }

    fn store(&mut self, path: &str, name: &str, length: u64) -> io::Result<()> {
        let id = self.id;
        let mut state = self.lock();
        let behaves = state.behaves;
        let is_taken = state
            .files
            .get(path)
            .is_some_and(|entry| self.shared.script.keeps_broken || entry.writer.is_none());
        if !is_taken {
            state.create(path, name, length)?;
            if let Some(entry) = state.files.get_mut(path) {
                entry.writer = Some(id);
            }
        }
        drop(state);
        if is_taken {
            self.wire.refuse(409, false, None)?;
            return self.drain();
        }
        let early = self.shared.script.says_early.filter(|_| !behaves);
        if early.is_some() {
            self.wire.refuse(200, false, None)?;
        }
        if early == Some(Early::Portal) {
            self.wire.cut();
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.read_body(|state, bytes| {
            if state.files.get(path).is_some_and(|entry| entry.writer == Some(id)) {
                state.append(path, bytes)
            } else {
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        })?;
        self.think();
        let mut state = self.lock();
        if let Some(entry) = state.files.get_mut(path) {
            entry.writer = None;
        }
        let is_first = !core::mem::replace(&mut state.answered, true);
        drop(state);
        if self.shared.script.loses_answer && is_first {
            self.wire.cut();
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if early.is_some() { Ok(()) } else { self.wire.refuse(201, false, None) }
    }
}
