//! A scripted upstream's chunked sessions.

use super::Connection;
use super::state::Entry;
use baton_wire::chunked::server::{Chunk, Open};
use baton_wire::chunked::{Outcome, Plan, Request, SessionId};
use std::io;

/// Small, so that a test's file has several.
const CHUNK: u64 = 1 << 20;

impl Connection<'_> {
    pub(super) fn serve_chunked(&mut self) -> io::Result<()> {
        let head = self.wire.head();
        match Request::parse(&head) {
            // The file itself is asked for.
            None => self.serve_put(),
            Some(Ok(Request::Open(open))) => {
                let Open { name, size, .. } = open;
                let (name, count) = (name.to_owned(), self.lock().asked.len());
                self.drain()?;
                self.think();
                let id = if self.shared.script.collides { 1 } else { count };
                let id = SessionId::new(&format!("sess_{id}")).expect("plain");
                let plan = Plan::new(size, CHUNK).expect("few chunks");
                self.lock().create(id.as_str(), &name, size)?;
                self.tell(Outcome::Opened { session: &id, plan })
            }
            Some(Ok(Request::Chunk(chunk))) => {
                let Chunk { session, number, .. } = chunk;
                self.take_chunk(&session, number)
            }
            Some(Ok(Request::Status(session))) => {
                self.drain()?;
                self.think();
                self.tell_state(&session)
            }
            Some(Err(refusal)) => {
                self.drain()?;
                self.tell(Outcome::Refused(refusal))
            }
        }
    }

    fn tell_state(&mut self, session: &SessionId) -> io::Result<()> {
        let state = self.lock();
        let found = state.files.get(session.as_str()).filter(|entry| !entry.is_whole).map(|it| {
            let chunks = u32::try_from(it.chunks.len()).expect("few chunks");
            (it.name.clone(), it.length, it.stored, chunks)
        });
        drop(state);
        match found {
            Some((name, size, uploaded, chunks)) => {
                self.tell(Outcome::Status { session, name: &name, size, uploaded, chunks })
            }
            None => self.tell(Outcome::Failed { status: 404, retry_after_s: None }),
        }
    }

    fn take_chunk(&mut self, session: &SessionId, number: u32) -> io::Result<()> {
        let path = session.as_str();
        let mut body = Vec::new();
        self.read_body(|_, bytes| {
            body.extend_from_slice(bytes);
            Ok(())
        })?;
        self.think();
        let mut state = self.lock();
        let is_live = |entry: &&mut Entry| !entry.is_whole;
        let Some(entry) = state.files.get_mut(path).filter(is_live) else {
            drop(state);
            return self.tell(Outcome::Failed { status: 404, retry_after_s: None });
        };
        if !entry.chunks.insert(number) {
            drop(state);
            return self.tell(Outcome::Repeated { number });
        }
        let stored = state.place(path, u64::from(number) * CHUNK, &body);
        let told = state.files.get_mut(path).map(|entry| {
            entry.is_whole = entry.stored == entry.length;
            (entry.name.clone(), entry.stored, entry.length, entry.is_whole)
        });
        if let Some((name, _, size, true)) = &told {
            // As the file itself it is found under its name.
            state.shelve(path, name, *size);
        }
        drop(state);
        stored?;
        match told {
            Some((name, _, size, true)) => self.tell(Outcome::Assembled { name: &name, size }),
            Some((_, uploaded, size, false)) => {
                self.tell(Outcome::Stored { number, uploaded, size })
            }
            None => self.tell(Outcome::Failed { status: 404, retry_after_s: None }),
        }
    }

    fn tell(&mut self, outcome: Outcome<'_>) -> io::Result<()> {
        self.wire.answer(|out| outcome.write(out, true))
    }
}
