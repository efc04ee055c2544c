//! `cache` on the wire, by the categories of the public test suite of HTTP caches.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod concurrency;
mod conditional;
mod control;
mod errors;
mod freshness;
mod hosts;
mod invalidation;
mod parsing;
mod parts;
mod passing;
mod purge;
mod slow;
mod storing;
mod streams;
mod support;
mod update;
mod vary;
