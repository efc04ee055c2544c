//! `access_log` on the wire.
