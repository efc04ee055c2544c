//! A radix tree of patterns.
//!
//! At every node, literal text goes before a parameter, a longer suffix before a shorter one, a
//! parameter before `{*rest}`, and that before a mount; the first way that leads to the
//! end of the path is taken. So the order in which patterns were written does not matter, and
//! no two shapes conflict. A node is reached in one way only, hence visited once at
//! most in a lookup, which keeps nothing but its place on the call stack.

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
    /// Suffixes and what follows them, longest first.
    params: Vec<(Box<[u8]>, Node)>,
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
                Part::Param => {
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

    /// The number of the pattern that matches `path`, which is in the normal form.
    #[inline]
    pub(super) fn find(&self, path: &str) -> Option<u32> {
        self.root.find(path.as_bytes())
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
        let params = &mut self.wild.get_or_insert_default().params;
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
    fn find(&self, mut path: &[u8]) -> Option<u32> {
        let mut node = self;
        loop {
            let child = node.child(path);
            match (&node.wild, child) {
                // Nothing to come back to: the usual way, without a call.
                (None, Some((child, rest))) => (node, path) = (child, rest),
                (None, None) => return if path.is_empty() { node.end } else { None },
                (Some(wild), child) => return node.find_wild(wild, child, path),
            }
        }
    }

    #[inline]
    fn child<'a>(&self, path: &'a [u8]) -> Option<(&Self, &'a [u8])> {
        let first = path.first()?;
        let at = self.first.iter().position(|b| b == first)?;
        let child = self.children.get(at)?;
        Some((child, path.strip_prefix(&*child.label)?))
    }

    fn find_wild(&self, wild: &Wild, child: Option<(&Self, &[u8])>, path: &[u8]) -> Option<u32> {
        if path.is_empty() {
            return self.end.or(wild.mount);
        }
        child
            .and_then(|(child, rest)| child.find(rest))
            .or_else(|| wild.find_param(path))
            .or(wild.rest)
            .or_else(|| wild.mount.filter(|_| path.first() == Some(&b'/')))
    }
}

impl Wild {
    #[inline]
    fn find_param(&self, path: &[u8]) -> Option<u32> {
        if self.params.is_empty() {
            return None;
        }
        let end = path.iter().position(|&b| b == b'/').unwrap_or(path.len());
        let (segment, after) = path.split_at_checked(end)?;
        self.params.iter().find_map(|(suffix, node)| {
            let value = segment.strip_suffix(&**suffix)?;
            // A suffix does not begin inside of an encoding: `%C3` does not end with `3`.
            let cut = !suffix.is_empty() && matches!(value, [.., b'%'] | [.., b'%', _]);
            if value.is_empty() || cut {
                return None;
            }
            node.find(after)
        })
    }
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
        Some(patterns[tree.find(path)? as usize])
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
    fn splitting_a_label_keeps_what_was_there() {
        let patterns = ["/abcdef", "/abc", "/abx", "/abcdeg", "/", ""];
        for pattern in patterns {
            assert_eq!(find(&patterns, pattern), Some(pattern));
        }
        assert_eq!(find(&patterns, "/ab"), None);
    }
}
