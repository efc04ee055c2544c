//! `security_headers` on the wire.
