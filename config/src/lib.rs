//! Typed configuration, defaults, templates, a verdict on every key.
