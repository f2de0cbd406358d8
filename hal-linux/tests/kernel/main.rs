//! hal-linux on the real kernel, in namespaces of its own. Nothing is skipped: where the kernel
//! refuses, the test fails and says what is missing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod conformance;
mod lab;
mod links;
mod resolve;
mod transport;
