//! What applications answer with: small conversions into a response.
//!
//! ```
//! use gopuram_middleware::response::IntoResponse;
//! use http::StatusCode;
//!
//! assert_eq!("hello".into_response().status(), StatusCode::OK);
//! assert_eq!((StatusCode::CREATED, "made").into_response().status(), StatusCode::CREATED);
//! ```
//!
//! Text is `text/plain; charset=utf-8` and bytes are `application/octet-stream`. There is no more
//! to it on purpose: an application with needs builds its `Response`, implements [`IntoResponse`] for
//! types of its own, or is written with a framework, whose router is a tower service too.
//!
//! ```
//! # use gopuram_middleware::Body;
//! # use gopuram_middleware::response::IntoResponse;
//! # use http::Response;
//! # mod serde_json { pub fn to_vec<T>(_: &T) -> Result<Vec<u8>, ()> { Ok(b"7".to_vec()) } }
//! struct Json<T>(T);
//!
//! impl<T /* : serde::Serialize */> IntoResponse for Json<T> {
//!     fn into_response(self) -> Response<Body> {
//!         match serde_json::to_vec(&self.0) {
//!             Ok(json) => Response::builder()
//!                 .header("content-type", "application/json")
//!                 .body(Body::from(json))
//!                 .unwrap_or_default(),
//!             Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
//!         }
//!     }
//! }
//! # assert_eq!(Json(7).into_response().headers()["content-type"], "application/json");
//! ```

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::body::Body;

/// How many fields a response has room for before its header map must grow.
///
/// A production stack dresses an answer with about ten; growing on the way out
/// would cost two allocations.
const FIELDS: usize = 12;

/// Something that can be answered with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be answered with",
    label = "no answer",
    note = "answer with text, bytes, a `StatusCode`, a `Response<Body>`, a pair of a status and one of these, or a `Result` or `Option` of them; or implement `IntoResponse` for a type of your own"
)]
pub trait IntoResponse {
    /// The whole response.
    fn into_response(self) -> Response<Body>;
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response<Body> {
        match self {}
    }
}

/// An empty answer, 200.
impl IntoResponse for () {
    fn into_response(self) -> Response<Body> {
        Response::default()
    }
}

/// An empty answer with this status.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Response<Body> {
        let mut res = Response::new(Body::empty());
        *res.status_mut() = self;
        res
    }
}

impl<C: Into<Body>> IntoResponse for Response<C> {
    fn into_response(self) -> Response<Body> {
        self.map(Into::into)
    }
}

/// A body with its status and fields already said, 200 otherwise.
impl IntoResponse for Body {
    fn into_response(self) -> Response<Body> {
        Response::new(self)
    }
}

/// An answer with another status.
impl<R: IntoResponse> IntoResponse for (StatusCode, R) {
    fn into_response(self) -> Response<Body> {
        let mut res = self.1.into_response();
        *res.status_mut() = self.0;
        res
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response<Body> {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// 404 for nothing.
impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Response<Body> {
        match self {
            Some(value) => value.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

macro_rules! typed {
    ($($from:ty: $media_type:literal,)*) => {
        $(impl IntoResponse for $from {
            fn into_response(self) -> Response<Body> {
                typed(self.into(), HeaderValue::from_static($media_type))
            }
        })*
    };
}

typed! {
    &'static str: "text/plain; charset=utf-8",
    String: "text/plain; charset=utf-8",
    &'static [u8]: "application/octet-stream",
    Vec<u8>: "application/octet-stream",
    Bytes: "application/octet-stream",
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response<Body> {
        match self {
            Cow::Borrowed(text) => text.into_response(),
            Cow::Owned(text) => text.into_response(),
        }
    }
}

fn typed(body: Body, media_type: HeaderValue) -> Response<Body> {
    let mut res = Response::new(body);
    *res.headers_mut() = HeaderMap::with_capacity(FIELDS);
    res.headers_mut().insert(CONTENT_TYPE, media_type);
    res
}
