//! GET and HEAD through the agent: answered as the upstream answers, over the best link; a download
//! whose link dies goes on over the next, where the same file can be had in portions.

mod answer;

use super::request::Request;
use crate::connection::{self, Connection};
use crate::hub::Hub;
use crate::probe;
use answer::{Answer, Ask, Step, race};
use baton_core::{Duration, Failure, LinkId};
use baton_hal::Transport;
use baton_wire::download::Portion;
use baton_wire::http::{Head, ResponseHead};
use baton_wire::percent;
use std::rc::Rc;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long the upstream may take to begin its answer.
const FIRST_BYTE: Duration = Duration::from_secs(30);

/// How long a body may stop, whatever is tried.
const BODY: Duration = Duration::from_secs(60);

/// A body that stops for as long is asked for elsewhere: at first, and at most, after it went on by
/// itself each time. A lost segment costs less, a server that reads a disk seldom more.
const SILENCE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

/// How soon it is noticed that the kernel took the link away.
const GLANCE: Duration = Duration::from_millis(50);

/// Between rounds of asking every link in vain.
const REST: Duration = Duration::from_millis(500);

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
    request: &Request,
) -> bool {
    if let Err(error) = percent::name(&request.path) {
        let text = format!("{error}\n");
        return connection.answer(&connection::Answer::text(error.status(), &text)).await.is_ok();
    }
    let ask = Rc::new(Ask::of(hub, request));
    let links: Vec<LinkId> = hub.core.borrow().links().ranked().collect();
    let begun = tokio::select! {
        begun = timeout(FIRST_BYTE, race(hub, links, &ask, |_| true)) => begun,
        () = connection.gone() => return false,
    };
    let refusal = match begun {
        Ok(Ok(answer)) => {
            let is_resumed = hub.rules.borrow().resume_downloads && !ask.is_head();
            let portion = Portion::of(&answer.head()).filter(|_| is_resumed);
            let download =
                Download { hub, ask, portion, got: 0, silence: SILENCE.0, coding: Coding::Length };
            return download.relay(connection, answer).await.is_ok();
        }
        Ok(Err(Failure::Refused(status))) => {
            let text = "the token or the name is too long to be passed on\n";
            connection::Answer::text(status, text)
        }
        Ok(Err(_)) | Err(_) => connection::Answer {
            headers: &[("Retry-After", "30")],
            ..connection::Answer::text(503, "no link reaches the upstream: try later\n")
        },
    };
    connection.answer(&refusal).await.is_ok()
}

/// How the client is told where the body ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Length,
    Chunked,
    Close,
}

/// The client can't be given what it was promised: its connection is to break, for a short answer
/// must not look whole.
struct Broken;

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

struct Download<'a, T: Transport> {
    hub: &'a Rc<Hub<T>>,
    ask: Rc<Ask>,
    /// What is promised, if another answer may go on with it.
    portion: Option<Portion>,
    /// Bytes of the body that came.
    got: u64,
    /// How long a link may be silent before another is asked.
    silence: Duration,
    coding: Coding,
}

impl<T: Transport> Download<'_, T> {
    async fn relay(
        mut self,
        connection: &mut Connection<TcpStream>,
        mut answer: Answer<T>,
    ) -> Result<(), Broken> {
        self.begin(connection, &answer).await?;
        if self.ask.is_head() {
            return Ok(());
        }
        loop {
            match self.next(&mut answer).await {
                Next::Step(Step::Body(range)) => {
                    self.got += range.len() as u64;
                    self.pass(connection, answer.bytes(range)).await?;
                }
                Next::Step(Step::End) => return self.end(connection).await,
                Next::Step(Step::Nothing | Step::Head) => {}
                Next::Silent => answer = self.go_on(connection, Some(answer)).await?,
                Next::Dead => answer = self.go_on(connection, None).await?,
            }
        }
    }

    /// Passes the head on.
    async fn begin(
        &mut self,
        connection: &mut Connection<TcpStream>,
        answer: &Answer<T>,
    ) -> Result<(), Broken> {
        let said = answer.head();
        let length = said.headers.number("Content-Length").map_err(|_| Broken)?;
        let may_chunk =
            self.hub.rules.borrow().chunk_downloads && connection.http().head().minor > 0;
        let has_end = length.is_some() || self.ask.is_head() || said.status == 304;
        self.coding = match (has_end, may_chunk) {
            (true, _) => Coding::Length,
            (false, true) => Coding::Chunked,
            (false, false) => Coding::Close,
        };
        let mut head = [0; 4096];
        let mut writer = Head::response(&mut head, said.status);
        for name in PASSED {
            writer = writer.maybe(name, said.headers.text(name));
        }
        let chunked = (self.coding == Coding::Chunked).then_some("chunked");
        let keep_alive = self.coding != Coding::Close && connection.http().keep_alive();
        let writer = writer.maybe("Content-Length", length).maybe("Transfer-Encoding", chunked);
        let len = writer.keep_alive(keep_alive).finish().map_err(|_| Broken)?;
        Ok(connection.write(&head[..len]).await?)
    }

    async fn pass(
        &self,
        connection: &mut Connection<TcpStream>,
        bytes: &[u8],
    ) -> Result<(), Broken> {
        if self.coding != Coding::Chunked {
            return Ok(connection.write(bytes).await?);
        }
        connection.write(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
        connection.write(bytes).await?;
        Ok(connection.write(b"\r\n").await?)
    }

    async fn end(&self, connection: &mut Connection<TcpStream>) -> Result<(), Broken> {
        match self.coding {
            Coding::Length => Ok(()),
            Coding::Chunked => Ok(connection.write(b"0\r\n\r\n").await?),
            Coding::Close => Err(Broken),
        }
    }

    /// The next of an answer, unless it is time to look elsewhere for it.
    async fn next(&mut self, answer: &mut Answer<T>) -> Next {
        let begun = self.hub.clock.now();
        let threshold = self.hub.core.borrow().links().suspicion_threshold(answer.link);
        let silence = if self.portion.is_some() { self.silence.max(threshold) } else { BODY };
        loop {
            match timeout(GLANCE, answer.step()).await {
                Ok(Ok(step)) => return Next::Step(step),
                Ok(Err(_)) => return Next::Dead,
                Err(_) => {}
            }
            let is_there = self.hub.core.borrow().links().is_usable(answer.link);
            if !is_there || self.hub.clock.now().saturating_since(begun) >= silence {
                return Next::Silent;
            }
        }
    }

    /// Finds another answer that goes on where this one stopped, unless it goes on by itself first.
    async fn go_on(
        &mut self,
        connection: &Connection<TcpStream>,
        held: Option<Answer<T>>,
    ) -> Result<Answer<T>, Broken> {
        let portion = self.portion.as_ref().ok_or(Broken)?;
        let ask = match portion.rest(self.got) {
            Some(rest) => Rc::new(self.ask.rest(rest, portion.if_range())),
            // Nothing is missing but the end.
            None => return held.ok_or(Broken),
        };
        let silent = held.as_ref().map(|held| held.link);
        if let Some(link) = silent {
            // The link is judged by a question of its own.
            tokio::task::spawn_local(probe::run(self.hub.clone(), link));
        }
        let (hub, got) = (self.hub, self.got);
        let search = async {
            loop {
                // The silent one last: a new connection over it may do what the old one does not.
                let mut links: Vec<_> = hub.core.borrow().links().ranked().collect();
                links.sort_by_key(|link| Some(*link) == silent);
                let mut is_outdated = false;
                let fits = |head: &ResponseHead<'_>| {
                    is_outdated |= portion.is_outdated_by(head);
                    portion.goes_on_with(got, head)
                };
                match race(hub, links, &ask, fits).await {
                    Ok(answer) => return Some(answer),
                    Err(_) if is_outdated => return None,
                    Err(_) => sleep(REST).await,
                }
            }
        };
        let search = timeout(BODY, search);
        let found = tokio::select! {
            biased;
            held = revive(held) => {
                // It was a stall: the next one is borne for longer.
                self.silence = (self.silence * 2).min(SILENCE.1);
                return Ok(held);
            }
            found = search => found,
            () = connection.gone() => return Err(Broken),
        };
        let answer = found.ok().flatten().ok_or(Broken)?;
        tracing::info!(link = hub.link_name(answer.link), at = got, "download goes on");
        Ok(answer)
    }
}

/// Waits until an answer goes on by itself: for ever, if it is dead.
async fn revive<T: Transport>(held: Option<Answer<T>>) -> Answer<T> {
    if let Some(mut held) = held
        && held.wait().await.is_ok()
    {
        return held;
    }
    core::future::pending().await
}

/// What is next of an answer.
enum Next {
    Step(Step),
    /// Nothing for too long, and nothing is broken.
    Silent,
    Dead,
}
