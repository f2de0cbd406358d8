//! A request's body on its way into an upload, and the wait for what becomes of it.

use super::intake::Intake;
use super::refusal::Refusal;
use crate::connection::{Connection, Ended, Incoming};
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
        connection.set_window(intake.lan_window());
        let raw = if held == 0 && intake.pulls() { connection.raw_body() } else { 0 };
        if raw > 0 {
            while_there(connection, intake.roomy()).await?;
        }
        let incoming = tokio::select! {
            incoming = next(connection, raw) => incoming?,
            verdict = intake.verdict(), if !intake.is_whole() => {
                verdict?;
                return Ok(());
            }
        };
        match incoming {
            None => intake.pull(raw, |places| connection.try_read_raw(places))?,
            Some(Incoming::Body(range)) => {
                let known = held.min(range.len() as u64);
                held -= known;
                let bytes = &connection.bytes(range)[known as usize..];
                while_there(connection, intake.push(bytes)).await?;
            }
            Some(Incoming::End) => return Ok(()),
            Some(Incoming::Request) => {}
        }
        if let Some(interop) = hears
            && intake.received() - told >= TOLD
            && !intake.is_whole()
        {
            told = intake.received();
            let progress = Interim::Progress { offset: told };
            connection.hint(|out| progress.write(out, interop)).await?;
        }
    }
}

/// What comes next. `None`: some of `raw` bytes of the body, which are to be read where they are kept.
async fn next(connection: &mut Connection<TcpStream>, raw: u64) -> Result<Option<Incoming>, Ended> {
    if raw == 0 {
        return connection.next().await.map(Some);
    }
    // A client may be as fast as this is: others have a turn.
    tokio::task::coop::consume_budget().await;
    connection.readable().await.map(|()| None)
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
