//! What a request body finds out about itself while it is read, told to the way out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use http::{Response, StatusCode};

/// The status that is the answer to a body that broke off for what the client sent; none at first.
///
/// Inner reads an error of the body, and most applications make some 400 or 500 of it, which does not
/// tell the client what was wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict(Arc<AtomicU16>);

impl Verdict {
    /// Said by the body, with its error.
    pub(crate) fn is(&self, status: StatusCode) {
        self.0.store(status.as_u16(), Ordering::Release);
    }

    /// Replaces an answer of an error (4xx or 5xx); an application that copes and answers otherwise is
    /// believed.
    pub(crate) fn over<C: Default>(&self, res: Response<C>) -> Response<C> {
        let failed = res.status().is_client_error() || res.status().is_server_error();
        let Ok(status) = StatusCode::from_u16(self.0.load(Ordering::Acquire)) else {
            return res;
        };
        if !failed {
            return res;
        }
        let mut res = Response::new(C::default());
        *res.status_mut() = status;
        res
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Response<&'static str> {
        let mut res = Response::new("theirs");
        *res.status_mut() = StatusCode::from_u16(status).unwrap();
        res
    }

    #[test]
    fn only_errors_are_replaced_and_only_if_something_was_said() {
        let verdict = Verdict::default();
        assert_eq!(*verdict.over(answer(500)).body(), "theirs");
        verdict.clone().is(StatusCode::PAYLOAD_TOO_LARGE);
        for status in [400, 500] {
            let res = verdict.over(answer(status));
            assert_eq!((res.status().as_u16(), *res.body()), (413, ""));
        }
        assert_eq!(verdict.over(answer(200)).status(), 200);
    }
}
