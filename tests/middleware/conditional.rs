//! `conditional` on the wire.
