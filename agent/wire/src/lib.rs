//! Sans-I/O HTTP/1.1 and the upload protocols, without an allocator.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
