//! Whether and how the upstream is reached with TLS.

use crate::failure::Failure;
use baton_config::{Config, Upstream};
use baton_hal::Transport;
use baton_relay::{Tls, TlsClient, Trust};

/// How the upstream is reached: with TLS, if its URL says so.
pub(crate) fn secured<T: Transport>(transport: T, config: &Config) -> Result<Tls<T>, Failure> {
    Ok(Tls::new(transport, client(config)?))
}

/// What is needed for TLS, if there is to be any.
pub(crate) fn client(config: &Config) -> Result<Option<TlsClient>, Failure> {
    let Upstream { url, ca_file, pin, .. } = &config.upstream;
    let Some(url) = url.as_ref().filter(|url| url.scheme() == "https") else {
        let is_idle = ca_file.is_none() && pin.is_empty();
        let refused = "[upstream] ca_file and pin do nothing unless the url begins with https://";
        return if is_idle { Ok(None) } else { Err(Failure::No(refused.into())) };
    };
    let trust = match (ca_file, &pin[..]) {
        (None, []) => Trust::System,
        (Some(path), []) => Trust::Authorities(path.clone()),
        (None, pins) => Trust::Keys(pins.iter().map(|pin| pin.0).collect()),
        (Some(_), _) => {
            let refused = "[upstream] ca_file does nothing beside pin: leave one of them out";
            return Err(Failure::No(refused.into()));
        }
    };
    let client = TlsClient::new(url.host(), &trust);
    client.map(Some).map_err(|e| Failure::No(format!("[upstream] url = \"{url}\": {e}")))
}
