//! What Gopuram costs, measured beside its peers: run by `cargo xtask bench`.

pub mod measure;
pub mod noop;
pub mod peers;
pub mod production;
