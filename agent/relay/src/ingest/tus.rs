//! tus 1.0 from a client.

use super::body::while_there;
use super::intake::Intake;
use super::refusal::Refusal;
use super::request::{Request, UPLOADERS};
use super::sessions::{Session, Visit};
use crate::connection::Connection;
use crate::hub::Hub;
use crate::sign::unix_now;
use baton_core::Duration;
use baton_hal::{Id, Transport};
use baton_wire::http::date::Date;
use baton_wire::percent;
use baton_wire::tus::server::{Append, Outcome, Request as Asked};
use baton_wire::tus::{Metadata, VERSION};
use std::rc::Rc;
use tokio::net::TcpStream;

/// In every answer.
const FIELDS: [(&str, &str); 1] = [("Tus-Resumable", VERSION)];

/// Answers a request to where uploads are created, or to the one of that id; whether the connection
/// goes on.
pub(super) async fn respond<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
    id: Option<Id>,
) -> bool {
    match serve(hub, connection, request, id).await {
        Ok(goes_on) => goes_on,
        Err(refusal) => refusal.answer(connection, &FIELDS).await,
    }
}

async fn serve<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
    id: Option<Id>,
) -> Result<bool, Refusal> {
    let asked = match Asked::parse(&connection.http().head()) {
        Err(refusal) => return Ok(say(connection, &Outcome::Refused(refusal)).await),
        Ok(Asked::Options) => {
            return Ok(say(connection, &Outcome::Options { max_size: None }).await);
        }
        Ok(Asked::Create(create)) => match create.metadata() {
            Ok(metadata) => Verb::Create(Box::new(metadata), create.length),
            Err(refusal) => return Ok(say(connection, &Outcome::Refused(refusal)).await),
        },
        Ok(Asked::Head) => Verb::Head,
        Ok(Asked::Append(append)) => Verb::Append(append),
        Ok(Asked::Terminate) => Verb::Terminate,
    };
    let session = || {
        let session = id.and_then(|id| hub.recall(id));
        session.ok_or_else(|| Refusal::new(404, "no such upload: begin again"))
    };
    match asked {
        Verb::Create(metadata, length) => create(hub, connection, request, length, &metadata).await,
        Verb::Head => {
            let session = session()?;
            session.ask()?;
            let (offset, length) = (session.offset(), session.intake.total());
            let expires = Some(date(session.expires()));
            Ok(say(connection, &Outcome::Offset { offset, length, expires }).await)
        }
        Verb::Append(asked) => append(connection, &session()?, asked).await,
        Verb::Terminate => {
            hub.forget(&*session()?);
            Ok(say(connection, &Outcome::Terminated).await)
        }
    }
}

/// What is kept of a request while its body comes.
enum Verb {
    Create(Box<Metadata>, Option<u64>),
    Head,
    Append(Append),
    Terminate,
}

async fn create<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
    length: Option<u64>,
    metadata: &Metadata,
) -> Result<bool, Refusal> {
    let no_name = "the upload has no name: send it as `filename` in Upload-Metadata";
    let name = metadata.filename.as_ref().ok_or_else(|| Refusal::new(400, no_name))?;
    percent::check(name)?;
    let proto = request.proto(name, metadata.filetype.as_deref(), UPLOADERS);
    let intake = match length {
        Some(total) => while_there(connection, Intake::open(hub, proto, total)).await?,
        None => Intake::unmeasured(hub, proto)?,
    };
    let session = hub.remember(intake, None)?;
    let begun = async {
        session.append(connection, 0, None).await?;
        settle(connection, &session).await
    };
    if let Err(refusal) = begun.await {
        // Its client does not know its address, and never will.
        hub.forget(&session);
        return Err(refusal);
    }
    let location = hub.location(&session);
    let expires = Some(date(session.expires()));
    let created = Outcome::Created { location: &location, offset: session.offset(), expires };
    Ok(say(connection, &created).await)
}

async fn append<T: Transport>(
    connection: &mut Connection<TcpStream>,
    session: &Visit<T>,
    asked: Append,
) -> Result<bool, Refusal> {
    session.check()?;
    if let Some(total) = asked.declared_length {
        while_there(connection, session.intake.measure(total)).await?;
    }
    if asked.awaits {
        session.await_offset(asked.offset).await;
    }
    session.append(connection, asked.offset, None).await?;
    settle(connection, session).await?;
    let expires = Some(date(session.expires()));
    Ok(say(connection, &Outcome::Appended { offset: session.offset(), expires }).await)
}

/// A file that is whole is told to be so once that is proved.
async fn settle<T: Transport>(
    connection: &Connection<TcpStream>,
    session: &Session<T>,
) -> Result<(), Refusal> {
    if !session.intake.is_whole() {
        return Ok(());
    }
    while_there(connection, session.intake.verdict()).await
}

async fn say(connection: &mut Connection<TcpStream>, outcome: &Outcome<'_>) -> bool {
    connection.respond(&[], |out, keep_alive| outcome.write(out, keep_alive)).await.is_ok()
}

fn date(after: Duration) -> Date {
    Date { unix_s: unix_now() + after.as_secs() }
}
