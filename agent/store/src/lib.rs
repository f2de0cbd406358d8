//! The receiving end: a small file server with HMAC tokens and resumable uploads.
