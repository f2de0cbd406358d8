//! Why an upload came to nothing, in words that say what to do.

use crate::connection::{Answer, Connection, Ended};
use crate::spool::SpoolError;
use crate::transfer::{Credential, Transfer};
use baton_core::{Failure, Verdict};
use baton_wire::percent::PathError;
use std::io;
use tokio::net::TcpStream;

/// Why a request is not granted.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// Tell the client.
    Status(u16, String),
    /// The upload is elsewhere: at this offset.
    Conflict { offset: u64 },
    /// Nobody is left to tell.
    Gone,
}

impl Refusal {
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self::Status(status, text.into())
    }

    pub(super) fn forbidden(why: &'static str) -> Self {
        Self::new(403, why)
    }

    /// Where nothing reached the upstream, what stands there instead.
    pub(super) fn because(self, why: Option<String>) -> Self {
        match (self, why) {
            (Self::Status(503, text), Some(why)) => Self::Status(503, format!("{text}\n{why}")),
            (refusal, _) => refusal,
        }
    }

    pub(super) fn too_long() -> Self {
        Self::new(413, "more bytes came than the upload was said to have")
    }

    /// Answers, with what the protocol has in each of its answers; whether the connection goes on.
    pub(super) async fn answer(
        &self,
        connection: &mut Connection<TcpStream>,
        fields: &[(&str, &str)],
    ) -> bool {
        let (status, text, own) = match self {
            Self::Gone => return false,
            Self::Status(503, text) => (503, text.clone(), Some(("Retry-After", "30".to_owned()))),
            Self::Status(status, text) => (*status, text.clone(), None),
            Self::Conflict { offset } => {
                let text = format!("the upload is at offset {offset}");
                (409, text, Some(("Upload-Offset", offset.to_string())))
            }
        };
        let own = own.as_ref().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = fields.iter().copied().chain(own).collect();
        let text = text + "\n";
        let answer = Answer { headers: &headers, ..Answer::text(status, &text) };
        connection.answer(&answer).await.is_ok()
    }
}

impl From<Ended> for Refusal {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Gone => Self::Gone,
            Ended::Silent => Self::new(408, "the upload stopped in the middle: send it again"),
            Ended::Http(error) => Self::new(error.status(), error.to_string()),
        }
    }
}

impl From<SpoolError> for Refusal {
    fn from(error: SpoolError) -> Self {
        Self::new(507, format!("the agent's spool can't take this upload: {error}"))
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// What the client is told of the core's verdict.
pub(super) fn settle(verdict: Verdict, transfer: &Transfer) -> Result<(), Refusal> {
    let (status, text) = match verdict {
        Verdict::Stored => return Ok(()),
        Verdict::Abandoned => return Err(Refusal::Gone),
        Verdict::Refused(status) => (status, refused(status, &transfer.credential)),
        Verdict::Lost { acked, offset } => {
            let now = offset.map_or("nothing".into(), |offset| format!("{offset} bytes"));
            let text = format!(
                "the upstream acknowledged {acked} bytes and now has {now}: send the file again"
            );
            tracing::error!(upload = transfer.name, text);
            (502, text)
        }
        Verdict::Absurd { offset } => {
            let text = format!(
                "the upstream claims {offset} bytes, more than it was sent: check what answers there"
            );
            tracing::error!(upload = transfer.name, text);
            (502, text)
        }
        Verdict::Stalled => {
            let trouble = stalled(transfer.trouble.get());
            (503, format!("{trouble} for as long as [relay] hold allows: try later"))
        }
        Verdict::NotReplayable => (
            502,
            format!(
                "the connection to the upstream was cut, it can't resume, and the file ({} bytes) did not fit the \
                 spool: raise [relay] spool_size, then send it again",
                transfer.total
            ),
        ),
    };
    Err(Refusal::Status(status, text))
}

fn stalled(trouble: Option<Failure>) -> &'static str {
    match trouble {
        Some(Failure::Busy(_)) => "the upstream was busy",
        Some(Failure::TimedOut) => "the upstream did not answer",
        Some(Failure::Cut | Failure::Gone) => "no connection to the upstream lasted",
        Some(
            Failure::Conflict { .. }
            | Failure::Absurd { .. }
            | Failure::NotKept
            | Failure::Refused(_),
        )
        | None => "no link moved a byte",
    }
}

fn refused(status: u16, credential: &Credential) -> String {
    match (status, credential) {
        (400 | 414, _) => "the upstream does not take a file of this name".into(),
        (401 | 403, Credential::None) => {
            "the upstream refused the agent's token: check that both have the same secret, token scheme and time"
                .into()
        }
        (401 | 403, Credential::Query(_) | Credential::Header(_)) => {
            "the upstream refused the token that came with it: it is wrong, has expired, or is for \
             another name, length or type"
                .into()
        }
        (409, _) => "the upstream has another file of this name, or a broken part of this one: \
                     delete that there, or use another name"
            .into(),
        (413, _) => "the file is larger than the upstream takes".into(),
        (431, Credential::Query(_) | Credential::Header(_)) => {
            "the token that came with it is too long to be passed on with this name and type".into()
        }
        (431, Credential::None) => "its name and media type are too long to be passed on".into(),
        (507, _) => "the upstream's disk is full".into(),
        (other, _) => format!("the upstream refused with {other}"),
    }
}
