//! A form from a browser, or from who knows hmac-file-server's `/upload`: one file in the field
//! `file`.
//!
//! How long the file is shows only at its end, so it is kept whole until then.

use super::body::{conclude, while_there};
use super::credential;
use super::intake::Intake;
use super::refusal::Refusal;
use super::request::Request;
use crate::connection::{Answer, Connection, Incoming};
use crate::hub::Hub;
use crate::transfer::Proto;
use baton_hal::Transport;
use baton_wire::multipart::{Error, Event, Parser, Part};
use baton_wire::percent;
use serde::Serialize;
use std::rc::Rc;
use tokio::net::TcpStream;

/// Whether the connection goes on.
pub(super) async fn respond<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
) -> bool {
    let begun = hub.clock.now();
    match receive(hub, connection, request).await {
        Ok(file) => {
            let duration = format!("{:?}", hub.clock.now().saturating_since(begun));
            let Stored { filename, size } = &file;
            let receipt = Receipt { success: true, filename, size: *size, duration };
            let body = serde_json::to_vec(&receipt).expect("text and numbers are JSON");
            let answer =
                Answer { status: 200, content_type: "application/json", headers: &[], body: &body };
            connection.answer(&answer).await.is_ok()
        }
        Err(refusal) => refusal.answer(connection, &[]).await,
    }
}

/// What hmac-file-server says of a stored file.
#[derive(Serialize)]
struct Receipt<'a> {
    success: bool,
    filename: &'a str,
    size: u64,
    duration: String,
}

struct Stored {
    filename: String,
    size: u64,
}

async fn receive<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
) -> Result<Stored, Refusal> {
    let mut form = Form {
        parser: Parser::new(request.content_type.as_deref().unwrap_or_default().as_bytes())?,
        proto: request.vouched(&hub.rules.borrow(), "", None)?,
        filename: String::new(),
        file: None,
        is_within: false,
    };
    credential::admit(&hub.rules.borrow(), &form.proto).map_err(Refusal::forbidden)?;
    connection.invite().await?;
    loop {
        match connection.next().await? {
            Incoming::Body(range) => form.feed(hub, connection, connection.bytes(range)).await?,
            Incoming::End if form.parser.is_done() => break,
            Incoming::End => return Err(Refusal::new(400, "the form ended too early")),
            Incoming::Request => {}
        }
    }
    let file = form.file.ok_or_else(|| Refusal::new(400, "the form has no field `file`"))?;
    conclude(connection, &file).await?;
    Ok(Stored { filename: form.filename, size: file.received() })
}

struct Form<T: Transport> {
    parser: Parser,
    proto: Proto,
    filename: String,
    file: Option<Intake<T>>,
    /// The bytes that come are the file's.
    is_within: bool,
}

impl<T: Transport> Form<T> {
    async fn feed(
        &mut self,
        hub: &Rc<Hub<T>>,
        connection: &Connection<TcpStream>,
        mut bytes: &[u8],
    ) -> Result<(), Refusal> {
        loop {
            let (used, event) = self.parser.handle_input(bytes)?;
            bytes = &bytes[used..];
            match event {
                Event::NeedMore => return Ok(()),
                Event::Part => self.begin(hub)?,
                Event::Data(piece) => {
                    if let Some(file) = self.file.as_ref().filter(|_| self.is_within) {
                        while_there(connection, file.push(piece)).await?;
                    }
                }
                Event::PartEnd => self.is_within = false,
                Event::End => {}
            }
        }
    }

    fn begin(&mut self, hub: &Rc<Hub<T>>) -> Result<(), Refusal> {
        let part = self.parser.part();
        self.is_within = part.name().is_some_and(|name| name == *"file");
        if !self.is_within {
            return Ok(());
        }
        if self.file.is_some() {
            return Err(Refusal::new(400, "the form has several files: send each by itself"));
        }
        self.filename = name_of(&part)?;
        let content_type = part.content_type().unwrap_or("application/octet-stream").to_owned();
        let proto = Proto { name: self.filename.clone(), content_type, ..self.proto.clone() };
        self.file = Some(Intake::unmeasured(hub, proto)?);
        Ok(())
    }
}

fn name_of(part: &Part<'_>) -> Result<String, Refusal> {
    let name = part.filename().ok_or_else(|| Refusal::new(400, "the file has no name"))?;
    let name = name.to_string();
    percent::check(&name)?;
    Ok(name)
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::new(error.status(), error.to_string())
    }
}
