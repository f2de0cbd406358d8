//! Scenes for tests and benches: the program `baton` in a lab of network namespaces, with a
//! client, an upstream and links that fail on cue.
#![forbid(unsafe_code)]

mod evidence;
mod figures;
mod footprint;
mod holdings;
mod names;
mod peers;
mod poor;
mod race;
mod raw;
mod scene;
mod scripted;
mod secured;
mod spawn;
mod tmpfs;
mod watch;

pub use evidence::{LoggedSwitch, wall_ms};
pub use figures::Figures;
pub use footprint::Footprint;
pub use holdings::Holdings;
pub use peers::TusClient;
pub use poor::forget_tcp_info;
pub use race::{Contender, Course, Fault, Mptcp, Relayed, Retrying, Trial, race};
pub use raw::{Raw, Said};
pub use scene::{Host, SECRET, Scene, Setup, Upstream, reset};
pub use scripted::{Admission, Asked, Deed, Dialect, Early, Script, Scripted};
pub use secured::{Certified, Secured};
pub use spawn::{Process, TempDir, agent, baton, temp_dir};
pub use tmpfs::Tmpfs;
pub use watch::{sha256_of, wait_until};
