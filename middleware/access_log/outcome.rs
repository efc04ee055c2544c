//! What is told of requests that have ended to the rules that skip.

use std::time::{Duration, Instant};

use http::{Method, StatusCode, Uri};

use crate::outcome::Outcome;

/// A request that has ended, for the rules that decide [whether to skip it](super::AccessLog::skip).
#[derive(Debug)]
pub struct Entry<'a> {
    method: &'a Method,
    uri: &'a Uri,
    ended: Ended,
    bytes: u64,
}

impl<'a> Entry<'a> {
    pub(super) const fn new(method: &'a Method, uri: &'a Uri, ended: Ended, bytes: u64) -> Self {
        Self {
            method,
            uri,
            ended,
            bytes,
        }
    }

    /// The method.
    pub const fn method(&self) -> &Method {
        self.method
    }

    /// The path as it was received, without what it was mounted at.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The status; 499 or 500 if there was no response.
    pub const fn status(&self) -> StatusCode {
        self.ended.status
    }

    /// How it ended.
    pub const fn outcome(&self) -> Outcome {
        self.ended.outcome
    }

    /// How many bytes of the body were handed to the server.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The time from the request to the end of the response.
    pub const fn elapsed(&self) -> Duration {
        self.ended.elapsed
    }
}

/// The end of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) status: StatusCode,
    /// Not all of the response was handed over.
    pub(super) broke_off: bool,
    /// When that was, if it matters, and how long after its start.
    pub(super) at: Option<Instant>,
    pub(super) elapsed: Duration,
}
