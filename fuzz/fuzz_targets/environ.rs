//! Any variables as a request, and the request as variables again.

#![no_main]

use gopuram::environ::{Environ, Mapping, Template};
use gopuram::middleware::attributes::{Attributes, Connection};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Names and values by turns, with a line's end behind each.
    let mut texts = bytes.split(|&byte| byte == b'\n');
    let mut environ = Environ::new();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        environ.push(name, value);
    }
    for mapping in [Mapping::default(), Mapping::default().cgi().plain_paths()] {
        let Ok(head) = environ.head(&mapping, &Connection::default()) else {
            continue;
        };
        let path = head.uri.path();
        assert!(path.starts_with('/') || path == "*");
        let prefix = Attributes::of_head(&head).map_or("", |attributes| attributes.mount().prefix());
        assert!(prefix.is_empty() || prefix.starts_with('/') && !prefix.ends_with('/'));
        let template = Template::new(mapping, &Connection::default());
        if let Ok(again) = template.environ(&head) {
            assert!(again.get("HTTP_PROXY").is_none());
            assert_eq!(again.get("REQUEST_METHOD"), environ.get("REQUEST_METHOD"));
        }
    }
});
