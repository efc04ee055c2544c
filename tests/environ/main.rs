//! Requests as the variables of CGI, and back: each rule by name.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what helps a test may panic as it may"
)]

mod from_request;
mod round_trip;
mod support;
mod to_request;
