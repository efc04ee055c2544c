//! Media types and patterns of them: RFC 9110, section 8.3.1, and RFC 6838, section 4.2.
//!
//! ```text
//! media-type = type "/" subtype *( OWS ";" OWS [ token "=" ( token / quoted-string ) ] )
//! ```
//!
//! A pattern is a type, or has a `*` in place of the whole type and subtype, of the subtype, or of what
//! stands before a suffix: `*/*`, `text/*`, `application/*+json`.

use http::{HeaderMap, HeaderName};

/// A media type as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MediaType<'a> {
    /// `type/subtype`, in the case it was written in.
    pub(crate) essence: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    /// That of a field that is there once; none if it is malformed.
    pub(crate) fn of(headers: &'a HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut lines = headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => Self::parse(line.to_str().ok()?),
            _ => None,
        }
    }

    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (essence, parameters) = match text.split_once(';') {
            Some((essence, parameters)) => (essence, parameters),
            None => (text, ""),
        };
        let essence = essence.trim_matches([' ', '\t']);
        let (kind, name) = essence.split_once('/')?;
        (is_token(kind) && is_token(name)).then_some(Self {
            essence,
            parameters,
        })
    }

    /// The value of a parameter, without its quotes; the first if it is there twice.
    ///
    /// A backslash in a quoted value stays: no value that matters here has one.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters(name).next()
    }

    /// The values of a parameter, each without its quotes.
    pub(crate) fn parameters(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let mut rest = self.parameters;
        let all = std::iter::from_fn(move || {
            (!rest.is_empty()).then(|| {
                let (parameter, after) = cut(rest);
                rest = after;
                parameter
            })
        });
        all.filter_map(move |parameter| {
            let (key, value) = parameter.split_once('=')?;
            let named = key.trim_matches([' ', '\t']).eq_ignore_ascii_case(name);
            let value = value.trim_matches([' ', '\t']);
            let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            named.then(|| quoted.unwrap_or(value))
        })
    }
}

/// Up to the first semicolon outside of quotes, and after it.
fn cut(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    let at = text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b';' => return !quoted,
            _ => {}
        }
        false
    });
    match at.and_then(|at| text.split_at_checked(at)) {
        Some((parameter, rest)) => (parameter, rest.get(1..).unwrap_or_default()),
        None => (text, ""),
    }
}

/// Section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(tchar)
}

/// A pattern of media types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaPattern(Box<str>);

impl MediaPattern {
    /// None if `text` is no pattern, or has parameters.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        let stars = name.strip_prefix('*').map_or(name, |rest| match rest {
            "" => "x",
            suffix => suffix.strip_prefix('+').unwrap_or(""),
        });
        let plain = |word: &str| is_token(word) && !word.contains('*');
        let right = match kind {
            "*" => name == "*",
            kind => plain(kind) && plain(stars),
        };
        right.then(|| Self(text.into()))
    }

    /// As a range of `Accept`, which has no suffixes (RFC 9110, section 12.5.1).
    pub(crate) fn as_range(&self) -> Option<&str> {
        let text = &*self.0;
        (!text.contains("*+")).then_some(text)
    }

    /// Whether `essence`, in any case, is one of these.
    pub(crate) fn contains(&self, essence: &str) -> bool {
        let Some((kind, name)) = self.0.split_once('/') else {
            return false;
        };
        let Some((its_kind, its_name)) = essence.split_once('/') else {
            return false;
        };
        if kind != "*" && !kind.eq_ignore_ascii_case(its_kind) {
            return false;
        }
        match name.strip_prefix('*') {
            Some(suffix) => {
                let at = its_name.len().checked_sub(suffix.len());
                let end = at.and_then(|at| its_name.get(at..));
                end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
            }
            None => name.eq_ignore_ascii_case(its_name),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_type_has_two_halves_and_parameters() {
        let it = MediaType::parse(r#"Text/HTML ; a="x;charset=no\"" ;CharSet="UTF-8";q"#).unwrap();
        assert_eq!(it.essence, "Text/HTML");
        assert_eq!(it.parameter("charset"), Some("UTF-8"));
        assert_eq!(it.parameter("b"), None);
        for bad in ["", "text", "text/", "/html", "a b/c", "a/b/c", "a/b, c/d"] {
            assert!(MediaType::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_is_a_type_or_has_its_star_where_it_may() {
        let contains = |pattern, it| MediaPattern::parse(pattern).unwrap().contains(it);
        assert!(contains("*/*", "a/b"));
        assert!(contains("text/*", "TEXT/html") && !contains("text/*", "a/text"));
        assert!(contains("application/*+json", "application/vnd.api+JSON"));
        assert!(!contains("application/*+json", "application/json"));
        assert!(contains("Image/PNG", "image/png") && !contains("image/png", "image/pn"));
        for bad in [
            "",
            "*",
            "text",
            "*/html",
            "te*/a",
            "text/h*",
            "text/*json",
            "a/*+",
            "a/b;c=d",
            "a/*+*",
        ] {
            assert_eq!(MediaPattern::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_will_do(text in "\\PC{0,30}", pattern in "[a*]{0,2}/[a*+é]{0,4}") {
            if let Some(it) = MediaType::parse(&text) {
                let _ = it.parameter("charset");
            }
            if let Some(pattern) = MediaPattern::parse(&pattern) {
                let _ = pattern.contains(&text);
            }
        }

        #[test]
        fn a_parameter_is_read_as_it_was_written(value in "[a-z;= ]{0,9}") {
            let text = format!("a/b;x=\"{value}\"; charset=c");
            let it = MediaType::parse(&text).unwrap();
            prop_assert_eq!(it.parameter("x"), Some(value.as_str()));
            prop_assert_eq!(it.parameter("charset"), Some("c"));
        }
    }
}
