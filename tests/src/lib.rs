//! Scenes for tests and benches: the program `baton` in a lab of network namespaces, with a
//! client, an upstream and links that fail on cue.
#![forbid(unsafe_code)]

mod scene;
mod spawn;
mod watch;

pub use scene::{Scene, Setup, Upstream};
pub use spawn::{Process, baton, temp_dir};
pub use watch::{Progress, sha256_of, wait_until};
