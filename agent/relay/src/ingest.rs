//! The LAN side: clients upload to the agent as if it were the file server.

mod body;
mod credential;
mod fetch;
mod intake;
mod put;
mod refusal;

use crate::connection::{Answer, Connection, Ended};
use crate::hub::Hub;
use baton_core::Duration;
use baton_hal::Transport;
use core::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Which interface a client came in by: the backend knows.
pub type Origin = Rc<dyn Fn(&TcpStream) -> Option<String>>;

/// Serves clients on one listener until the future is dropped. Of clients above `max_clients` one
/// waits here for a seat, the others in the backlog: an idle listener takes no seat from another.
pub(crate) async fn serve<T: Transport + 'static>(
    hub: Rc<Hub<T>>,
    listener: TcpListener,
    seats: Arc<Semaphore>,
    origin: Origin,
) {
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

async fn client<T: Transport + 'static>(
    hub: Rc<Hub<T>>,
    stream: TcpStream,
    peer: SocketAddr,
    origin: Origin,
) {
    // Counted in what a client costs: 16 KiB here, doubled by the kernel for its own bookkeeping.
    let socket = socket2::SockRef::from(&stream);
    let _ = socket.set_recv_buffer_size(16 * 1024);
    let _ = socket.set_send_buffer_size(16 * 1024);
    let _ = stream.set_nodelay(true);
    let interface = origin(&stream);
    let mut connection = Connection::new(stream, hub.rules.borrow().patience);
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
async fn respond<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    peer: SocketAddr,
    interface: Option<&str>,
) -> bool {
    let request = Request::of(&connection.http().head());
    // Tokens are checked for uploads alone: a GET from outside would make this an open proxy.
    let shows_token = hub.rules.borrow().require_token && request.method == "PUT";
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
        return connection.answer(&Answer::text(403, &text)).await.is_ok();
    }
    match request.method.as_str() {
        "PUT" => {
            let _open = Open::new(hub);
            put::put(hub, connection, request, peer).await
        }
        // Boxed: an upload does not pay for the buffers of a download.
        "GET" | "HEAD" => Box::pin(fetch::pass(hub, connection, request)).await,
        _ => {
            let answer = Answer {
                headers: &[("Allow", "GET, HEAD, PUT")],
                ..Answer::text(405, "the agent takes PUT, and passes GET and HEAD on\n")
            };
            connection.answer(&answer).await.is_ok()
        }
    }
}

/// What is kept of a request's head while its body comes.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Undecoded.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) content_type: String,
    pub(crate) authorization: Option<String>,
    pub(crate) range: Option<String>,
}

impl Request {
    fn of(head: &baton_wire::http::RequestHead<'_>) -> Self {
        let text = |name| head.headers.text(name).map(str::to_owned);
        let (path, query) = head.path_and_query();
        Self {
            method: head.method.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            content_type: text("Content-Type").unwrap_or_else(|| "application/octet-stream".into()),
            authorization: text("Authorization"),
            range: text("Range"),
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
    let _ = connection.answer(&Answer::text(status, &text)).await;
}

impl<T: Transport + 'static> Hub<T> {
    /// Whether a client comes in by a link, also while that leads nowhere. Where its interface
    /// can't be told, it does, unless it is on this machine.
    fn is_stranger(&self, peer: SocketAddr, interface: Option<&str>) -> bool {
        match interface {
            Some(name) => self.find_link(name).is_some() || self.excess.borrow().contains(name),
            None => !peer.ip().to_canonical().is_loopback(),
        }
    }
}
