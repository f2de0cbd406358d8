//! What is done with each request.

use crate::{
    conn::{Conn, Gone},
    form,
    options::{Options, Secret, Sync},
    refusal::Stop,
    resumable,
    storage::Storage,
};
use baton_wire::{
    chunked,
    http::{Method, RequestHead},
    resumable::{INTEROP, Interop},
    tus,
};
use std::rc::Rc;

/// Everything that connections share.
pub(crate) struct Service<S> {
    pub(crate) storage: S,
    pub(crate) secret: Secret,
    pub(crate) tus_path: String,
    pub(crate) max: u64,
    pub(crate) progress_step: u64,
}

/// A protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// PUT, GET and HEAD of files.
    File,
    /// tus 1.0
    Tus,
    /// hmac-file-server's chunked sessions.
    Chunked,
    /// hmac-file-server's forms.
    Form,
    /// The IETF's resumable uploads.
    Resumable,
}

/// After how many bytes progress is told: a window is 128 KiB or more, and must not starve.
const PROGRESS: u64 = 64 << 10;

/// The same where bytes are flushed to the disk before.
const FLUSHED_PROGRESS: u64 = 1 << 20;

impl<S: Storage> Service<S> {
    /// Serves `storage`.
    pub(crate) fn new(storage: S, options: &Options) -> Self {
        Self {
            storage,
            secret: options.secret.clone(),
            tus_path: options.tus_path.clone(),
            max: options.max_upload_size,
            progress_step: match options.sync {
                Sync::Completion => PROGRESS,
                Sync::Always => FLUSHED_PROGRESS,
            },
        }
    }

    /// Serves one connection to its end.
    pub(crate) async fn run(self: Rc<Self>, mut conn: Conn) {
        let gone = loop {
            match conn.next_request().await {
                Ok(true) => {}
                Ok(false) => break None,
                Err(gone) => break Some(gone),
            }
            if let Err(gone) = self.handle(&mut conn).await {
                break Some(gone);
            }
        };
        tracing::debug!(?gone, "connection ended");
        conn.close(gone).await;
    }

    /// In which words a request speaks.
    fn dialect(&self, head: &RequestHead<'_>) -> Dialect {
        let (path, _) = head.path_and_query();
        if !self.is_where_uploads_live(path) {
            return match head.known_method() {
                _ if [chunked::PATH, chunked::STATUS_PATH].contains(&path) => Dialect::Chunked,
                Some(Method::Post) if path == form::PATH => Dialect::Form,
                _ if resumable::is_meant(head) => Dialect::Resumable,
                _ => Dialect::File,
            };
        }
        let in_folder = path.strip_prefix(&self.tus_path).unwrap_or_default();
        let says_tus = head.headers.get("Tus-Resumable").is_some();
        let says_draft = Interop::of(head.headers).is_some() || resumable::is_meant(head);
        match in_folder.starts_with(resumable::FOLDER) || (says_draft && !says_tus) {
            true => Dialect::Resumable,
            false => Dialect::Tus,
        }
    }

    /// Whether a path is that of uploads, not of files.
    pub(crate) fn is_where_uploads_live(&self, path: &str) -> bool {
        path.starts_with(&self.tus_path) || path == self.tus_path.trim_end_matches('/')
    }

    async fn handle(&self, conn: &mut Conn) -> Result<(), Gone> {
        let dialect = self.dialect(&conn.head());
        let interop = Interop::of(conn.head().headers).filter(|_| dialect == Dialect::Resumable);
        let done = match dialect {
            Dialect::Tus => self.tus(conn).await,
            Dialect::Resumable => self.resumable(conn).await,
            Dialect::Chunked => self.chunked(conn).await,
            Dialect::Form => self.form(conn).await,
            Dialect::File => self.file(conn).await,
        };
        let refusal = match done {
            Ok(()) => return Ok(()),
            Err(Stop::Gone(gone)) => return Err(gone),
            Err(Stop::Refused(refusal)) => refusal,
        };
        // The path of an upload and the query are as good as tokens: they don't go to the log.
        tracing::debug!(method = conn.head().method, status = refusal.status, refusal.text);
        conn.answer(refusal.status, &(refusal.text + "\n"), |mut head| {
            if let Some((name, value)) = refusal.header {
                head = head.header(name, value);
            }
            // What tells a no of ours from one that a proxy makes up.
            head.maybe(INTEROP, interop.map(Interop::number))
                .maybe("Tus-Resumable", (dialect == Dialect::Tus).then_some(tus::VERSION))
        })
        .await
    }
}
