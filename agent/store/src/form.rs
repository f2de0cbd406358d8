//! hmac-file-server's `POST /upload`: a file as a part of a form. It is stored under the last part
//! of its name, and the answer is a receipt.

use crate::{
    auth::{self, Wanted},
    conn::{Conn, unix_s},
    name::Name,
    refusal::{Refusal, Stop},
    service::Service,
    storage::{New, Storage, Whole},
    user::User,
};
use baton_core::json::Quoted;
use baton_wire::multipart::{Event, Parser, Part};
use std::time::SystemTime;

/// Where forms are posted.
pub(crate) const PATH: &str = "/upload";

/// The field that is the file.
const FIELD: &str = "file";

impl<S: Storage> Service<S> {
    /// Answers a form.
    pub(crate) async fn form(&self, conn: &mut Conn) -> Result<(), Stop> {
        let head = conn.head();
        let content_type = head.headers.get("Content-Type").unwrap_or_default();
        let mut parser = Parser::new(content_type)?;
        let wanted =
            Wanted { methods: &["POST"], name: &PATH[1..], length: None, content_type: None };
        let user =
            auth::check_signed(self.secret.as_bytes(), &head, &wanted, unix_s(SystemTime::now()))?;
        conn.invite_body().await?;
        let mut taking = Taking { service: self, user, file: File::Awaited };
        while let Some(mut bytes) = conn.body().await? {
            while !bytes.is_empty() {
                let (used, event) = parser.handle_input(bytes)?;
                bytes = &bytes[used..];
                match event {
                    Event::Part => taking.begin(parser.part()).await?,
                    Event::Data(data) => taking.write(data).await?,
                    Event::PartEnd => taking.end_part(),
                    Event::NeedMore | Event::End => {}
                }
            }
        }
        let (whole, name, size) = match taking.file {
            _ if !parser.is_done() => return Err(Refusal::new(400, "the form has no end").into()),
            File::Ended(whole, name, size) => (whole, name, size),
            File::Awaited | File::Open(..) => {
                return Err(Refusal::new(400, "the form has no field `file`").into());
            }
        };
        whole.finish().await?;
        tracing::info!(name = name.as_str(), bytes = size, "stored");
        let name = Quoted(name.as_str());
        let receipt = format!("{{\"success\":true,\"filename\":{name},\"size\":{size}}}");
        let length = Some(receipt.len() as u64);
        conn.send_head(200, length, |head| head.header("Content-Type", "application/json")).await?;
        Ok(conn.send(receipt.as_bytes()).await?)
    }
}

/// The file of a form.
enum File<W> {
    Awaited,
    Open(W, Name, u64),
    Ended(W, Name, u64),
}

struct Taking<'a, S: Storage> {
    service: &'a Service<S>,
    user: Option<User>,
    file: File<S::Whole>,
}

impl<S: Storage> Taking<'_, S> {
    async fn begin(&mut self, part: Part<'_>) -> Result<(), Stop> {
        if !matches!(self.file, File::Awaited) || part.name().is_none_or(|name| name != *FIELD) {
            return Ok(());
        }
        let filename = part.filename().map(|name| name.to_string()).unwrap_or_default();
        // Some browsers send a whole path.
        let leaf = filename.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = Name::parse(leaf)?;
        let user = self.user.clone().unwrap_or_else(|| User::of(&name));
        let new = New { name: name.clone(), user, length: None };
        self.file = File::Open(self.service.storage.whole(new).await?, name, 0);
        Ok(())
    }

    async fn write(&mut self, data: &[u8]) -> Result<(), Stop> {
        if let File::Open(whole, _, size) = &mut self.file {
            whole.write(data).await?;
            *size += data.len() as u64;
        }
        Ok(())
    }

    fn end_part(&mut self) {
        self.file = match core::mem::replace(&mut self.file, File::Awaited) {
            File::Open(whole, name, size) => File::Ended(whole, name, size),
            file @ (File::Awaited | File::Ended(..)) => file,
        };
    }
}
