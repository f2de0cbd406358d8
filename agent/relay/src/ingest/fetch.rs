//! GET and HEAD through the agent: passed on over the best link, answered as the upstream answers.

use super::request::Request;
use crate::connection::{Answer, Connection};
use crate::connections::write_all;
use crate::hub::Hub;
use baton_core::{Duration, Failure, LinkId};
use baton_hal::{Stream, Transport};
use baton_wire::http::{Client, ClientEvent, Eof, Head, Method, Peer};
use baton_wire::percent;
use std::rc::Rc;
use tokio::net::TcpStream;

/// How long one link may take to begin its answer before the next is tried.
const FIRST_BYTE: Duration = Duration::from_secs(10);

/// How long a body may stop.
const BODY: Duration = Duration::from_secs(60);

/// Headers of the upstream's answer that the client is shown.
const PASSED: [&str; 11] = [
    "Accept-Ranges",
    "Cache-Control",
    "Content-Disposition",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "Location",
    "Repr-Digest",
    "Retry-After",
    "WWW-Authenticate",
];

/// Whether the connection goes on.
pub(super) async fn pass<T: Transport>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: Request,
) -> bool {
    if let Err(error) = percent::name(&request.path) {
        let text = format!("{error}\n");
        return connection.answer(&Answer::text(error.status(), &text)).await.is_ok();
    }
    let links: Vec<LinkId> = hub.core.borrow().links().ranked().collect();
    for link in links {
        match tokio::time::timeout(FIRST_BYTE, Fetch::begin(hub, link, &request)).await {
            Ok(Ok(fetch)) => {
                return fetch.relay(connection, request.method == "HEAD").await.is_ok();
            }
            Ok(Err(Failure::Refused(status))) => {
                let text = "the token or the name is too long to be passed on\n";
                return connection.answer(&Answer::text(status, text)).await.is_ok();
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
    let text = "no link reaches the upstream: try later\n";
    let answer = Answer { headers: &[("Retry-After", "30")], ..Answer::text(503, text) };
    connection.answer(&answer).await.is_ok()
}

/// An answer that has begun.
struct Fetch<T: Transport> {
    stream: Rc<T::Stream>,
    http: Client<4096, 1>,
    input: Box<[u8; 16 * 1024]>,
    unread: core::ops::Range<usize>,
}

impl<T: Transport> Fetch<T> {
    async fn begin(hub: &Rc<Hub<T>>, link: LinkId, request: &Request) -> Result<Self, Failure> {
        let stream = hub.connect(link).await?;
        let mut http = Client::new();
        let upstream = &hub.settings.upstream;
        let query = request.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{}{query}", upstream.base, request.path);
        let mut head = [0; 4096];
        let method = if request.method == "HEAD" { Method::Head } else { Method::Get };
        let peer = Peer {
            authority: &upstream.authority,
            authorization: request.authorization.as_deref(),
        };
        let writer = Head::request(&mut head, method, &target, &peer)
            .keep_alive(false)
            .maybe("Range", request.range.as_ref());
        let len = writer.finish().map_err(|_| Failure::Refused(431))?;
        http.sent(method, 0).map_err(|_| Failure::Cut)?;
        write_all(&*stream, &head[..len]).await.map_err(|error| hub.blame(link, &error))?;
        let mut fetch = Self { stream, http, input: Box::new([0; 16 * 1024]), unread: 0..0 };
        loop {
            match fetch.step().await? {
                Step::Head => return Ok(fetch),
                Step::Nothing => {}
                Step::Body(_) | Step::End => return Err(Failure::Cut),
            }
        }
    }

    async fn step(&mut self) -> Result<Step, Failure> {
        let (consumed, event) =
            self.http.handle_input(&self.input[self.unread.clone()]).map_err(|_| Failure::Cut)?;
        let step = match event {
            ClientEvent::NeedMore if consumed > 0 => Some(Step::Nothing),
            ClientEvent::NeedMore => None,
            ClientEvent::Interim(_) => Some(Step::Nothing),
            ClientEvent::Response(_) => Some(Step::Head),
            ClientEvent::Body(bytes) => {
                let at = bytes.as_ptr() as usize - self.input.as_ptr() as usize;
                Some(Step::Body(at..at + bytes.len()))
            }
            ClientEvent::End { .. } => Some(Step::End),
        };
        self.unread.start += consumed;
        if let Some(step) = step {
            return Ok(step);
        }
        self.stream.readable().await;
        match self.stream.try_read(&mut self.input[..]).map_err(|_| Failure::Cut)? {
            None => Ok(Step::Nothing),
            Some(0) => match self.http.eof() {
                Eof::Idle | Eof::Complete => Ok(Step::End),
                Eof::Cut => Err(Failure::Cut),
            },
            Some(n) => {
                self.unread = 0..n;
                Ok(Step::Nothing)
            }
        }
    }

    /// Passes the answer on. A body that breaks off breaks the client's connection too: a short
    /// answer must not look whole.
    async fn relay(
        mut self,
        connection: &mut Connection<TcpStream>,
        is_head: bool,
    ) -> Result<(), ()> {
        let answer = self.http.head();
        let mut head = [0; 4096];
        let mut writer = Head::response(&mut head, answer.status);
        for name in PASSED {
            writer = writer.maybe(name, answer.headers.text(name));
        }
        let length = answer.headers.number("Content-Length").map_err(|_| ())?;
        let has_length = length.is_some();
        let writer = writer.maybe("Content-Length", length).keep_alive(has_length);
        let len = writer.finish().map_err(|_| ())?;
        connection.write(&head[..len]).await.map_err(|_| ())?;
        if is_head {
            return Ok(());
        }
        loop {
            match tokio::time::timeout(BODY, self.step()).await.map_err(|_| ())?.map_err(|_| ())? {
                Step::Body(range) => connection.write(&self.input[range]).await.map_err(|_| ())?,
                Step::End => return if has_length { Ok(()) } else { Err(()) },
                Step::Nothing | Step::Head => {}
            }
        }
    }
}

enum Step {
    Nothing,
    Head,
    Body(core::ops::Range<usize>),
    End,
}
