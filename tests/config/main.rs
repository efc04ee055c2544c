//! Configuration files: what they say, what is wrong with them, and what is served by them.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod catalogue;
mod layers;
mod mistakes;
mod reload;
mod served;
mod stack;
mod support;
mod tls;
