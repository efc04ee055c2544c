//! The parameters of a matched route.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use http::Request;
use http::uri::PathAndQuery;

/// How many parameters of a route are kept without allocating.
const INLINE: usize = 4;

/// The parameters of the routes that matched, as they stand in the path.
///
/// They are kept as places in the path and percent-encoded as they came: a match copies
/// nothing, and up to four parameters of one route allocate nothing.
#[derive(Clone, Default)]
pub struct Params {
    innermost: Option<Match>,
    /// Routes of the routers around, outermost first.
    outer: Vec<Match>,
}

#[derive(Clone)]
struct Match {
    names: Arc<[Box<str>]>,
    path: PathAndQuery,
    inline: [(u32, u32); INLINE],
    more: Vec<(u32, u32)>,
}

impl Params {
    /// Those of `req`; none if no route matched.
    pub fn of<B>(req: &Request<B>) -> &Self {
        static NONE: Params = Params {
            innermost: None,
            outer: Vec::new(),
        };
        super::Attributes::of(req).map_or(&NONE, super::Attributes::params)
    }

    /// Adds the parameters of a route that matched `path`: their names, and where in
    /// the path their values stand, in the same order.
    pub fn push(
        &mut self,
        names: Arc<[Box<str>]>,
        path: PathAndQuery,
        values: impl IntoIterator<Item = Range<usize>>,
    ) {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let mut values = values.into_iter().map(|v| (place(v.start), place(v.end)));
        let inline = std::array::from_fn(|_| values.next().unwrap_or_default());
        let innermost = Match {
            names,
            path,
            inline,
            more: values.collect(),
        };
        self.outer.extend(self.innermost.replace(innermost));
    }

    /// The value of the parameter `name`, percent-encoded as it stands in the path.
    ///
    /// The innermost route wins where several have a parameter of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let matches = self.innermost.iter().chain(self.outer.iter().rev());
        matches
            .flat_map(Match::pairs)
            .find_map(|(n, v)| (n == name).then_some(v))
    }

    /// All names and values, outermost route first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.outer
            .iter()
            .chain(&self.innermost)
            .flat_map(Match::pairs)
    }

    /// Whether no route had a parameter.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl Match {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let places = self.inline.iter().chain(&self.more);
        self.names.iter().zip(places).map(|(name, &(start, end))| {
            let value = self.path.path().get(start as usize..end as usize);
            (&**name, value.unwrap_or_default())
        })
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<const N: usize>(names: [&str; N]) -> Arc<[Box<str>]> {
        names.map(Box::from).into_iter().collect()
    }

    #[test]
    fn values_are_found_by_name_innermost_first() {
        let mut params = Params::default();
        assert!(params.is_empty());
        params.push(
            names(["org", "id"]),
            PathAndQuery::from_static("/a/b"),
            [1..2, 3..4],
        );
        params.push(
            names(["id"]),
            PathAndQuery::from_static("/c?q"),
            std::iter::once(1..2),
        );
        assert_eq!(params.get("org"), Some("a"));
        assert_eq!(params.get("id"), Some("c"));
        assert_eq!(params.get("q"), None);
        let all: Vec<_> = params.iter().collect();
        assert_eq!(all, [("org", "a"), ("id", "b"), ("id", "c")]);
    }

    #[test]
    fn there_may_be_more_than_are_kept_inline() {
        let mut params = Params::default();
        params.push(
            names(["a", "b", "c", "d", "e", "f"]),
            PathAndQuery::from_static("/23456"),
            (0..6).map(|i| i..i + 1),
        );
        assert_eq!(params.get("f"), Some("6"));
    }
}
