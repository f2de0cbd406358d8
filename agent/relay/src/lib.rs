//! The agent: LAN ingest, upstream lanes, spool, control API.
