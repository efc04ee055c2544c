//! Tools to test applications and layers with.

mod client;

pub use client::{Client, Received, RequestBuilder};
