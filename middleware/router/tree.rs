//! A radix tree of patterns.
//!
//! At every node, literal text goes before a parameter, a longer suffix before a shorter one, a
//! parameter before `{*rest}`, and that before a mount; the first way that leads to the
//! end of the path is taken. So the order in which patterns were written does not matter, and
//! no two shapes conflict. A node is reached in one way only, hence visited once at
//! most in a lookup, which keeps nothing but its place on the call stack.

use super::encoding;
use super::pattern::{End, Part, Pattern, suffix};

/// A tree of patterns, each with the number it was given.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// The text that leads here; empty behind a parameter.
    label: Box<[u8]>,
    /// The first bytes of the labels of `children`.
    first: Vec<u8>,
    children: Vec<Self>,
    end: Option<u32>,
    wild: Option<Box<Wild>>,
}

/// What can follow a node besides literal text.
#[derive(Clone, Debug, Default)]
struct Wild {
    /// What follows a parameter; in place, since most have no suffix.
    param: Option<Node>,
    /// Suffixes and what follows them, longest first.
    suffixed: Vec<(Box<[u8]>, Node)>,
    rest: Option<u32>,
    mount: Option<u32>,
}

impl Tree {
    /// Adds a pattern of a shape that is not there yet.
    pub(super) fn insert(&mut self, pattern: &Pattern, number: u32) {
        let mut parts = &*pattern.parts;
        let mut node = &mut self.root;
        while let Some((part, after)) = parts.split_first() {
            parts = after;
            match part {
                Part::Literal(text) => node = node.literal(text.as_bytes()),
                Part::Param { .. } => {
                    let (suffix, next) = suffix(after);
                    node = node.param(suffix.as_bytes()).literal(next.as_bytes());
                    if let Some((Part::Literal(_), after)) = after.split_first() {
                        parts = after;
                    }
                }
                Part::Rest => {
                    node.wild.get_or_insert_default().rest = Some(number);
                    return;
                }
            }
        }
        match pattern.end {
            End::Path => node.end = Some(number),
            End::Segment => node.wild.get_or_insert_default().mount = Some(number),
        }
    }

    /// The number of the pattern that matches `path`, if that is in the normal form.
    ///
    /// Text that matches a pattern is in the normal form as the pattern is. Only what matched none is
    /// looked at: `odd` is set if it may have to be written otherwise to match.
    #[inline]
    pub(super) fn find(&self, path: &str, odd: &mut bool) -> Option<u32> {
        let path = path.as_bytes();
        let found = self.root.find(path, odd);
        if found.is_none() {
            *odd |= encoding::has_odd(path);
        }
        found
    }
}

impl Node {
    /// The node that the text `label` leads to from here, made if there is none.
    fn literal(&mut self, mut label: &[u8]) -> &mut Self {
        let mut node = self;
        while let Some(first) = label.first() {
            let at = node.first.iter().position(|b| b == first);
            let at = at.unwrap_or_else(|| {
                node.first.push(*first);
                node.children.push(Self {
                    label: label.into(),
                    ..Self::default()
                });
                node.children.len() - 1
            });
            #[expect(
                clippy::indexing_slicing,
                reason = "there is a child for each first byte"
            )]
            let child = &mut node.children[at];
            let common = child.label.iter().zip(label).take_while(|(a, b)| a == b);
            let common = common.count();
            child.split(common);
            label = label.get(common..).unwrap_or_default();
            node = child;
        }
        node
    }

    /// Leaves the first `at` bytes of the label here and moves the rest to an only child.
    fn split(&mut self, at: usize) {
        let Some((label, rest)) = self.label.split_at_checked(at) else {
            return;
        };
        let Some(first) = rest.first() else {
            return;
        };
        let upper = Self {
            label: label.into(),
            first: vec![*first],
            ..Self::default()
        };
        let rest = rest.into();
        let mut lower = std::mem::replace(self, upper);
        lower.label = rest;
        self.children.push(lower);
    }

    /// The node behind a parameter that is followed by `suffix`, made if there is none.
    fn param(&mut self, suffix: &[u8]) -> &mut Self {
        let wild = self.wild.get_or_insert_default();
        if suffix.is_empty() {
            return wild.param.get_or_insert_default();
        }
        let params = &mut wild.suffixed;
        let at = params.iter().position(|(s, _)| **s == *suffix);
        let at = at.unwrap_or_else(|| {
            let at = params.partition_point(|(s, _)| s.len() >= suffix.len());
            params.insert(at, (suffix.into(), Self::default()));
            at
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or made above")]
        &mut params[at].1
    }

    /// What matches `path`, which is what follows the label of this node.
    #[inline]
    fn find(&self, mut path: &[u8], odd: &mut bool) -> Option<u32> {
        let mut node = self;
        loop {
            let child = node.child(path);
            match (&node.wild, child) {
                // Nothing to come back to: the usual way, without a call.
                (None, Some((child, rest))) => (node, path) = (child, rest),
                (None, None) => return if path.is_empty() { node.end } else { None },
                (Some(wild), child) => return node.find_wild(wild, child, path, odd),
            }
        }
    }

    #[inline]
    fn child<'a>(&self, path: &'a [u8]) -> Option<(&Self, &'a [u8])> {
        let first = path.first()?;
        let at = self.first.iter().position(|b| b == first)?;
        let child = self.children.get(at)?;
        let (label, rest) = path.split_at_checked(child.label.len())?;
        same(label, &child.label).then_some((child, rest))
    }

    fn find_wild(
        &self,
        wild: &Wild,
        child: Option<(&Self, &[u8])>,
        path: &[u8],
        odd: &mut bool,
    ) -> Option<u32> {
        if path.is_empty() {
            return self.end.or(wild.mount);
        }
        if let Some((child, rest)) = child
            && let Some(found) = child.find(rest, odd)
        {
            return Some(found);
        }
        if let Some(found) = wild.find_param(path, odd) {
            return Some(found);
        }
        let mount = wild.mount.filter(|_| path.first() == Some(&b'/'));
        let found = wild.rest.or(mount)?;
        *odd |= encoding::has_odd(path);
        Some(found)
    }
}

impl Wild {
    #[inline]
    fn find_param(&self, path: &[u8], odd: &mut bool) -> Option<u32> {
        if self.param.is_none() && self.suffixed.is_empty() {
            return None;
        }
        let (end, has_odd) = encoding::segment(path);
        *odd |= has_odd;
        let (segment, after) = path.split_at_checked(end)?;
        for (suffix, node) in &self.suffixed {
            if has_suffix(segment, suffix)
                && let Some(found) = node.find(after, odd)
            {
                return Some(found);
            }
        }
        let node = self.param.as_ref().filter(|_| end > 0)?;
        node.find(after, odd)
    }
}

/// Whether `segment` is a value, not an empty one, and `suffix`.
fn has_suffix(segment: &[u8], suffix: &[u8]) -> bool {
    match segment.strip_suffix(suffix) {
        // A suffix does not begin inside of an encoding: `%C3` does not end with `3`.
        None | Some([] | [.., b'%'] | [.., b'%', _]) => false,
        Some(_) => true,
    }
}

/// Whether two texts of the same length are the same.
///
/// A label is a few bytes, often one; for so few a call of `memcmp` takes longer.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    a.iter().zip(b).all(|(a, b)| word(a) == word(b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pattern that matches, of these.
    fn find<'a>(patterns: &[&'a str], path: &str) -> Option<&'a str> {
        let mut tree = Tree::default();
        for (number, pattern) in (0..).zip(patterns) {
            let pattern = match pattern.strip_suffix("/{*}") {
                Some(prefix) => Pattern::parse_open(prefix),
                None => Pattern::parse((*pattern).to_owned()),
            };
            tree.insert(&pattern.unwrap(), number);
        }
        Some(patterns[tree.find(path, &mut false)? as usize])
    }

    #[test]
    fn literal_text_goes_before_a_parameter_and_comes_back_to_it() {
        let patterns = [
            "/users/{id}",
            "/users/me",
            "/users/{id}/posts",
            "/users/me/x",
        ];
        assert_eq!(find(&patterns, "/users/me"), Some("/users/me"));
        assert_eq!(find(&patterns, "/users/men"), Some("/users/{id}"));
        assert_eq!(
            find(&patterns, "/users/me/posts"),
            Some("/users/{id}/posts")
        );
        assert_eq!(find(&patterns, "/users/"), None);
        assert_eq!(find(&patterns, "/users"), None);
        assert_eq!(find(&patterns, "/users/a/b"), None);
    }

    #[test]
    fn longer_suffixes_go_first() {
        let patterns = ["/{f}", "/{f}.gz", "/{f}.tar.gz", "/{*rest}"];
        assert_eq!(find(&patterns, "/a.tar.gz"), Some("/{f}.tar.gz"));
        assert_eq!(find(&patterns, "/.tar.gz"), Some("/{f}.gz"));
        assert_eq!(find(&patterns, "/.gz"), Some("/{f}"));
        assert_eq!(find(&patterns, "/a.gz/b"), Some("/{*rest}"));
    }

    #[test]
    fn a_suffix_does_not_cut_an_encoding() {
        let patterns = ["/{a}3", "/{a}"];
        assert_eq!(find(&patterns, "/x3"), Some("/{a}3"));
        assert_eq!(find(&patterns, "/x%C3"), Some("/{a}"));
        assert_eq!(find(&patterns, "/x%3F"), Some("/{a}"));
        assert_eq!(find(&["/{a}C3"], "/%C3"), None);
    }

    #[test]
    fn a_mount_is_last_and_keeps_to_segments() {
        let patterns = ["/static/{*}", "/static/{name}", "/{*all}", "/{*}"];
        assert_eq!(find(&patterns, "/static"), Some("/static/{*}"));
        assert_eq!(find(&patterns, "/static/"), Some("/static/{*}"));
        assert_eq!(find(&patterns, "/static/a"), Some("/static/{name}"));
        assert_eq!(find(&patterns, "/static/a/b"), Some("/static/{*}"));
        assert_eq!(find(&patterns, "/statics"), Some("/{*all}"));
        assert_eq!(find(&patterns, "/"), Some("/{*}"));
    }

    #[test]
    fn only_what_matched_no_text_is_looked_at() {
        let mut tree = Tree::default();
        for (number, pattern) in (0..).zip(["/%C3%A9", "/%C3%A9/{x}", "/%C3%A9/r/{*x}"]) {
            let pattern = Pattern::parse(pattern.to_owned()).unwrap();
            tree.insert(&pattern, number);
        }
        let is_odd = |path: &str| {
            let mut odd = false;
            tree.find(path, &mut odd);
            odd
        };
        for path in ["/%C3%A9", "/%C3%A9/x", "/%C3%A9/r/a/b", "/none"] {
            assert!(!is_odd(path), "{path}");
        }
        for path in ["/%c3%A9", "/%C3%A9/%78", "/%C3%A9/r/a/%", "/%6e"] {
            assert!(is_odd(path), "{path}");
        }
    }

    #[test]
    fn splitting_a_label_keeps_what_was_there() {
        let patterns = ["/abcdef", "/abc", "/abx", "/abcdeg", "/", ""];
        for pattern in patterns {
            assert_eq!(find(&patterns, pattern), Some(pattern));
        }
        assert_eq!(find(&patterns, "/ab"), None);
    }
}
