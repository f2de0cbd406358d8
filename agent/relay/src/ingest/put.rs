//! PUT from a client: the whole file in one request.

use super::body::{conclude, take, while_there};
use super::intake::Intake;
use super::refusal::Refusal;
use super::request::Request;
use crate::connection::{Answer, Connection};
use crate::hub::Hub;
use baton_hal::Transport;
use baton_wire::http::Framing;
use baton_wire::percent;
use std::rc::Rc;
use tokio::net::TcpStream;

/// Whether the connection goes on.
pub(super) async fn respond<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
) -> bool {
    match receive(hub, connection, request).await {
        Ok(()) => connection.answer(&Answer::text(201, "")).await.is_ok(),
        Err(refusal) => refusal.answer(connection, &[]).await,
    }
}

async fn receive<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: &Request,
) -> Result<(), Refusal> {
    let name = percent::name(&request.path)?;
    let proto = request.proto(&name, request.content_type.as_deref(), &["PUT"]);
    let intake = match connection.http().framing() {
        Framing::Length(total) => while_there(connection, Intake::open(hub, proto, total)).await?,
        Framing::None => while_there(connection, Intake::open(hub, proto, 0)).await?,
        Framing::Chunked | Framing::UntilClose => Intake::unmeasured(hub, proto)?,
    };
    take(connection, &intake, 0, None).await?;
    conclude(connection, &intake).await
}
