//! One link's answer to a download's request, and the race of links for it.

use super::super::request::Request;
use crate::connections::write_all;
use crate::hub::Hub;
use crate::probe;
use baton_core::{Failure, LinkId};
use baton_hal::{Bytes, Stream, Transport};
use baton_wire::download::Rest;
use baton_wire::http::{Client, ClientEvent, Eof, Head, Method, Peer, ResponseHead};
use core::ops::Range;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::task::JoinSet;

/// What is asked of the upstream.
pub(super) struct Ask {
    method: Method,
    target: String,
    authorization: Option<String>,
    /// `Range`, and on which conditions.
    fields: Vec<(&'static str, String)>,
}

impl Ask {
    /// What the client asks.
    pub(super) fn of<T: Transport>(hub: &Hub<T>, request: &Request) -> Self {
        let query = request.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        Self {
            method: if request.method == "HEAD" { Method::Head } else { Method::Get },
            target: format!("{}{}{query}", hub.settings.upstream.base, request.path),
            authorization: request.authorization.clone(),
            fields: request.conditions.clone(),
        }
    }

    /// The rest of it, of the same state of the file.
    pub(super) fn rest(&self, rest: Rest, if_range: Option<&str>) -> Self {
        let range = ("Range", rest.to_string());
        let only = if_range.map(|tag| ("If-Range", tag.to_owned()));
        Self {
            method: self.method,
            target: self.target.clone(),
            authorization: self.authorization.clone(),
            fields: [range].into_iter().chain(only).collect(),
        }
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == Method::Head
    }
}

/// An answer that has begun.
pub(super) struct Answer<T: Transport> {
    pub(super) link: LinkId,
    stream: Rc<T::Stream>,
    http: Client<4096, 1>,
    input: Box<[u8; 16 * 1024]>,
    unread: Range<usize>,
}

/// What came of an answer.
pub(super) enum Step {
    Nothing,
    Head,
    Body(Range<usize>),
    End,
}

impl<T: Transport> Answer<T> {
    async fn begin(hub: Rc<Hub<T>>, link: LinkId, ask: Rc<Ask>) -> Result<Self, Failure> {
        let stream = hub.connect(link).await?;
        let mut http = Client::new();
        let mut head = [0; 4096];
        let peer = Peer {
            authority: &hub.settings.upstream.authority,
            authorization: ask.authorization.as_deref(),
        };
        let writer = Head::request(&mut head, ask.method, &ask.target, &peer).keep_alive(false);
        let fields = ask.fields.iter();
        let writer = fields.fold(writer, |head, (name, value)| head.header(name, value));
        let len = writer.finish().map_err(|_| Failure::Refused(431))?;
        http.sent(ask.method, 0).map_err(|_| Failure::Cut)?;
        write_all(&*stream, &head[..len]).await.map_err(|error| hub.blame(link, &error))?;
        let mut answer = Self { link, stream, http, input: Box::new([0; 16 * 1024]), unread: 0..0 };
        loop {
            match answer.step().await? {
                Step::Head => return Ok(answer),
                Step::Nothing => {}
                Step::Body(_) | Step::End => return Err(Failure::Cut),
            }
        }
    }

    pub(super) fn head(&self) -> ResponseHead<'_> {
        self.http.head()
    }

    /// Body bytes of [`Step::Body`].
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.input[range]
    }

    /// What comes next. Cancel-safe.
    pub(super) async fn step(&mut self) -> Result<Step, Failure> {
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
        match self.fill()? {
            None => Ok(Step::Nothing),
            Some(0) => match self.http.eof() {
                Eof::Idle | Eof::Complete => Ok(Step::End),
                Eof::Cut => Err(Failure::Cut),
            },
            Some(_) => Ok(Step::Nothing),
        }
    }

    /// Waits for more of it, all before having been taken. Cancel-safe.
    pub(super) async fn wait(&mut self) -> Result<(), Failure> {
        loop {
            self.stream.readable().await;
            match self.fill()? {
                None => {}
                Some(0) => return Err(Failure::Cut),
                Some(_) => return Ok(()),
            }
        }
    }

    fn fill(&mut self) -> Result<Option<usize>, Failure> {
        let read = self.stream.try_read(&mut self.input[..]).map_err(|_| Failure::Cut)?;
        self.unread = 0..read.unwrap_or(0);
        Ok(read)
    }
}

impl<T: Transport> Drop for Answer<T> {
    fn drop(&mut self) {
        // What is left of it is not wanted: no link carries it.
        self.stream.abort();
    }
}

/// Asks over one link after the other, the next one as soon as a link is later than it usually is;
/// whoever answers first with what `fits` is taken, the others are left. Cancelled, it leaves all.
pub(super) async fn race<T: Transport>(
    hub: &Rc<Hub<T>>,
    links: impl IntoIterator<Item = LinkId>,
    ask: &Rc<Ask>,
    mut fits: impl FnMut(&ResponseHead<'_>) -> bool,
) -> Result<Answer<T>, Failure> {
    let mut links: VecDeque<LinkId> = links.into_iter().collect();
    let mut tries = JoinSet::new();
    let mut failure = Failure::TimedOut;
    loop {
        let patience = links.pop_front().map(|link| {
            tries.spawn_local(Answer::begin(hub.clone(), link, ask.clone()));
            probe::patience(hub, link)
        });
        if tries.is_empty() {
            return Err(failure);
        }
        let answered = match patience.filter(|_| !links.is_empty()) {
            Some(patience) => tokio::time::timeout(patience, tries.join_next()).await,
            None => Ok(tries.join_next().await),
        };
        match answered {
            Ok(Some(Ok(Ok(answer)))) if fits(&answer.head()) => return Ok(answer),
            Ok(Some(Ok(Err(why)))) => failure = why,
            Ok(Some(Ok(Ok(_)) | Err(_)) | None) | Err(_) => {}
        }
    }
}
