//! A request's body on its way into an upload, and the wait for what becomes of it.

use super::intake::Intake;
use super::refusal::Refusal;
use crate::connection::{Connection, Incoming};
use baton_hal::Transport;
use baton_wire::resumable::Interop;
use baton_wire::resumable::server::Interim;
use core::future::Future;
use tokio::net::TcpStream;

/// Takes a request's body in, as fast as there is room. Of its first `held` bytes nothing is taken:
/// they came before. A client that hears it is told now and then how much is held.
pub(super) async fn take<T: Transport>(
    connection: &mut Connection<TcpStream>,
    intake: &Intake<T>,
    mut held: u64,
    hears: Option<Interop>,
) -> Result<(), Refusal> {
    connection.invite().await?;
    let mut told = intake.received();
    loop {
        let incoming = tokio::select! {
            incoming = connection.next() => incoming?,
            verdict = intake.verdict(), if !intake.is_whole() => {
                verdict?;
                return Ok(());
            }
        };
        match incoming {
            Incoming::Body(range) => {
                let known = held.min(range.len() as u64);
                held -= known;
                let bytes = &connection.bytes(range)[known as usize..];
                while_there(connection, intake.push(bytes)).await?;
                if let Some(interop) = hears
                    && intake.received() - told >= TOLD
                    && !intake.is_whole()
                {
                    told = intake.received();
                    let progress = Interim::Progress { offset: told };
                    connection.hint(|out| progress.write(out, interop)).await?;
                }
            }
            Incoming::End => return Ok(()),
            Incoming::Request => {}
        }
    }
}

/// How many bytes come between two such words: a client forgets as many at once. Of the last byte it
/// is told only with the answer.
const TOLD: u64 = 256 * 1024;

/// The client has sent everything: success only after the upstream's proof.
pub(super) async fn conclude<T: Transport>(
    connection: &Connection<TcpStream>,
    intake: &Intake<T>,
) -> Result<(), Refusal> {
    let proved = async {
        intake.measure(intake.received()).await?;
        intake.verdict().await
    };
    while_there(connection, proved).await
}

/// Does `work` for as long as the client is there.
pub(super) async fn while_there<R>(
    connection: &Connection<TcpStream>,
    work: impl Future<Output = Result<R, Refusal>>,
) -> Result<R, Refusal> {
    tokio::select! {
        // The verdict first: what is stored is not deleted because its client left in that moment.
        biased;
        done = work => done,
        () = connection.gone() => Err(Refusal::Gone),
    }
}
