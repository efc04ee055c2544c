//! 415 and 406 for content that the application does not take or make.
//!
//! ```
//! use gopuram_middleware::ContentRules;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = ContentRules::new()
//!     .takes(["application/json", "application/*+json"])?
//!     .charsets(["utf-8"])?
//!     .codings(["gzip"])?
//!     .makes(["application/json", "text/html"])?
//!     .layer(app);
//! # let _ = app;
//! # Ok::<(), gopuram_middleware::content_rules::Invalid>(())
//! ```
//!
//! A request with content is answered `415 Unsupported Media Type` ([RFC 9110, section 15.5.16]) unless
//! all of this holds, as far as it is set:
//!
//! - Its `Content-Type` is one of those [taken](ContentRules::takes). Without the field it is
//!   `application/octet-stream` (section 8.3); a malformed one, or two, are none. The answer
//!   says what is taken, but for patterns with a suffix, in `Accept`, to a `POST` in `Accept-Post` too (Linked Data Platform, section
//!   7.1), to a `PATCH` in `Accept-Patch` (RFC 5789, section 3.1).
//! - If its type says a charset, it is one of the [`charsets`](ContentRules::charsets). The
//!   answer says the same as above.
//! - Every member of its `Content-Encoding` is one of the [`codings`](ContentRules::codings). The
//!   answer says them in `Accept-Encoding`, `identity` if there are none (section 12.5.3).
//!
//! A request, of any method but `OPTIONS`, whose `Accept` refuses all of the types [made](ContentRules::makes)
//! is answered `406 Not Acceptable` (section 15.5.7). Without the field, anything is acceptable. A client that is sent
//! something else than it asked for can often do more with it than with a 406: this is for
//! those that would mistake it for something else.
//!
//! A request without content is not asked for its type. Whether it has any is what its body says, and where
//! that does not know, it has.
//!
//! A guard stands outside of `decompress`, which answers 415 to codings of its own accord, and
//! of all that costs. Inner is not called, and a client that waits for `100 Continue` sends nothing. Costs some
//! comparisons, and no allocation for what passes.
//!
//! # Security
//!
//! A type that a browser sends across origins without asking (`text/plain`, forms) is kept from an
//! application of JSON, which is no replacement for a guard against forged requests. A charset is
//! compared by its name; what the application makes of the bytes is its own.
//!
//! [RFC 9110, section 15.5.16]: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use tower_layer::Layer;

use crate::header::accept::quality;
use crate::header::list;
use crate::header::media_type::{MediaPattern, MediaType, is_token};
use crate::place::{Guard, Placed};
use crate::wrap::{OnRequest, Wrapped};

/// 415 and 406 for content that the application does not take or make.
///
/// See the [module documentation](self) for an example. Everything is allowed by default.
#[derive(Clone, Debug, Default)]
pub struct ContentRules {
    rules: Arc<Rules>,
}

#[derive(Clone, Debug, Default)]
struct Rules {
    takes: Option<List<MediaPattern>>,
    charsets: Option<Vec<Box<str>>>,
    codings: Option<List<Box<str>>>,
    makes: Option<Vec<Box<str>>>,
}

/// What is allowed, and how it is told.
#[derive(Clone, Debug)]
struct List<T> {
    members: Vec<T>,
    field: HeaderValue,
}

/// The W3C's, beside `Accept-Patch` of RFC 5789.
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

impl ContentRules {
    /// Allows everything; what is said next is an allow-list each.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes content of the media types like these: `application/json`, `text/*`, `application/*+json`.
    ///
    /// All by default.
    ///
    /// # Errors
    ///
    /// If one is no pattern of media types.
    pub fn takes<'a>(
        mut self,
        patterns: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Invalid> {
        let parse = |text: &str| MediaPattern::parse(text).ok_or_else(|| Invalid(text.into()));
        let members = patterns.into_iter().map(parse);
        let members = members.collect::<Result<Vec<_>, _>>()?;
        // A suffix is no range of `Accept`: its types are taken and not told.
        let told = members.iter().filter_map(MediaPattern::as_range);
        let field = value(&told.collect::<Vec<_>>().join(", "))?;
        Arc::make_mut(&mut self.rules).takes = Some(List { members, field });
        Ok(self)
    }

    /// Takes content in these charsets, if its type says one.
    ///
    /// All by default.
    ///
    /// # Errors
    ///
    /// If one cannot be the name of a charset.
    pub fn charsets<'a>(
        mut self,
        charsets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Invalid> {
        Arc::make_mut(&mut self.rules).charsets = Some(tokens(charsets)?);
        Ok(self)
    }

    /// Takes content in these codings, and content that is not coded.
    ///
    /// All by default; none of them leaves what is not coded.
    ///
    /// # Errors
    ///
    /// If one cannot be the name of a coding.
    pub fn codings<'a>(
        mut self,
        codings: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Invalid> {
        let members = tokens(codings)?;
        let field = match members.as_slice() {
            [] => HeaderValue::from_static("identity"),
            members => value(&members.join(", "))?,
        };
        Arc::make_mut(&mut self.rules).codings = Some(List { members, field });
        Ok(self)
    }

    /// Answers only clients that accept one of these media types, which are all that the application makes.
    ///
    /// All clients by default.
    ///
    /// # Errors
    ///
    /// If one is no media type.
    pub fn makes<'a>(
        mut self,
        media_types: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Invalid> {
        let whole = |text: &&str| {
            let it = MediaType::parse(text);
            it.is_some_and(|it| it.essence == *text && !text.contains('*'))
        };
        let check = |text: &'a str| {
            let text = Some(text)
                .filter(whole)
                .ok_or_else(|| Invalid(text.into()))?;
            Ok(text.into())
        };
        let makes = media_types.into_iter().map(check);
        Arc::make_mut(&mut self.rules).makes = Some(makes.collect::<Result<_, _>>()?);
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl Placed for ContentRules {
    type Place = Guard;
    const NAME: &'static str = "content_rules";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rules.takes {
            Some(takes) => f.write_str(takes.field.to_str().unwrap_or_default()),
            None => Ok(()),
        }
    }
}

impl<S> Layer<S> for ContentRules {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B: Body> OnRequest<B> for ContentRules {
    type Then = ();
    type Reply = Response<()>;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Response<()>> {
        let hint = req.body().size_hint();
        let empty = req.body().is_end_stream() || hint.exact() == Some(0);
        if !empty {
            self.rules.check(req.method(), req.headers())?;
        }
        match &self.rules.makes {
            Some(makes) if *req.method() != Method::OPTIONS => acceptable(makes, req.headers()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Rules {
    /// Whether content that is described so is taken.
    fn check(&self, method: &Method, headers: &HeaderMap) -> ControlFlow<Response<()>> {
        let media_type = if headers.contains_key(CONTENT_TYPE) {
            MediaType::of(headers, &CONTENT_TYPE)
        } else {
            MediaType::parse("application/octet-stream")
        };
        if let Some(takes) = &self.takes {
            let taken =
                |it: MediaType<'_>| takes.members.iter().any(|one| one.contains(it.essence));
            if !media_type.is_some_and(taken) {
                return ControlFlow::Break(self.wrong_type(method));
            }
        }
        if let Some(charsets) = &self.charsets
            && !media_type.is_some_and(|it| {
                // Of two the application may go by either.
                let mut said = it.parameters("charset");
                said.all(|said| charsets.iter().any(|one| one.eq_ignore_ascii_case(said)))
            })
        {
            return ControlFlow::Break(self.wrong_type(method));
        }
        match &self.codings {
            Some(codings)
                if !headers
                    .get_all(CONTENT_ENCODING)
                    .iter()
                    .all(|line| codings.take(line)) =>
            {
                let mut res = refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE);
                res.headers_mut()
                    .insert(ACCEPT_ENCODING, codings.field.clone());
                ControlFlow::Break(res)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn wrong_type(&self, method: &Method) -> Response<()> {
        let mut res = refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        if let Some(takes) = self.takes.as_ref().filter(|takes| !takes.field.is_empty()) {
            let headers = res.headers_mut();
            headers.insert(ACCEPT, takes.field.clone());
            match *method {
                Method::PATCH => headers.insert(ACCEPT_PATCH, takes.field.clone()),
                Method::POST => headers.insert(ACCEPT_POST, takes.field.clone()),
                _ => None,
            };
        }
        res
    }
}

impl List<Box<str>> {
    /// Whether each coding of a line is one of these.
    fn take(&self, line: &HeaderValue) -> bool {
        list::members(line.as_bytes()).all(|coding| {
            let is = |one: &&[u8]| coding.eq_ignore_ascii_case(one);
            let mut ours = self.members.iter().map(|one| one.as_bytes());
            // Old names of the same (RFC 9110, section 8.4.1).
            let same = match coding.to_ascii_lowercase().as_slice() {
                b"x-gzip" => b"gzip".as_slice(),
                b"x-compress" => b"compress",
                _ => coding,
            };
            is(&b"identity".as_slice())
                || ours.any(|one| is(&one) || same.eq_ignore_ascii_case(one))
        })
    }
}

/// What was given is no media type, charset or coding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(Box<str>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no media type, charset or coding", self.0)
    }
}

impl Error for Invalid {}

fn acceptable(makes: &[Box<str>], headers: &HeaderMap) -> ControlFlow<Response<()>> {
    if makes.iter().any(|one| quality(headers, one) > 0) {
        return ControlFlow::Continue(());
    }
    ControlFlow::Break(refusal(StatusCode::NOT_ACCEPTABLE))
}

fn refusal(status: StatusCode) -> Response<()> {
    let mut res = Response::new(());
    *res.status_mut() = status;
    res
}

fn tokens<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Box<str>>, Invalid> {
    let check = |text: &'a str| {
        let token = Some(text).filter(|text| is_token(text));
        token.map(Box::from).ok_or_else(|| Invalid(text.into()))
    };
    texts.into_iter().map(check).collect()
}

fn value(text: &str) -> Result<HeaderValue, Invalid> {
    HeaderValue::from_str(text).map_err(|_| Invalid(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> ContentRules {
        let rules = ContentRules::new().takes(["application/json", "application/*+json", "text/*"]);
        let rules = rules.and_then(|rules| rules.charsets(["utf-8", "us-ascii"]));
        rules
            .and_then(|rules| rules.codings(["gzip", "br"]))
            .unwrap()
    }

    /// What a `POST` of something with these fields is answered; none if it passes.
    fn post(rules: &ContentRules, fields: &[(&str, &str)]) -> Option<Response<()>> {
        let mut req = Request::post("/");
        for (name, value) in fields {
            req = req.header(*name, *value);
        }
        let mut req = req.body("content".to_owned()).unwrap();
        rules.on_request(&mut req).break_value()
    }

    #[test]
    fn what_is_taken_passes() {
        for media_type in [
            "application/json",
            "Application/Vnd.api+JSON; charset=UTF-8",
            "text/plain;charset=\"us-ascii\"",
        ] {
            assert!(
                post(&rules(), &[("content-type", media_type)]).is_none(),
                "{media_type}"
            );
        }
        let json = ("content-type", "application/json");
        for coding in ["gzip", "X-GZIP , br", "", "identity"] {
            assert!(
                post(&rules(), &[json, ("content-encoding", coding)]).is_none(),
                "{coding}"
            );
        }
    }

    #[test]
    fn what_is_not_is_415_with_what_would_be() {
        for media_type in ["application/xml", "json", "", "text/plain;charset=latin1"] {
            let res = post(&rules(), &[("content-type", media_type)]).unwrap();
            assert_eq!(res.status(), 415, "{media_type}");
            assert_eq!(res.headers()["accept"], "application/json, text/*");
            assert_eq!(res.headers()["accept-post"], res.headers()["accept"]);
        }
        assert!(post(&rules(), &[]).is_some());
        // Of two charsets the application may go by either.
        for (charsets, taken) in [
            ("charset=utf-8;charset=latin1", false),
            ("charset=latin1;charset=utf-8", false),
            ("charset=utf-8;charset=us-ascii", true),
        ] {
            let text = format!("text/plain;{charsets}");
            let res = post(&rules(), &[("content-type", &text)]);
            assert_eq!(res.is_none(), taken, "{charsets}");
        }
        let json = ("content-type", "application/json");
        assert!(post(&rules(), &[json, json]).is_some());
        let res = post(&rules(), &[json, ("content-encoding", "gzip, zstd")]).unwrap();
        assert_eq!(res.headers()["accept-encoding"], "gzip, br");
        assert!(!res.headers().contains_key("accept"));
        let none = ContentRules::new().codings([]).unwrap();
        let res = post(&none, &[("content-encoding", "gzip")]).unwrap();
        assert_eq!(res.headers()["accept-encoding"], "identity");
    }

    #[test]
    fn nothing_has_no_type() {
        let mut req = Request::post("/").body(String::new()).unwrap();
        assert!(rules().on_request(&mut req).is_continue());
    }

    #[test]
    fn who_accepts_nothing_that_is_made_is_answered_406() {
        let rules = ContentRules::new().makes(["text/html", "application/json"]);
        let rules = rules.unwrap();
        for (accept, status) in [
            ("*/*", None),
            ("image/png, application/json;q=0.1", None),
            ("image/png", Some(406)),
            ("*/*;q=0", Some(406)),
            ("text/html;q=0, text/*", Some(406)),
        ] {
            let res = post(&rules, &[("accept", accept)]);
            assert_eq!(res.map(|res| res.status().as_u16()), status, "{accept}");
        }
        assert!(post(&rules, &[]).is_none());
    }

    #[test]
    fn what_is_none_is_refused_when_built() {
        let rules = ContentRules::new;
        assert_eq!(
            rules().takes(["json"]).unwrap_err().to_string(),
            "`json` is no media type, charset or coding"
        );
        assert!(rules().charsets(["utf 8"]).is_err());
        assert!(rules().codings(["gzip, br"]).is_err());
        assert!(rules().makes(["text/*"]).is_err());
        assert!(rules().makes(["text/html;q=1"]).is_err());
    }
}
