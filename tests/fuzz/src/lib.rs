//! Every parser that meets the network or the disk, against bytes that mean it harm.
//!
//! A target takes any bytes and panics where a promise is broken: that nothing panics, that no more
//! is used than was given, that cutting the input anywhere changes nothing, that what was read and
//! written again is read as the same. The corpora in `corpus/TARGET` are replayed by `cargo test`;
//! `ci/fuzz` looks for more.

mod config;
mod disk;
mod fields;
mod forms;
mod http;
mod kernel;
mod modem;
mod pieces;
mod servers;
mod uploads;

/// A parser under test.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Panics if the bytes break a promise.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "http_server", run: http::server },
    Target { name: "http_client", run: http::client },
    Target { name: "tus_server", run: servers::tus },
    Target { name: "resumable_server", run: servers::resumable },
    Target { name: "chunked_server", run: servers::chunked },
    Target { name: "put_server", run: servers::put },
    Target { name: "tus_client", run: uploads::tus },
    Target { name: "resumable_client", run: uploads::resumable },
    Target { name: "chunked_client", run: uploads::chunked },
    Target { name: "put_client", run: uploads::put },
    Target { name: "form", run: forms::form },
    Target { name: "disposition", run: forms::disposition },
    Target { name: "structured_field", run: fields::structured_field },
    Target { name: "url", run: fields::url },
    Target { name: "location", run: fields::location },
    Target { name: "name", run: fields::name },
    Target { name: "base64", run: fields::base64 },
    Target { name: "tus_metadata", run: fields::tus_metadata },
    Target { name: "json", run: fields::json },
    Target { name: "token", run: fields::token },
    Target { name: "claims", run: fields::claims },
    Target { name: "uci", run: config::uci },
    Target { name: "toml", run: config::toml },
    Target { name: "netlink", run: kernel::netlink },
    Target { name: "tcp_info", run: kernel::tcp_info },
    Target { name: "neighbour", run: kernel::neighbour },
    Target { name: "dns", run: kernel::dns },
    Target { name: "modem", run: modem::dialogue },
    Target { name: "upload_info", run: disk::upload_info },
    Target { name: "session", run: disk::session },
    Target { name: "ledger", run: disk::ledger },
    Target { name: "spool_segment", run: disk::spool_segment },
    Target { name: "spool_record", run: disk::spool_record },
    Target { name: "memory", run: disk::memory },
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
