//! `static_files` on the wire.
