//! The answers of the cache itself, and what it says of the others.

use std::sync::Arc;

use http::header::{AGE, CONTENT_LENGTH};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body as _;

use super::entry::{Entry, Head};
use super::flight::Flight;
use super::reuse::Asked;
use super::service::Config;
use super::status::Handled;
use super::stream::Streaming;
use crate::body::Body;

/// How many fields more an answer has room for: what is said here, and what layers further out dress it
/// with. To grow would cost two allocations.
const FIELDS: usize = 8;

impl Config {
    /// What inner answered, for the client whose request it got.
    pub(super) fn own(
        &self,
        asked: &Asked,
        res: Response<Body>,
        handled: Handled,
    ) -> Response<Body> {
        let len = res.body().size_hint().exact();
        let mut res = asked.select(res, len);
        self.tell(handled, &mut res);
        res
    }

    /// A stored response, answered with by the cache itself.
    pub(super) fn hit(&self, asked: &Asked, entry: &Entry) -> Response<Body> {
        let age = entry.head.age(self.settings.clock.now());
        // Neither is more than 2³¹.
        let left = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        let ttl = left(entry.head.terms.lifetime).saturating_sub(left(age));
        self.stored(asked, entry, Handled::Hit { ttl })
    }

    pub(super) fn stored(&self, asked: &Asked, entry: &Entry, handled: Handled) -> Response<Body> {
        let len = entry.body.len() as u64;
        let mut res = self.of(&entry.head, Body::from(entry.body.clone()), handled);
        if asked.head && len > 0 {
            res.headers_mut().insert(CONTENT_LENGTH, len.into());
        }
        let mut res = asked.select(res, Some(len));
        if asked.head {
            *res.body_mut() = Body::empty();
        }
        res
    }

    /// A response whose body is on its way.
    pub(super) fn streaming(
        &self,
        asked: &Asked,
        stream: &Arc<Streaming>,
        flight: Arc<Flight>,
        handled: Handled,
    ) -> Response<Body> {
        let res = self.of(&stream.head, stream.read(flight), handled);
        asked.select(res, stream.len)
    }

    fn of(&self, head: &Head, body: Body, handled: Handled) -> Response<Body> {
        let mut res = Response::new(body);
        *res.status_mut() = head.status;
        let mut headers = HeaderMap::with_capacity(head.headers.len() + FIELDS);
        for (name, value) in &head.headers {
            headers.append(name, value.clone());
        }
        *res.headers_mut() = headers;
        let age = head.age(self.settings.clock.now());
        res.headers_mut().insert(AGE, age.into());
        self.tell(handled, &mut res);
        res
    }

    pub(super) fn tell<B>(&self, handled: Handled, res: &mut Response<B>) {
        handled.tell(self.settings.name, res.headers_mut());
    }

    /// What is answered where nothing stored may be (section 5.2.1.7).
    pub(super) fn gateway_timeout(&self) -> Response<Body> {
        let mut res = Response::new(Body::empty());
        *res.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        self.tell(Handled::OnlyIfCached, &mut res);
        res
    }
}
