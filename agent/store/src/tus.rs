//! tus 1.0: uploads that can be resumed.

use crate::{
    auth::{self, Wanted},
    conn::{Conn, Gone, date, unix_s},
    file::length,
    name::Name,
    refusal::{Refusal, Stop},
    service::Service,
    storage::{New, Storage},
    upload::{Intent, Upload},
    user::User,
};
use baton_hal::Id;
use baton_wire::{
    http::RequestHead,
    tus::server::{Append, Create, Outcome, Request},
};
use std::{rc::Rc, time::SystemTime};

impl<S: Storage> Service<S> {
    /// Answers a request to the uploads' path.
    pub(crate) async fn tus(&self, conn: &mut Conn) -> Result<(), Stop> {
        let head = conn.head();
        let (path, _) = head.path_and_query();
        let request = Request::parse(&head)?;
        let in_folder = path.strip_prefix(self.tus_path.as_str()).unwrap_or_default();
        if in_folder.is_empty() {
            return match request {
                Request::Options => self.options(conn).await,
                Request::Create(create) => {
                    let (new, body) = self.permit(&head, &create)?;
                    self.create(conn, new, body).await
                }
                Request::Head | Request::Append(_) | Request::Terminate => {
                    let refusal = Refusal::new(405, "uploads are created here");
                    Err(refusal.with("Allow", "OPTIONS, POST").into())
                }
            };
        }
        let upload = match Id::parse(in_folder) {
            Some(id) => self.storage.upload(id).await?,
            None => None,
        };
        let upload = upload.ok_or_else(|| Refusal::new(404, "no such upload"))?;
        match request {
            Request::Options => self.options(conn).await,
            Request::Head => self.offset(conn, &upload).await,
            Request::Append(append) => self.append(conn, &upload, &append).await,
            Request::Terminate => {
                self.storage.remove(&upload).await?;
                Ok(self.say_tus(conn, &Outcome::Terminated).await?)
            }
            Request::Create(_) => {
                let refusal = Refusal::new(405, "an upload is not created in another");
                Err(refusal.with("Allow", "OPTIONS, HEAD, PATCH, DELETE").into())
            }
        }
    }

    async fn say_tus(&self, conn: &mut Conn, outcome: &Outcome<'_>) -> Result<(), Gone> {
        conn.answer_with(|out, keep_alive| outcome.write(out, keep_alive)).await
    }

    async fn options(&self, conn: &mut Conn) -> Result<(), Stop> {
        Ok(self.say_tus(conn, &Outcome::Options { max_size: Some(self.max) }).await?)
    }

    fn permit(
        &self,
        head: &RequestHead<'_>,
        create: &Create<'_>,
    ) -> Result<(New, Option<u64>), Stop> {
        let metadata = create.metadata()?;
        let filename = metadata.filename.ok_or_else(|| Refusal::new(400, NO_NAME))?;
        let name = Name::parse(&filename)?;
        let wanted = Wanted {
            methods: &["PUT", "POST"],
            name: name.as_str(),
            length: create.length,
            content_type: metadata.filetype.as_deref(),
        };
        let user = auth::check(self.secret.as_bytes(), head, &wanted, unix_s(SystemTime::now()))?;
        let user = user.unwrap_or_else(|| User::of(&name));
        Ok((New { name, user, length: create.length }, length(create.content)))
    }

    async fn create(&self, conn: &mut Conn, new: New, body: Option<u64>) -> Result<(), Stop> {
        let upload = self.storage.create(new).await?;
        let begun = self.begin(conn, &upload, body).await;
        let offset = match begun {
            Ok(offset) => offset,
            Err(stop) => {
                // The client does not know its address and never will. What can't be removed
                // expires.
                let _ = self.storage.remove(&upload).await;
                return Err(stop);
            }
        };
        let location = format!("{}{}", self.tus_path, upload.id);
        let expires = Some(date(self.storage.expires(&upload)));
        let created = Outcome::Created { location: &location, offset, expires };
        Ok(self.say_tus(conn, &created).await?)
    }

    /// Takes the bytes that come with the creation, and ends an upload that is whole with them.
    async fn begin(
        &self,
        conn: &mut Conn,
        upload: &Rc<Upload>,
        body: Option<u64>,
    ) -> Result<u64, Stop> {
        if body == Some(0) {
            return Ok(self.storage.settle(upload).await?);
        }
        let intent = Intent { offset: 0, body, declares: None };
        let receipt = self.receive(conn, upload, intent, None).await?;
        Ok(self.vouch(upload, receipt).await?)
    }

    async fn offset(&self, conn: &mut Conn, upload: &Upload) -> Result<(), Stop> {
        let offset = self.locate(upload).await?;
        let expires = Some(date(self.storage.expires(upload)));
        let length = upload.length.get();
        Ok(self.say_tus(conn, &Outcome::Offset { offset, length, expires }).await?)
    }

    async fn append(
        &self,
        conn: &mut Conn,
        upload: &Rc<Upload>,
        append: &Append,
    ) -> Result<(), Stop> {
        if append.awaits {
            upload.await_offset(append.offset).await;
        }
        let body = length(append.content);
        let declares = append.declared_length;
        let intent = Intent { offset: append.offset, body, declares };
        let receipt = self.receive(conn, upload, intent, None).await?;
        let offset = self.vouch(upload, receipt).await?;
        let expires = Some(date(self.storage.expires(upload)));
        Ok(self.say_tus(conn, &Outcome::Appended { offset, expires }).await?)
    }
}

const NO_NAME: &str = "the upload has no name: send it as `filename` in Upload-Metadata";
