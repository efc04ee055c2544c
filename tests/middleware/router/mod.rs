//! `router` on the wire.

#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod groups;
mod hosts;
mod lookup;
mod methods;
mod mounts;
mod params;
mod report;
mod urls;
mod writing;
