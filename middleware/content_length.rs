//! Says the length of answers that know it.
//!
//! ```
//! use gopuram_middleware::ContentLength;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = ContentLength::default().layer(app);
//! # let _ = app;
//! ```
//!
//! An answer without `Content-Length` whose body knows its exact length gets one ([RFC 9110, section
//! 8.6]). A gateway says it too where there is none; this is for what stands between: layers,
//! tests and servers that read the field.
//!
//! It has no place of its own: what it says is true wherever it stands, and every layer that changes
//! a body takes the field away or sets it right. Further in it is the length of what the
//! application made, further out that of what is sent.
//!
//! Left alone is an answer that says a length, right or wrong; one with `Transfer-Encoding`, which has no
//! length (section 6.1 of RFC 9112); 1xx and 204, which must not say one, and 304, whose length would be
//! that of the 200; success of `CONNECT`. An answer to `HEAD` says the length that the `GET` would have,
//! which an empty body does not know: it is said only if there is one that is not empty.
//!
//! Costs a look-up, and no allocation but that of the number.
//!
//! [RFC 9110, section 8.6]: https://www.rfc-editor.org/rfc/rfc9110#section-8.6

use std::convert::Infallible;
use std::ops::ControlFlow;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use tower_layer::Layer;

use crate::place::{Anywhere, Placed};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// Says the length of answers that know it.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ContentLength;

#[diagnostic::do_not_recommend]
impl Placed for ContentLength {
    type Place = Anywhere;
    const NAME: &'static str = "content_length";
}

impl<S> Layer<S> for ContentLength {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for ContentLength {
    type Then = Pending;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Pending> {
        ControlFlow::Continue(Pending(match *req.method() {
            Method::CONNECT => Kind::Connect,
            Method::HEAD => Kind::Head,
            _ => Kind::Other,
        }))
    }
}

/// The method that decides what a length is of.
#[derive(Debug)]
pub struct Pending(Kind);

#[derive(Debug)]
enum Kind {
    /// A tunnel, if it succeeds.
    Connect,
    /// Of what is not sent.
    Head,
    /// Of the content.
    Other,
}

impl<C: Body> OnResponse<C> for Pending {
    type Body = C;

    #[inline]
    fn on_response(self, mut res: Response<C>) -> Response<C> {
        let Some(length) = res.body().size_hint().exact() else {
            return res;
        };
        let status = res.status();
        let without = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let unknown = match self.0 {
            Kind::Connect => status.is_success(),
            Kind::Head => length == 0,
            Kind::Other => false,
        };
        if !without && !unknown && !res.headers().contains_key(TRANSFER_ENCODING) {
            let entry = res.headers_mut().entry(CONTENT_LENGTH);
            entry.or_insert_with(|| HeaderValue::from(length));
        }
        res
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(method: Method, res: http::response::Builder, body: &str) -> Option<String> {
        let mut req = Request::new(());
        *req.method_mut() = method;
        let ControlFlow::Continue(then) = ContentLength.on_request(&mut req);
        let res = then.on_response(res.body(body.to_owned()).unwrap());
        let length = res.headers().get(CONTENT_LENGTH)?;
        Some(length.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_known_is_said() {
        let res = Response::builder;
        assert_eq!(length(Method::GET, res(), "abc").unwrap(), "3");
        assert_eq!(length(Method::GET, res(), "").unwrap(), "0");
        assert_eq!(length(Method::GET, res().status(404), "abc").unwrap(), "3");
        assert_eq!(length(Method::HEAD, res(), "abc").unwrap(), "3");
        assert_eq!(length(Method::HEAD, res(), ""), None);
    }

    #[test]
    fn what_has_no_length_says_none() {
        for status in [101, 204, 304] {
            let res = Response::builder().status(status);
            assert_eq!(length(Method::GET, res, ""), None, "{status}");
        }
        let res = Response::builder().header(TRANSFER_ENCODING, "chunked");
        assert_eq!(length(Method::GET, res, "abc"), None);
        assert_eq!(length(Method::CONNECT, Response::builder(), ""), None);
        let refused = Response::builder().status(403);
        assert_eq!(length(Method::CONNECT, refused, "no").unwrap(), "2");
    }

    #[test]
    fn what_is_said_stays() {
        let res = Response::builder().header(CONTENT_LENGTH, "7");
        assert_eq!(length(Method::HEAD, res, "abc").unwrap(), "7");
    }
}
