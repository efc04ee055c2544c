//! The rules of `SPEC.md`, each shown by tests whose names begin with its id, a file a chapter.

#![expect(clippy::unwrap_used, reason = "what helps a test may panic as it may")]

mod application;
mod attributes;
mod body;
mod cancellation;
mod fronts;
mod mounts;
mod readiness;
mod request;
mod response;
mod rules;
mod stack;
mod support;
#[cfg(feature = "tls")]
mod tls;
