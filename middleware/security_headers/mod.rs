//! A preset of protective response fields.
//!
//! ```
//! # use gopuram_middleware::SecurityHeaders;
//! # use http::header::{HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS};
//! # use tower_layer::Layer as _;
//! # let app = ();
//! let app = SecurityHeaders::default()
//!     .field(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
//!     .without(X_FRAME_OPTIONS)
//!     .layer(app);
//! # let _ = app;
//! ```
//!
//! | field | preset | why this value |
//! |---|---|---|
//! | `Content-Security-Policy` | `default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'` | no inline script, which is what injected script is |
//! | `Cross-Origin-Opener-Policy` | `same-origin-allow-popups` | no handle for pages that open ours; our own sign-in popups go on working |
//! | `Cross-Origin-Resource-Policy` | `same-site` | no embedding by other sites, but by sibling hosts; requests with CORS are not concerned |
//! | `Permissions-Policy` | no camera, geolocation, microphone, payment or USB | powerful, and rarely used |
//! | `Referrer-Policy` | `strict-origin-when-cross-origin` | no paths to other sites; the origin is what CSRF checks want |
//! | `Strict-Transport-Security` | `max-age=31536000` | a year; the hosts below this one are not this application's to promise for |
//! | `X-Content-Type-Options` | `nosniff` | a type is what it says |
//! | `X-Frame-Options` | `DENY` | `frame-ancestors` for old browsers |
//!
//! That is what the public scanners give an A+ for. A field that inner has set stays
//! as it is, so that one page may be framed or one file embedded. `X-XSS-Protection` is not
//! there: browsers dropped it, and it made holes where it was kept.
//!
//! `Strict-Transport-Security` is said over TLS only, as [RFC 6797, section 7.2] demands, by what
//! the [attributes](crate::attributes::Attributes::scheme) say of the scheme. Where TLS ends at a
//! proxy, a trust layer further out says so; where there is none,
//! [`always_https`](SecurityHeaders::always_https) does.
//!
#![cfg_attr(
    feature = "nonce",
    doc = "Inline script that is meant is marked with a nonce: see [`SecurityHeaders::csp_nonce`]."
)]
//!
//! No allocation unless the header map must grow; one for a policy with a nonce and up to three for
//! keeping the nonce with the request.
//!
//! [RFC 6797, section 7.2]: https://www.rfc-editor.org/rfc/rfc6797#section-7.2

#[cfg(feature = "nonce")]
mod nonce;

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::header::{
    CONTENT_SECURITY_POLICY, Entry, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;

use crate::attributes::{Attributes, Scheme};
use crate::place::{Dress, Placed};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

#[cfg(feature = "nonce")]
pub use nonce::{CspNonce, InvalidPolicy, Nonces};

/// A preset of protective response fields.
///
/// See the [module documentation](self) for the preset and an example. `P` says how the
/// content security policy is made.
#[derive(Clone, Debug)]
pub struct SecurityHeaders<P = Fixed> {
    fields: Arc<Fields>,
    policy: P,
}

/// One content security policy for all responses.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fixed;

#[derive(Clone, Debug)]
struct Fields {
    always: Vec<(HeaderName, HeaderValue)>,
    over_tls: Option<HeaderValue>,
    assume_tls: bool,
    lengths: Lengths,
}

impl SecurityHeaders {
    /// `Cross-Origin-Opener-Policy`.
    pub const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
        HeaderName::from_static("cross-origin-opener-policy");
    /// `Cross-Origin-Resource-Policy`.
    pub const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
        HeaderName::from_static("cross-origin-resource-policy");
    /// `Permissions-Policy`.
    pub const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

    /// Sets the field `name` to `value`, in place of the preset or beside it.
    #[must_use]
    pub fn field(self, name: HeaderName, value: HeaderValue) -> Self {
        let mut this = self.without(name.clone());
        let fields = Arc::make_mut(&mut this.fields);
        fields.lengths.add(&name);
        if name == STRICT_TRANSPORT_SECURITY {
            fields.over_tls = Some(value);
        } else {
            fields.always.push((name, value));
        }
        this
    }

    /// Leaves the field `name` out.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the names are constants, given as they are"
    )]
    pub fn without(mut self, name: HeaderName) -> Self {
        let fields = Arc::make_mut(&mut self.fields);
        if name == STRICT_TRANSPORT_SECURITY {
            fields.over_tls = None;
        }
        fields.always.retain(|(other, _)| *other != name);
        self
    }

    /// Takes every request for one over TLS, because a proxy in front takes no others.
    ///
    /// By default the [attributes](Attributes::scheme) decide.
    #[must_use]
    pub fn always_https(mut self) -> Self {
        Arc::make_mut(&mut self.fields).assume_tls = true;
        self
    }
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        let value = HeaderValue::from_static;
        let always = vec![
            (
                CONTENT_SECURITY_POLICY,
                value(
                    "default-src 'self'; base-uri 'self'; form-action 'self'; \
                     frame-ancestors 'none'; object-src 'none'",
                ),
            ),
            (
                Self::CROSS_ORIGIN_OPENER_POLICY,
                value("same-origin-allow-popups"),
            ),
            (Self::CROSS_ORIGIN_RESOURCE_POLICY, value("same-site")),
            (
                Self::PERMISSIONS_POLICY,
                value("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
            ),
            (REFERRER_POLICY, value("strict-origin-when-cross-origin")),
            (X_CONTENT_TYPE_OPTIONS, value("nosniff")),
            (X_FRAME_OPTIONS, value("DENY")),
        ];
        let mut lengths = Lengths::default();
        lengths.add(&STRICT_TRANSPORT_SECURITY);
        for (name, _) in &always {
            lengths.add(name);
        }
        let fields = Fields {
            always,
            over_tls: Some(value("max-age=31536000")),
            assume_tls: false,
            lengths,
        };
        Self {
            fields: Arc::new(fields),
            policy: Fixed,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<P> Placed for SecurityHeaders<P> {
    type Place = Dress;
    const NAME: &'static str = "security_headers";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over_tls = usize::from(self.fields.over_tls.is_some());
        write!(f, "{} fields", self.fields.always.len() + over_tls)
    }
}

impl<S, P: Clone> Layer<S> for SecurityHeaders<P> {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

/// How the content security policy of a response is made. Sealed.
pub trait Policy: sealed::Policy {}

mod sealed {
    use super::{Extensions, HeaderValue};

    #[expect(unnameable_types, reason = "that is what seals")]
    pub trait Policy {
        /// The policy of the response to this request, if it has one of its own.
        fn policy(&self, request: &mut Extensions) -> Option<HeaderValue>;
    }
}

impl Policy for Fixed {}

impl sealed::Policy for Fixed {
    #[inline]
    fn policy(&self, _: &mut Extensions) -> Option<HeaderValue> {
        None
    }
}

impl<B, P: Policy> OnRequest<B> for SecurityHeaders<P> {
    type Then = Pending;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Pending> {
        let https = || Attributes::of(req).is_some_and(|known| known.scheme() == Scheme::Https);
        let over_tls = self.fields.assume_tls || https();
        ControlFlow::Continue(Pending {
            fields: Arc::clone(&self.fields),
            over_tls,
            policy: self.policy.policy(req.extensions_mut()),
        })
    }
}

/// The fields that wait for the response.
#[derive(Debug)]
pub struct Pending {
    fields: Arc<Fields>,
    over_tls: bool,
    policy: Option<HeaderValue>,
}

impl<C> OnResponse<C> for Pending {
    type Body = C;

    #[inline]
    fn on_response(self, mut res: Response<C>) -> Response<C> {
        let unmodified = res.status() == StatusCode::NOT_MODIFIED;
        let headers = res.headers_mut();
        let fields = &*self.fields;
        // One growth in place of several.
        headers.reserve(fields.always.len() + 2);
        // Most responses have none of the fields, and to insert is half the work of looking first.
        let put = if headers.keys().any(|name| fields.lengths.has(name)) {
            put_if_absent
        } else {
            put
        };
        // The fields of a 304 replace those of the page that is stored, nonce and all (RFC 9111,
        // section 3.2), whose script would not run any more.
        if let Some(policy) = self.policy
            && !unmodified
        {
            put(headers, &CONTENT_SECURITY_POLICY, policy);
        }
        for (name, value) in &fields.always {
            put(headers, name, value.clone());
        }
        if self.over_tls
            && let Some(value) = &fields.over_tls
        {
            put(headers, &STRICT_TRANSPORT_SECURITY, value.clone());
        }
        res
    }
}

fn put(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    headers.insert(name, value);
}

fn put_if_absent(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    if let Entry::Vacant(vacant) = headers.entry(name) {
        vacant.insert(value);
    }
}

/// The lengths of our fields' names, by which most others are told from them.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths(u64);

impl Lengths {
    fn add(&mut self, name: &HeaderName) {
        self.0 |= Self::bit(name);
    }

    #[inline]
    fn has(self, name: &HeaderName) -> bool {
        self.0 & Self::bit(name) != 0
    }

    #[inline]
    fn bit(name: &HeaderName) -> u64 {
        1 << (name.as_str().len() % 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dress(layer: &SecurityHeaders, scheme: Scheme, inner: HeaderMap) -> HeaderMap {
        let mut req = Request::new(());
        Attributes::of_mut(&mut req).set_scheme(scheme);
        let ControlFlow::Continue(then) = layer.on_request(&mut req);
        let mut res = Response::new(());
        *res.headers_mut() = inner;
        then.on_response(res).into_parts().0.headers
    }

    #[test]
    fn the_preset_is_eight_fields_over_tls_and_seven_without() {
        let preset = SecurityHeaders::default();
        let https = dress(&preset, Scheme::Https, HeaderMap::new());
        assert_eq!(https.len(), 8);
        assert_eq!(https[STRICT_TRANSPORT_SECURITY], "max-age=31536000");
        let http = dress(&preset, Scheme::Http, HeaderMap::new());
        assert_eq!(http.len(), 7);
        assert!(!http.contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn what_inner_set_stays() {
        let theirs = HeaderMap::from_iter([
            (X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
            (
                STRICT_TRANSPORT_SECURITY,
                HeaderValue::from_static("max-age=0"),
            ),
        ]);
        let headers = dress(&SecurityHeaders::default(), Scheme::Https, theirs);
        assert_eq!(headers[X_FRAME_OPTIONS], "SAMEORIGIN");
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=0");
        assert_eq!(headers.len(), 8);
    }

    #[test]
    fn each_field_is_adjustable_or_left_out() {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        let layer = SecurityHeaders::default()
            .field(STRICT_TRANSPORT_SECURITY, year.clone())
            .field(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"))
            .without(CONTENT_SECURITY_POLICY)
            .without(SecurityHeaders::PERMISSIONS_POLICY);
        let headers = dress(&layer, Scheme::Https, HeaderMap::new());
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], year);
        assert_eq!(headers[X_FRAME_OPTIONS], "SAMEORIGIN");
        assert_eq!(headers.len(), 6);
        let layer = layer.without(STRICT_TRANSPORT_SECURITY);
        assert_eq!(dress(&layer, Scheme::Https, HeaderMap::new()).len(), 5);
    }

    #[test]
    fn all_requests_are_over_tls_if_the_program_says_so() {
        let layer = SecurityHeaders::default().always_https();
        let ControlFlow::Continue(then) = layer.on_request(&mut Request::new(()));
        let res = then.on_response(Response::new(()));
        assert!(res.headers().contains_key(STRICT_TRANSPORT_SECURITY));
    }
}
