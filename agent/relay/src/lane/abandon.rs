//! What a vanished client left upstream is deleted, if that can be done at once; else it expires.

use crate::connections::write_all;
use crate::hub::Hub;
use baton_core::Duration;
use baton_hal::{Bytes, Transport};
use baton_wire::http::Peer;
use baton_wire::upload::{Client, Protocol};
use std::rc::Rc;

/// How long the upstream may take. Nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Deletes an upload by its URL, over the best link.
pub(crate) async fn delete<T: Transport + 'static>(
    hub: Rc<Hub<T>>,
    location: String,
    protocol: Protocol,
) {
    // Either way there is nothing left to do: the upstream lets partial uploads expire.
    let _ = tokio::time::timeout(PATIENCE, ask(&hub, &location, protocol)).await;
}

async fn ask<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    location: &str,
    protocol: Protocol,
) -> Option<()> {
    let link = hub.core.borrow().links().ranked().next()?;
    let stream = hub.connect(link).await.ok()?;
    let mut client = Client::<1024, 1>::new(protocol);
    let mut head = [0; 1024];
    let peer = Peer { authority: &hub.settings.upstream.authority, authorization: None };
    let len = client.delete(&mut head, &peer, location).ok()?;
    write_all(&*stream, &head[..len]).await.ok()?;
    // The answer is awaited so that the close does not overtake the request.
    stream.readable().await;
    Some(())
}
