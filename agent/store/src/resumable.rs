//! The IETF's resumable uploads: created at the path where the file is to be, as a PUT would, or
//! where uploads of tus are, by the name in `Content-Disposition`. An append is a compare-and-swap
//! here, too: it takes over only at the stored offset, and a HEAD ends nobody's append.

use crate::{
    auth::{self, Wanted},
    conn::{Conn, unix_s},
    file::length,
    info::State,
    name::Name,
    receive::Halt,
    refusal::{Refusal, Stop},
    service::Service,
    storage::{New, Storage},
    upload::{Intent, Upload},
    user::User,
};
use baton_hal::Id;
use baton_wire::{
    http::{Method, RequestHead},
    percent,
    resumable::{
        self, Interim, Interop, Limits, Outcome, Request,
        server::{Append, Create, hears_interim},
    },
};
use std::{rc::Rc, time::SystemTime};

/// Where uploads of this protocol live, below those of tus.
pub(crate) const FOLDER: &str = "resumable/";

impl<S: Storage> Service<S> {
    /// Answers a request that is in the draft's words.
    pub(crate) async fn resumable(&self, conn: &mut Conn) -> Result<(), Stop> {
        let head = conn.head();
        let interop = Interop::of(head.headers);
        let request = match Request::parse(&head) {
            Ok(request) => request,
            Err(misfit) => return self.say(conn, interop, &Outcome::Refused(misfit)).await,
        };
        let Some(upload) = self.upload_at(head.path_and_query().0).await? else {
            return match request {
                Request::Options => {
                    let limits = self.limits(None);
                    self.say(conn, interop, &Outcome::Options { limits }).await
                }
                Request::Create(create) => {
                    let new = self.permit_resumable(&head, &create)?;
                    let hears = hears_interim(&head);
                    let call = Call { interop, hears, body: length(create.content) };
                    let complete = create.complete;
                    self.create_resumable(conn, new, call, complete).await
                }
                Request::Head | Request::Append(_) | Request::Cancel => {
                    Err(Refusal::new(404, "no such upload").into())
                }
            };
        };
        match request {
            Request::Options => {
                let limits = self.limits(Some(&upload));
                self.say(conn, interop, &Outcome::Options { limits }).await
            }
            Request::Head => {
                let offset = self.locate(&upload).await?;
                let complete = upload.state.get() == State::Placed;
                let (length, limits) = (upload.length.get(), self.limits(Some(&upload)));
                let told = Outcome::Offset { offset, length, complete, limits };
                self.say(conn, interop, &told).await
            }
            Request::Append(append) => {
                let hears = hears_interim(&head);
                let call = Call { interop, hears, body: length(append.content) };
                self.append_resumable(conn, &upload, &append, call).await
            }
            Request::Cancel => {
                self.storage.remove(&upload).await?;
                self.say(conn, interop, &Outcome::Cancelled).await
            }
            Request::Create(_) => {
                let refusal = Refusal::new(405, "an upload is not created in another");
                Err(refusal.with("Allow", "OPTIONS, HEAD, PATCH, DELETE").into())
            }
        }
    }

    /// The upload that lives at `path`; `None` for a path where none do.
    async fn upload_at(&self, path: &str) -> Result<Option<Rc<Upload>>, Stop> {
        let id = path.strip_prefix(&self.tus_path).and_then(|path| path.strip_prefix(FOLDER));
        let Some(id) = id else { return Ok(None) };
        let upload = match Id::parse(id) {
            Some(id) => self.storage.upload(id).await?,
            None => None,
        };
        Ok(Some(upload.ok_or_else(|| Refusal::new(404, "no such upload"))?))
    }

    fn permit_resumable(&self, head: &RequestHead<'_>, create: &Create<'_>) -> Result<New, Stop> {
        let (path, _) = head.path_and_query();
        let name = if self.is_where_uploads_live(path) {
            let filename = create.filename().ok_or_else(|| Refusal::new(400, NO_NAME))?;
            Name::parse(&filename)?
        } else {
            Name::parse(&percent::name(path).map_err(|error| Refusal::new(error.status(), error))?)?
        };
        let wanted = Wanted {
            methods: &["PUT", "POST"],
            name: name.as_str(),
            length: create.length,
            content_type: create.filetype,
        };
        let user = auth::check(self.secret.as_bytes(), head, &wanted, unix_s(SystemTime::now()))?;
        let user = user.unwrap_or_else(|| User::of(&name));
        Ok(New { name, user, length: create.length })
    }

    async fn create_resumable(
        &self,
        conn: &mut Conn,
        new: New,
        call: Call,
        complete: bool,
    ) -> Result<(), Stop> {
        let upload = self.storage.create(new).await?;
        let location = format!("{}{FOLDER}{}", self.tus_path, upload.id);
        let limits = self.limits(Some(&upload));
        let hears = call.hears.filter(|_| call.body != Some(0));
        if let Some(interop) = hears {
            conn.send_interim(&Interim::Supported { location: &location, limits }, interop).await?;
        }
        let interop = call.interop;
        match self.take(conn, &upload, 0, None, complete, call).await {
            Ok(offset) if complete => self.say(conn, interop, &Outcome::Done { offset }).await,
            Ok(offset) => {
                let created = Outcome::Created { location: &location, offset, limits };
                self.say(conn, interop, &created).await
            }
            Err(halt) => {
                if hears.is_none() {
                    // The client does not know its address and never will. What can't be removed
                    // expires.
                    let _ = self.storage.remove(&upload).await;
                }
                self.say_halt(conn, interop, 0, halt).await
            }
        }
    }

    async fn append_resumable(
        &self,
        conn: &mut Conn,
        upload: &Rc<Upload>,
        append: &Append,
        call: Call,
    ) -> Result<(), Stop> {
        let Append { offset: given, complete, declared_length, .. } = *append;
        let interop = call.interop;
        if upload.state.get() == State::Placed && call.body != Some(0) {
            let offset = upload.stored();
            return self.say(conn, interop, &Outcome::Completed { offset }).await;
        }
        match self.take(conn, upload, given, declared_length, complete, call).await {
            Ok(offset) if complete => self.say(conn, interop, &Outcome::Done { offset }).await,
            Ok(offset) => self.say(conn, interop, &Outcome::Appended { offset }).await,
            Err(halt) => self.say_halt(conn, interop, given, halt).await,
        }
    }

    /// Takes a request's bytes; with the last of them the file gets its name.
    async fn take(
        &self,
        conn: &mut Conn,
        upload: &Rc<Upload>,
        offset: u64,
        declares: Option<u64>,
        complete: bool,
        call: Call,
    ) -> Result<u64, Halt> {
        let intent = Intent { offset, body: call.body, declares };
        let receipt = self.receive(conn, upload, intent, call.hears).await?;
        let reached = receipt.reached;
        if complete && upload.length.get() != Some(reached) {
            // Where the body's end is the first to tell the length, or tells another.
            let ends = Intent { offset: reached, body: Some(0), declares: Some(reached) };
            drop(self.storage.append(upload, ends).await?);
        }
        self.vouch(upload, receipt).await
    }

    async fn say_halt(
        &self,
        conn: &mut Conn,
        interop: Option<Interop>,
        given: u64,
        halt: Halt,
    ) -> Result<(), Stop> {
        match halt {
            Halt::Conflict { stored } => {
                self.say(conn, interop, &Outcome::Conflict { stored, given }).await
            }
            Halt::Stop(stop) => Err(stop),
        }
    }

    async fn say(
        &self,
        conn: &mut Conn,
        interop: Option<Interop>,
        outcome: &Outcome<'_>,
    ) -> Result<(), Stop> {
        let write = |out: &mut [u8], keep_alive| outcome.write(out, interop, keep_alive);
        Ok(conn.answer_with(write).await?)
    }

    fn limits(&self, upload: Option<&Upload>) -> Limits {
        let ends = upload.map(|upload| self.storage.expires(upload));
        let left = ends.and_then(|ends| ends.duration_since(SystemTime::now()).ok());
        Limits {
            max_size: Some(self.max),
            max_age_s: left.map(|left| left.as_secs()),
            ..Limits::NONE
        }
    }
}

/// How a request brings its bytes, and how it wants to be answered.
#[derive(Clone, Copy)]
struct Call {
    interop: Option<Interop>,
    /// The version in which to tell progress, to a client that hears it.
    hears: Option<Interop>,
    /// The length of the body, unless it is chunked.
    body: Option<u64>,
}

/// Whether a request outside the place of uploads is in the draft's words.
pub(crate) fn is_meant(head: &RequestHead<'_>) -> bool {
    matches!(head.known_method(), Some(Method::Put | Method::Post))
        && resumable::server::is_meant(head)
}

const NO_NAME: &str = "the upload has no name: send it in Content-Disposition, or as the path";
