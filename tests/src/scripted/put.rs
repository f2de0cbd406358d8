//! A scripted upstream's PUT.

use super::{Connection, Early};
use baton_wire::http::{Head, Method};
use baton_wire::put::Request;
use std::io;

impl Connection<'_> {
    pub(super) fn serve_put(&mut self) -> io::Result<()> {
        let head = self.wire.head();
        let length = head.headers.number("Content-Length").ok().flatten().unwrap_or(0);
        if let Some(admission) = self.shared.script.admits
            && matches!(head.method, "PUT" | "POST")
            && !admission.admits(&head, length)
        {
            self.lock().note_refusal(401);
            self.wire.refuse(401, false, None)?;
            self.wire.cut();
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if head.method == "POST" {
            return self.take_form();
        }
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
        match early {
            None => {}
            Some(Early::Honest) => self.wire.refuse(200, false, None)?,
            Some(Early::Portal) => {
                self.wire.refuse(200, false, None)?;
                self.wire.cut();
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Some(Early::Refusal(status)) => {
                self.wire.refuse(status, false, None)?;
                // Unread bytes make the close a reset.
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
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

    /// Takes a form whose one part is a file, and tells what it wrote.
    fn take_form(&mut self) -> io::Result<()> {
        let mut body = Vec::new();
        self.read_body(|_, bytes| {
            body.extend_from_slice(bytes);
            Ok(())
        })?;
        self.think();
        let form = Form::parse(&body).ok_or_else(|| io::Error::other("no form"))?;
        let path = format!("/{}", form.filename);
        let mut state = self.lock();
        state.create(&path, &form.filename, form.file.len() as u64)?;
        state.append(&path, form.file)?;
        drop(state);
        let receipt = format!(
            r#"{{"success":true,"filename":"{}","size":{},"duration":"1ms"}}"#,
            form.filename,
            form.file.len()
        );
        self.wire.answer_with(200, "application/json", receipt.as_bytes())
    }
}

/// A form's one part.
struct Form<'a> {
    filename: String,
    file: &'a [u8],
}

impl<'a> Form<'a> {
    fn parse(body: &'a [u8]) -> Option<Self> {
        let find = |needle: &[u8]| body.windows(needle.len()).position(|it| it == needle);
        let boundary = &body[..find(b"\r\n")?];
        let start = find(b"\r\n\r\n")? + 4;
        let head = core::str::from_utf8(&body[..start]).ok()?;
        let filename = head.split_once("filename=\"")?.1.split_once('"')?.0;
        let end = [b"\r\n", boundary, b"--\r\n"].concat();
        let file = body[start..].strip_suffix(end.as_slice())?;
        Some(Self { filename: filename.rsplit('/').next()?.to_owned(), file })
    }
}
