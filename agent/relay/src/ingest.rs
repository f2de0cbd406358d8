//! The LAN side: clients upload to the agent as if it were the file server.

mod body;
mod chunked;
mod credential;
mod draft;
mod fetch;
mod form;
mod intake;
mod put;
mod refusal;
mod request;
mod sessions;
mod stow;
mod tus;

pub(crate) use intake::{arrived, begin, close, vacancy};
pub(crate) use refusal::words;
pub(crate) use sessions::Sessions;

use crate::connection::{Answer, Connection, Ended};
use crate::hub::Hub;
use baton_core::Duration;
use baton_hal::Transport;
use core::net::SocketAddr;
use intake::LAN_WINDOW;
use request::{Request, Route};
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Which interface a client came in by: the backend knows.
pub type Origin = Rc<dyn Fn(&TcpStream) -> Option<String>>;

/// Serves clients on one listener until the future is dropped. Of clients above `max_clients` one
/// waits here for a seat, the others in the backlog: an idle listener takes no seat from another.
pub(crate) async fn serve<T: Transport>(
    hub: Rc<Hub<T>>,
    listener: TcpListener,
    seats: Arc<Semaphore>,
    origin: Origin,
) {
    // A window smaller than a segment is filled only when the sender's patience ends, 200 ms later:
    // on loopback a segment has 64 KiB.
    let socket = socket2::SockRef::from(&listener);
    let _ = socket.set_tcp_mss(SEGMENT);
    // Of a client that it met with less, the kernel takes no more later.
    let _ = socket.set_recv_buffer_size(LAN_WINDOW.end);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Ok(seat) = seats.clone().acquire_owned().await else { return };
                let (hub, origin) = (hub.clone(), origin.clone());
                tokio::task::spawn_local(async move {
                    client(hub, stream, peer, origin).await;
                    drop(seat);
                });
            }
            Err(error) => {
                // Out of descriptors, say: accepting at once again would spin.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Largest segment that a client may send: half of what is set aside for what it sent.
const SEGMENT: u32 = 8 * 1024;

async fn client<T: Transport>(
    hub: Rc<Hub<T>>,
    stream: TcpStream,
    peer: SocketAddr,
    origin: Origin,
) {
    // Counted in what a client costs, and doubled by the kernel for its own bookkeeping.
    let _ = socket2::SockRef::from(&stream).set_send_buffer_size(LAN_WINDOW.start);
    let _ = stream.set_nodelay(true);
    let interface = origin(&stream);
    let mut connection = Connection::new(stream, hub.rules.borrow().patience);
    connection.set_window(LAN_WINDOW.start);
    loop {
        if let Err(ended) = connection.next_request().await {
            return refuse(&mut connection, ended).await;
        }
        if !respond(&hub, &mut connection, peer, interface.as_deref()).await
            || !connection.http().keep_alive()
        {
            return;
        }
    }
}

/// Whether the connection goes on.
async fn respond<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    peer: SocketAddr,
    interface: Option<&str>,
) -> bool {
    let head = connection.http().head();
    let who = (hub.settings.client_id)(peer.ip());
    let (route, request) = (hub.route(&head), Request::of(&head, peer.to_string(), who));
    // Tokens are checked for uploads alone: a GET from outside would make this an open proxy.
    let shows_token = hub.rules.borrow().require_token && route != Route::Fetch;
    if !shows_token && hub.is_stranger(peer, interface) {
        tracing::warn!(%peer, link = interface, "request from a link refused");
        let cure = match interface {
            Some(link) => format!("if {link} is the LAN, name it in [links] ignore"),
            None => "the kernel does not tell by which interface it came".to_owned(),
        };
        let text = format!(
            "this address is on an uplink: only LAN clients are served; {cure}; to take uploads from others set \
             [relay] auth = \"token\"\n"
        );
        return Box::pin(connection.answer(&Answer::text(403, &text))).await.is_ok();
    }
    if route == Route::Fetch {
        // Boxed, as the others: no request pays for the buffers of another kind.
        return Box::pin(fetch::pass(hub, connection, &request)).await;
    }
    let _open = Open::new(hub);
    match route {
        Route::Put => Box::pin(put::respond(hub, connection, &request)).await,
        Route::Tus(id) => Box::pin(tus::respond(hub, connection, &request, id)).await,
        Route::Draft(id) => Box::pin(draft::respond(hub, connection, &request, id)).await,
        Route::Chunked => Box::pin(chunked::respond(hub, connection, &request)).await,
        Route::Form => Box::pin(form::respond(hub, connection, &request)).await,
        Route::Fetch | Route::Nobody => {
            let text = "files come by PUT, by POST to /upload, or resumably; GET and HEAD pass\n";
            let headers = &[("Allow", "GET, HEAD, PUT")];
            let answer = Answer { headers, ..Answer::text(405, text) };
            Box::pin(connection.answer(&answer)).await.is_ok()
        }
    }
}

/// One request that a stop waits for, until its answer has gone out.
struct Open<'a, T: Transport>(&'a Hub<T>);

impl<'a, T: Transport> Open<'a, T> {
    fn new(hub: &'a Hub<T>) -> Self {
        hub.requests.update(|count| count + 1);
        Self(hub)
    }
}

impl<T: Transport> Drop for Open<'_, T> {
    fn drop(&mut self) {
        self.0.requests.update(|count| count - 1);
        self.0.room.notify_waiters();
    }
}

async fn refuse(connection: &mut Connection<TcpStream>, ended: Ended) {
    if !connection.awaits_answer() {
        return;
    }
    let (status, text) = match ended {
        Ended::Gone => return,
        Ended::Silent => (408, "no request came in time: see [timeouts] readtimeout\n".to_owned()),
        Ended::Http(error) => (error.status(), format!("{error}\n")),
    };
    // The connection is lost either way.
    let _ = Box::pin(connection.answer(&Answer::text(status, &text))).await;
}

impl<T: Transport> Hub<T> {
    /// Whether a client comes in by a link, also while that leads nowhere. Where its interface
    /// can't be told, it does, unless it is on this machine.
    fn is_stranger(&self, peer: SocketAddr, interface: Option<&str>) -> bool {
        match interface {
            Some(name) => self.find_link(name).is_some() || self.excess.borrow().contains(name),
            None => !peer.ip().to_canonical().is_loopback(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
