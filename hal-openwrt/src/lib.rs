//! OpenWrt: the UCI configuration.
