//! Content security policies with a nonce for each response.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::{Extensions, HeaderValue, Request};

use super::{Fixed, Policy, SecurityHeaders, sealed};

/// What stands for the nonce in a policy.
const PLACE: &str = "{nonce}";

/// Sent where the system has no randomness to give: without a nonce nothing may run.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

impl SecurityHeaders<Fixed> {
    /// Makes a nonce for each request, that allows the inline script and style marked with it.
    ///
    /// ```
    /// # use gopuram_middleware::SecurityHeaders;
    /// use gopuram_middleware::security_headers::CspNonce;
    ///
    /// let layer = SecurityHeaders::default().csp_nonce();
    /// # let _ = layer;
    /// # let req = http::Request::new(());
    /// // in the application:
    /// if let Some(nonce) = CspNonce::of(&req) {
    ///     let script = format!("<script nonce=\"{nonce}\">start()</script>");
    ///     # let _ = script;
    /// }
    /// ```
    ///
    /// The policy is that of the preset with `script-src` and `style-src` for our own files and what
    /// has the nonce, in place of any policy set before. 128 bits from the system's generator,
    /// as the CSP specification asks for; one system call. A page with
    /// a nonce must not be served from a cache to somebody else. A 304 has no policy: the page that the
    /// client holds keeps its own.
    pub fn csp_nonce(self) -> SecurityHeaders<Nonces> {
        self.with_policy(&[
            "default-src 'self'; script-src 'self' 'nonce-",
            "'; style-src 'self' 'nonce-",
            "'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
        ])
    }

    /// Makes a nonce for each request and puts it in `policy` wherever that says `{nonce}`:
    /// `"script-src 'nonce-{nonce}' 'strict-dynamic'"`.
    ///
    /// # Errors
    ///
    /// If `policy` has no `{nonce}`, or characters that a field value cannot have.
    pub fn csp_nonce_in(self, policy: &str) -> Result<SecurityHeaders<Nonces>, InvalidPolicy> {
        let valid = policy.contains(PLACE) && HeaderValue::from_str(policy).is_ok();
        if !valid {
            return Err(InvalidPolicy(policy.into()));
        }
        let pieces: Vec<_> = policy.split(PLACE).collect();
        Ok(self.with_policy(&pieces))
    }

    fn with_policy(self, pieces: &[&str]) -> SecurityHeaders<Nonces> {
        let this = self.without(CONTENT_SECURITY_POLICY);
        SecurityHeaders {
            fields: this.fields,
            policy: Nonces {
                pieces: pieces.iter().copied().map(Box::from).collect(),
            },
        }
    }
}

/// A content security policy with a nonce for each response.
#[derive(Clone, Debug)]
pub struct Nonces {
    /// What stands before, between and after the places of the nonce.
    pieces: Arc<[Box<str>]>,
}

impl Nonces {
    fn with(&self, nonce: &CspNonce) -> Option<HeaderValue> {
        let length: usize = self.pieces.iter().map(|piece| piece.len()).sum();
        let nonces = self.pieces.len().saturating_sub(1) * nonce.0.len();
        let mut policy = String::with_capacity(length + nonces);
        for (i, piece) in self.pieces.iter().enumerate() {
            if i > 0 {
                policy.push_str(nonce.as_str());
            }
            policy.push_str(piece);
        }
        HeaderValue::from_maybe_shared(Bytes::from(policy)).ok()
    }
}

impl Policy for Nonces {}

impl sealed::Policy for Nonces {
    fn policy(&self, request: &mut Extensions) -> Option<HeaderValue> {
        let policy = CspNonce::new().and_then(|nonce| {
            let policy = self.with(&nonce)?;
            request.insert(nonce);
            Some(policy)
        });
        Some(policy.unwrap_or(NOTHING))
    }
}

/// The nonce of the response to a request: 128 random bits in hexadecimal.
///
/// An extension of the request, made by [`SecurityHeaders::csp_nonce`].
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct CspNonce([u8; 32]);

impl CspNonce {
    fn new() -> Option<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok()?;
        Some(Self::spelled(random))
    }

    fn spelled(random: [u8; 16]) -> Self {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(random) {
            for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
                *digit = match value {
                    0..10 => b'0' + value,
                    _ => b'a' + value - 10,
                };
            }
        }
        Self(digits)
    }

    /// The nonce of `req`, if one was made.
    pub fn of<B>(req: &Request<B>) -> Option<&Self> {
        req.extensions().get()
    }

    /// The value of a `nonce` attribute.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for CspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Keeps the nonce out of logs while its page may still be open.
impl fmt::Debug for CspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CspNonce")
    }
}

/// A policy without a place for the nonce, or that is not a field value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidPolicy(Box<str>);

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no `{PLACE}` in, or no field value: {:?}", self.0)
    }
}

impl StdError for InvalidPolicy {}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use http::Response;

    use super::*;
    use crate::wrap::{OnRequest, OnResponse};

    fn ask(layer: &SecurityHeaders<Nonces>) -> (CspNonce, String) {
        let mut req = Request::new(());
        let ControlFlow::Continue(then) = layer.on_request(&mut req);
        let res = then.on_response(Response::new(()));
        let policy = res.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        (*CspNonce::of(&req).unwrap(), policy.to_owned())
    }

    #[test]
    fn request_and_policy_have_the_same_nonce_and_each_time_another() {
        let layer = SecurityHeaders::default().csp_nonce();
        let (one, policy) = ask(&layer);
        let source = format!("'nonce-{one}'");
        assert_eq!(policy.matches(&source).count(), 2);
        assert!(policy.ends_with("object-src 'none'"));
        let (other, _) = ask(&layer);
        assert_ne!(one, other);
    }

    #[test]
    fn a_nonce_is_hexadecimal_digits() {
        let nonce = CspNonce::spelled(*b"0123456789\xab\xcd\xef\xff\0\x09");
        assert_eq!(nonce.as_str(), "30313233343536373839abcdefff0009");
    }

    #[test]
    fn a_policy_of_ones_own_says_where_the_nonce_goes() {
        let layer = SecurityHeaders::default();
        let layer = layer.csp_nonce_in("script-src 'nonce-{nonce}'").unwrap();
        let (nonce, policy) = ask(&layer);
        assert_eq!(policy, format!("script-src 'nonce-{nonce}'"));
    }

    #[test]
    fn a_policy_without_a_place_for_the_nonce_is_refused() {
        for policy in ["default-src 'self'", "script-src 'nonce-{nonce}'\n"] {
            let error = SecurityHeaders::default().csp_nonce_in(policy).unwrap_err();
            assert!(error.to_string().contains("{nonce}"));
        }
    }
}
