//! `head` on the wire.
