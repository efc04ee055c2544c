//! What a connection's own nature forbids its requests.

use http::{Method, Request, StatusCode};

use super::front;

/// Decides by the host that is asked for whether a connection is the one to ask.
pub(super) trait Gate: Send + Sync {
    /// Whether a request may pass; `host` is without its port, and not there where HTTP/1.0 names none.
    fn check(&self, host: Option<&str>) -> Result<(), Refusal>;
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// For the person at the other end; a line, or nothing.
    pub(super) says: &'static str,
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self { status, says: "" }
    }
}

/// Asks the gate, if there is one.
#[inline]
pub(super) fn check<B>(gate: Option<&dyn Gate>, req: &Request<B>) -> Result<(), Refusal> {
    match gate {
        // The target of a tunnel is not who is asked for it.
        Some(gate) if req.method() != Method::CONNECT || req.uri().scheme().is_some() => {
            gate.check(front::host(req))
        }
        _ => Ok(()),
    }
}
