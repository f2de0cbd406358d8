//! Typed configuration, its defaults, and a verdict on every key.
//!
//! One table (`table`, fed by `keys`, `classes`, `links` and `others`) says of each key what it
//! takes, its default and whether it acts. Parsing, defaults, `baton check` and the commented
//! default file all come from it, so that they can't disagree. TOML and UCI both arrive as a list
//! of [`Entry`] and are judged alike:
//!
//! ```
//! let report = baton_config::Config::from_toml("[relay]\nhold = \"2m\"\nholdd = 1\n");
//!
//! assert!(report.is_fatal());
//! assert!(report.to_string().contains("did you mean relay.hold?"));
//! ```
#![forbid(unsafe_code)]

mod choice;
mod classes;
mod config;
mod default_file;
mod judge;
mod keys;
mod links;
mod others;
mod pattern;
mod pin;
mod policy;
mod report;
mod secret;
mod setting;
mod table;
mod toml_text;
mod units;
mod url;
mod value;

pub use choice::{
    Algorithm, Auth, ChunkSize, Eviction, Level, Mode, OverBudget, Protocol, Roaming, Speed, Sync,
    Token, TypeFrom,
};
pub use classes::{ClassSettings, Classes};
pub use config::Config;
pub use default_file::default_file;
pub use keys::{
    ClientOptimization, Control, Extensions, Handoff, Logging, Monitoring, NetworkResilience,
    Performance, Relay, Security, Server, Timeouts, Uploads, Upstream,
};
pub use links::{Link, Links};
pub use pattern::Pattern;
pub use pin::Pin;
pub use report::{KeyVerdict, Report, Syntax, SyntaxError, Verdict};
pub use secret::{Secret, SecretError, exposure};
pub use units::{Bytes, Permille, Ppm};
pub use url::{Url, UrlPath};
pub use value::{Entry, Value};
