//! The IETF's resumable uploads from a client: any PUT or POST that says `Upload-Complete`.

use super::body::{conclude, while_there};
use super::intake::Intake;
use super::refusal::Refusal;
use super::request::{Request, UPLOADERS};
use super::sessions::Visit;
use crate::connection::Connection;
use crate::hub::Hub;
use baton_hal::{Id, Transport};
use baton_wire::percent;
use baton_wire::resumable::server::{Append, Interim, Outcome, Request as Asked, hears_interim};
use baton_wire::resumable::{Interop, Limits};
use std::rc::Rc;
use tokio::net::TcpStream;

/// Answers a request that creates an upload, or one to the upload of that id; whether the
/// connection goes on.
pub(super) async fn respond<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
    id: Option<Id>,
) -> bool {
    let interop = Interop::of(connection.http().head().headers);
    match serve(hub, connection, request, id, interop).await {
        Ok(goes_on) => goes_on,
        Err(refusal) => refusal.answer(connection, &[]).await,
    }
}

async fn serve<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
    id: Option<Id>,
    interop: Option<Interop>,
) -> Result<bool, Refusal> {
    let asked = match Asked::parse(&connection.http().head()) {
        Err(refusal) => return Ok(say(connection, interop, &Outcome::Refused(refusal)).await),
        Ok(Asked::Options) => {
            let options = Outcome::Options { limits: Limits::NONE };
            return Ok(say(connection, interop, &options).await);
        }
        Ok(Asked::Create(create)) => Verb::Create(New {
            name: match hub.is_folder(&request.path) {
                true => create.filename().map(|name| name.as_str().to_owned()),
                false => Some(percent::name(&request.path)?.as_str().to_owned()),
            },
            filetype: create.filetype.map(str::to_owned),
            length: create.length,
            complete: create.complete,
        }),
        Ok(Asked::Head) => Verb::Head,
        Ok(Asked::Append(append)) => Verb::Append(append),
        Ok(Asked::Cancel) => Verb::Cancel,
    };
    let session = || {
        let session = id.and_then(|id| hub.recall(id));
        session.ok_or_else(|| Refusal::new(404, "no such upload: begin again"))
    };
    match asked {
        Verb::Create(new) => create(hub, connection, request, new, interop).await,
        Verb::Head => {
            let session = session()?;
            // What is told here, the next append may count on.
            session.take_turn();
            session.ask()?;
            let outcome = Outcome::Offset {
                offset: session.offset(),
                length: session.intake.total(),
                complete: session.intake.is_over(),
                limits: limits(&session),
            };
            Ok(say(connection, interop, &outcome).await)
        }
        Verb::Append(asked) => append(connection, &session()?, asked, interop).await,
        Verb::Cancel => {
            hub.forget(&*session()?);
            Ok(say(connection, interop, &Outcome::Cancelled).await)
        }
    }
}

/// What is kept of a request while its body comes.
enum Verb {
    Create(New),
    Head,
    Append(Append),
    Cancel,
}

struct New {
    name: Option<String>,
    filetype: Option<String>,
    length: Option<u64>,
    complete: bool,
}

async fn create<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
    new: New,
    interop: Option<Interop>,
) -> Result<bool, Refusal> {
    let no_name = "the upload has no name: send it in the path, or in Content-Disposition";
    let name = new.name.ok_or_else(|| Refusal::new(400, no_name))?;
    percent::check(&name)?;
    let proto = request.proto(&name, new.filetype.as_deref(), UPLOADERS);
    let intake = match new.length {
        Some(total) => while_there(connection, Intake::open(hub, proto, total)).await?,
        None => Intake::unmeasured(hub, proto)?,
    };
    let session = hub.remember(intake, None)?;
    let hears = hears_interim(&connection.http().head());
    let location = hub.location(&session);
    let limits = limits(&session);
    let begun = async {
        if let Some(interop) = hears {
            let supported = Interim::Supported { location: &location, limits };
            connection.hint(|out| supported.write(out, interop)).await?;
        }
        session.append(connection, 0, hears).await?;
        if new.complete { conclude(connection, &session.intake).await } else { Ok(()) }
    };
    if let Err(refusal) = begun.await {
        if hears.is_none() {
            // Its client does not know its address, and never will.
            hub.forget(&session);
        }
        return Err(refusal);
    }
    let offset = session.offset();
    let outcome = match new.complete {
        true => Outcome::Done { offset },
        false => Outcome::Created { location: &location, offset, limits },
    };
    Ok(say(connection, interop, &outcome).await)
}

async fn append<T: Transport>(
    connection: &mut Connection<TcpStream>,
    session: &Visit<T>,
    asked: Append,
    interop: Option<Interop>,
) -> Result<bool, Refusal> {
    session.check()?;
    if session.intake.is_over() {
        let completed = Outcome::Completed { offset: session.offset() };
        return Ok(say(connection, interop, &completed).await);
    }
    if let Some(total) = asked.declared_length {
        while_there(connection, session.intake.measure(total)).await?;
    }
    let hears = hears_interim(&connection.http().head());
    match session.append(connection, asked.offset, hears).await {
        Err(Refusal::Conflict { offset: stored }) => {
            let conflict = Outcome::Conflict { stored, given: asked.offset };
            return Ok(say(connection, interop, &conflict).await);
        }
        taken => taken?,
    }
    if asked.complete {
        conclude(connection, &session.intake).await?;
    }
    let offset = session.offset();
    let outcome = match asked.complete {
        true => Outcome::Done { offset },
        false => Outcome::Appended { offset },
    };
    Ok(say(connection, interop, &outcome).await)
}

fn limits<T: Transport>(session: &Visit<T>) -> Limits {
    Limits { max_age_s: Some(session.expires().as_secs()), ..Limits::NONE }
}

async fn say(
    connection: &mut Connection<TcpStream>,
    interop: Option<Interop>,
    outcome: &Outcome<'_>,
) -> bool {
    connection.respond(&[], |out, keep_alive| outcome.write(out, interop, keep_alive)).await.is_ok()
}
