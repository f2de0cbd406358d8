//! What else there is: others' ways to get a file over two links, on the same network.

mod bulk;
mod mptcp;
mod mwan3;
mod oracle;

pub use mptcp::{Mptcp, Primary};
pub use mwan3::mwan3;
pub use oracle::oracle;

pub use bulk::plain;
