//! Baton against real kernels, servers and failures.
