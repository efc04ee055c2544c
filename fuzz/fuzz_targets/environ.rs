//! Any variables as a request, and the request as variables again.

#![no_main]

use gopuram::environ::{Environ, Mapping, Template};
use gopuram::middleware::attributes::{Attributes, Connection};
use libfuzzer_sys::fuzz_target;

/// What the first byte of a line stands for: any other name would hardly ever be one that means something.
const NAMES: [&str; 24] = [
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "DOCUMENT_URI",
    "HTTPS",
    "HTTP_CONTENT_LENGTH",
    "HTTP_COOKIE",
    "HTTP_HOST",
    "HTTP_PROXY",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_X_Y",
    "PATH_INFO",
    "QUERY_STRING",
    "RAW_URI",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SERVER_ADDR",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
];

/// A variable a line: a known name by its first byte, or else the name up to an equals sign.
fn variables(bytes: &[u8]) -> Environ {
    let mut environ = Environ::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let Some((&first, rest)) = line.split_first() else {
            continue;
        };
        match NAMES.get(usize::from(first.wrapping_sub(b'A'))) {
            Some(name) => environ.push(name, rest),
            None => {
                let end = rest.iter().position(|&byte| byte == b'=');
                let (name, value) = rest.split_at(end.unwrap_or(rest.len()));
                environ.push(name, value);
            }
        }
    }
    if environ.get("REQUEST_METHOD").is_none() {
        environ.push("REQUEST_METHOD", "GET");
    }
    environ
}

/// By name: fields of different names have no order.
fn in_order(environ: &Environ) -> Vec<(&[u8], &[u8])> {
    let mut variables: Vec<_> = environ.iter().collect();
    variables.sort_unstable();
    variables
}

fuzz_target!(|bytes: &[u8]| {
    let environ = variables(bytes);
    for mapping in [
        Mapping::default(),
        Mapping::default().script_name("/a").remote_user(),
        Mapping::default().cgi().plain_paths(),
    ] {
        let Ok(head) = environ.head(&mapping, &Connection::default()) else {
            continue;
        };
        let path = head.uri.path();
        assert!(path.starts_with('/') || path == "*");
        assert!(!head.headers.contains_key("proxy"));
        assert!(!head.headers.contains_key("transfer-encoding"));
        let attributes = Attributes::of_head(&head).expect("attributes");
        let prefix = attributes.mount().prefix();
        assert!(prefix.is_empty() || prefix.starts_with('/') && !prefix.ends_with('/'));
        let connection = attributes.connection().expect("a connection");
        let template = Template::new(mapping.clone(), connection);
        let Ok(told) = template.environ(&head) else {
            continue;
        };
        assert!(told.get("HTTP_PROXY").is_none());
        assert_eq!(
            told.get("REQUEST_METHOD"),
            Some(head.method.as_str().as_bytes())
        );
        // Who reads them has the same request: no path, host or field has another meaning the second time.
        let again = told.head(&mapping, connection).expect("the same request");
        assert_eq!(
            (&again.method, &again.uri, again.version),
            (&head.method, &head.uri, head.version)
        );
        assert_eq!(
            Attributes::of_head(&again)
                .expect("attributes")
                .mount()
                .prefix(),
            prefix
        );
        let told_again = template.environ(&again).expect("the same variables");
        assert_eq!(in_order(&told_again), in_order(&told));
    }
});
