//! From a request: what each variable is.

use gopuram::environ::{Mapping, Template};
use gopuram::middleware::attributes::{Attributes, ClientAddr, Connection, Scheme};
use http::header::HeaderName;
use http::{Request, Version};
use proptest::prelude::*;

use crate::support::{connection, environ, environ_by, get, head, of_version, var};

#[test]
fn request_method_is_passed_as_it_is() {
    for method in ["GET", "get", "M-SEARCH", "X!y"] {
        let environ = environ(&head(method, "/", &[])).unwrap();
        assert_eq!(var(&environ, "REQUEST_METHOD"), Some(method));
    }
}

#[test]
fn script_name_is_the_mount_decoded_without_a_slash_at_its_end() {
    let mut head = head("GET", "/x", &[]);
    let mut attributes = Attributes::default();
    attributes.keep_original_uri(&"/caf%C3%A9/x".parse().unwrap());
    attributes.enter_mount("/caf%C3%A9/");
    head.extensions.insert(attributes);
    let environ = environ(&head).unwrap();
    assert_eq!(var(&environ, "SCRIPT_NAME"), Some("/café"));
    assert_eq!(var(&environ, "PATH_INFO"), Some("/x"));
    assert_eq!(var(&environ, "REQUEST_URI"), Some("/caf%C3%A9/x"));
    assert_eq!(var(&get("/x", &[]), "SCRIPT_NAME"), Some(""));
}

#[test]
fn path_info_is_decoded_once_and_kept_raw_beside() {
    let environ = get("/%2541%2F%e9//b;p/../+%zz", &[]);
    assert_eq!(
        environ.get("PATH_INFO"),
        Some(b"/%41/\xe9//b;p/../+%zz".as_slice())
    );
    for raw in ["REQUEST_URI", "RAW_URI"] {
        assert_eq!(var(&environ, raw), Some("/%2541%2F%e9//b;p/../+%zz"));
    }
}

#[test]
fn path_info_with_an_encoded_slash_is_refused_if_that_is_wanted() {
    for path in ["/a%2Fb", "/a%5cb", "/a%00b"] {
        let head = head("GET", path, &[]);
        environ(&head).unwrap();
        let refused = environ_by(Mapping::default().plain_paths(), &head).unwrap_err();
        assert_eq!(refused.status(), 400);
    }
}

#[test]
fn query_string_is_raw_and_always_there() {
    assert_eq!(
        var(&get("/?a=%20&b?", &[]), "QUERY_STRING"),
        Some("a=%20&b?")
    );
    let [without, empty] = ["/a", "/a?"].map(|target| get(target, &[]));
    assert_eq!(var(&without, "QUERY_STRING"), Some(""));
    assert_eq!(var(&empty, "QUERY_STRING"), Some(""));
    assert_eq!(var(&empty, "REQUEST_URI"), Some("/a?"));
}

#[test]
fn content_type_and_length_have_no_twins_and_are_not_invented() {
    let environ = get("/", &[("content-type", b"a/b"), ("content-length", b"3")]);
    assert_eq!(var(&environ, "CONTENT_TYPE"), Some("a/b"));
    assert_eq!(var(&environ, "CONTENT_LENGTH"), Some("3"));
    assert_eq!(var(&environ, "HTTP_CONTENT_TYPE"), None);
    assert_eq!(var(&environ, "HTTP_CONTENT_LENGTH"), None);
    let environ = get("/", &[]);
    assert_eq!(var(&environ, "CONTENT_TYPE"), None);
    assert_eq!(var(&environ, "CONTENT_LENGTH"), None);
}

#[test]
fn content_length_twice_is_one_if_it_says_the_same() {
    let twice = |a, b| {
        environ(&head(
            "GET",
            "/",
            &[("content-length", a), ("content-length", b)],
        ))
    };
    assert_eq!(
        var(&twice(b"3", b"3").unwrap(), "CONTENT_LENGTH"),
        Some("3")
    );
    assert_eq!(twice(b"3", b"4").unwrap_err().status(), 400);
    let wrong = environ(&head("GET", "/", &[("content-length", b"+3")]));
    assert_eq!(wrong.unwrap_err().status(), 400);
}

#[test]
fn fields_are_upper_case_with_underscores() {
    let environ = get("/", &[("x-Forwarded-for2", b"a"), ("accept", b"*/*")]);
    assert_eq!(var(&environ, "HTTP_X_FORWARDED_FOR2"), Some("a"));
    assert_eq!(var(&environ, "HTTP_ACCEPT"), Some("*/*"));
}

#[test]
fn lines_of_one_field_are_joined_cookies_by_a_semicolon() {
    let fields: [(&str, &[u8]); 5] = [
        ("cookie", b"a=1"),
        ("accept", b"x"),
        ("cookie", b"b=2"),
        ("accept", b"y, z"),
        ("accept", b""),
    ];
    let environ = get("/", &fields);
    assert_eq!(var(&environ, "HTTP_COOKIE"), Some("a=1; b=2"));
    assert_eq!(var(&environ, "HTTP_ACCEPT"), Some("x, y, z, "));
}

#[test]
fn what_may_be_there_once_is_refused_twice() {
    for name in [
        "host",
        "content-type",
        "authorization",
        "range",
        "if-modified-since",
    ] {
        let twice = environ(&head("GET", "/", &[(name, b"a"), (name, b"a")]));
        assert_eq!(twice.unwrap_err().status(), 400, "{name}");
    }
}

#[test]
fn names_with_an_underscore_or_a_dot_are_dropped() {
    for name in ["x_user", "x.user", "x~user", "content_length", "_", "x!"] {
        let environ = get("/", &[("x-user", b"right"), (name, b"wrong")]);
        assert_eq!(var(&environ, "HTTP_X_USER"), Some("right"), "{name}");
        let mut values = environ.iter().map(|(_, value)| value);
        assert!(values.all(|value| value != b"wrong"), "{name}");
    }
}

#[test]
fn a_name_that_is_allowed_has_its_variable_alone() {
    let allowing = |fields: &[(&str, &[u8])]| {
        let mapping = Mapping::default().allow(HeaderName::from_static("x_user"));
        let environ = environ_by(mapping, &head("GET", "/", fields)).unwrap();
        environ.get("HTTP_X_USER").map(<[u8]>::to_vec)
    };
    assert_eq!(allowing(&[("x_user", b"front")]), Some(b"front".to_vec()));
    assert_eq!(allowing(&[("x-user", b"client")]), None);
    assert_eq!(allowing(&[("x.user", b"client")]), None);
    let both: [(&str, &[u8]); 2] = [("x-user", b"client"), ("x_user", b"front")];
    assert_eq!(allowing(&both), Some(b"front".to_vec()));
    // One of them is somebody else's.
    let twice: [(&str, &[u8]); 2] = [("x_user", b"client"), ("x_user", b"front")];
    assert_eq!(allowing(&twice), None);
}

#[test]
fn proxy_is_dropped_always() {
    let mapping = Mapping::default().allow(HeaderName::from_static("proxy"));
    let head = head("GET", "/", &[("Proxy", b"http://evil/"), ("proxy-x", b"1")]);
    let environ = environ_by(mapping, &head).unwrap();
    assert_eq!(var(&environ, "HTTP_PROXY"), None);
    assert_eq!(var(&environ, "HTTP_PROXY_X"), Some("1"));
}

#[test]
fn values_are_bytes_and_empty_ones_stay() {
    let environ = get("/", &[("x-a", b"\xe9\xff"), ("x-b", b"")]);
    assert_eq!(environ.get("HTTP_X_A"), Some(b"\xe9\xff".as_slice()));
    assert_eq!(environ.get("HTTP_X_B"), Some(b"".as_slice()));
}

#[test]
fn server_name_and_port_are_ours_and_not_what_host_says() {
    let environ = get("/", &[("host", b"evil.test:99")]);
    assert_eq!(var(&environ, "SERVER_NAME"), Some("198.51.100.1"));
    assert_eq!(var(&environ, "SERVER_PORT"), Some("8000"));
    assert_eq!(var(&environ, "HTTP_HOST"), Some("evil.test:99"));
    let v6 = Connection::new("[2001:db8::1]:80".parse().ok(), None, Scheme::Http);
    let template = Template::new(Mapping::default(), &v6);
    let environ = template.environ(&head("GET", "/", &[])).unwrap();
    assert_eq!(var(&environ, "SERVER_NAME"), Some("[2001:db8::1]"));
    assert_eq!(var(&environ, "SERVER_ADDR"), Some("2001:db8::1"));
    let mapping = Mapping::default().server_name("example.com");
    let environ = environ_by(mapping, &head("GET", "/", &[])).unwrap();
    assert_eq!(var(&environ, "SERVER_NAME"), Some("example.com"));
}

#[test]
fn the_host_and_the_servers_name_on_a_unix_socket_are_the_same() {
    let template = Template::new(Mapping::default(), &Connection::default());
    let absolute = head("GET", "http://b:81/", &[]);
    let environ = template.environ(&absolute).unwrap();
    assert_eq!(var(&environ, "HTTP_HOST"), Some("b:81"));
    assert_eq!(var(&environ, "SERVER_NAME"), Some("b"));
    assert_eq!(var(&environ, "SERVER_PORT"), Some("81"));
}

#[test]
fn server_name_and_port_are_never_empty_on_a_unix_socket() {
    for (host, scheme, name, port) in [
        ("", Scheme::Http, "localhost", "80"),
        ("a.test", Scheme::Https, "a.test", "443"),
        ("a.test:81", Scheme::Https, "a.test", "81"),
        ("[::1]", Scheme::Http, "[::1]", "80"),
        ("[::1]:82", Scheme::Http, "[::1]", "82"),
        ("a.test:", Scheme::Http, "a.test", "80"),
    ] {
        let unix = Connection::new(None, None, scheme);
        let template = Template::new(Mapping::default(), &unix);
        let head = head("GET", "/", &[("host", host.as_bytes())]);
        let environ = template.environ(&head).unwrap();
        assert_eq!(var(&environ, "SERVER_NAME"), Some(name), "{host}");
        assert_eq!(var(&environ, "SERVER_PORT"), Some(port), "{host}");
    }
}

#[test]
fn server_protocol_is_that_of_the_request() {
    for (version, text) in [
        (Version::HTTP_10, "HTTP/1.0"),
        (Version::HTTP_11, "HTTP/1.1"),
        (Version::HTTP_2, "HTTP/2"),
        (Version::HTTP_3, "HTTP/3"),
    ] {
        let environ = environ(&of_version(head("GET", "/", &[]), version)).unwrap();
        assert_eq!(var(&environ, "SERVER_PROTOCOL"), Some(text));
    }
}

#[test]
fn http_host_is_the_authority_of_http_2() {
    let head = of_version(head("GET", "http://a.test:1/x?y", &[]), Version::HTTP_2);
    let environ = environ(&head).unwrap();
    assert_eq!(var(&environ, "HTTP_HOST"), Some("a.test:1"));
    assert_eq!(var(&environ, "REQUEST_URI"), Some("/x?y"));
}

#[test]
fn remote_addr_is_numeric_and_the_clients() {
    let environ = get("/", &[]);
    assert_eq!(var(&environ, "REMOTE_ADDR"), Some("192.0.2.1"));
    assert_eq!(var(&environ, "REMOTE_PORT"), Some("5000"));
    assert_eq!(var(&environ, "REMOTE_HOST"), None);
    assert_eq!(var(&environ, "REMOTE_USER"), None);
    assert_eq!(var(&environ, "AUTH_TYPE"), None);
    let v6 = Connection::new(None, "[::ffff:192.0.2.9]:1".parse().ok(), Scheme::Http);
    let template = Template::new(Mapping::default(), &v6);
    let environ = template.environ(&head("GET", "/", &[])).unwrap();
    assert_eq!(var(&environ, "REMOTE_ADDR"), Some("192.0.2.9"));
}

#[test]
fn remote_addr_is_what_a_trusted_layer_says() {
    let mut head = head("GET", "/", &[]);
    let mut attributes = Attributes::new(std::sync::Arc::new(connection()));
    attributes.set_client(ClientAddr::new("203.0.113.7".parse().unwrap(), None));
    attributes.set_scheme(Scheme::Https);
    head.extensions.insert(attributes);
    let environ = environ(&head).unwrap();
    assert_eq!(var(&environ, "REMOTE_ADDR"), Some("203.0.113.7"));
    assert_eq!(var(&environ, "REMOTE_PORT"), None);
    assert_eq!(var(&environ, "REQUEST_SCHEME"), Some("https"));
    let names: Vec<_> = environ.iter().map(|(name, _)| name).collect();
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), unique.len());
}

#[test]
fn remote_user_is_who_a_layer_has_asked_for_proof() {
    let fields: [(&str, &[u8]); 2] = [("authorization", b"Basic eDp5"), ("remote-user", b"eve")];
    let mut head = head("GET", "/", &fields);
    let mut attributes = Attributes::default();
    attributes.set_user("ann".into());
    head.extensions.insert(attributes);
    let environ = environ(&head).unwrap();
    assert_eq!(var(&environ, "REMOTE_USER"), Some("ann"));
    assert_eq!(var(&environ, "AUTH_TYPE"), Some("Basic"));
}

#[test]
fn https_is_on_or_not_there() {
    assert_eq!(var(&get("/", &[]), "HTTPS"), None);
    assert_eq!(var(&get("/", &[]), "REQUEST_SCHEME"), Some("http"));
    let secure = Connection::new(None, None, Scheme::Https);
    let template = Template::new(Mapping::default(), &secure);
    let environ = template.environ(&head("GET", "/", &[])).unwrap();
    assert_eq!(var(&environ, "HTTPS"), Some("on"));
    assert_eq!(var(&environ, "REQUEST_SCHEME"), Some("https"));
}

#[test]
fn gateway_interface_is_told_to_cgi_alone() {
    assert_eq!(var(&get("/", &[]), "GATEWAY_INTERFACE"), None);
    let environ = environ_by(Mapping::default().cgi(), &head("GET", "/", &[])).unwrap();
    assert_eq!(var(&environ, "GATEWAY_INTERFACE"), Some("CGI/1.1"));
    let software = concat!("gopuram/", env!("CARGO_PKG_VERSION"));
    assert_eq!(var(&environ, "SERVER_SOFTWARE"), Some(software));
    assert_eq!(var(&environ, "PATH_TRANSLATED"), None);
}

#[test]
fn request_uri_in_absolute_form_is_whole_and_its_path_is_not_empty() {
    let environ = get("http://a.test/x?y", &[("host", b"a.test")]);
    assert_eq!(var(&environ, "REQUEST_URI"), Some("http://a.test/x?y"));
    assert_eq!(var(&environ, "PATH_INFO"), Some("/x"));
    let environ = get("http://a.test", &[("host", b"a.test")]);
    assert_eq!(var(&environ, "PATH_INFO"), Some("/"));
}

#[test]
fn an_asterisk_is_about_the_root() {
    let environ = environ(&head("OPTIONS", "*", &[])).unwrap();
    assert_eq!(var(&environ, "PATH_INFO"), Some("/"));
    assert_eq!(var(&environ, "REQUEST_URI"), Some("*"));
}

#[test]
fn a_tunnel_has_no_variables() {
    let refused = environ(&head("CONNECT", "a.test:443", &[])).unwrap_err();
    assert_eq!(refused.status(), 501);
}

#[test]
fn double_slashes_stay() {
    let environ = get("//a//b", &[]);
    assert_eq!(var(&environ, "PATH_INFO"), Some("//a//b"));
    assert_eq!(var(&environ, "REQUEST_URI"), Some("//a//b"));
}

#[test]
fn nothing_of_the_process_gets_in() {
    let environ = get("/", &[]);
    assert_eq!(var(&environ, "PATH"), None);
    assert_eq!(environ.len(), 13, "{environ:?}");
}

#[test]
fn what_a_connection_has_in_common_is_made_once() {
    let template = Template::new(Mapping::default(), &connection());
    let head = Request::new(()).into_parts().0;
    let common = template.connection(&head);
    assert!(matches!(common, std::borrow::Cow::Borrowed(_)));
    let mut own = gopuram::environ::Environ::new();
    template.request(&head, &mut own).unwrap();
    let all: Vec<_> = common.iter().chain(own.iter()).collect();
    let environ = template.environ(&head).unwrap();
    assert_eq!(environ.iter().collect::<Vec<_>>(), all);
}

proptest! {
    #[test]
    fn no_field_gets_the_name_of_another(
        names in prop::collection::vec("[a-z._!-]{1,4}", 1..8),
    ) {
        let fields: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
        let environ = get("/", &fields);
        for (variable, value) in environ.iter() {
            if let Some(name) = variable.strip_prefix(b"HTTP_") {
                let name = String::from_utf8(name.to_ascii_lowercase()).unwrap().replace('_', "-");
                let value = String::from_utf8(value.to_vec()).unwrap();
                prop_assert!(value.split(", ").all(|part| part == name));
            }
        }
    }
}
