//! What this process can and can't do, and what that costs.

use crate::{binding, links::rp_filter_mend, network::Network, tcp_info};
use socket2::{Domain, Socket, Type};

/// One thing that Baton is better off with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// What it is.
    pub name: String,
    /// Whether this process has it.
    pub present: bool,
    /// What its absence costs.
    pub cost: String,
    /// The command that mends its absence, where one does.
    pub mend: Option<String>,
}

/// What this process has, on a machine with these links.
pub fn capabilities(network: &Network, links: &[String]) -> Vec<Capability> {
    let mut all = vec![bind_to_device(), tcp_info()];
    all.extend(links.iter().filter_map(|link| return_path(network, link)));
    all
}

fn bind_to_device() -> Capability {
    Capability {
        name: "bind-to-device".to_owned(),
        present: binding::is_permitted(),
        cost: "a link is used only where `ip rule` leads its address out by it".to_owned(),
        mend: Some("setcap cap_net_raw+ep /usr/bin/baton".to_owned()),
    }
}

fn tcp_info() -> Capability {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None);
    Capability {
        name: "tcp-info".to_owned(),
        present: socket.is_ok_and(|socket| tcp_info::stream_info(&socket).is_some()),
        cost: "a silently dead link is noticed by the upstream's answers and by probes alone"
            .to_owned(),
        mend: None,
    }
}

/// A strict filter, which does no harm to the best link: while it is that, this is a warning.
fn return_path(network: &Network, name: &str) -> Option<Capability> {
    let is_strict = network.with(|tables| {
        tables
            .links
            .values()
            .find(|link| link.name == *name)
            .is_some_and(|link| tables.is_strict(link))
    });
    is_strict.then(|| Capability {
        name: format!("return-path:{name}"),
        present: false,
        cost: format!(
            "rp_filter=1 drops what returns by {name} whenever another link's route is better"
        ),
        mend: Some(rp_filter_mend(name)),
    })
}
