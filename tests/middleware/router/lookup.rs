//! The lookup against a reference that tries every pattern.

use std::cmp::Ordering;

use gopuram::middleware::Router;
use gopuram::middleware::router::{Endpoint, Lookup};
use http::Method;
use proptest::collection::{hash_set, vec};
use proptest::prelude::*;

/// What a pattern is made of, written by hand for these tests.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    Byte(u8),
    Param(String),
    Rest,
    Mount,
}

fn tokens(mut pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some(first) = pattern.bytes().next() {
        if pattern == "/{*}" {
            tokens.push(Token::Mount);
            break;
        } else if pattern.starts_with("{*") {
            tokens.push(Token::Rest);
            break;
        } else if first == b'{' {
            let (_, after) = pattern.split_once('}').unwrap();
            let suffix = after.split('/').next().unwrap();
            tokens.push(Token::Param(suffix.to_owned()));
            pattern = after;
        } else {
            tokens.push(Token::Byte(first));
            pattern = &pattern[1..];
        }
    }
    tokens
}

/// The values of the parameters, if the pattern matches.
fn matches(tokens: &[Token], path: &str) -> Option<Vec<String>> {
    let Some((token, after)) = tokens.split_first() else {
        return path.is_empty().then(Vec::new);
    };
    match token {
        Token::Byte(byte) => matches(after, path.strip_prefix(char::from(*byte))?),
        Token::Mount => (path.is_empty() || path.starts_with('/')).then(Vec::new),
        Token::Rest => (!path.is_empty()).then(|| vec![path.to_owned()]),
        Token::Param(suffix) => {
            let end = path.find('/').unwrap_or(path.len());
            let value = path[..end]
                .strip_suffix(suffix.as_str())
                .filter(|v| !v.is_empty())?;
            let mut values = matches(after, &path[value.len()..])?;
            values.insert(0, value.to_owned());
            Some(values)
        }
    }
}

/// Of two patterns that match: the more literal from the left.
fn precedence(a: &[Token], b: &[Token]) -> Ordering {
    let rank = |token: Option<&Token>| match token {
        None => (0, 0),
        Some(Token::Byte(_)) => (1, 0),
        Some(Token::Param(suffix)) => (2, usize::MAX - suffix.len()),
        Some(Token::Rest) => (3, 0),
        Some(Token::Mount) => (4, 0),
    };
    let differ = (0..=a.len()).find(|&i| a.get(i) != b.get(i));
    differ.map_or(Ordering::Equal, |i| rank(a.get(i)).cmp(&rank(b.get(i))))
}

fn router(patterns: &[String]) -> Router {
    let mut router = Router::new();
    for pattern in patterns {
        let endpoint = Endpoint::handler(async |_| ());
        match pattern.strip_suffix("/{*}") {
            Some(prefix) => router.try_mount(prefix, endpoint),
            None => router.try_route(Some(Method::GET), pattern, endpoint),
        }
        .unwrap();
    }
    router
}

fn found(router: &Router, path: &str) -> Option<(String, Vec<String>)> {
    match router.lookup(&Method::GET, path) {
        Lookup::Found(found) => Some((
            found.route().as_str().to_owned(),
            found.params().map(|(_, value)| value.to_owned()).collect(),
        )),
        Lookup::Nothing => None,
        other => panic!("{path}: {other:?}"),
    }
}

/// Segments of patterns, with and without a suffix behind a parameter.
const PLAIN: &str = "(a|b|ab|ba|\\{\\}|\\{\\}|a\\{\\}|ab\\{\\})";
const SUFFIXED: &str = "(a|b|ab|ba|\\{\\}|\\{\\}|\\{\\}b|\\{\\}bb|a\\{\\}|ab\\{\\}|a\\{\\}b)";

/// How patterns end, mounts too and without.
const ENDS: &str = "|/|/\\{\\*r\\}|/\\{\\*\\}";
const NO_MOUNT: &str = "|/|/\\{\\*r\\}";

/// Patterns over a few letters, so that they meet; each `{` gets a name of its own.
fn patterns(segment: &str, ends: &str) -> impl Strategy<Value = Vec<String>> + use<> {
    let pattern = format!("(/{segment}){{0,4}}({ends})");
    let pattern = proptest::string::string_regex(&pattern).unwrap();
    hash_set(pattern, 1..12).prop_map(|shapes| {
        let named = shapes.into_iter().filter(|s| !s.is_empty()).map(|shape| {
            let mut number = 0..;
            let mut name = || format!("{{p{}}}", number.next().unwrap());
            let pieces: Vec<_> = shape.split("{}").collect();
            let mut text = pieces[0].to_owned();
            for piece in &pieces[1..] {
                text.push_str(&name());
                text.push_str(piece);
            }
            text.replace("{*r}", "{*rest}")
        });
        named.collect()
    })
}

fn paths() -> impl Strategy<Value = Vec<String>> {
    vec("(/(a|b|ab|abb|bb|aab|c)?){1,5}", 1..20)
}

proptest! {
    #[test]
    fn the_lookup_finds_what_trying_every_pattern_finds(
        patterns in patterns(SUFFIXED, ENDS),
        paths in paths(),
    ) {
        let router = router(&patterns);
        for path in paths {
            let all = patterns.iter().filter_map(|p| Some((p, matches(&tokens(p), &path)?)));
            let best = all.min_by(|(a, _), (b, _)| precedence(&tokens(a), &tokens(b)));
            let best = best.map(|(pattern, values)| (pattern.clone(), values));
            prop_assert_eq!(found(&router, &path), best, "{} of {:?}", path, patterns);
        }
    }

    #[test]
    fn the_lookup_finds_what_matchit_finds(
        patterns in patterns(PLAIN, NO_MOUNT),
        paths in paths(),
    ) {
        let mut matchit = matchit::Router::new();
        // It refuses some that overlap, which we take; and it does not come back from a longer
        // suffix to a shorter, which is why there are none here.
        let taken = patterns.into_iter().filter(|p| matchit.insert(p, p.clone()).is_ok());
        let taken: Vec<_> = taken.collect();
        let router = router(&taken);
        for path in paths {
            let theirs = matchit.at(&path).ok().map(|found| {
                let values = found.params.iter().map(|(_, value)| value.to_owned());
                (found.value.clone(), values.collect())
            });
            prop_assert_eq!(found(&router, &path), theirs, "{} of {:?}", path, taken);
        }
    }

    #[test]
    fn encoding_what_needs_none_changes_nothing(
        patterns in patterns(SUFFIXED, ENDS),
        paths in paths(),
    ) {
        let router = router(&patterns);
        for path in paths {
            let encoded = path.replace('a', "%61");
            let expected = found(&router, &path).map(|(pattern, values)| {
                (pattern, values.iter().map(|v| v.replace('a', "%61")).collect())
            });
            prop_assert_eq!(found(&router, &encoded), expected, "{} of {:?}", path, patterns);
        }
    }

    #[test]
    fn no_path_panics(patterns in patterns(SUFFIXED, ENDS), path in "\\PC{0,20}") {
        found(&router(&patterns), &path);
    }
}

#[test]
fn a_lookup_says_what_there_is() {
    let router = Router::new().get("/users/{id}", async |_| ());
    let Lookup::Automatic(allow) = router.lookup(&Method::POST, "/users/7") else {
        panic!("the path is there, the method is not");
    };
    assert_eq!(allow, "GET, HEAD, OPTIONS");
    let Lookup::Found(found) = router.lookup(&Method::HEAD, "/users/7") else {
        panic!("GET answers HEAD");
    };
    assert_eq!(
        found.spans().collect::<Vec<_>>(),
        [std::ops::Range { start: 7, end: 8 }]
    );
    assert!(matches!(
        router.lookup(&Method::GET, "/users/"),
        Lookup::Nothing
    ));
}
