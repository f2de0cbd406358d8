//! What is done with each request.

use crate::{
    conn::{Conn, Gone},
    options::{Options, Secret},
    refusal::Stop,
    storage::Storage,
};
use baton_wire::tus;
use std::rc::Rc;

/// Everything that connections share.
pub(crate) struct Service<S> {
    pub(crate) storage: S,
    pub(crate) secret: Secret,
    pub(crate) tus_path: String,
    pub(crate) max: u64,
}

impl<S: Storage> Service<S> {
    /// Serves `storage`.
    pub(crate) fn new(storage: S, options: &Options) -> Self {
        Self {
            storage,
            secret: options.secret.clone(),
            tus_path: options.tus_path.clone(),
            max: options.max_upload_size,
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

    async fn handle(&self, conn: &mut Conn) -> Result<(), Gone> {
        let (path, _) = conn.head().path_and_query();
        let is_tus =
            path.starts_with(&self.tus_path) || path == self.tus_path.trim_end_matches('/');
        let done = if is_tus { self.tus(conn).await } else { self.file(conn).await };
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
            head.maybe("Tus-Resumable", is_tus.then_some(tus::VERSION))
        })
        .await
    }
}
