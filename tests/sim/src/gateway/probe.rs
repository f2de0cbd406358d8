//! Probes: one small question to the upstream over one link, as `agent/relay/src/probe.rs`.

use super::lane::{CONNECT_TIMEOUT, Connection};
use super::offsets::{self, HEAD};
use super::{App, Gateway, Owner};
use crate::packet::{ConnId, Side};
use crate::tcp::Phase;
use baton_core::{Duration, Instant, LinkId, Observation};
use baton_wire::http::Eof;
use baton_wire::upload::{Answer, Client};

type Net = crate::net::Net<App>;

/// A question under way.
pub(super) struct Probe {
    link: usize,
    conn: ConnId,
    /// Until then, a failure is news to the core.
    deadline: Instant,
    /// Until then it is waited for the connection, or for the answer.
    patience: Instant,
    asked: Option<(Instant, Client<HEAD, 1>)>,
}

/// A handshake of TCP and one of TLS, a question, and one of them lost.
const ROUND_TRIPS: u32 = 5;

impl Gateway {
    pub(super) fn start_probe(&mut self, net: &mut Net, link: LinkId) {
        let link = usize::from(link.0);
        self.checks.on_probe(link);
        let deadline = net.now + self.core.policy().links.probe_timeout;
        let conn = match self.connect(net, link) {
            Ok(Connection::Kept(conn) | Connection::New(conn)) => conn,
            Err(_) => return self.observe(net, link, Observation::ProbeLost),
        };
        self.probe_count += 1;
        let id = self.probe_count;
        let patience = net.now + self.patience(link).min(CONNECT_TIMEOUT);
        self.owners.insert(conn, Owner::Probe(id));
        self.probes.insert(id, Probe { link, conn, deadline, patience, asked: None });
        net.wake(patience, App::Probe(id));
        self.pump_probe(net, id);
    }

    /// Longer than the deadline where round trips are.
    fn patience(&self, link: usize) -> Duration {
        let view = self.core.links().view(LinkId(link as u8));
        let usual =
            view.srtt.map_or(CONNECT_TIMEOUT, |srtt| (srtt + view.rttvar * 4) * ROUND_TRIPS);
        usual.max(self.core.policy().links.probe_timeout)
    }

    pub(super) fn pump_probe(&mut self, net: &mut Net, id: u32) {
        let Some(mut probe) = self.probes.remove(&id) else { return };
        let conn = probe.conn;
        if probe.asked.is_none() && net.phase(conn, Side::Client) == Phase::Open {
            if net.info(conn, Side::Client).is_some_and(|info| info.sent_segments == 0) {
                self.on_connected(net, probe.link, conn);
            }
            let mut head = Vec::new();
            let client = offsets::probe(&mut head);
            net.write(conn, Side::Client, &[&head]);
            probe.asked = Some((net.now, client));
            probe.patience = net.now + self.patience(probe.link);
            net.wake(probe.patience, App::Probe(id));
        }
        let observation = match probe.hear(net) {
            Some(observation) => Some(observation),
            None if net.phase(conn, Side::Client) == Phase::Closed || net.now >= probe.patience => {
                Some(Observation::ProbeLost)
            }
            None => None,
        };
        match observation {
            None => {
                self.probes.insert(id, probe);
            }
            Some(observation) => self.end_probe(net, probe, observation),
        }
    }

    fn end_probe(&mut self, net: &mut Net, probe: Probe, observation: Observation) {
        self.owners.remove(&probe.conn);
        let is_good = matches!(observation, Observation::ProbeAnswered { .. })
            && probe
                .asked
                .as_ref()
                .is_some_and(|(_, client)| client.ready().is_ok() && client.eof() == Eof::Idle);
        if is_good && self.core.links().is_usable(LinkId(probe.link as u8)) {
            self.keep(net, probe.link, probe.conn);
        } else {
            net.reset(probe.conn, Side::Client);
        }
        if observation != Observation::ProbeLost || net.now < probe.deadline {
            self.observe(net, probe.link, observation);
        }
    }
}

impl Probe {
    fn hear(&mut self, net: &mut Net) -> Option<Observation> {
        let (asked, client) = self.asked.as_mut()?;
        let mut input = [0; HEAD];
        let count = net.read(self.conn, Side::Client, &mut input);
        let (mut rest, mut found) = (&input[..count], None);
        while !rest.is_empty() {
            let Ok((used, answer)) = client.handle_input(rest) else {
                return Some(Observation::ProbeLost);
            };
            found = found.or(answer.map(|answer| match answer {
                Answer::Options { .. } => {
                    Observation::ProbeAnswered { rtt: net.now.saturating_since(*asked) }
                }
                Answer::Refused(refused) if refused.status >= 500 && refused.status != 511 => {
                    Observation::ProbeAnswered { rtt: net.now.saturating_since(*asked) }
                }
                Answer::Refused(_)
                | Answer::Impostor { .. }
                | Answer::Created { .. }
                | Answer::Progress { .. }
                | Answer::Offset { .. }
                | Answer::Appended { .. }
                | Answer::Deleted => Observation::Impostor,
            }));
            rest = &rest[used..];
        }
        // The end of the answer is told by a call without input.
        if found.is_some() && client.handle_input(&[]).is_err() {
            return Some(Observation::ProbeLost);
        }
        found
    }
}
