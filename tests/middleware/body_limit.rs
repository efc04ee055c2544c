//! `body_limit` on the wire.
