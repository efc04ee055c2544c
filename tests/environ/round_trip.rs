//! What fits one way comes back the other way as it was.

use gopuram::environ::{Environ, Mapping};
use gopuram::middleware::attributes::{Attributes, Connection};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, request};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{connection, environ};

/// The fields with their lines joined, as variables have them.
fn joined(headers: &HeaderMap) -> HeaderMap {
    let mut joined = HeaderMap::new();
    for name in headers.keys() {
        let lines: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        let between: &[u8] = if name == "cookie" { b"; " } else { b", " };
        let value = HeaderValue::from_bytes(&lines.join(between)).unwrap();
        joined.insert(name, value);
    }
    joined
}

/// Fields that have variables, whatever their values.
fn fields() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let name = prop_oneof!["[a-z0-9][a-z0-9-]{0,8}", Just("cookie".to_owned())];
    let value = vec(prop_oneof![32..127_u8, 128..=255_u8], 0..12);
    vec(
        (
            name.prop_filter("one of the connection", |name| !SEEN_TO.contains(&&**name)),
            value,
        ),
        0..6,
    )
}

/// Fields that do not come back, or have a form to keep to.
const SEEN_TO: [&str; 9] = [
    "te", "upgrade", "expect", "proxy", "host", "trailer", "from", "range", "date",
];

fn head() -> impl Strategy<Value = request::Parts> {
    let version = prop_oneof![
        Just(Version::HTTP_10),
        Just(Version::HTTP_11),
        Just(Version::HTTP_2),
        Just(Version::HTTP_3),
    ];
    let method = "[A-Za-z!-]{1,6}";
    let path = "(/|//|/[a-z.~%!$&'()*+,;=:@]{1,4}|/%2F|/%00|/%e9|/\\.\\.){1,5}";
    let query = prop::option::of("[a-z%=&?/+]{0,6}");
    (version, method, path, query, fields(), any::<bool>()).prop_map(
        |(version, method, path, query, fields, absolute)| {
            let mut target = path;
            if let Some(query) = query {
                target = format!("{target}?{query}");
            }
            let uri = if absolute || version >= Version::HTTP_2 {
                format!("http://a.test:8{target}").parse().unwrap()
            } else {
                http::uri::PathAndQuery::try_from(target).unwrap().into()
            };
            let mut req = Request::new(());
            *req.method_mut() = method.parse().unwrap();
            *req.uri_mut() = uri;
            *req.version_mut() = version;
            let headers = req.headers_mut();
            headers.insert("host", HeaderValue::from_static("a.test:8"));
            for (name, value) in fields {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                headers.append(name, HeaderValue::from_bytes(&value).unwrap());
            }
            req.into_parts().0
        },
    )
}

proptest! {
    #[test]
    fn a_request_comes_back_as_it_was(head in head()) {
        prop_assume!(head.method != "CONNECT");
        let environ = environ(&head).unwrap();
        let back = environ.head(&Mapping::default(), &Connection::default()).unwrap();
        prop_assert_eq!(&back.method, &head.method);
        prop_assert_eq!(back.uri.to_string(), head.uri.to_string());
        prop_assert_eq!(back.version, head.version);
        prop_assert_eq!(&back.headers, &joined(&head.headers));
        let attributes = Attributes::of_head(&back).unwrap();
        prop_assert_eq!(attributes.connection().unwrap().peer, connection().peer);
        prop_assert_eq!(attributes.connection().unwrap().local, connection().local);
        prop_assert_eq!(attributes.original_uri(), None);
    }

    #[test]
    fn a_mount_comes_back_as_it_was(
        // One that ends in an encoded slash ends in a slash when it is decoded, which no mount does.
        prefix in "(/[a-z%]{1,4}|/%2F|/%e9){0,2}/[a-z]{1,3}",
        rest in "/[a-z%/]{0,6}",
        query in prop::option::of("[a-z]{0,3}"),
    ) {
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let mut head = Request::get(format!("{rest}{query}")).body(()).unwrap().into_parts().0;
        let mut attributes = Attributes::default();
        attributes.keep_original_uri(&format!("{prefix}{rest}{query}").parse().unwrap());
        attributes.enter_mount(&prefix);
        head.extensions.insert(attributes.clone());
        let environ = environ(&head).unwrap();
        let back = environ.head(&Mapping::default(), &Connection::default()).unwrap();
        let told = Attributes::of_head(&back).unwrap();
        prop_assert_eq!(&back.uri, &head.uri);
        prop_assert_eq!(told.mount(), attributes.mount());
        prop_assert_eq!(told.original_uri(), attributes.original_uri());
    }

    #[test]
    fn any_variables_are_a_request_or_refused(
        variables in vec((
            prop_oneof![
                "HTTP_[A-Z_]{0,6}",
                "(REQUEST|SERVER|REMOTE|CONTENT)_(URI|METHOD|PROTOCOL|ADDR|PORT|NAME|LENGTH|TYPE)",
                "(SCRIPT_NAME|PATH_INFO|DOCUMENT_URI|QUERY_STRING|HTTPS)",
            ],
            prop_oneof!["\\PC{0,8}".prop_map(String::into_bytes), "/[a-z/.%?#]{0,8}".prop_map(String::into_bytes), vec(any::<u8>(), 0..8)],
        ), 0..12),
        script: bool,
    ) {
        let mut environ: Environ = [("REQUEST_METHOD", "GET")].into_iter().collect();
        environ.extend(variables);
        let mapping = if script { Mapping::default().cgi() } else { Mapping::default() };
        if let Ok(head) = environ.head(&mapping, &Connection::default()) {
            let path = head.uri.path();
            prop_assert!(path.starts_with('/') || path == "*", "{}", path);
            let prefix = Attributes::of_head(&head).unwrap().mount().prefix();
            prop_assert!(prefix.is_empty() || prefix.starts_with('/') && !prefix.ends_with('/'));
        }
    }
}
