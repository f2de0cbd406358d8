//! Uploads that were acknowledged before they were delivered.

mod shelf;
