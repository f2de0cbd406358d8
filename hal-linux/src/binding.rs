//! Ties a socket to one link, and to no other.

use crate::network::Path;
use core::net::SocketAddr;
use socket2::{Domain, Socket, Type};
use std::io;

/// Why a socket was not tied to its link.
#[derive(Debug)]
pub(crate) enum BindError {
    /// This process may not, and no policy rule does it instead; the text says what mends it.
    NotPermitted(String),
    /// The kernel said something else.
    Socket(io::Error),
}

/// A socket that leaves by `link` or not at all.
///
/// SO_BINDTODEVICE comes before anything else and only once: an unprivileged process may do it
/// (since Linux 5.7) while the socket is not bound yet. Where it may not, a source address does
/// as well if a policy rule leads it out by the link; without one it would leave by the best link.
pub(crate) fn socket(link: &str, path: &Path, kind: Type) -> Result<Socket, BindError> {
    let domain = if path.address.is_some_and(|address| address.is_ipv6()) {
        Domain::IPV6
    } else {
        Domain::IPV4
    };
    let socket = Socket::new(domain, kind.nonblocking(), None).map_err(BindError::Socket)?;
    let is_bound = match socket.bind_device(Some(link.as_bytes())) {
        Ok(()) => true,
        Err(error) if is_refusal(&error) && path.has_source_rule => false,
        Err(error) if is_refusal(&error) => {
            return Err(BindError::NotPermitted(refusal(link, path)));
        }
        Err(error) => return Err(BindError::Socket(error)),
    };
    if let Some(address) = path.address
        && (path.needs_source || !is_bound)
    {
        socket.bind(&SocketAddr::new(address, 0).into()).map_err(BindError::Socket)?;
    }
    Ok(socket)
}

/// Whether a fresh socket may be bound to an interface.
pub(crate) fn is_permitted() -> bool {
    Socket::new(Domain::IPV4, Type::STREAM, None).is_ok_and(|socket| {
        let bound = socket.bind_device(Some(b"lo"));
        !bound.is_err_and(|error| is_refusal(&error))
    })
}

/// What is refused, and what mends it.
pub(crate) fn refusal(link: &str, path: &Path) -> String {
    let address = path.address.map_or("ADDRESS".to_owned(), |address| address.to_string());
    let via = path.gateway.map_or(String::new(), |gateway| format!(" via {gateway}"));
    format!(
        "binding a socket to {link} is not permitted: give the program CAP_NET_RAW \
         (`setcap cap_net_raw+ep`), or run `ip route add default{via} dev {link} table 100` and \
         `ip rule add from {address} lookup 100`"
    )
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES))
}
