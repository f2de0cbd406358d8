//! OpenWrt: the configuration in `/etc/config/baton`.
#![forbid(unsafe_code)]

pub mod uci;
