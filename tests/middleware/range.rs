//! `range` on the wire.
