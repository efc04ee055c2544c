//! `If-Match`, `If-None-Match` and the dates: 304 and 412.
//!
//! ```
//! use gopuram_middleware::Conditional;
//! use gopuram_middleware::conditional::{Current, EntityTag, Validators};
//! use http::request;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! // 304 for what the client has already, by the validators of the answer.
//! let app = Conditional::default().layer(app);
//!
//! // And 412 for a `PUT` over something that it has not seen, before the application acts.
//! let app = Conditional::validators(|head: &request::Parts| match head.uri.path() {
//!     "/note" => Current::Present(Validators::default().etag(EntityTag::strong("v1").unwrap())),
//!     _ => Current::Unknown,
//! })
//! .layer(app);
//! # let _ = app;
//! ```
//!
//! # `GET` and `HEAD`
//!
//! The application answers first; if it answers 200 or 206, the `ETag` and `Last-Modified` of
//! the answer are compared, in the order of [RFC 9110, section 13.2.2]: `If-Match` (strongly),
//! or else `If-Unmodified-Since`; then `If-None-Match` (weakly), or else `If-Modified-Since`.
//! What fails the first two becomes 412 (another success too), what fails the last two becomes
//! 304. `If-Range` is for [`Range`](crate::Range), which stands outside, so that it sees only
//! what passed.
//!
//! A 304 keeps `Cache-Control`, `Content-Location`, `Date`, `ETag`, `Expires`, `Vary` and all
//! that is not about the representation; what describes the content goes, `Last-Modified` too if
//! there is an `ETag`. A 412 keeps nothing of the representation, nor of how long it may be
//! cached.
//!
//! # Other methods
//!
//! After a `PUT` its answer's validators are those of what it has made: too late. With
//! [`Conditional::validators`] a function says what there is now; it is asked only for requests with
//! preconditions, before the application acts, and what fails is answered 412. Where it does not
//! know, and without such a function, preconditions are left to the application.
//! `CONNECT`, `OPTIONS` and `TRACE` have no preconditions (section 13.2.1).
//!
//! Between the look and the act another request may act. A store that must not lose an update
//! compares again when it writes.
//!
//! # What clients may send
//!
//! A date that is none, or that is there twice, is ignored (sections 13.1.3 and 13.1.4), and a
//! date counts only where the representation has one. A member of a list that is no entity tag
//! matches nothing: a list without any fails `If-Match` and passes `If-None-Match`. So does any
//! list but `*` for a representation without an `ETag`.
//!
//! # Cost
//!
//! Four look-ups in the request's fields, and about 100 bytes of the response's future. No
//! allocation, unless a list comes in several lines. The body of a 304 is dropped at once, unread.
//! The type of the body stays, with its `Default` for the empty one.
//!
//! [RFC 9110, section 13.2.2]: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2

use std::fmt;
use std::ops::ControlFlow;

use http::header::ACCEPT_ENCODING;
use http::{Method, Request, Response, StatusCode, request};
use tower_layer::Layer;

use crate::attributes::Unmodified;
use crate::place::{Condition, Placed};
use crate::represent::{self, Conditions, Precondition};
use crate::wrap::{OnRequest, OnResponse, Wrapped, with_parts};

pub use crate::header::entity_tag::{EntityTag, InvalidEntityTag};
pub use crate::represent::Validators;

/// `If-Match`, `If-None-Match` and the dates: 304 and 412.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Copy)]
pub struct Conditional<F = fn(&request::Parts) -> Current> {
    current: Option<F>,
}

/// What there is now under the target of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Current {
    /// Nothing: `If-Match` fails, and `If-None-Match` passes.
    Absent,
    /// A representation with these validators.
    Present(Validators),
    /// Not known here: the preconditions are left to the application.
    Unknown,
}

/// By the validators of the answers to `GET` and `HEAD` alone.
impl Default for Conditional {
    fn default() -> Self {
        Self { current: None }
    }
}

impl<F> Conditional<F>
where
    F: Fn(&request::Parts) -> Current,
{
    /// Asks `current` what there is before a request other than `GET` and `HEAD` acts.
    ///
    /// It is called only for requests with preconditions, and must not block. It must say
    /// [`Unknown`](Current::Unknown) for requests that would not succeed without the
    /// preconditions, since they are then to be ignored (RFC 9110, section 13.2.1).
    pub const fn validators(current: F) -> Self {
        Self {
            current: Some(current),
        }
    }

    /// Whether the request must not be acted upon.
    fn refuses(&self, conditions: &Conditions, head: &request::Parts) -> bool {
        let Some(current) = &self.current else {
            return false;
        };
        let precondition = match current(head) {
            Current::Absent => conditions.evaluate(None),
            Current::Present(validators) => conditions.evaluate(Some(&validators)),
            Current::Unknown => Precondition::Proceed,
        };
        precondition == Precondition::Failed
    }
}

impl<F> fmt::Debug for Conditional<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conditional").finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<F> Placed for Conditional<F> {
    type Place = Condition;
    const NAME: &'static str = "conditional";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.current {
            Some(_) => "all methods",
            None => "",
        })
    }
}

impl<S, F: Clone> Layer<S> for Conditional<F> {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<F, B> OnRequest<B> for Conditional<F>
where
    F: Fn(&request::Parts) -> Current,
{
    type Then = Option<Pending>;
    type Reply = StatusCode;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<StatusCode, Option<Pending>> {
        let Some(conditions) = Conditions::of(req.method(), req.headers()) else {
            return ControlFlow::Continue(None);
        };
        if matches!(*req.method(), Method::GET | Method::HEAD) {
            return ControlFlow::Continue(Some(Pending {
                conditions,
                codings: req.headers().contains_key(ACCEPT_ENCODING),
            }));
        }
        if with_parts(req, |head| self.refuses(&conditions, head)) {
            return ControlFlow::Break(StatusCode::PRECONDITION_FAILED);
        }
        ControlFlow::Continue(None)
    }
}

/// The preconditions that wait for the validators of the response.
#[derive(Debug)]
pub struct Pending {
    conditions: Conditions,
    /// Whether a layer further out may want to know what would have been coded.
    codings: bool,
}

impl<C: http_body::Body + Default> OnResponse<C> for Pending {
    type Body = C;

    fn on_response(self, mut res: Response<C>) -> Response<C> {
        let status = res.status();
        // Anything but a success is what it would be without preconditions (section 13.2.1).
        if !status.is_success() {
            return res;
        }
        match self
            .conditions
            .evaluate(Some(&Validators::of(res.headers())))
        {
            Precondition::Failed => {
                represent::failed(res.headers_mut());
                *res.status_mut() = StatusCode::PRECONDITION_FAILED;
                *res.body_mut() = C::default();
            }
            // Of a 206 too: preconditions come before ranges (section 13.2.2).
            Precondition::NotModified
                if matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) =>
            {
                if self.codings {
                    let would_be = Unmodified::new(res.headers(), res.body().size_hint().exact());
                    res.extensions_mut().insert(would_be);
                }
                represent::not_modified(res.headers_mut());
                *res.status_mut() = StatusCode::NOT_MODIFIED;
                *res.body_mut() = C::default();
            }
            Precondition::NotModified | Precondition::Proceed => {}
        }
        res
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, VARY};

    use super::*;

    fn request(method: Method, if_none_match: Option<&str>) -> Request<()> {
        let mut req = Request::builder().method(method);
        if let Some(list) = if_none_match {
            req = req.header(IF_NONE_MATCH, list);
        }
        req.body(()).unwrap()
    }

    fn answer(status: u16) -> Response<String> {
        Response::builder()
            .status(status)
            .header(ETAG, "\"a\"")
            .header(CONTENT_TYPE, "text/plain")
            .header(CACHE_CONTROL, "max-age=60")
            .header(VARY, "accept")
            .body("body".to_owned())
            .unwrap()
    }

    fn get(if_none_match: &str, status: u16) -> Response<String> {
        let mut req = request(Method::GET, Some(if_none_match));
        let ControlFlow::Continue(then) = Conditional::default().on_request(&mut req) else {
            panic!("a GET is passed on");
        };
        then.on_response(answer(status))
    }

    #[test]
    fn without_preconditions_nothing_waits() {
        let go = Conditional::default().on_request(&mut request(Method::GET, None));
        assert!(matches!(go, ControlFlow::Continue(None)));
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let res = get("W/\"a\"", 200);
        assert_eq!(res.status(), 304);
        assert_eq!(*res.body(), "");
        assert_eq!(res.headers()[ETAG], "\"a\"");
        assert_eq!(res.headers()[CACHE_CONTROL], "max-age=60");
        assert_eq!(res.headers()[VARY], "accept");
        assert!(!res.headers().contains_key(CONTENT_TYPE));
        assert_eq!(get("\"b\"", 200).status(), 200);
    }

    #[test]
    fn only_what_would_be_a_success_is_conditional() {
        // 13.2.1, 15.4.5
        for status in [201, 204, 301, 304, 404, 412, 500] {
            let res = get("\"a\"", status);
            assert_eq!(res.status(), status);
            assert_eq!(*res.body(), "body");
        }
    }

    fn put(layer: &Conditional<impl Fn(&request::Parts) -> Current>, star: &str) -> bool {
        let name = if star == "if-match" {
            IF_MATCH
        } else {
            IF_NONE_MATCH
        };
        let mut req = request(Method::PUT, None);
        req.headers_mut()
            .insert(name, HeaderValue::from_static("*"));
        match layer.on_request(&mut req) {
            ControlFlow::Continue(then) => then.is_none(),
            ControlFlow::Break(status) => {
                assert_eq!(status, 412);
                false
            }
        }
    }

    #[test]
    fn an_unsafe_method_acts_only_where_it_may() {
        let there = Conditional::validators(|_| Current::Present(Validators::default()));
        assert!(put(&there, "if-match"));
        assert!(!put(&there, "if-none-match"));
        let absent = Conditional::validators(|_| Current::Absent);
        assert!(!put(&absent, "if-match"));
        assert!(put(&absent, "if-none-match"));
    }

    #[test]
    fn what_is_not_known_is_left_to_the_application() {
        let unknown = Conditional::validators(|_| Current::Unknown);
        assert!(put(&unknown, "if-match") && put(&unknown, "if-none-match"));
        let none = Conditional::default();
        assert!(put(&none, "if-match") && put(&none, "if-none-match"));
    }

    #[test]
    fn the_function_is_not_asked_without_preconditions() {
        let layer = Conditional::validators(|_| panic!("asked"));
        let go = layer.on_request(&mut request(Method::PUT, None));
        assert!(go.is_continue());
    }
}
