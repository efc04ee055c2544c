//! Fields for caches like this one, obeyed in place of `Cache-Control`: RFC 9213.
//!
//! Such a field is a dictionary of structured fields (section 2.1), which is not read as `Cache-Control` is: of a
//! directive that is there twice the last counts, names are in lower case, and what is malformed spoils the
//! whole field. Parameters mean nothing. A number that is none makes a response stale, as in `Cache-Control`.

use http::{HeaderMap, HeaderName};

use crate::header::cache_control::{FOREVER, Of, ResponseDirectives};
use crate::header::structured::{Value, dictionary};

/// The directives of the first of these fields that is there, not empty and not malformed (section 2.2).
pub(super) fn first(headers: &HeaderMap, names: &[HeaderName]) -> Option<ResponseDirectives> {
    names.iter().find_map(|name| {
        let members = dictionary(headers, name);
        (!members.is_empty()).then(|| directives(members))
    })
}

fn directives(members: Vec<(String, Value)>) -> ResponseDirectives {
    let mut all = ResponseDirectives::default();
    for (key, value) in members {
        // What is said not to be so is not.
        let is_so = value != Value::Boolean(false);
        match &*key {
            "max-age" => all.max_age = Some(seconds(&value)),
            "must-revalidate" => all.must_revalidate = is_so,
            "must-understand" => all.must_understand = is_so,
            "no-cache" => all.no_cache = of(&value),
            "no-store" => all.no_store = is_so,
            "private" => all.private = of(&value),
            "proxy-revalidate" => all.proxy_revalidate = is_so,
            "public" => all.public = is_so,
            "s-maxage" => all.s_maxage = Some(seconds(&value)),
            "stale-if-error" => all.stale_if_error = Some(seconds(&value)),
            "stale-while-revalidate" => all.stale_while_revalidate = Some(seconds(&value)),
            _ => {}
        }
    }
    all
}

fn seconds(value: &Value) -> u64 {
    match value {
        Value::Integer(number) => u64::try_from(*number).unwrap_or(0).min(FOREVER),
        _ => 0,
    }
}

fn of(value: &Value) -> Of {
    match value {
        Value::Boolean(false) => Of::Nothing,
        Value::Text(names) => Of::named(names),
        _ => Of::All,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(fields: &[(&'static str, &'static str)]) -> Option<ResponseDirectives> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        first(&headers, &["ours".parse().unwrap(), "all".parse().unwrap()])
    }

    #[test]
    fn of_a_directive_that_is_there_twice_the_last_counts() {
        // RFC 9651, 4.2.2
        let read = read(&[
            ("all", "max-age=1, private"),
            ("all", "max-age=60;x=1, private=?0"),
        ]);
        let wanted = ResponseDirectives {
            max_age: Some(60),
            ..ResponseDirectives::default()
        };
        assert_eq!(read, Some(wanted));
    }

    #[test]
    fn the_first_of_the_list_that_says_something_counts() {
        // RFC 9213, 2.2
        let all = ("all", "max-age=1");
        let age = |fields: &[_]| read(fields)?.max_age;
        assert_eq!(age(&[all, ("ours", "max-age=2")]), Some(2));
        for nothing in ["", "max-age=2,", "Max-Age=2", "max-age=2 x"] {
            assert_eq!(age(&[all, ("ours", nothing)]), Some(1), "{nothing}");
        }
        assert_eq!(read(&[("other", "max-age=2")]), None);
    }

    #[test]
    fn arguments_are_of_the_types_of_structured_fields() {
        // RFC 9213, 2.1
        let directives = |line| read(&[("ours", line)]).unwrap();
        for (line, age) in [
            ("max-age=999999999999999", FOREVER),
            ("max-age=-1", 0),
            ("max-age=\"60\"", 0),
            ("max-age=60.5", 0),
            ("max-age", 0),
        ] {
            assert_eq!(directives(line).max_age, Some(age), "{line}");
        }
        let fields = Of::Fields(vec!["a".parse().unwrap(), "b".parse().unwrap()]);
        assert_eq!(directives("no-cache=\"a, B\"").no_cache, fields);
        for line in ["no-cache", "no-cache=?1", "no-cache=\"\"", "no-cache=(a)"] {
            assert_eq!(directives(line).no_cache, Of::All, "{line}");
        }
        assert!(directives("no-store").no_store && !directives("no-store=?0").no_store);
    }
}
