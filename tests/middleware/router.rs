//! `router` on the wire.
