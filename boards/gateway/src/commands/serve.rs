//! `baton serve`: the receiving end.

use super::{logging, settings, stop};
use crate::cli::{Globals, ServeArgs};
use crate::failure::Failure;
use baton_store::{Options, Secret, Store, Sync};

/// `baton serve`: until it is told to stop.
pub(crate) async fn run(globals: &Globals, args: &ServeArgs) -> Result<(), Failure> {
    let config = settings::config(globals)?;
    let secret = settings::secret(globals, args.secret_file.as_deref())?;
    logging::start(config.logging.level);
    let server = config.server;
    let listen = if args.listen.is_empty() { server.listen_address } else { args.listen.clone() };
    let dir = args.dir.clone().unwrap_or(server.storage_path);
    let options = Options {
        tus_path: config.upstream.tus_path.as_str().to_owned(),
        sync: match server.sync {
            baton_config::Sync::Completion => Sync::Completion,
            baton_config::Sync::Always => Sync::Always,
        },
        bucket: args.store.clone(),
        max_upload_size: server.max_upload_size.0,
        expire_after: server.upload_expiry,
        deduplicate: server.deduplication_enabled,
        file_ttl: server.file_ttl,
        quota_per_user: server.quota_per_user.map(|bytes| bytes.0),
        quota_total: server.quota_total.map(|bytes| bytes.0),
        tidy_every: config.deduplication.cleanup_interval,
        idle_timeout: config.timeouts.idletimeout,
        drain: config.timeouts.shutdown,
        ..Options::new(listen, dir, Secret::new(secret.as_bytes()))
    };
    let stop = stop::asked().map_err(|e| Failure::No(format!("signals: {e}")))?;
    let store = Store::open(options).await.map_err(|e| Failure::No(e.to_string()))?;
    for address in store.local_addrs() {
        tracing::info!(%address, "listening");
    }
    store.serve(stop).await;
    Ok(())
}
