//! Says the media type of answers that do not, and the charset of texts.
//!
//! ```
//! use gopuram_middleware::ContentType;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = ContentType::or("text/html; charset=utf-8")?
//!     .extension("csv", "text/csv; charset=utf-8")?
//!     .charset("utf-8")?
//!     .layer(app);
//! # let _ = app;
//! # Ok::<(), gopuram_middleware::content_type::Invalid>(())
//! ```
//!
//! An answer with content and without `Content-Type` gets the type of the extension that the path of
//! the request ends in, if one is set for it and the answer is a success (2xx), and else the [one of
//! all](ContentType::or) ([RFC 9110, section 8.3]). Without one, browsers guess, and make a script of what was to be text. A text
//! whose type says no charset gets one, if a [charset](ContentType::charset) is set.
//!
//! It stands innermost in `Represent`, since the layers around it go by the type: which answers are
//! worth coding, what the parts of a range are, what a tag is made of. Outside of [`Etag`](crate::Etag), whose
//! place is the same, tags do not know of types that are added.
//!
//! Left alone is a type that is there, but for its charset; what has no content: 1xx, 204, 205,
//! 304, an empty body, success of `CONNECT`; and an answer to `HEAD` that says neither by its body nor by
//! `Content-Length` that the `GET` would have content. The path is the one that this layer gets, its
//! extension compared in any case.
//!
//! Costs a look-up, no allocation unless a charset is added; a comparison for each extension where the
//! type is missing.
//!
//! # Security
//!
//! Who chooses the path chooses the extension: `/search/x.html` names a type that the application knows
//! nothing of, if it answers there as at `/search`. An extension is to be set only where what is answered
//! under it is of that type, and one of a type that scripts run in (HTML, SVG, XML, scripts themselves)
//! only where no text of a client's is answered without a type of its own. So an error, which may
//! say the path again, never gets it. `X-Content-Type-Options: nosniff`, as [`SecurityHeaders`](crate::SecurityHeaders)
//! says it, holds browsers to the type that is said, and does not help against one that is wrong.
//!
//! [RFC 9110, section 8.3]: https://www.rfc-editor.org/rfc/rfc9110#section-8.3

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use tower_layer::Layer;

use crate::header::media_type::{MediaType, is_token};
use crate::place::{Placed, Validate};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// Says the media type of answers that do not, and the charset of texts.
///
/// See the [module documentation](self) for an example. By default `application/octet-stream`, which
/// says that nothing is known of the content (RFC 2046, section 4.5.1), and no charset.
#[derive(Clone, Debug)]
pub struct ContentType {
    media_type: HeaderValue,
    extensions: Option<Arc<[(Box<str>, HeaderValue)]>>,
    charset: Option<Arc<str>>,
}

impl ContentType {
    /// Says `media_type` where there is none.
    ///
    /// # Errors
    ///
    /// If it is no media type.
    pub fn or(media_type: &str) -> Result<Self, Invalid> {
        let media_type = value(media_type)?;
        Ok(Self {
            media_type,
            ..Self::default()
        })
    }

    /// Says `media_type` of a success (2xx) without one if the path ends in this extension, without its dot.
    ///
    /// None by default: what is generated has the type that the application gives it, whatever the
    /// path looks like. The last one set for an extension counts.
    ///
    /// # Errors
    ///
    /// If it is no media type, or no extension.
    pub fn extension(mut self, extension: &str, media_type: &str) -> Result<Self, Invalid> {
        if extension.is_empty() || extension.contains(['.', '/']) {
            return Err(Invalid(extension.into()));
        }
        let media_type = value(media_type)?;
        let mut all = self.extensions.as_deref().unwrap_or_default().to_vec();
        all.retain(|(other, _)| !other.eq_ignore_ascii_case(extension));
        all.push((extension.into(), media_type));
        self.extensions = Some(all.into());
        Ok(self)
    }

    /// Says this charset of texts whose type says none.
    ///
    /// None by default: only who knows how all texts of the application are encoded can say it. Texts are
    /// the types under `text/`, but for those of XML, which say it in their first line (RFC 7303,
    /// section 3.2).
    ///
    /// # Errors
    ///
    /// If it cannot be the name of a charset.
    pub fn charset(mut self, charset: &str) -> Result<Self, Invalid> {
        if !is_token(charset) {
            return Err(Invalid(charset.into()));
        }
        self.charset = Some(charset.into());
        Ok(self)
    }
}

impl Default for ContentType {
    fn default() -> Self {
        Self {
            media_type: HeaderValue::from_static("application/octet-stream"),
            extensions: None,
            charset: None,
        }
    }
}

#[diagnostic::do_not_recommend]
impl Placed for ContentType {
    type Place = Validate;
    const NAME: &'static str = "content_type";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media_type.to_str().unwrap_or_default())?;
        match &self.charset {
            Some(charset) => write!(f, ", {charset}"),
            None => Ok(()),
        }
    }
}

impl<S> Layer<S> for ContentType {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B> OnRequest<B> for ContentType {
    type Then = Pending;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Pending> {
        ControlFlow::Continue(Pending {
            media_type: self.media_type.clone(),
            by_path: self.of(req.uri().path()).cloned(),
            charset: self.charset.clone(),
            method: match *req.method() {
                Method::CONNECT => Kind::Connect,
                Method::HEAD => Kind::Head,
                _ => Kind::Other,
            },
        })
    }
}

/// What is said of an answer that does not say it.
#[derive(Debug)]
pub struct Pending {
    media_type: HeaderValue,
    /// That of the extension.
    by_path: Option<HeaderValue>,
    charset: Option<Arc<str>>,
    method: Kind,
}

#[derive(Debug)]
enum Kind {
    Connect,
    Head,
    Other,
}

impl<C: Body> OnResponse<C> for Pending {
    type Body = C;

    #[inline]
    fn on_response(self, mut res: Response<C>) -> Response<C> {
        if !res.headers().contains_key(CONTENT_TYPE) {
            if !self.has_content(&res) {
                return res;
            }
            // An error is no answer of the kind that was asked for, and may say the path again.
            let by_path = self.by_path.filter(|_| res.status().is_success());
            let media_type = by_path.unwrap_or(self.media_type);
            res.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        if let Some(charset) = &self.charset
            && let Some(full) = with_charset(res.headers(), charset)
        {
            res.headers_mut().insert(CONTENT_TYPE, full);
        }
        res
    }
}

impl Pending {
    fn has_content<C: Body>(&self, res: &Response<C>) -> bool {
        let status = res.status();
        let without = status.is_informational()
            || matches!(
                status,
                StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
            );
        let empty = || res.body().is_end_stream() || res.body().size_hint().exact() == Some(0);
        let said = || {
            let length = res.headers().get(CONTENT_LENGTH);
            length.is_some_and(|length| length.as_bytes() != b"0")
        };
        !without
            && match self.method {
                Kind::Connect => !status.is_success() && !empty(),
                Kind::Head => said() || !empty(),
                Kind::Other => !empty(),
            }
    }
}

impl ContentType {
    /// The type of the extension that a path ends in.
    fn of(&self, path: &str) -> Option<&HeaderValue> {
        let extensions = self.extensions.as_deref()?;
        let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
        let is = |(one, _): &&(Box<str>, _)| one.eq_ignore_ascii_case(extension);
        extensions.iter().find(is).map(|(_, media_type)| media_type)
    }
}

/// What was given is no media type, extension or charset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(Box<str>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no media type, extension or charset", self.0)
    }
}

impl Error for Invalid {}

fn value(media_type: &str) -> Result<HeaderValue, Invalid> {
    let value = MediaType::parse(media_type).and_then(|_| HeaderValue::from_str(media_type).ok());
    value.ok_or_else(|| Invalid(media_type.into()))
}

/// The type of a text with its charset, if it says none.
fn with_charset(headers: &HeaderMap, charset: &str) -> Option<HeaderValue> {
    let it = MediaType::of(headers, &CONTENT_TYPE)?;
    let (kind, name) = it.essence.split_once('/')?;
    let xml = name.eq_ignore_ascii_case("xml") || name.to_ascii_lowercase().ends_with("+xml");
    if !kind.eq_ignore_ascii_case("text") || xml || it.parameter("charset").is_some() {
        return None;
    }
    let before = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let before = before.trim_end_matches([' ', '\t', ';']);
    HeaderValue::try_from(format!("{before}; charset={charset}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The type that is said, of an answer with this body and type.
    fn of(method: Method, path: &str, res: http::response::Builder, body: &str) -> Option<String> {
        let layer = ContentType::or("text/html")
            .unwrap()
            .extension("csv", "text/csv")
            .unwrap()
            .charset("utf-8")
            .unwrap();
        let mut req = Request::new(());
        *req.method_mut() = method;
        *req.uri_mut() = path.parse().unwrap();
        let ControlFlow::Continue(then) = layer.on_request(&mut req);
        let res = then.on_response(res.body(body.to_owned()).unwrap());
        let media_type = res.headers().get(CONTENT_TYPE)?;
        Some(media_type.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_missing_is_said_by_extension_or_else() {
        let of = |path| of(Method::GET, path, Response::builder(), "a").unwrap();
        assert_eq!(of("/a"), "text/html; charset=utf-8");
        assert_eq!(of("/a.CSV?b.x"), "text/csv; charset=utf-8");
        assert_eq!(of("/a.csv/b"), "text/html; charset=utf-8");
    }

    #[test]
    fn an_error_has_no_type_of_the_path() {
        for (status, media_type) in [(201, "text/csv"), (404, "text/html"), (500, "text/html")] {
            let res = Response::builder().status(status);
            let said = of(Method::GET, "/a.csv", res, "a").unwrap();
            assert_eq!(said, format!("{media_type}; charset=utf-8"), "{status}");
        }
    }

    #[test]
    fn what_is_there_stays_but_for_the_charset_of_a_text() {
        for (theirs, left) in [
            ("image/png", "image/png"),
            ("application/json", "application/json"),
            ("text/xml", "text/xml"),
            ("text/a+XML", "text/a+XML"),
            ("text/plain", "text/plain; charset=utf-8"),
            ("Text/Plain;a=b; ", "Text/Plain;a=b; charset=utf-8"),
            ("text/plain;Charset=\"x\"", "text/plain;Charset=\"x\""),
            ("nonsense", "nonsense"),
        ] {
            let res = Response::builder().header(CONTENT_TYPE, theirs);
            assert_eq!(of(Method::GET, "/", res, "a").unwrap(), left);
        }
    }

    #[test]
    fn nothing_has_no_type() {
        for status in [101, 204, 205, 304] {
            let res = Response::builder().status(status);
            assert_eq!(of(Method::GET, "/", res, ""), None, "{status}");
        }
        assert_eq!(of(Method::GET, "/", Response::builder(), ""), None);
        assert_eq!(of(Method::CONNECT, "/", Response::builder(), "a"), None);
    }

    #[test]
    fn a_head_has_the_type_of_what_it_speaks_of() {
        let length = |length: &str| Response::builder().header(CONTENT_LENGTH, length);
        assert_eq!(of(Method::HEAD, "/", Response::builder(), ""), None);
        assert_eq!(of(Method::HEAD, "/", length("0"), ""), None);
        assert!(of(Method::HEAD, "/", length("5"), "").is_some());
    }

    #[test]
    fn what_is_no_type_is_refused_when_built() {
        let error = ContentType::or("html").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`html` is no media type, extension or charset"
        );
        let layer = ContentType::default();
        assert!(layer.clone().extension(".csv", "text/csv").is_err());
        assert!(layer.clone().extension("csv", "text").is_err());
        assert!(layer.charset("utf 8").is_err());
    }
}
