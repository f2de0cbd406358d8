//! Probes: one small question to the upstream over one link, on a connection that is then kept.

use crate::hub::Hub;
use baton_core::{LinkId, Observation};
use baton_hal::{Stream, Transport};
use baton_wire::http::{Eof, Peer};
use baton_wire::tus::{Answer, Client, Extension};
use std::io::IoSlice;
use std::rc::Rc;

/// Asks OPTIONS of the tus path: it tells whether the upstream speaks tus, and any answer at
/// all proves the link. Silence is the core's to judge: it gave the probe a deadline.
pub(crate) async fn run<T: Transport + 'static>(hub: Rc<Hub<T>>, link: LinkId) {
    let timeout = hub.core.borrow().policy().links.probe_timeout;
    let asked = hub.clock.now();
    let observation = match tokio::time::timeout(timeout, ask(&hub, link)).await {
        Ok(Ok(true)) => Observation::ProbeAnswered { rtt: hub.clock.now().saturating_since(asked) },
        Ok(Ok(false)) => Observation::Impostor,
        Ok(Err(())) | Err(_) => Observation::ProbeLost,
    };
    tracing::trace!(link = hub.link_name(link), ?observation, "probe");
    hub.observe(link, observation);
}

/// Whether the upstream answered (`false`: something else did).
async fn ask<T: Transport + 'static>(hub: &Rc<Hub<T>>, link: LinkId) -> Result<bool, ()> {
    let stream = hub.connect(link).await.map_err(|_| ())?;
    let peer = Peer { authority: &hub.settings.upstream.authority, authorization: None };
    let mut tus = Client::<2048, 2>::new();
    let mut head = [0; 512];
    let len = tus.options(&mut head, &peer, &hub.tus_target()).map_err(|_| ())?;
    let mut unsent = &head[..len];
    let mut input = [0; 2048];
    loop {
        tokio::select! {
            () = stream.readable() => {}
            () = stream.writable(), if !unsent.is_empty() => {
                let wrote = stream.try_write(&[IoSlice::new(unsent)]).map_err(|_| ())?;
                unsent = &unsent[wrote.unwrap_or(0)..];
                continue;
            }
        }
        let read = match stream.try_read(&mut input).map_err(|error| {
            hub.blame(link, &error);
        })? {
            None => continue,
            Some(0) => return Err(()),
            Some(n) => n,
        };
        let mut rest = &input[..read];
        let mut said = None;
        while !rest.is_empty() {
            let (used, answer) = tus.handle_input(rest).map_err(|_| ())?;
            rest = &rest[used..];
            match answer {
                Some(Answer::Options { extensions, .. }) => {
                    said = Some(Some(extensions.has(Extension::Fencing)))
                }
                Some(_) => said = Some(None),
                None if used == 0 => return Err(()),
                None => {}
            }
        }
        let Some(tus_with_fencing) = said else { continue };
        let is_upstream = hub.upstream.on_answer(tus_with_fencing);
        // An answer whose body is still to come would be taken for the next one's.
        if is_upstream
            && tus.handle_input(&[]).is_ok()
            && tus.ready().is_ok()
            && tus.eof() == Eof::Idle
        {
            hub.connections.keep(link, stream);
        }
        return Ok(is_upstream);
    }
}
