//! Sets, appends to, defaults or removes fields by path, status or media type.
//!
//! ```
//! use gopuram_middleware::HeaderRules;
//! use gopuram_middleware::header_rules::{requests, responses};
//! use http::header::{CACHE_CONTROL, COOKIE, X_CONTENT_TYPE_OPTIONS};
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! # fn main() -> Result<(), gopuram_middleware::header_rules::Error> {
//! let app = HeaderRules::new([
//!     responses().path("/assets/**").status(200..300).set(CACHE_CONTROL, "max-age=31536000, immutable"),
//!     responses().media_type("text/html").if_absent(CACHE_CONTROL, "no-cache"),
//!     responses().set(X_CONTENT_TYPE_OPTIONS, "nosniff"),
//!     requests().path("/assets/**").remove(COOKIE),
//! ])?
//! .layer(app);
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! A rule is for requests or for responses, for those that meet all of its conditions, and says what
//! is done to their fields. Conditions of one kind are alternatives: two paths mean either. A rule
//! without conditions is for all. Rules are applied in the order in which they are
//! written, so that a later one sees what an earlier one did, and the last word wins.
//!
//! All that can be wrong is found when the rules are built: a bad pattern, an empty range of statuses,
//! a value that no field can have, or a rule that does nothing. The values are fixed: no request can
//! change them.
//!
//! Paths are compared as this layer gets them on the way in, neither decoded nor normalised, without
//! the query; the media type is that of `Content-Type`, without parameters, and a message that does not
//! say it, or says it twice, has none. What is done on the way out is done to refusals of
//! inner layers too; there is no place for this layer, so that where it stands decides which those are.
//! Interim answers and upgrades are answers as any other.
//!
//! # Security
//!
//! `/%61dmin` is not `/admin` here, and may be one to the application: rules by path are for
//! presentation, not for protection. Put [`NormalizePath`](crate::NormalizePath) outside, which does not
//! decode either, or guard by the route.
//!
//! # Cost
//!
//! One comparison for each rule with a path, on the way in, linear in the path for patterns of one star; no
//! allocation unless the header map must grow. At most 64 rules are for responses.

use std::convert::Infallible;
use std::fmt;
use std::ops::{Bound, ControlFlow, RangeBounds};
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower_layer::Layer;

use crate::header::media_type::{MediaPattern, MediaType};
use crate::pattern::is_like;
use crate::place::{Anywhere, Placed};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

/// Sets, appends to, defaults or removes fields by path, status or media type.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct HeaderRules {
    requests: Arc<[Rule]>,
    responses: Arc<[Rule]>,
}

/// How many rules for responses there can be: a bit each.
const MOST: usize = 64;

impl HeaderRules {
    /// Applies `rules` in this order.
    ///
    /// # Errors
    ///
    /// If a rule has something wrong in it, the first of those; or if more than 64 rules are for responses.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, Error> {
        let (mut requests, mut responses) = (Vec::new(), Vec::new());
        for rule in rules {
            if let Some(error) = rule.error {
                return Err(error);
            }
            if rule.deeds.is_empty() {
                return Err(Error::Idle);
            }
            match rule.direction {
                Direction::In => requests.push(rule),
                Direction::Out => responses.push(rule),
            }
        }
        if responses.len() > MOST {
            return Err(Error::TooMany);
        }
        Ok(Self {
            requests: requests.into(),
            responses: responses.into(),
        })
    }
}

/// A rule for requests; what it is for and what it does comes next.
pub const fn requests() -> Rule {
    Rule::new(Direction::In)
}

/// A rule for responses; what it is for and what it does comes next.
pub const fn responses() -> Rule {
    Rule::new(Direction::Out)
}

/// Which messages are meant, and what is done to their fields.
///
/// Made by [`requests`] and [`responses`]. What is wrong with it is told by [`HeaderRules::new`].
#[derive(Clone, Debug)]
#[must_use = "a rule is for `HeaderRules::new`"]
pub struct Rule {
    direction: Direction,
    paths: Vec<Box<str>>,
    statuses: Vec<(u16, u16)>,
    media_types: Vec<MediaPattern>,
    deeds: Vec<(HeaderName, Deed)>,
    error: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

#[derive(Clone, Debug)]
enum Deed {
    Append(HeaderValue),
    IfAbsent(HeaderValue),
    Remove,
    Set(HeaderValue),
}

impl Rule {
    const fn new(direction: Direction) -> Self {
        Self {
            direction,
            paths: Vec::new(),
            statuses: Vec::new(),
            media_types: Vec::new(),
            deeds: Vec::new(),
            error: None,
        }
    }

    /// For paths like `pattern`.
    ///
    /// `*` stands for any characters but `/`, `**` for any at all, `?` for one that is not `/`. A pattern
    /// without `/` is compared with the last segment (`*.css`), one with `/` with the whole path.
    pub fn path(mut self, pattern: &str) -> Self {
        if !is_pattern(pattern) {
            return self.wrong(Error::Path(pattern.into()));
        }
        self.paths.push(pattern.into());
        self
    }

    /// For responses with a status in `statuses`: `404..=404`, `200..300`, `400..`.
    pub fn status(mut self, statuses: impl RangeBounds<u16>) -> Self {
        let first = match statuses.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 100,
        };
        let last = match statuses.end_bound() {
            Bound::Included(last) => *last,
            Bound::Excluded(after) => after.saturating_sub(1),
            Bound::Unbounded => 999,
        };
        if self.direction == Direction::In {
            return self.wrong(Error::StatusOfRequest);
        }
        if first < 100 || last > 999 || first > last {
            return self.wrong(Error::Statuses(first, last));
        }
        self.statuses.push((first, last));
        self
    }

    /// For content of the media types like `pattern`: `text/html`, `text/*`, `application/*+json`.
    pub fn media_type(mut self, pattern: &str) -> Self {
        match MediaPattern::parse(pattern) {
            Some(pattern) => self.media_types.push(pattern),
            None => return self.wrong(Error::MediaType(pattern.into())),
        }
        self
    }

    /// Sets the field `name` to `value`, in place of whatever it was.
    pub fn set(self, name: HeaderName, value: &str) -> Self {
        self.with(name, value, Deed::Set)
    }

    /// Adds a line with `value` to those of the field `name`.
    pub fn append(self, name: HeaderName, value: &str) -> Self {
        self.with(name, value, Deed::Append)
    }

    /// Sets the field `name` to `value` where there is none.
    pub fn if_absent(self, name: HeaderName, value: &str) -> Self {
        self.with(name, value, Deed::IfAbsent)
    }

    /// Removes the field `name`, all its lines.
    pub fn remove(mut self, name: HeaderName) -> Self {
        self.deeds.push((name, Deed::Remove));
        self
    }

    fn with(mut self, name: HeaderName, value: &str, deed: fn(HeaderValue) -> Deed) -> Self {
        // How long a body is, is the body's to say: a message that lies about it is cut or refused.
        if matches!(name, CONTENT_LENGTH | TRANSFER_ENCODING) {
            return self.wrong(Error::Framing(name));
        }
        match HeaderValue::from_str(value) {
            Ok(value) => self.deeds.push((name, deed(value))),
            Err(_) => return self.wrong(Error::Value(value.into())),
        }
        self
    }

    fn wrong(mut self, error: Error) -> Self {
        self.error.get_or_insert(error);
        self
    }

    fn is_for_path(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path).as_bytes();
        self.paths.is_empty() || self.paths.iter().any(|pattern| is_like(pattern, path))
    }

    fn is_for_status(&self, status: u16) -> bool {
        let within = |(first, last): &(u16, u16)| (*first..=*last).contains(&status);
        self.statuses.is_empty() || self.statuses.iter().any(within)
    }

    fn is_for_content(&self, headers: &HeaderMap) -> bool {
        let contains = |it: MediaType<'_>| {
            let mut patterns = self.media_types.iter();
            patterns.any(|pattern| pattern.contains(it.essence))
        };
        self.media_types.is_empty() || MediaType::of(headers, &CONTENT_TYPE).is_some_and(contains)
    }

    fn apply(&self, headers: &mut HeaderMap) {
        for (name, deed) in &self.deeds {
            match deed {
                Deed::Append(value) => {
                    headers.append(name, value.clone());
                }
                Deed::IfAbsent(value) => {
                    headers.entry(name).or_insert_with(|| value.clone());
                }
                Deed::Remove => {
                    headers.remove(name);
                }
                Deed::Set(value) => {
                    headers.insert(name, value.clone());
                }
            }
        }
    }
}

impl Placed for HeaderRules {
    type Place = Anywhere;
    const NAME: &'static str = "header_rules";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.requests.len() + self.responses.len() {
            1 => f.write_str("1 rule"),
            n => write!(f, "{n} rules"),
        }
    }
}

impl<S> Layer<S> for HeaderRules {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped::new(inner, self.clone())
    }
}

impl<B> OnRequest<B> for HeaderRules {
    type Then = Option<Pending>;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Option<Pending>> {
        let mut paths = 0;
        for (at, rule) in self.responses.iter().enumerate() {
            paths |= u64::from(rule.is_for_path(req.uri().path())) << at;
        }
        for rule in &*self.requests {
            if rule.is_for_path(req.uri().path()) && rule.is_for_content(req.headers()) {
                rule.apply(req.headers_mut());
            }
        }
        ControlFlow::Continue((paths != 0).then(|| Pending {
            rules: Arc::clone(&self.responses),
            paths,
        }))
    }
}

/// The rules that wait for the response, a bit for each whose path is that of the request.
#[derive(Debug)]
pub struct Pending {
    rules: Arc<[Rule]>,
    paths: u64,
}

impl<C> OnResponse<C> for Pending {
    type Body = C;

    fn on_response(self, mut res: Response<C>) -> Response<C> {
        let status = res.status().as_u16();
        for (at, rule) in self.rules.iter().enumerate() {
            let path = self.paths & (1 << at) != 0;
            if path && rule.is_for_status(status) && rule.is_for_content(res.headers()) {
                rule.apply(res.headers_mut());
            }
        }
        res
    }
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The field says how a body is framed, which its body does.
    Framing(HeaderName),
    /// The rule does nothing.
    Idle,
    /// The pattern is none of media types.
    MediaType(Box<str>),
    /// The pattern is none of paths.
    Path(Box<str>),
    /// A request has no status.
    StatusOfRequest,
    /// There is no status from the first to the last.
    Statuses(u16, u16),
    /// More than 64 rules are for responses.
    TooMany,
    /// No field can have this value.
    Value(Box<str>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Framing(name) => write!(f, "`{name}` is for the body to say"),
            Self::Idle => f.write_str("a rule that does nothing"),
            Self::MediaType(pattern) => write!(f, "`{pattern}` is no pattern of media types"),
            Self::Path(pattern) => write!(f, "`{pattern}` is no pattern of paths"),
            Self::StatusOfRequest => f.write_str("a status in a rule for requests"),
            Self::Statuses(first, last) => write!(f, "no status is from {first} to {last}"),
            Self::TooMany => write!(f, "more than {MOST} rules for responses"),
            Self::Value(value) => write!(f, "`{}` is no value of a field", value.escape_debug()),
        }
    }
}

impl std::error::Error for Error {}

/// Whether a path can be like `pattern`: those of requests are visible ASCII, without `#`.
fn is_pattern(pattern: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    !pattern.is_empty() && pattern.bytes().all(right) && !pattern.contains("***")
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, VIA};

    use super::*;

    /// The values of `Via` that `rules` leave of a response.
    fn via<const N: usize>(rules: [Rule; N], path: &str, res: http::response::Builder) -> String {
        let mut req = Request::new(());
        *req.uri_mut() = path.parse().unwrap();
        let layer = HeaderRules::new(rules).unwrap();
        let ControlFlow::Continue(then) = layer.on_request(&mut req);
        let res = then.on_response(res.body(()).unwrap());
        let values = res.headers().get_all(VIA).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
        values.join(", ")
    }

    fn there() -> http::response::Builder {
        Response::builder().header(VIA, "theirs")
    }

    #[test]
    fn what_is_said_is_done() {
        let all = || responses();
        assert_eq!(via([all().set(VIA, "1")], "/", there()), "1");
        assert_eq!(via([all().append(VIA, "1")], "/", there()), "theirs, 1");
        assert_eq!(via([all().if_absent(VIA, "1")], "/", there()), "theirs");
        assert_eq!(via([all().remove(VIA)], "/", there()), "");
        let twice = all().remove(VIA).if_absent(VIA, "1");
        assert_eq!(via([twice], "/", there()), "1");
    }

    #[test]
    fn all_conditions_must_hold_and_one_of_each_kind() {
        let rule = || {
            responses()
                .path("/a/**")
                .path("*.css")
                .status(200..300)
                .status(404..=404)
                .media_type("text/*")
                .set(VIA, "1")
        };
        let ask = |path, status: u16, media_type: &str| {
            let res = Response::builder().status(status);
            via([rule()], path, res.header(CONTENT_TYPE, media_type)) == "1"
        };
        assert!(ask("/a/b?c", 200, "text/html; charset=utf-8"));
        assert!(ask("/x/y.css", 404, "TEXT/css"));
        assert!(!ask("/x/y.js", 200, "text/css"));
        assert!(!ask("/a/b", 300, "text/css"));
        assert!(!ask("/a/b", 200, "image/png"));
        assert!(!ask("/a/b", 200, "text"));
    }

    #[test]
    fn the_last_word_wins() {
        let rules = [responses().set(VIA, "1"), responses().set(VIA, "2")];
        assert_eq!(via(rules, "/", there()), "2");
    }

    #[test]
    fn requests_are_changed_on_the_way_in_by_the_path_they_came_with() {
        let layer = HeaderRules::new([
            requests().path("/a").media_type("a/b").set(VIA, "1"),
            requests().path("/b").set(ACCEPT, "c/d"),
        ]);
        let mut req = Request::get("/a")
            .header(CONTENT_TYPE, "a/b")
            .body(())
            .unwrap();
        let ControlFlow::Continue(then) = layer.unwrap().on_request(&mut req);
        assert!(then.is_none());
        assert_eq!(req.headers()[VIA], "1");
        assert!(!req.headers().contains_key(ACCEPT));
    }

    #[test]
    fn what_is_wrong_is_named_when_built() {
        let text = |rule| HeaderRules::new([rule]).unwrap_err().to_string();
        let done = |rule: Rule| text(rule.set(VIA, "1"));
        assert_eq!(done(responses().path("")), "`` is no pattern of paths");
        assert_eq!(done(responses().path("/ä")), "`/ä` is no pattern of paths");
        assert_eq!(
            done(responses().path("/***")),
            "`/***` is no pattern of paths"
        );
        assert_eq!(
            done(responses().media_type("text")),
            "`text` is no pattern of media types"
        );
        #[expect(clippy::reversed_empty_ranges, reason = "what is wrong")]
        let none = responses().status(300..200);
        assert_eq!(done(none), "no status is from 300 to 199");
        assert_eq!(done(responses().status(2..3)), "no status is from 2 to 2");
        assert_eq!(
            done(requests().status(200..)),
            "a status in a rule for requests"
        );
        assert_eq!(text(responses()), "a rule that does nothing");
        assert_eq!(
            text(responses().set(VIA, "a\nb")),
            "`a\\nb` is no value of a field"
        );
        assert_eq!(
            text(responses().set(CONTENT_LENGTH, "1")),
            "`content-length` is for the body to say"
        );
        let many = std::iter::repeat_n(responses().remove(VIA), 65);
        assert_eq!(HeaderRules::new(many).unwrap_err(), Error::TooMany);
        let most = std::iter::repeat_n(responses().remove(VIA), 64);
        assert!(HeaderRules::new(most).is_ok());
    }
}
