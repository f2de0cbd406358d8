//! Several servers in front of one bucket. The object store is `LocalStack`, which `ci/peers` puts
//! into `target/peers`.
#![expect(clippy::unwrap_used, reason = "a test's helpers, too, panic on what must not happen")]
#![expect(clippy::disallowed_methods, reason = "real sockets take real time")]

mod files;
mod proxy;
mod s3;
mod servers;
#[expect(dead_code, reason = "some of it is for folders")]
#[path = "../serve/support.rs"]
mod support;
#[path = "../serve/temp.rs"]
mod temp;
mod trouble;
mod uploads;
