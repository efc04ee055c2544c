//! `Cache-Control`: RFC 9111, section 5.2, and RFC 5861.
//!
//! ```text
//! Cache-Control   = #cache-directive
//! cache-directive = token [ "=" ( token / quoted-string ) ]
//! ```
//!
//! Where the grammar leaves something open, or is broken, what is read errs on the side of not
//! using a stored response:
//!
//! - An argument may be a token or a quoted string whatever the directive (section 5.2). What is not
//!   known is ignored (section 5.2.3), arguments to what takes none are too.
//! - Of a directive with a number that is there twice the first counts; one that is no
//!   number makes a response stale (section 4.2.1).
//! - What is more than 2³¹ seconds is 2³¹ (section 1.2.2).
//! - `private` and `no-cache` with a list of fields that is empty, or has something in it
//!   that is not a field name, are of the whole response.

use std::borrow::Cow;

use http::header::{CACHE_CONTROL, PRAGMA};
use http::{HeaderMap, HeaderName};

use super::list::{members, trim};

/// The longest time there is, in seconds (section 1.2.2).
pub(crate) const FOREVER: u64 = 1 << 31;

/// What a directive that can name fields is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Of {
    /// The directive is not there.
    #[default]
    Nothing,
    /// The whole response.
    All,
    /// These fields of it.
    Fields(Vec<HeaderName>),
}

impl Of {
    /// The fields that `text` names, or the whole response.
    pub(crate) fn named(text: &[u8]) -> Self {
        names(text).map_or(Self::All, Self::Fields)
    }

    fn add(&mut self, argument: Argument<'_>) {
        let names = match argument {
            Argument::Text(text) => names(&text),
            Argument::Nothing | Argument::Broken => None,
        };
        match (&mut *self, names) {
            (Self::All, _) | (_, None) => *self = Self::All,
            (Self::Nothing, Some(names)) => *self = Self::Fields(names),
            (Self::Fields(before), Some(names)) => before.extend(names),
        }
    }
}

/// The names in a list of fields, if all of them are and there is one.
fn names(text: &[u8]) -> Option<Vec<HeaderName>> {
    let names: Result<Vec<_>, _> = members(text).map(HeaderName::from_bytes).collect();
    names.ok().filter(|names| !names.is_empty())
}

/// What a response says of its reuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a directive of its own"
)]
pub(crate) struct ResponseDirectives {
    pub(crate) max_age: Option<u64>,
    pub(crate) must_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) no_cache: Of,
    pub(crate) no_store: bool,
    pub(crate) private: Of,
    pub(crate) proxy_revalidate: bool,
    pub(crate) public: bool,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
}

impl ResponseDirectives {
    /// Those of all lines of the field `name`, which is `Cache-Control` or one like it.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Self {
        let mut all = Self::default();
        for (name, argument) in directives(headers, name) {
            // A number that is none is 0: the response is stale.
            let seconds = || Some(argument.seconds().unwrap_or(0));
            match &*name {
                b"max-age" => first(&mut all.max_age, seconds),
                b"must-revalidate" => all.must_revalidate = true,
                b"must-understand" => all.must_understand = true,
                b"no-cache" => all.no_cache.add(argument),
                b"no-store" => all.no_store = true,
                b"private" => all.private.add(argument),
                b"proxy-revalidate" => all.proxy_revalidate = true,
                b"public" => all.public = true,
                b"s-maxage" => first(&mut all.s_maxage, seconds),
                b"stale-if-error" => first(&mut all.stale_if_error, seconds),
                b"stale-while-revalidate" => first(&mut all.stale_while_revalidate, seconds),
                _ => {}
            }
        }
        all
    }
}

/// What a request says of what may be reused for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestDirectives {
    pub(crate) max_age: Option<u64>,
    /// [`FOREVER`] if any age will do.
    pub(crate) max_stale: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) stale_if_error: Option<u64>,
}

impl RequestDirectives {
    /// Those of a request; `Pragma: no-cache` where there is no `Cache-Control` (section 5.4).
    #[inline]
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut all = Self::default();
        if !headers.contains_key(CACHE_CONTROL) {
            all.no_cache = headers.contains_key(PRAGMA)
                && directives(headers, &PRAGMA).any(|(name, _)| *name == *b"no-cache");
            return all;
        }
        for (name, argument) in directives(headers, &CACHE_CONTROL) {
            match &*name {
                b"max-age" => first(&mut all.max_age, || Some(argument.seconds().unwrap_or(0))),
                b"max-stale" => first(&mut all.max_stale, || match argument {
                    Argument::Nothing => Some(FOREVER),
                    _ => argument.seconds(),
                }),
                b"min-fresh" => first(&mut all.min_fresh, || argument.seconds()),
                b"no-cache" => all.no_cache = true,
                b"no-store" => all.no_store = true,
                b"only-if-cached" => all.only_if_cached = true,
                b"stale-if-error" => first(&mut all.stale_if_error, || argument.seconds()),
                _ => {}
            }
        }
        all
    }
}

fn first(slot: &mut Option<u64>, seconds: impl FnOnce() -> Option<u64>) {
    if slot.is_none() {
        *slot = seconds();
    }
}

/// Each directive: its name in lower case, and its argument.
fn directives<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (Cow<'a, [u8]>, Argument<'a>)> {
    let lines = headers.get_all(name).into_iter();
    lines
        .flat_map(|line| members(line.as_bytes()))
        .map(|member| {
            let mut halves = member.splitn(2, |byte| *byte == b'=');
            let name = halves.next().unwrap_or_default();
            let argument = halves.next();
            let trimmed = trim(name);
            let argument = match argument {
                None => Argument::Nothing,
                // No white space belongs around the sign.
                Some(text) if trimmed.len() == name.len() => Argument::of(text),
                Some(_) => Argument::Broken,
            };
            (lower_case(trimmed), argument)
        })
}

fn lower_case(name: &[u8]) -> Cow<'_, [u8]> {
    if name.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// What stands behind the sign.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument<'a> {
    /// There is no sign.
    Nothing,
    /// Neither a token nor a quoted string.
    Broken,
    Text(Cow<'a, [u8]>),
}

impl<'a> Argument<'a> {
    fn of(text: &'a [u8]) -> Self {
        match text {
            [b'"', inside @ .., b'"'] => unquoted(inside).map_or(Self::Broken, Self::Text),
            [] | [b'"' | b' ' | b'\t', ..] => Self::Broken,
            token => Self::Text(Cow::Borrowed(token)),
        }
    }

    /// `delta-seconds`: digits and nothing else.
    fn seconds(&self) -> Option<u64> {
        let Self::Text(text) = self else {
            return None;
        };
        seconds(text)
    }
}

/// `1*DIGIT`, no more than [`FOREVER`] (section 1.2.2).
pub(crate) fn seconds(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |all, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(all.saturating_mul(10).saturating_add(digit).min(FOREVER))
    })
}

/// The text of a quoted string (RFC 9110, section 5.6.4).
fn unquoted(inside: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !inside.iter().any(|byte| matches!(byte, b'\\' | b'"')) {
        return Some(Cow::Borrowed(inside));
    }
    let mut text = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => text.push(*bytes.next()?),
            b'"' => return None,
            byte => text.push(byte),
        }
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn response(line: &str) -> ResponseDirectives {
        ResponseDirectives::of(&headers(&[line]), &CACHE_CONTROL)
    }

    fn request(line: &str) -> RequestDirectives {
        RequestDirectives::of(&headers(&[line]))
    }

    #[test]
    fn names_are_of_any_case_and_arguments_of_both_forms() {
        // 5.2
        for line in [
            "max-age=60, no-store",
            "MAX-AGE=60 ,, No-Store",
            "no-store=\"yes\", max-age=\"60\"",
            "max-age=\"6\\0\",no-store",
        ] {
            let read = response(line);
            assert!(read.max_age == Some(60) && read.no_store, "{line}");
        }
    }

    #[test]
    fn several_lines_are_one_list_and_the_first_number_counts() {
        // 4.2.1
        let lines = headers(&["max-age=1, public", "max-age=60, s-maxage=5"]);
        let read = ResponseDirectives::of(&lines, &CACHE_CONTROL);
        assert_eq!((read.max_age, read.s_maxage), (Some(1), Some(5)));
        assert!(read.public);
    }

    #[test]
    fn a_number_that_is_none_makes_a_response_stale() {
        // 4.2.1
        for argument in [
            "", "=", "=x", "=-1", "=+1", "=1.5", "= 60", " =60", "=\"60", "=6 0", "=0x10",
        ] {
            let line = format!("max-age{argument}");
            assert_eq!(response(&line).max_age, Some(0), "{line}");
            let asked = request(&line.replace("max-age", "min-fresh"));
            assert_eq!(asked.min_fresh, None, "{line}");
        }
    }

    #[test]
    fn more_than_can_be_counted_is_forever() {
        // 1.2.2
        for number in [
            "2147483648",
            "2147483649",
            "99999999999999999999999999999999999999",
        ] {
            let line = format!("max-age={number}");
            assert_eq!(response(&line).max_age, Some(FOREVER), "{line}");
        }
        assert_eq!(response("max-age=2147483647").max_age, Some(FOREVER - 1));
    }

    #[test]
    fn fields_are_named_or_all_are_meant() {
        // 5.2.2.4, 5.2.2.7
        let fields =
            |names: &[&str]| Of::Fields(names.iter().map(|n| n.parse().unwrap()).collect());
        assert_eq!(response("private").private, Of::All);
        assert_eq!(response("private=\"a, B\"").private, fields(&["a", "b"]));
        assert_eq!(response("no-cache=a").no_cache, fields(&["a"]));
        assert_eq!(
            response("no-cache=\"a\", no-cache=\"b\"").no_cache,
            fields(&["a", "b"])
        );
        for line in [
            "private=\"\"",
            "private=",
            "private=\"a b\"",
            "private=\"a\", private",
            "private, private=\"a\"",
            "private=\"a",
        ] {
            assert_eq!(response(line).private, Of::All, "{line}");
        }
        assert_eq!(response("max-age=1").private, Of::Nothing);
    }

    #[test]
    fn a_directive_inside_a_quoted_string_is_none() {
        let read = response("x=\"no-store, private\", max-age=60");
        assert!(!read.no_store && read.private == Of::Nothing);
        assert_eq!(read.max_age, Some(60));
    }

    #[test]
    fn requests_say_what_will_do() {
        // 5.2.1
        assert_eq!(request("max-stale").max_stale, Some(FOREVER));
        assert_eq!(request("max-stale=5").max_stale, Some(5));
        assert_eq!(request("max-stale=x").max_stale, None);
        assert_eq!(request("min-fresh=5").min_fresh, Some(5));
        let read = request("no-cache, no-store, only-if-cached, stale-if-error=9");
        assert!(read.no_cache && read.no_store && read.only_if_cached);
        assert_eq!(read.stale_if_error, Some(9));
    }

    #[test]
    fn pragma_counts_where_there_is_no_cache_control() {
        // 5.4
        let mut headers = HeaderMap::new();
        headers.insert(PRAGMA, HeaderValue::from_static("x, No-Cache"));
        assert!(RequestDirectives::of(&headers).no_cache);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
        assert!(!RequestDirectives::of(&headers).no_cache);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            max_age in prop::option::of(0..FOREVER),
            s_maxage in prop::option::of(0..FOREVER),
            no_store: bool,
            fields in prop::collection::vec("[a-z]{1,6}", 0..4),
            unknown in r#"[a-z]{1,4}-x(="([a-z, ]|\\["\\])*"|=[a-z0-9]{1,4})?"#,
            quoted: bool,
            gap in "[ \t]*,[ \t]*(,[ \t]*)?",
        ) {
            let quote = if quoted { "\"" } else { "" };
            let number = |name: &str, n: u64| format!("{name}={quote}{n}{quote}");
            let mut directives = vec![unknown];
            directives.extend(max_age.map(|n| number("max-age", n)));
            directives.extend(s_maxage.map(|n| number("s-maxage", n)));
            directives.extend(no_store.then(|| "no-store".to_owned()));
            if !fields.is_empty() {
                directives.push(format!("private=\"{}\"", fields.join(&gap)));
            }
            let read = response(&directives.join(&gap));
            let names: Vec<_> = fields.iter().map(|name| name.parse().unwrap()).collect();
            let private = if names.is_empty() { Of::Nothing } else { Of::Fields(names) };
            let wanted = ResponseDirectives { max_age, no_store, private, s_maxage, ..Default::default() };
            prop_assert_eq!(read, wanted);
        }

        #[test]
        fn any_bytes_will_do(bytes: Vec<u8>) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else {
                return Ok(());
            };
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, value)]);
            let read = ResponseDirectives::of(&headers, &CACHE_CONTROL);
            prop_assert!(read.max_age.is_none_or(|age| age <= FOREVER));
            let read = RequestDirectives::of(&headers);
            prop_assert!(read.max_stale.is_none_or(|age| age <= FOREVER));
        }

        #[test]
        fn numbers_grow_no_further_than_forever(digits in "[0-9]{1,40}") {
            let wanted = digits.parse::<u128>().unwrap_or(u128::MAX).min(u128::from(FOREVER));
            prop_assert_eq!(seconds(digits.as_bytes()).map(u128::from), Some(wanted));
        }
    }
}
