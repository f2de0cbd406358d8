//! The bytes of one request on their way into an upload, in whichever protocol they come.

use crate::{
    conn::{Conn, Gone},
    info::State,
    refusal::{Refusal, Stop},
    service::Service,
    storage::{Appender, Storage},
    upload::{Intent, Receipt, Refused, Upload, WriteError},
    uploads::{AppendError, Failure},
};
use baton_wire::resumable::{Interim, Interop};
use std::rc::Rc;

/// Why a request does not end where it meant to.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The upload is at another offset, or another append took over.
    Conflict {
        /// Where it is.
        stored: u64,
    },
    /// Anything else.
    Stop(Stop),
}

impl<S: Storage> Service<S> {
    /// Takes the bytes of one request, as they come. Who hears it in `interim` is told meanwhile
    /// how many are safe.
    pub(crate) async fn receive(
        &self,
        conn: &mut Conn,
        upload: &Rc<Upload>,
        intent: Intent,
        interim: Option<Interop>,
    ) -> Result<Receipt, Halt> {
        let turn = match self.storage.append(upload, intent).await {
            Err(AppendError::Refused(Refused::Offset)) => {
                let stored = self.locate(upload).await?;
                return Err(Halt::Conflict { stored });
            }
            begun => begun?,
        };
        conn.invite_body().await?;
        let written = self.write_body(conn, upload, &turn, interim).await?;
        let receipt = turn.receipt();
        let reached = receipt.reached;
        drop(turn);
        let error = match written {
            Ok(()) => return Ok(receipt),
            Err(WriteError::Fenced) => match upload.state.get() {
                State::Growing | State::Placed => {
                    tracing::info!(upload = %upload.id.brief(), reached, "another took over");
                    let stored = self.storage.settle_at(upload, reached).await?;
                    return Err(Halt::Conflict { stored });
                }
                ended @ (State::Refused | State::Expired) => {
                    return Err(Refusal::ended(ended).into());
                }
            },
            Err(WriteError::TooLarge) => return Err(Refusal::too_large().into()),
            Err(error @ (WriteError::OverQuota(_) | WriteError::Io(_))) => error,
        };
        let stored = self.storage.settle_at(upload, reached).await?;
        Err(Refusal::from(error).with("Upload-Offset", stored).into())
    }

    /// The offset that may be told of what was taken.
    pub(crate) async fn vouch(&self, upload: &Upload, receipt: Receipt) -> Result<u64, Halt> {
        match self.storage.settle(upload).await {
            Ok(_) if upload.has_kept(receipt) => Ok(receipt.reached),
            Ok(stored) | Err(Failure::Moved(stored)) => Err(Halt::Conflict { stored }),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Where the upload is, whoever brought it there.
    pub(crate) async fn locate(&self, upload: &Upload) -> Result<u64, Failure> {
        self.storage.refresh(upload).await?;
        match self.storage.settle(upload).await {
            Err(Failure::Moved(stored)) => Ok(stored),
            settled => settled,
        }
    }

    /// Writes the body of the request on `conn` as it comes, until its end or until it may not.
    async fn write_body(
        &self,
        conn: &mut Conn,
        upload: &Upload,
        turn: &S::Turn,
        interim: Option<Interop>,
    ) -> Result<Result<(), WriteError>, Gone> {
        let mut told = turn.receipt().reached;
        loop {
            let bytes = tokio::select! {
                biased;
                () = turn.lost() => return Ok(Err(WriteError::Fenced)),
                piece = conn.body() => match piece? {
                    Some(bytes) => bytes,
                    None => return Ok(Ok(())),
                },
            };
            if let Err(error) = turn.write(bytes).await {
                return Ok(Err(error));
            }
            let reached = turn.receipt().reached;
            // The last byte is told of by the answer: the file gets its name first.
            let is_last = upload.length.get() == Some(reached);
            if let Some(interop) = interim
                && reached - told >= self.progress_step
                && !is_last
                && let Ok(offset) = self.storage.settle_at(upload, reached).await
            {
                conn.offer_interim(&Interim::Progress { offset }, interop)?;
                told = reached;
            }
        }
    }
}

impl<E: Into<Refusal>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Stop(Stop::Refused(error.into()))
    }
}

impl From<Gone> for Halt {
    fn from(gone: Gone) -> Self {
        Self::Stop(gone.into())
    }
}
