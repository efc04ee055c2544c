//! `request_id` on the wire.
