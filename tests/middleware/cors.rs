//! `cors` on the wire.
