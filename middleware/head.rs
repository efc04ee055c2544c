//! `HEAD` is `GET` with the body dropped.
//!
//! ```
//! use gopuram_middleware::Head;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = Head::default().layer(app); // never sees a HEAD
//! # let _ = app;
//! ```
//!
//! The application sees a `GET`, and what it answers is returned with the same status and the
//! same fields ([RFC 9110, section 9.3.2]), without its body and trailers. `Content-Length` is
//! added where the body knows its length and the gateway would have added it to the `GET`: not
//! to 204 and 304. `Range` and `If-Range` are taken off the request, since they mean nothing to
//! a `HEAD` (section 14.2).
//!
//! Interim answers (1xx) and errors of the application pass through. The body is dropped as soon
//! as the response is there, unread: a body that is made while it is read is not made. The
//! application does the rest of its work as for a `GET`; one that can do less answers `HEAD`
//! itself, without this layer.
//!
//! Costs a comparison on other methods. The type of the body stays, with its `Default` for the
//! empty one.
//!
//! [RFC 9110, section 9.3.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2

use std::convert::Infallible;
use std::ops::ControlFlow;

use http::header::{CONTENT_LENGTH, IF_RANGE, RANGE, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tower_layer::Layer;

use crate::place::{self, Placed};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// `HEAD` is `GET` with the body dropped.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Head;

#[diagnostic::do_not_recommend]
impl Placed for Head {
    type Place = place::Head;
    const NAME: &'static str = "head";
}

impl<S> Layer<S> for Head {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, *self)
    }
}

impl<B> OnRequest<B> for Head {
    type Then = Option<Echo>;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Option<Echo>> {
        if *req.method() != Method::HEAD {
            return ControlFlow::Continue(None);
        }
        *req.method_mut() = Method::GET;
        // As a GET it would be answered in part.
        req.headers_mut().remove(RANGE);
        req.headers_mut().remove(IF_RANGE);
        ControlFlow::Continue(Some(Echo(())))
    }
}

/// The response that is to be without its body.
#[derive(Debug)]
pub struct Echo(());

impl<C: http_body::Body + Default> OnResponse<C> for Echo {
    type Body = C;

    fn on_response(self, mut res: Response<C>) -> Response<C> {
        let status = res.status();
        if status.is_informational() {
            return res;
        }
        let body = std::mem::take(res.body_mut());
        let length = body.size_hint().exact();
        drop(body);
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if let Some(length) = length.filter(|_| !bodiless)
            && !res.headers().contains_key(TRANSFER_ENCODING)
        {
            let entry = res.headers_mut().entry(CONTENT_LENGTH);
            entry.or_insert_with(|| HeaderValue::from(length));
        }
        res
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;
    use crate::body::Body;

    fn head(res: Response<Body>) -> Response<Body> {
        let mut req = Request::builder()
            .method(Method::HEAD)
            .header(RANGE, "bytes=0-0")
            .header(IF_RANGE, "\"a\"")
            .body(())
            .unwrap();
        let ControlFlow::Continue(then) = Head.on_request(&mut req);
        assert_eq!(req.method(), Method::GET);
        assert!(req.headers().is_empty());
        then.on_response(res)
    }

    #[test]
    fn the_length_of_the_body_is_said_and_the_body_dropped() {
        let res = head(Response::new(Body::from("hello")));
        assert_eq!(res.headers()[CONTENT_LENGTH], "5");
        assert!(res.body().is_end_stream());
    }

    #[test]
    fn the_length_that_the_application_says_stays() {
        let res = Response::builder().header(CONTENT_LENGTH, "7");
        let res = head(res.body(Body::empty()).unwrap());
        assert_eq!(res.headers()[CONTENT_LENGTH], "7");
    }

    #[test]
    fn no_length_is_said_where_a_get_would_not_say_one() {
        for status in [204, 304] {
            let res = Response::builder().status(status);
            let res = head(res.body(Body::empty()).unwrap());
            assert!(res.headers().is_empty(), "{status}");
        }
        let res = Response::builder().header(TRANSFER_ENCODING, "chunked");
        let res = head(res.body(Body::from("hello")).unwrap());
        assert!(!res.headers().contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn interim_answers_pass_through() {
        let res = Response::builder().status(101);
        let res = head(res.body(Body::from("upgraded")).unwrap());
        assert_eq!(res.body().size_hint().exact(), Some(8));
    }

    #[test]
    fn other_methods_are_left_alone() {
        let req = Request::builder().header(RANGE, "bytes=0-0");
        let mut req = req.body(()).unwrap();
        let ControlFlow::Continue(then) = Head.on_request(&mut req);
        assert!(then.is_none());
        assert!(req.headers().contains_key(RANGE));
    }
}
