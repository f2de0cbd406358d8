//! A request's body on its way into an upload, and the wait for what becomes of it.

use super::intake::Intake;
use super::refusal::Refusal;
use crate::connection::{Connection, Incoming};
use baton_hal::Transport;
use core::future::Future;
use tokio::net::TcpStream;

/// Takes the rest of a request's body in, as fast as there is room.
pub(super) async fn take<T: Transport + 'static>(
    connection: &mut Connection<TcpStream>,
    intake: &Intake<T>,
) -> Result<(), Refusal> {
    connection.invite().await?;
    loop {
        let incoming = tokio::select! {
            incoming = connection.next() => incoming?,
            verdict = intake.verdict(), if !is_whole(intake) => {
                verdict?;
                return Ok(());
            }
        };
        match incoming {
            Incoming::Body(range) => {
                let bytes = connection.bytes(range);
                while_there(connection, intake.push(bytes)).await?;
            }
            Incoming::End => return Ok(()),
            Incoming::Request => {}
        }
    }
}

/// A file that is whole may be proved before its request has ended: that end is still to be read.
fn is_whole<T: Transport + 'static>(intake: &Intake<T>) -> bool {
    intake.total() == Some(intake.received())
}

/// The client has sent everything: success only after the upstream's proof.
pub(super) async fn conclude<T: Transport + 'static>(
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
