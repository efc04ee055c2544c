//! To a request: what a front server says of it.

use gopuram::environ::{Environ, Mapping, Template};
use gopuram::middleware::attributes::{Attributes, Connection, Scheme};
use http::{Version, request};

use crate::support::{back, said, var};

fn attributes(head: &request::Parts) -> &Attributes {
    Attributes::of_head(head).unwrap()
}

/// Target, mount and original target.
fn target(variables: &[(&str, &str)]) -> (String, String, Option<String>) {
    target_by(&Mapping::default(), variables)
}

fn target_by(mapping: &Mapping, variables: &[(&str, &str)]) -> (String, String, Option<String>) {
    let head = said(variables)
        .head(mapping, &Connection::default())
        .unwrap();
    let attributes = attributes(&head);
    let original = attributes.original_uri().map(ToString::to_string);
    (
        head.uri.to_string(),
        attributes.mount().prefix().to_owned(),
        original,
    )
}

fn alone(target: &str) -> (String, String, Option<String>) {
    (target.to_owned(), String::new(), None)
}

fn status(variables: &[(&str, &str)]) -> u16 {
    back(&said(variables)).unwrap_err().status().as_u16()
}

#[test]
fn the_scheme_is_that_of_the_client() {
    for (variables, scheme) in [
        (vec![], Scheme::Http),
        (vec![("HTTPS", "on")], Scheme::Https),
        (vec![("HTTPS", "1")], Scheme::Https),
        (vec![("HTTPS", "off")], Scheme::Http),
        (vec![("HTTPS", "")], Scheme::Http),
        (vec![("REQUEST_SCHEME", "https")], Scheme::Https),
        (vec![("REQUEST_SCHEME", "http")], Scheme::Http),
        (vec![("UWSGI_SCHEME", "https")], Scheme::Http),
        (vec![("HTTP_HTTPS", "on")], Scheme::Http),
    ] {
        let mut variables = variables;
        variables.push(("REQUEST_URI", "/"));
        let head = back(&said(&variables)).unwrap();
        assert_eq!(attributes(&head).scheme(), scheme, "{variables:?}");
    }
}

#[test]
fn the_host_is_the_fields_or_else_the_servers() {
    let host = |variables: &[(&str, &str)]| {
        let mut environ: Environ = variables.iter().copied().collect();
        environ.extend([("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/")]);
        let head = back(&environ).unwrap();
        let host = head
            .headers
            .get("host")
            .map(|h| h.to_str().unwrap().to_owned());
        host.unwrap_or_default()
    };
    let http11 = ("SERVER_PROTOCOL", "HTTP/1.1");
    let name = ("SERVER_NAME", "b.test");
    assert_eq!(host(&[http11, ("HTTP_HOST", "a:1"), name]), "a:1");
    assert_eq!(host(&[http11, name, ("SERVER_PORT", "81")]), "b.test:81");
    assert_eq!(host(&[http11, name, ("SERVER_PORT", "80")]), "b.test");
    let secure = [http11, name, ("SERVER_PORT", "443"), ("HTTPS", "on")];
    assert_eq!(host(&secure), "b.test");
    assert_eq!(host(&[name, ("HTTP_HOST", "")]), "");
}

#[test]
fn the_target_as_it_was_sent_wins_if_it_means_the_path() {
    for (raw, script, info) in [
        ("/a%2Fb?c", "/a/b", ""),
        ("/a%2Fb?c", "", "/a/b"),
        ("/a%2Fb%20?c", "", "/a%2Fb "),
        ("/caf%C3%A9?c", "/café", ""),
        ("//a/./b/../c%20?c", "/a/c ", ""),
        ("/a?c", "", ""),
    ] {
        let variables = [
            ("REQUEST_URI", raw),
            ("SCRIPT_NAME", script),
            ("PATH_INFO", info),
            ("QUERY_STRING", "c"),
        ];
        assert_eq!(target(&variables), alone(raw), "{raw}");
    }
    let variables = [("RAW_URI", "/a%2Fb"), ("PATH_INFO", "/a/b")];
    assert_eq!(target(&variables), alone("/a%2Fb"));
}

#[test]
fn a_path_that_was_rewritten_is_encoded_and_the_target_is_the_original() {
    let variables = [
        ("REQUEST_URI", "/old%2F?q"),
        ("DOCUMENT_URI", "/new/café !$&'()*+,;=:@%"),
        ("QUERY_STRING", "r"),
    ];
    let expected = "/new/caf%C3%A9%20!$&'()*+,;=:@%25?r".to_owned();
    let original = Some("/old%2F?q".to_owned());
    assert_eq!(target(&variables), (expected, String::new(), original));
    assert_eq!(target(&[("PATH_INFO", "/a b")]), alone("/a%20b"));
}

#[test]
fn the_query_is_the_variables_or_else_the_targets() {
    let raw = ("REQUEST_URI", "/a?q");
    assert_eq!(target(&[raw]), alone("/a?q"));
    assert_eq!(target(&[raw, ("QUERY_STRING", "r")]), alone("/a?r"));
    assert_eq!(target(&[raw, ("QUERY_STRING", "")]), alone("/a"));
    let mark = [("REQUEST_URI", "/a?"), ("QUERY_STRING", "")];
    assert_eq!(target(&mark), alone("/a?"));
}

#[test]
fn the_mount_is_the_script_name_if_there_is_more_path() {
    let variables = [
        ("REQUEST_URI", "/my%20app/x%2Fy?q"),
        ("SCRIPT_NAME", "/my app"),
        ("PATH_INFO", "/x/y"),
        ("QUERY_STRING", "q"),
    ];
    let expected = (
        "/x%2Fy?q".to_owned(),
        "/my%20app".to_owned(),
        Some("/my%20app/x%2Fy?q".to_owned()),
    );
    assert_eq!(target(&variables), expected);
    let whole = [("SCRIPT_NAME", "/my app"), ("PATH_INFO", "")];
    assert_eq!(target(&whole), alone("/my%20app"));
    let root = [("SCRIPT_NAME", "/"), ("PATH_INFO", "/x")];
    assert_eq!(target(&root), alone("/x"));
}

#[test]
fn dot_segments_that_leave_the_mount_do_not_change_the_path_in_it() {
    for (raw, script, info, expected) in [
        ("/app/../app/y", "/app", "/y", "/y"),
        ("/app/admin/../../app/y", "/app", "/y", "/y"),
        ("/app/%2e%2e/app/y", "/app", "/y", "/y"),
        ("/app/x/../y", "/app", "/y", "/x/../y"),
        ("/app//y", "/app", "/y", "//y"),
    ] {
        let variables = [
            ("REQUEST_URI", raw),
            ("SCRIPT_NAME", script),
            ("PATH_INFO", info),
        ];
        let (uri, prefix, _) = target(&variables);
        assert_eq!((&*uri, &*prefix), (expected, "/app"), "{raw}");
    }
}

#[test]
fn the_mount_may_be_told() {
    let app = Mapping::default().script_name("/app/");
    for variables in [
        [("SCRIPT_NAME", "/app/x"), ("PATH_INFO", "")],
        [("SCRIPT_NAME", ""), ("PATH_INFO", "/app/x")],
        [("SCRIPT_NAME", "/app"), ("PATH_INFO", "/x")],
        [("DOCUMENT_URI", "/app/x"), ("REQUEST_URI", "/app/x")],
    ] {
        let (uri, prefix, _) = target_by(&app, &variables);
        assert_eq!((&*uri, &*prefix), ("/x", "/app"), "{variables:?}");
    }
    for elsewhere in ["/apps", "/", "/x"] {
        let environ = said(&[("PATH_INFO", elsewhere)]);
        let refused = environ.head(&app, &Connection::default()).unwrap_err();
        assert_eq!(refused.status(), 404);
    }
}

#[test]
fn nothing_behind_the_mount_is_redirected_to_its_slash() {
    let environ = said(&[
        ("SCRIPT_NAME", "/cgi-bin/a b"),
        ("REQUEST_URI", "/cgi-bin/a%20b?q"),
        ("QUERY_STRING", "q"),
    ]);
    let refused = environ
        .head(&Mapping::default().cgi(), &Connection::default())
        .unwrap_err();
    assert_eq!(refused.status(), 308);
    assert_eq!(refused.location().unwrap(), "/cgi-bin/a%20b/?q");
}

#[test]
fn every_variable_of_a_field_is_one() {
    let head = back(&said(&[
        ("REQUEST_URI", "/"),
        ("HTTP_X_TIER", "a"),
        ("HTTP_X_EMPTY", ""),
        ("CONTENT_TYPE", "a/b"),
        ("CONTENT_LENGTH", "3"),
    ]));
    let headers = head.unwrap().headers;
    assert_eq!(headers["x-tier"], "a");
    assert_eq!(headers["x-empty"], "");
    assert_eq!(headers["content-type"], "a/b");
    assert_eq!(headers["content-length"], "3");
    assert_eq!(headers.len(), 5);
}

#[test]
fn fields_of_the_connection_in_front_are_dropped() {
    let names = [
        "CONNECTION",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "EXPECT",
        "KEEP_ALIVE",
        "PROXY",
        "PROXY_CONNECTION",
        "TE",
        "TRANSFER_ENCODING",
        "UPGRADE",
    ];
    for name in names {
        let name = format!("HTTP_{name}");
        let head = back(&said(&[("REQUEST_URI", "/"), (&name, "9")])).unwrap();
        assert_eq!(head.headers.len(), 1, "{name}");
    }
}

#[test]
fn names_that_are_none_are_refused_and_those_of_another_dropped() {
    for name in ["HTTP_", "HTTP_A B", "HTTP_A:", "HTTP_\u{e9}"] {
        assert_eq!(status(&[("REQUEST_URI", "/"), (name, "x")]), 400, "{name}");
    }
    for name in ["HTTP_A.B", "HTTP_A-B", "HTTP_a", "HTTP_A!"] {
        let head = back(&said(&[("REQUEST_URI", "/"), (name, "x")])).unwrap();
        assert_eq!(head.headers.len(), 1, "{name}");
    }
    for value in ["a\nb", "a\rb", "a\0b"] {
        assert_eq!(status(&[("REQUEST_URI", "/"), ("HTTP_A", value)]), 400);
    }
}

#[test]
fn values_that_are_joined_stay_joined() {
    let head = back(&said(&[
        ("REQUEST_URI", "/"),
        ("HTTP_ACCEPT", "a, b"),
        ("HTTP_COOKIE", "a=1; b=2"),
    ]));
    let headers = head.unwrap().headers;
    assert_eq!(headers.get_all("accept").iter().count(), 1);
    assert_eq!(headers["cookie"], "a=1; b=2");
}

#[test]
fn variables_that_come_twice_are_lines_or_one_cookie_or_refused() {
    let head = back(&said(&[
        ("REQUEST_URI", "/"),
        ("HTTP_ACCEPT", "a"),
        ("HTTP_COOKIE", "a=1"),
        ("HTTP_HOST", "a"),
        ("HTTP_ACCEPT", "b"),
        ("HTTP_COOKIE", "b=2"),
        ("HTTP_HOST", "a"),
        ("CONTENT_LENGTH", ""),
        ("CONTENT_LENGTH", "1"),
    ]));
    let headers = head.unwrap().headers;
    let accept: Vec<_> = headers.get_all("accept").iter().collect();
    assert_eq!(accept, ["a", "b"]);
    assert_eq!(headers["cookie"], "a=1; b=2");
    for name in [
        "HTTP_HOST",
        "HTTP_AUTHORIZATION",
        "CONTENT_LENGTH",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "REMOTE_ADDR",
    ] {
        let twice = [("REQUEST_URI", "/"), (name, "1"), (name, "2")];
        assert_eq!(status(&twice), 400, "{name}");
    }
}

#[test]
fn a_host_is_no_part_of_the_path() {
    for host in ["a/admin?", "a?x", "a#", "a/"] {
        let head = back(&said(&[
            ("REQUEST_URI", "/public"),
            ("SERVER_PROTOCOL", "HTTP/2.0"),
            ("HTTP_HOST", host),
        ]));
        // Whoever serves it refuses the host.
        assert_eq!(head.unwrap().uri, "/public", "{host}");
    }
}

#[test]
fn the_length_of_a_body_is_a_number_or_not_known() {
    for (length, there) in [("0", true), ("12", true), ("", false), ("-1", false)] {
        let head = back(&said(&[("REQUEST_URI", "/"), ("CONTENT_LENGTH", length)])).unwrap();
        assert_eq!(
            head.headers.contains_key("content-length"),
            there,
            "{length}"
        );
    }
    for length in ["+1", " 1", "1,1", "x", "-2"] {
        assert_eq!(
            status(&[("REQUEST_URI", "/"), ("CONTENT_LENGTH", length)]),
            400
        );
    }
}

#[test]
fn the_version_is_the_clients_and_since_http_2_the_target_has_an_authority() {
    for (protocol, version, uri) in [
        ("HTTP/1.0", Version::HTTP_10, "/x"),
        ("HTTP/1.1", Version::HTTP_11, "/x"),
        ("HTTP/2.0", Version::HTTP_2, "http://a/x"),
        ("HTTP/2", Version::HTTP_2, "http://a/x"),
        ("HTTP/3.0", Version::HTTP_3, "http://a/x"),
    ] {
        let head = back(&said(&[
            ("SERVER_PROTOCOL", protocol),
            ("REQUEST_URI", "/x"),
        ]))
        .unwrap();
        assert_eq!(head.version, version);
        assert_eq!(head.uri, uri);
    }
    let unknown = [("SERVER_PROTOCOL", "INCLUDED"), ("REQUEST_URI", "/x")];
    assert_eq!(status(&unknown), 400);
    let environ: Environ = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/")]
        .into_iter()
        .collect();
    assert_eq!(back(&environ).unwrap().version, Version::HTTP_10);
}

#[test]
fn targets_are_of_the_forms_there_are() {
    let absolute = [
        ("REQUEST_URI", "http://b:1/x?y"),
        ("SCRIPT_NAME", "/x"),
        ("QUERY_STRING", "y"),
    ];
    assert_eq!(target(&absolute), alone("http://b:1/x?y"));
    let bare = [("REQUEST_URI", "http://b"), ("PATH_INFO", "/")];
    assert_eq!(target(&bare), alone("http://b/"));
    assert_eq!(
        target(&[("REQUEST_URI", "//a//b"), ("PATH_INFO", "//a//b")]),
        alone("//a//b")
    );
    for variables in [
        [("REQUEST_METHOD", "OPTIONS"), ("REQUEST_URI", "*")],
        [("REQUEST_METHOD", "OPTIONS"), ("PATH_INFO", "*")],
    ] {
        assert_eq!(target(&variables), alone("*"));
    }
    for wrong in ["/a#b", "*", "a", "/a b", "/\u{1}", "http://"] {
        assert_eq!(status(&[("REQUEST_URI", wrong)]), 400, "{wrong}");
    }
    assert_eq!(status(&[]), 400);
    assert_eq!(status(&[("REQUEST_METHOD", ""), ("REQUEST_URI", "/")]), 400);
    assert_eq!(
        status(&[("REQUEST_METHOD", "A B"), ("REQUEST_URI", "/")]),
        400
    );
    let tunnel = [("REQUEST_METHOD", "CONNECT"), ("REQUEST_URI", "a:443")];
    assert_eq!(status(&tunnel), 501);
}

/// nginx's own lists of variables for SCGI and uwsgi are without `SERVER_ADDR`.
#[test]
fn the_port_of_a_server_is_the_one_that_is_named_though_its_address_is_not() {
    for (port, host, wanted) in [
        ("18023", "a.test", "18023"),
        ("18023", "a.test:81", "18023"),
        ("", "a.test:81", "81"),
        ("99999", "a.test", "80"),
        ("+1", "a.test", "80"),
    ] {
        let environ = said(&[
            ("REQUEST_URI", "/"),
            ("SERVER_PORT", port),
            ("HTTP_HOST", host),
        ]);
        let front = Connection::new("127.0.0.1:3031".parse().ok(), None, Scheme::Http);
        let head = environ.head(&Mapping::default(), &front).unwrap();
        let connection = attributes(&head).connection().unwrap();
        let template = Template::new(Mapping::default(), connection);
        let environ = template.environ(&head).unwrap();
        assert_eq!(var(&environ, "SERVER_PORT"), Some(wanted), "{port} {host}");
        assert_eq!(var(&environ, "SERVER_NAME"), Some("a.test"));
        assert_eq!(var(&environ, "SERVER_ADDR"), None);
    }
}

#[test]
fn the_addresses_are_those_that_are_named() {
    let environ = said(&[
        ("REQUEST_URI", "/"),
        ("REMOTE_ADDR", "2001:db8::1"),
        ("REMOTE_PORT", "5"),
        ("SERVER_ADDR", "192.0.2.2"),
        ("SERVER_PORT", "81"),
    ]);
    let front = Connection::new(None, "127.0.0.1:9".parse().ok(), Scheme::Http);
    let head = environ.head(&Mapping::default(), &front).unwrap();
    let connection = attributes(&head).connection().unwrap();
    assert_eq!(connection.peer, "[2001:db8::1]:5".parse().ok());
    assert_eq!(connection.local, "192.0.2.2:81".parse().ok());
    assert_eq!(connection.local_port(), Some(81));
    // Without a port there is still a client, and a name is none.
    for (said_addr, ip) in [
        ("192.0.2.7", Some("192.0.2.7")),
        ("[2001:db8::1]", Some("2001:db8::1")),
        ("fe80::1%eth0", Some("fe80::1")),
        ("unix:", None),
        ("", None),
    ] {
        let environ = said(&[("REQUEST_URI", "/"), ("REMOTE_ADDR", said_addr)]);
        let head = environ.head(&Mapping::default(), &front).unwrap();
        let client = attributes(&head).client();
        assert_eq!(client.map(|c| c.ip), ip.map(|ip| ip.parse().unwrap()));
        assert_eq!(client.and_then(|c| c.port), None);
    }
}

#[test]
fn the_user_is_believed_only_where_that_is_asked_for() {
    let environ = said(&[("REQUEST_URI", "/"), ("REMOTE_USER", "ann")]);
    assert_eq!(attributes(&back(&environ).unwrap()).user(), None);
    let believing = Mapping::default().remote_user();
    let head = environ.head(&believing, &Connection::default()).unwrap();
    assert_eq!(attributes(&head).user().as_deref(), Some("ann"));
}

#[test]
fn devious_paths_are_refused_if_that_is_wanted() {
    for (name, path) in [
        ("REQUEST_URI", "/a%2fb"),
        ("REQUEST_URI", "/a%5Cb"),
        ("PATH_INFO", "/a\\b"),
        ("PATH_INFO", "/a\0b"),
    ] {
        let environ = said(&[(name, path)]);
        let plain = Mapping::default().plain_paths();
        let refused = environ.head(&plain, &Connection::default()).unwrap_err();
        assert_eq!(refused.status(), 400, "{path:?}");
        back(&environ).unwrap();
    }
}

#[test]
fn variables_of_tls_are_not_looked_at() {
    let variables = [
        ("REQUEST_URI", "/"),
        ("HTTPS", "on"),
        ("SSL_PROTOCOL", "TLSv1.3"),
        ("SSL_CLIENT_VERIFY", "SUCCESS"),
        ("SSL_CLIENT_S_DN", "CN=ann"),
    ];
    let head = back(&said(&variables)).unwrap();
    assert_eq!(head.headers.len(), 1);
    let attributes = attributes(&head);
    assert_eq!(attributes.scheme(), Scheme::Https);
    assert_eq!(attributes.user(), None);
}

#[test]
fn a_fragment_in_a_query_is_not_cut_off_but_refused() {
    let path = ("PATH_INFO", "/a");
    assert_eq!(status(&[path, ("QUERY_STRING", "b#c")]), 400);
    let raw = ("REQUEST_URI", "/a?b");
    assert_eq!(status(&[raw, path, ("QUERY_STRING", "#")]), 400);
}
