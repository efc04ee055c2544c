//! `catch_panic` on the wire.
