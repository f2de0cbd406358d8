//! The control API: HTTP/1.1 and JSON over a Unix socket.

use crate::connection::{Answer, Connection, Incoming};
use crate::depot::Kept;
use crate::hub::Hub;
use crate::report;
use baton_core::Duration;
use baton_core::spool::Cause;
use baton_hal::Transport;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::net::{UnixListener, UnixStream};

/// How long a caller may say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The control socket, removed when dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

/// Why there is no control socket.
#[derive(Debug)]
pub enum ControlError {
    /// Another agent answers on it.
    InUse(PathBuf),
    /// The file system said no.
    Io(PathBuf, io::Error),
}

impl core::fmt::Display for ControlError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::InUse(path) => write!(
                f,
                "another agent runs on {}: stop it, or give this one another --socket",
                path.display()
            ),
            Self::Io(path, error) => {
                write!(
                    f,
                    "{}: {error}: give a path that may be written with --socket or [control] socket",
                    path.display()
                )
            }
        }
    }
}

impl ControlSocket {
    /// Binds it. A socket that nobody answers on is a leftover, and is replaced.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        let io = |error| ControlError::Io(path.to_owned(), error);
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(ControlError::InUse(path.to_owned()));
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path).map_err(io)?,
            // Whatever it is, it is somebody's: binding says that the name is taken.
            Ok(_) | Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(io)?;
        // It can switch links: for the agent's user and group alone.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(io)?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // It may be gone already; there is nobody to tell.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Answers callers until the future is dropped.
pub(crate) async fn serve<T: Transport + 'static>(hub: Rc<Hub<T>>, socket: ControlSocket) {
    loop {
        match socket.listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(caller(hub.clone(), stream));
            }
            Err(error) => {
                tracing::warn!(%error, "control socket");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn caller<T: Transport + 'static>(hub: Rc<Hub<T>>, stream: UnixStream) {
    let mut connection = Connection::new(stream, PATIENCE);
    while let Ok(Incoming::Request) = connection.next().await {
        let head = connection.http().head();
        let (method, target) = (head.method.to_owned(), head.target.to_owned());
        let Some(body) = read_body(&mut connection).await else { return };
        let (status, json) = respond(&hub, &method, &target, &body).await;
        let answer = Answer { content_type: "application/json", ..Answer::text(status, &json) };
        if connection.answer(&answer).await.is_err() || !connection.http().keep_alive() {
            return;
        }
    }
}

/// A short body whole.
async fn read_body(connection: &mut Connection<UnixStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match connection.next().await.ok()? {
            Incoming::Body(range) if body.len() + range.len() <= 4096 => {
                body.extend_from_slice(connection.bytes(range))
            }
            Incoming::End => return Some(body),
            Incoming::Body(_) | Incoming::Request => return None,
        }
    }
}

async fn respond<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    method: &str,
    target: &str,
    body: &[u8],
) -> (u16, String) {
    let json = match (method, target) {
        ("GET", "/v1/status") => serde_json::to_string(&report::status(hub)),
        ("GET", "/v1/links") => serde_json::to_string(&report::links(hub)),
        ("GET", "/v1/uploads") => serde_json::to_string(&report::uploads(hub).await),
        ("POST", "/v1/switch") => return switch(hub, body).await,
        ("POST", "/v1/uploads/retry") => return spooled(hub, body, Deed::Retry).await,
        ("POST", "/v1/uploads/drop") => return spooled(hub, body, Deed::Drop).await,
        _ => return (
            404,
            r#"{"error":"no such thing: GET /v1/status, /v1/links, /v1/uploads, POST /v1/switch, /v1/uploads/retry, /v1/uploads/drop"}"#
                .into(),
        ),
    };
    match json {
        Ok(json) => (200, json),
        Err(error) => (500, serde_json::json!({ "error": error.to_string() }).to_string()),
    }
}

/// What an operator may do with uploads in the spool.
#[derive(Clone, Copy)]
enum Deed {
    /// Try one again that the upstream refused.
    Retry,
    /// Give it up.
    Drop,
}

#[derive(serde::Deserialize)]
struct Spooled {
    /// As it is listed, or `failed` for all that were refused.
    id: String,
}

async fn spooled<T: Transport>(hub: &Rc<Hub<T>>, body: &[u8], deed: Deed) -> (u16, String) {
    let no = |status, error: String| (status, serde_json::json!({ "error": error }).to_string());
    let Some(depot) = &hub.depot else {
        return no(409, "nothing is spooled: [relay] mode is \"through\"".into());
    };
    let wanted = match serde_json::from_slice::<Spooled>(body) {
        Ok(spooled) => spooled.id,
        Err(error) => return no(400, format!("{error}: send {{\"id\": \"s12\"}} or \"failed\"")),
    };
    let ids: Vec<u64> = if wanted == "failed" {
        let failed = depot.list().await.into_iter().filter(Kept::has_failed);
        failed.map(|kept| kept.chain.id()).collect()
    } else {
        match wanted.strip_prefix('s').and_then(|digits| digits.parse().ok()) {
            Some(id) => vec![id],
            None => {
                return no(404, format!("no spooled upload {wanted}: `baton uploads` lists them"));
            }
        }
    };
    for id in &ids {
        let done = match deed {
            Deed::Retry => depot.retry(*id).await,
            Deed::Drop => depot.lose(*id, Cause::Dropped).await,
        };
        if let Err(error) = done {
            return no(409, error.to_string());
        }
    }
    (200, serde_json::json!({ "uploads": ids.len() }).to_string())
}

#[derive(serde::Deserialize)]
struct Switch {
    link: String,
}

async fn switch<T: Transport + 'static>(hub: &Rc<Hub<T>>, body: &[u8]) -> (u16, String) {
    let wanted = match serde_json::from_slice::<Switch>(body) {
        Ok(switch) => switch.link,
        Err(error) => return (400, serde_json::json!({ "error": format!("{error}: send {{\"link\": \"wlan0\"}} or \"auto\"") }).to_string()),
    };
    let link = match wanted.as_str() {
        "auto" => None,
        name => match hub.find_link(name) {
            Some(link) => Some(link),
            None => {
                let known: Vec<String> = hub
                    .facts
                    .borrow()
                    .iter()
                    .flatten()
                    .map(|facts| facts.name.to_string())
                    .collect();
                let error = format!("no link {name}: there are {}", known.join(", "));
                return (404, serde_json::json!({ "error": error }).to_string());
            }
        },
    };
    tracing::info!(link = wanted, "manual override");
    hub.hold(link.map(|link| (link, wanted.as_str()))).await;
    (200, serde_json::json!({ "override": link.map(|_| wanted) }).to_string())
}
