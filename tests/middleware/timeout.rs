//! `timeout` on the wire.
