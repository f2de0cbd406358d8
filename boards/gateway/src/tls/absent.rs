//! Where TLS is left out.

use crate::failure::Failure;
use baton_config::Config;
use baton_hal::Transport;

/// How the upstream is reached.
pub(crate) fn secured<T: Transport>(transport: T, config: &Config) -> Result<T, Failure> {
    client(config).map(|()| transport)
}

/// There is no TLS here.
pub(crate) fn client(config: &Config) -> Result<(), Failure> {
    match &config.upstream.url {
        Some(url) if url.scheme() == "https" => Err(Failure::No(format!(
            "[upstream] url = \"{url}\": this program was built without TLS; build it with the feature tls, or \
             reach the upstream by http://"
        ))),
        Some(_) | None => Ok(()),
    }
}
