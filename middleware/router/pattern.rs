//! Patterns of paths: `/users/{id}`, `/img-{name}.png`, `/files/{*path}`.

use std::ops::Range;
use std::sync::Arc;

use super::encoding;
use super::error::Error;
use crate::attributes::MatchedRoute;
use crate::target::prefix::OPEN;

/// A pattern, taken apart.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As it was written, the prefixes of nested routers included.
    pub(super) text: MatchedRoute,
    pub(super) parts: Box<[Part]>,
    /// The names of the parameters, in order.
    pub(super) names: Arc<[Box<str>]>,
    pub(super) end: End,
}

/// Where a pattern ends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum End {
    /// Where the path ends.
    Path,
    /// Where the path ends or a slash follows.
    Segment,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// Text in the normal form.
    Literal(Box<str>),
    /// `{name}`: at least one byte, none of them a slash; so many follow in the segment.
    Param { suffix: usize },
    /// `{*name}`: at least one byte, up to the end.
    Rest,
}

impl Pattern {
    /// Takes `text` apart.
    pub(super) fn parse(text: String) -> Result<Self, Error> {
        match parts(&text) {
            Ok((parts, names)) => Ok(Self {
                parts: parts.into(),
                names: names.into(),
                end: End::Path,
                text: MatchedRoute::new(text),
            }),
            Err(why) => Err(bad(&text, why)),
        }
    }

    /// Everything under `prefix`: the paths that are `prefix` or go on with a slash.
    ///
    /// `/` is the prefix of everything, as nothing is.
    pub(super) fn parse_open(prefix: &str) -> Result<Self, Error> {
        let mut open = Self::parse(prefix_of(prefix)?.to_owned())?;
        if open.parts.last() == Some(&Part::Rest) {
            return Err(bad(prefix, "nothing can stand behind `{*..}`"));
        }
        open.text = MatchedRoute::new([open.text.as_str(), OPEN].concat());
        open.end = End::Segment;
        Ok(open)
    }

    /// This pattern behind `prefix`.
    pub(super) fn behind(&self, prefix: &str) -> Result<Self, Error> {
        let text = [prefix_of(prefix)?, self.text.as_str()].concat();
        match (self.end, text.strip_suffix(OPEN)) {
            (End::Segment, Some(prefix)) => Self::parse_open(prefix),
            _ => Self::parse(text),
        }
    }

    /// The same for patterns that match the same paths.
    pub(super) fn shape(&self) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.to_string(),
            Part::Param { .. } => "{}".to_owned(),
            Part::Rest => "{*}".to_owned(),
        };
        let end = match self.end {
            End::Path => "",
            // Not as it is written: `/{*rest}` is another shape.
            End::Segment => "{/}",
        };
        self.parts
            .iter()
            .map(part)
            .chain([end.to_owned()])
            .collect()
    }

    /// Walks along a path that this pattern matches.
    ///
    /// `normal` says that the path is in the normal form; it is slower if not.
    pub(super) const fn walk<'a>(&'a self, path: &'a str, normal: bool) -> Walk<'a> {
        Walk {
            parts: &self.parts,
            path: path.as_bytes(),
            at: 0,
            normal,
        }
    }
}

/// Where the parameters of a pattern stand in a path, in order.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    parts: &'a [Part],
    path: &'a [u8],
    at: usize,
    normal: bool,
}

impl Walk<'_> {
    /// Where the pattern ends in the path.
    pub(super) fn end(mut self) -> usize {
        self.by_ref().for_each(drop);
        self.at
    }

    fn skip_normal(&self, len: usize) -> usize {
        if self.normal {
            self.at + len
        } else {
            encoding::advance(self.path, self.at, len)
        }
    }

    /// How long the parameter here is in the normal form, followed by `suffix`.
    fn value_len(&self, suffix: usize) -> usize {
        let rest = self.path.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
        let len = if self.normal {
            end
        } else {
            encoding::normal_len(rest.get(..end).unwrap_or_default())
        };
        len.saturating_sub(suffix)
    }
}

impl Iterator for Walk<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let (part, after) = self.parts.split_first()?;
            self.parts = after;
            let start = self.at;
            match part {
                Part::Literal(text) => {
                    self.at = self.skip_normal(text.len());
                    continue;
                }
                Part::Param { suffix } => {
                    let len = self.value_len(*suffix);
                    self.at = self.skip_normal(len);
                }
                Part::Rest => self.at = self.path.len(),
            }
            return Some(start..self.at);
        }
    }
}

/// Of what follows a parameter, the text in the same segment, and the text after that.
pub(super) fn suffix(after: &[Part]) -> (&str, &str) {
    match after.first() {
        Some(Part::Literal(text)) => {
            let end = text.find('/').unwrap_or(text.len());
            text.split_at_checked(end).unwrap_or_default()
        }
        _ => ("", ""),
    }
}

fn prefix_of(text: &str) -> Result<&str, Error> {
    match text {
        "/" => Ok(""),
        _ if text.ends_with('/') => Err(bad(text, "a prefix does not end with a slash")),
        _ => Ok(text),
    }
}

fn bad(pattern: &str, why: &'static str) -> Error {
    let pattern = pattern.to_owned();
    Error::BadPattern { pattern, why }
}

fn parts(text: &str) -> Result<(Vec<Part>, Vec<Box<str>>), &'static str> {
    let (mut parts, mut names) = (Vec::new(), Vec::new());
    let mut literal = String::new();
    if !text.is_empty() && !text.starts_with('/') {
        return Err("a pattern starts with a slash");
    }
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let doubled = chars.as_str().starts_with(c);
        match c {
            '{' | '}' if doubled => {
                chars.next();
                literal.push(c);
            }
            // Other routers' parameters would be taken for text, and never match.
            ':' | '*' if literal.ends_with('/') => {
                if !doubled {
                    return Err(
                        "a parameter is `{name}` and the rest `{*name}`; write `::` or `**` for the character",
                    );
                }
                chars.next();
                literal.push(c);
            }
            '}' => return Err("`}` without `{`; write `}}` for the character"),
            '?' | '#' => return Err("`?` and `#` end a path; write `%3F` or `%23`"),
            '{' => {
                let rest = chars.as_str();
                let (inside, after) = rest.split_once('}').ok_or("`{` without `}`")?;
                let (part, name) = match inside.strip_prefix('*') {
                    Some(name) => (Part::Rest, name),
                    None => (Part::Param { suffix: 0 }, inside),
                };
                check(name, &names)?;
                flush(&mut literal, &mut parts)?;
                if part == Part::Rest && !after.is_empty() {
                    return Err("`{*..}` is the end of a pattern");
                }
                if is_in_segment_of_a_param(&parts) {
                    return Err("a segment has one parameter at most");
                }
                parts.push(part);
                names.push(name.into());
                chars = after.chars();
            }
            c => literal.push(c),
        }
    }
    flush(&mut literal, &mut parts)?;
    for at in 0..parts.len() {
        let len = suffix(parts.get(at + 1..).unwrap_or_default()).0.len();
        if let Some(Part::Param { suffix }) = parts.get_mut(at) {
            *suffix = len;
        }
    }
    Ok((parts, names))
}

fn check(name: &str, names: &[Box<str>]) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("a parameter has a name")
    } else if name.contains(['{', '*', '/']) {
        Err("the name of a parameter has no `{`, `*` or `/`")
    } else if names.iter().any(|n| **n == *name) {
        Err("two parameters have one name")
    } else {
        Ok(())
    }
}

/// Ends a literal, in the normal form.
fn flush(literal: &mut String, parts: &mut Vec<Part>) -> Result<(), &'static str> {
    if !encoding::is_well_encoded(literal) {
        return Err("`%` without two hex digits; write `%25` for the character");
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(encoding::normal(literal).into()));
        literal.clear();
    }
    Ok(())
}

fn is_in_segment_of_a_param(parts: &[Part]) -> bool {
    match parts {
        [.., Part::Param { .. }] => true,
        [.., Part::Param { .. }, Part::Literal(text)] => !text.contains('/'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text.to_owned()).unwrap()
    }

    fn why(text: &str) -> &'static str {
        match Pattern::parse(text.to_owned()) {
            Err(Error::BadPattern { why, .. }) => why,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn values<'a>(text: &str, path: &'a str) -> Vec<&'a str> {
        let normal = encoding::normal(path) == path;
        let values = |p: Pattern| p.walk(path, normal).map(|r| path.get(r).unwrap()).collect();
        values(pattern(text))
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(why("users"), "a pattern starts with a slash");
        assert_eq!(why("/{id"), "`{` without `}`");
        assert_eq!(why("/id}"), "`}` without `{`; write `}}` for the character");
        assert_eq!(why("/{}"), "a parameter has a name");
        assert_eq!(why("/{*}"), "a parameter has a name");
        assert_eq!(why("/{a}/{a}"), "two parameters have one name");
        assert_eq!(why("/{a}-{b}"), "a segment has one parameter at most");
        assert_eq!(why("/{a}{*b}"), "a segment has one parameter at most");
        assert_eq!(why("/{*a}/b"), "`{*..}` is the end of a pattern");
        assert_eq!(why("/a?b"), "`?` and `#` end a path; write `%3F` or `%23`");
        assert!(why("/100%").starts_with("`%` without two hex digits"));
        assert!(why("/{a/b}").starts_with("the name of a parameter"));
    }

    #[test]
    fn a_prefix_can_be_stood_behind() {
        let open = Pattern::parse_open("/a/{b}").unwrap();
        assert_eq!(open.text.as_str(), "/a/{b}/{*}");
        assert_eq!(Pattern::parse_open("/").unwrap().text.as_str(), "/{*}");
        assert!(Pattern::parse_open("/a/").is_err());
        assert!(Pattern::parse_open("/{*a}").is_err());
        let nested = open.behind("/{x}").unwrap();
        assert_eq!(nested.text.as_str(), "/{x}/a/{b}/{*}");
        assert_eq!((nested.end, nested.names.len()), (End::Segment, 2));
        assert!(open.behind("/{b}").is_err());
        assert!(pattern("/c").behind("/{*b}").is_err());
    }

    #[test]
    fn shapes_are_equal_where_patterns_match_the_same() {
        assert_eq!(pattern("/a/{b}").shape(), pattern("/%61/{c}").shape());
        assert_eq!(pattern("/café").shape(), pattern("/caf%c3%a9").shape());
        assert_ne!(pattern("/{a}").shape(), pattern("/{{}}").shape());
        assert_ne!(pattern("/{a}").shape(), pattern("/{*a}").shape());
        let open = Pattern::parse_open("/").unwrap();
        assert_ne!(open.shape(), pattern("/{*a}").shape());
    }

    #[test]
    fn values_are_found_along_the_path() {
        assert_eq!(values("/a/{b}/c/{d}", "/a/1/c/23"), ["1", "23"]);
        assert_eq!(
            values("/img-{id}.png/{*rest}", "/img-7.png/x/y"),
            ["7", "x/y"]
        );
        assert_eq!(values("/é/{a}é/{b}", "/%c3%a9/1%61é/2"), ["1%61", "2"]);
        assert_eq!(values("/é/{a}é/{b}", "/%C3%A9/1%C3%A9/2"), ["1", "2"]);
    }

    #[test]
    fn a_walk_ends_where_the_pattern_does() {
        assert_eq!(pattern("/a/{b}").walk("/a/123/rest", true).end(), 6);
        assert_eq!(pattern("/é").walk("/%c3%a9/rest", false).end(), 7);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            drop(Pattern::parse(text));
        }

        #[test]
        fn no_pattern_panics(text in "/[a/{}*%2]{0,20}", path in "/[a/{}*%2é]{0,20}") {
            if let Ok(pattern) = Pattern::parse(text) {
                for normal in [true, false] {
                    pattern.walk(&path, normal).for_each(drop);
                }
            }
        }
    }
}
