//! Network namespaces and a seeded link emulator, without root.
