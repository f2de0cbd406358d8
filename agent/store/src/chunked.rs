//! hmac-file-server's chunked sessions. Its id has 128 random bits and stands for the token once a
//! session is open, as the address of an upload does elsewhere.

use crate::{
    auth::{self, Wanted},
    conn::{Conn, Gone, unix_s},
    file::length,
    info::State,
    name::Name,
    refusal::{Refusal, Stop},
    service::Service,
    session::{Copy, CopyError, Session},
    sessions::Sessions,
    storage::{New, Storage},
    user::User,
};
use baton_hal::Id;
use baton_wire::{
    chunked::{
        Outcome, Request, SessionId,
        server::{Chunk, Open},
    },
    http::RequestHead,
};
use std::{rc::Rc, time::SystemTime};
use tokio::time::Instant;

impl<S: Storage> Service<S> {
    /// Answers a request to one of the protocol's two paths.
    pub(crate) async fn chunked(&self, conn: &mut Conn) -> Result<(), Stop> {
        let sessions = self.storage.sessions().ok_or_else(|| Refusal::new(501, NO_SESSIONS))?;
        let head = conn.head();
        let request = Request::parse(&head).ok_or_else(gone)??;
        match request {
            Request::Open(open) => {
                let new = self.permit_session(&head, &open)?;
                let session = sessions.begin(new, open.size).await?;
                let id = session_id(session.id);
                say(conn, &Outcome::Opened { session: &id, plan: session.plan }).await
            }
            Request::Chunk(Chunk { session, number, content, .. }) => {
                let session = find(sessions, &session)?;
                take_chunk(conn, sessions, &session, number, length(content)).await
            }
            Request::Status(id) => {
                let session = find(sessions, &id)?;
                match session.state.get() {
                    State::Growing => {}
                    // As its server does: HEAD of the file tells.
                    State::Placed | State::Refused | State::Expired => return Err(gone().into()),
                }
                let (name, size) = (session.name.as_str(), session.plan.size());
                let (uploaded, chunks) = (session.bytes(), session.chunks());
                say(conn, &Outcome::Status { session: &id, name, size, uploaded, chunks }).await
            }
        }
    }

    fn permit_session(&self, head: &RequestHead<'_>, open: &Open<'_>) -> Result<New, Stop> {
        let name = Name::parse(open.name)?;
        let (methods, length) = (&["PUT", "POST"][..], Some(open.size));
        let wanted = Wanted { methods, name: name.as_str(), length, content_type: None };
        let user =
            auth::check_signed(self.secret.as_bytes(), head, &wanted, unix_s(SystemTime::now()))?;
        let user = user.unwrap_or_else(|| User::of(&name));
        Ok(New { name, user, length })
    }
}

async fn take_chunk(
    conn: &mut Conn,
    sessions: &Sessions,
    session: &Rc<Session>,
    number: u32,
    body: Option<u64>,
) -> Result<(), Stop> {
    let Some((_, length)) = session.plan.range(number) else {
        let count = session.plan.chunks();
        return Err(Refusal::new(400, format!("the file has chunks 0 to {}", count - 1)).into());
    };
    let misfit = || Refusal::new(400, format!("chunk {number} has {length} bytes"));
    if body.is_some_and(|body| body != length) {
        return Err(misfit().into());
    }
    if session.state.get() == State::Growing && !session.has(number) {
        let copy = sessions.copy(session, number)?.expect("the plan has the chunk");
        conn.invite_body().await?;
        match write_body(conn, &copy).await? {
            Ok(()) if copy.is_whole() => sessions.record(session, copy).await?,
            Ok(()) | Err(CopyError::TooLong) => return Err(misfit().into()),
            Err(CopyError::Needless) => {}
            Err(CopyError::Io(error)) => return Err(error.into()),
        }
        let size = session.plan.size();
        if session.state.get() == State::Growing && session.has(number) && !session.is_full() {
            let uploaded = session.bytes();
            return say(conn, &Outcome::Stored { number, uploaded, size }).await;
        }
    }
    match sessions.settle(session).await? {
        State::Growing => say(conn, &Outcome::Repeated { number }).await,
        State::Placed => {
            let (name, size) = (session.name.as_str(), session.plan.size());
            say(conn, &Outcome::Assembled { name, size }).await
        }
        ended @ (State::Refused | State::Expired) => Err(Refusal::ended(ended).into()),
    }
}

async fn write_body(conn: &mut Conn, copy: &Copy) -> Result<Result<(), CopyError>, Gone> {
    while let Some(bytes) = conn.body().await? {
        if let Err(error) = copy.write(bytes, Instant::now()) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

async fn say(conn: &mut Conn, outcome: &Outcome<'_>) -> Result<(), Stop> {
    Ok(conn.answer_with(|out, keep_alive| outcome.write(out, keep_alive)).await?)
}

fn find(sessions: &Sessions, id: &SessionId) -> Result<Rc<Session>, Refusal> {
    Id::parse(id.as_str()).and_then(|id| sessions.find(id)).ok_or_else(gone)
}

fn gone() -> Refusal {
    Refusal::new(404, "no such session: the file is there, or is to be sent again")
}

fn session_id(id: Id) -> SessionId {
    SessionId::new(&id.to_string()).expect("hexadecimal digits")
}

const NO_SESSIONS: &str = "chunked sessions need a folder: this server keeps files elsewhere";
