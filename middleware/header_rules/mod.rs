//! Sets, appends to, defaults or removes fields by path, status or media type.
//!
//! ```
//! use gopuram_middleware::HeaderRules;
//! use gopuram_middleware::header_rules::{requests, responses};
//! use http::header::{CACHE_CONTROL, COOKIE, X_CONTENT_TYPE_OPTIONS};
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let app = HeaderRules::new([
//!     responses().path("/assets/**").status(200..300).set(CACHE_CONTROL, "max-age=31536000, immutable"),
//!     responses().media_type("text/html").if_absent(CACHE_CONTROL, "no-cache"),
//!     responses().set(X_CONTENT_TYPE_OPTIONS, "nosniff"),
//!     requests().path("/assets/**").remove(COOKIE),
//! ])?
//! .layer(app);
//! # let _ = app;
//! # Ok::<(), gopuram_middleware::header_rules::Error>(())
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

mod rule;

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::{Request, Response};
use tower_layer::Layer;

use crate::place::{Anywhere, Placed};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

pub use rule::{Error, Rule, requests, responses};

use rule::{Direction, MOST};

/// Sets, appends to, defaults or removes fields by path, status or media type.
///
/// See the [module documentation](self) for an example.
#[derive(Clone, Debug)]
pub struct HeaderRules {
    requests: Arc<[Rule]>,
    responses: Arc<[Rule]>,
}

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
            if rule.changes.is_empty() {
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

#[diagnostic::do_not_recommend]
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

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, VIA};

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
