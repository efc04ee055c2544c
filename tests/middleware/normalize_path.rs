//! `normalize_path` on the wire.
