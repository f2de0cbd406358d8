//! PUT from a client: the whole file in one request.

use super::body::{conclude, take, while_there};
use super::intake::Intake;
use super::refusal::Refusal;
use super::{Request, credential};
use crate::connection::{Answer, Connection};
use crate::hub::Hub;
use crate::transfer::Proto;
use baton_hal::Transport;
use baton_wire::http::Framing;
use baton_wire::percent;
use core::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpStream;

/// Whether the connection goes on.
pub(super) async fn put<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: Request,
    peer: SocketAddr,
) -> bool {
    match receive(hub, connection, request, peer).await {
        Ok(()) => connection.answer(&Answer::text(201, "")).await.is_ok(),
        Err(refusal) => refusal.answer(connection, &[]).await,
    }
}

async fn receive<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: Request,
    peer: SocketAddr,
) -> Result<(), Refusal> {
    let proto = Proto {
        name: percent::name(&request.path)?.as_str().to_owned(),
        content_type: request.content_type,
        credential: credential::of(request.query.as_deref(), request.authorization),
        methods: &["PUT"],
        client: peer.to_string(),
    };
    let intake = match connection.http().framing() {
        Framing::Length(total) => while_there(connection, Intake::open(hub, proto, total)).await?,
        Framing::None => while_there(connection, Intake::open(hub, proto, 0)).await?,
        Framing::Chunked | Framing::UntilClose => Intake::unmeasured(hub, proto)?,
    };
    take(connection, &intake).await?;
    conclude(connection, &intake).await
}
