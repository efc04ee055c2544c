//! `compress` on the wire.
