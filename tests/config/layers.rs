//! Each layer does what its keys say.

use crate::support::{Directory, client, long};

#[tokio::test]
async fn the_access_log_goes_to_a_file() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path().join("log")).unwrap();
    let text = r#"
        [[layer]]
        name = "access_log"
        file = "log/access.log"
        format = "%m %U%q %>s"
        redact_query = ["token"]
        skip = { path = "/long", status = 200 }
    "#;
    let config = directory.config(text);
    let client = gopuram::testing::Client::new(config.stack().app(crate::support::app()));
    client.get("/hello?token=secret").await.assert_status(200);
    client.get("/long").await.assert_status(200);
    client.get("/none").await.assert_status(404);
    config.flush().unwrap();
    assert_eq!(
        directory.text("log/access.log"),
        "GET /hello?token=[redacted] 200\nGET /none 404\n"
    );
}

#[tokio::test]
async fn logs_are_opened_anew_and_shared_by_their_name() {
    let directory = Directory::new();
    let text = "[[layer]]\nname = \"access_log\"\nfile = \"a.log\"\nformat = \"one\"\n\n\
                [[layer]]\nname = \"access_log\"\nfile = \"a.log\"\nformat = \"two\"\n";
    let before = directory.config(text);
    let after = before.again().unwrap();
    let client = gopuram::testing::Client::new(before.stack().app(crate::support::app()));
    client.get("/hello").await;
    before.flush().unwrap();
    assert_eq!(directory.text("a.log"), "two\none\n");
    std::fs::rename(
        directory.path().join("a.log"),
        directory.path().join("b.log"),
    )
    .unwrap();
    // Who read the file again reopens what the one before it writes to.
    after.reopen();
    after.flush().unwrap();
    client.get("/hello").await;
    after.flush().unwrap();
    assert_eq!(directory.text("a.log"), "two\none\n");
    assert_eq!(directory.text("b.log"), "two\none\n");
}

#[tokio::test]
async fn json_has_the_members_of_the_file_in_their_order() {
    let directory = Directory::new();
    let config = directory.config(
        r#"
        [[layer]]
        name = "access_log"
        file = "a.log"
        json = { status = "%s", method = "%m" }
        "#,
    );
    let client = gopuram::testing::Client::new(config.stack().app(crate::support::app()));
    client.get("/hello").await;
    config.flush().unwrap();
    assert_eq!(
        directory.text("a.log"),
        "{\"status\":200,\"method\":\"GET\"}\n"
    );
}

#[tokio::test]
async fn answers_are_coded_as_is_preferred() {
    let directory = Directory::new();
    let text = r#"
        [[layer]]
        name = "compress"
        codings = ["br", "gzip"]
        levels = { br = 1 }
        min_size = 6
    "#;
    let client = client(&directory, text);
    let res = client.get("/long").header("accept-encoding", "gzip, br");
    res.await.assert_header("content-encoding", "br");
    let res = client.get("/long").header("accept-encoding", "gzip");
    res.await.assert_header("content-encoding", "gzip");
    let res = client.get("/hello").header("accept-encoding", "gzip");
    res.await
        .assert_no_header("content-encoding")
        .assert_body("hello");
    client.get("/long").await.assert_body(long());
}

#[tokio::test]
async fn files_beneath_a_prefix_answer_all_that_is_there() {
    let directory = Directory::new();
    directory.write("public/a.css", "a{}");
    directory.write("public/b.3f9a1c2b.css", "b{}");
    directory.write("public/404.html", "gone");
    let text = r#"
        [[layer]]
        name = "static_files"
        root = "public"
        at = "/static"
        not_found_page = "404.html"
        cache_control = [
            { paths = "fingerprinted", value = "max-age=31536000, immutable" },
            { value = "no-cache" },
        ]
    "#;
    let client = client(&directory, text);
    let res = client.get("/static/a.css").await;
    res.assert_body("a{}")
        .assert_header("cache-control", "no-cache");
    let res = client.get("/static/b.3f9a1c2b.css").await;
    res.assert_header("cache-control", "max-age=31536000, immutable");
    client
        .get("/static/c.css")
        .await
        .assert_status(404)
        .assert_body("gone");
    client
        .get("/a.css")
        .await
        .assert_status(404)
        .assert_body("");
    client.get("/hello").await.assert_body("hello");
}

#[tokio::test]
async fn files_without_a_prefix_pass_on_what_they_have_not() {
    let directory = Directory::new();
    directory.write("public/hello", "a file");
    directory.write("public/sub/home.html", "home");
    let text = "[[layer]]\nname = \"static_files\"\nroot = \"public\"\nindex = \"home.html\"\n";
    let client = client(&directory, text);
    client.get("/hello").await.assert_body("a file");
    client.get("/sub/").await.assert_body("home");
    client.get("/long").await.assert_body(long());
}

/// A layer with its keys, a request, and what its answer has then.
struct Case {
    layer: &'static str,
    request: (
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
    ),
    status: u16,
    headers: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        layer: "name = 'body_limit'\nlimit = 4",
        request: ("POST", "/echo", &[]),
        status: 413,
        headers: &[],
    },
    Case {
        layer: "name = 'body_limit'\nlimit = 4\nat = { '/echo' = '1KiB' }",
        request: ("POST", "/echo", &[]),
        status: 200,
        headers: &[],
    },
    Case {
        layer: "name = 'cache'\nheuristic = 0",
        request: ("GET", "/hello", &[]),
        status: 200,
        headers: &[("cache-status", "gopuram; fwd=miss")],
    },
    Case {
        layer: "name = 'content_rules'\ntakes = 'application/json'",
        request: ("POST", "/echo", &[("content-type", "text/plain")]),
        status: 415,
        headers: &[],
    },
    Case {
        layer: "name = 'content_rules'\nmakes = 'text/html'",
        request: ("GET", "/hello", &[("accept", "image/png")]),
        status: 406,
        headers: &[],
    },
    Case {
        layer: "name = 'content_type'\nmedia_type = 'text/x-a'\ncharset = 'utf-8'",
        request: ("GET", "/bare", &[]),
        status: 200,
        headers: &[("content-type", "text/x-a; charset=utf-8")],
    },
    Case {
        layer: "name = 'cors'\norigins = '*'\nexpose = '*'",
        request: ("GET", "/hello", &[("origin", "https://a.example")]),
        status: 200,
        headers: &[
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "*"),
        ],
    },
    Case {
        layer: "name = 'cors'\norigins = 'https://a.example'\ncredentials = true\nmax_age = '2m'",
        request: (
            "OPTIONS",
            "/hello",
            &[
                ("origin", "https://a.example"),
                ("access-control-request-method", "GET"),
            ],
        ),
        status: 204,
        headers: &[
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "120"),
        ],
    },
    Case {
        layer: "name = 'decompress'\ncodings = 'br'",
        request: ("POST", "/echo", &[("content-encoding", "gzip")]),
        status: 415,
        headers: &[("accept-encoding", "br")],
    },
    Case {
        layer: "name = 'etag'\nweak = true",
        request: ("GET", "/hello", &[]),
        status: 200,
        headers: &[("etag", "W/")],
    },
    Case {
        layer: "name = 'header_rules'\nrules = { status = '2xx', set = { x-a = 'b' }, remove = 'content-type' }",
        request: ("GET", "/hello", &[]),
        status: 200,
        headers: &[("x-a", "b")],
    },
    Case {
        layer: "name = 'normalize_path'\ntrailing = 'trim'",
        request: ("GET", "/hello/", &[]),
        status: 308,
        headers: &[("location", "/hello")],
    },
    Case {
        layer: "name = 'normalize_path'\ntrailing = 'trim'\nrewrite = true",
        request: ("GET", "/hello/", &[]),
        status: 200,
        headers: &[],
    },
    Case {
        layer: "name = 'range'",
        request: ("GET", "/hello", &[("range", "bytes=1-2")]),
        status: 206,
        headers: &[("content-range", "bytes 1-2/5")],
    },
    Case {
        layer: "name = 'request_id'\nheader = 'x-id'\ntrust = 'all'",
        request: ("GET", "/hello", &[("x-id", "mine")]),
        status: 200,
        headers: &[("x-id", "mine")],
    },
    Case {
        layer: "name = 'security_headers'\nfields = { x-frame-options = 'SAMEORIGIN' }\nalways_https = true",
        request: ("GET", "/hello", &[]),
        status: 200,
        headers: &[
            ("x-frame-options", "SAMEORIGIN"),
            ("strict-transport-security", "max-age="),
        ],
    },
    Case {
        layer: "name = 'security_headers'\ncsp_nonce = \"script-src 'nonce-{nonce}'\"",
        request: ("GET", "/hello", &[]),
        status: 200,
        headers: &[("content-security-policy", "script-src 'nonce-")],
    },
    Case {
        layer: "name = 'set_header'\nheader = 'server'\nif_absent = 'gopuram'",
        request: ("GET", "/hello", &[]),
        status: 200,
        headers: &[("server", "gopuram")],
    },
    Case {
        layer: "name = 'digest'\nalways = 'sha-512'",
        request: ("GET", "/hello", &[]),
        status: 200,
        headers: &[("repr-digest", "sha-512=:")],
    },
    Case {
        layer: "name = 'timeout'\nhead = 0\ngateway_timeout = true\nretry_after = '1m'",
        request: ("GET", "/never", &[]),
        status: 504,
        headers: &[("retry-after", "60")],
    },
];

#[tokio::test]
async fn keys_reach_their_layers() {
    for Case {
        layer,
        request: (method, target, fields),
        status,
        headers,
    } in CASES
    {
        let directory = Directory::new();
        let client = client(&directory, &format!("[[layer]]\n{layer}\n"));
        let mut req = client.request(method.parse().unwrap(), target);
        for (name, value) in *fields {
            req = req.header(name, value);
        }
        if *method == "POST" {
            req = req.body("all work");
        }
        let res = req.await;
        assert_eq!(res.status().as_u16(), *status, "{layer}");
        for (name, begins) in *headers {
            let value = res.header(name).unwrap_or_default();
            assert!(value.starts_with(begins), "{layer}: {name}: {value}");
        }
    }
}

#[test]
fn what_a_layer_cannot_be_is_told_with_its_key() {
    let wrong = [
        (
            "name = 'cors'",
            "1:1: layer \"cors\": there is no `origins`",
        ),
        (
            "name = 'cors'\norigins = '*'\ncredentials = true",
            "4:15: layer \"cors\": `credentials`: with any origin",
        ),
        (
            "name = 'cors'\norigins = 'example.org'",
            "3:11: layer \"cors\": `origins`: ",
        ),
        (
            "name = 'set_header'\nheader = 'a'\nvalue = 'b'\nremove = true",
            "1:1: layer \"set_header\": it has one of `value`",
        ),
        (
            "name = 'header_rules'\nrules = { set = { a = 'b' }, status = '9-1' }",
            "3:9: layer \"header_rules\": `rules`: no status is from 9 to 1",
        ),
        (
            "name = 'lint'\nexcept = 'M55'",
            "3:10: layer \"lint\": `except`: \"M55\" is no rule, did you mean M5?",
        ),
        (
            "name = 'request_id'\ntrust = ['10.0.0.0/8', 'x']",
            "3:9: layer \"request_id\": `trust`: ",
        ),
        (
            "name = 'forwarded'",
            "1:1: layer \"forwarded\": it has `trust` or `proxies`",
        ),
        (
            "name = 'forwarded'\ntrust = []",
            "3:9: layer \"forwarded\": `trust`: there is none",
        ),
        (
            "name = 'forwarded'\ntrust = ['unix', '10.0.0.0/33']",
            "3:9: layer \"forwarded\": `trust`: `10.0.0.0/33` is no list of networks",
        ),
        (
            "name = 'forwarded'\ntrust = '*'",
            "3:9: layer \"forwarded\": `trust`: to believe whoever is connected, write `proxies = 1`",
        ),
        (
            "name = 'forwarded'\ntrust = 'unix'\nproxies = 2",
            "4:11: layer \"forwarded\": `proxies`: there is a list to `trust` as well",
        ),
        (
            "name = 'forwarded'\nproxies = 0",
            "3:11: layer \"forwarded\": `proxies`: without a proxy",
        ),
        (
            "name = 'forwarded'\nproxies = 256",
            "3:11: layer \"forwarded\": `proxies` takes a whole number from 0 on; 256 is too large",
        ),
        (
            "name = 'forwarded'\nproxies = 1\nfields = 'both'",
            "4:10: layer \"forwarded\": `fields` takes \"forwarded\" or \"x-forwarded\"",
        ),
        (
            "name = 'send_file'",
            "1:1: layer \"send_file\": there is no `directories`",
        ),
        (
            "name = 'compress'\ncodings = []",
            "3:11: layer \"compress\": `codings`: there is none",
        ),
        (
            "name = 'content_type'\nextensions = { '.a' = 'text/plain' }",
            "3:14: layer \"content_type\": `extensions`: ",
        ),
        (
            "name = 'security_headers'\ncsp_nonce = 'none'",
            "3:13: layer \"security_headers\": `csp_nonce`: ",
        ),
        (
            "name = 'access_log'\nfile = 'a'\nto = 'stdout'",
            "4:6: layer \"access_log\": `to`: there is a `file` as well",
        ),
        (
            "name = 'access_log'\nmask_clients = { v4 = 33 }",
            "3:16: layer \"access_log\": `mask_clients`: at most 32",
        ),
        (
            "name = 'static_files'\nroot = '.'\nat = 'x y'",
            "4:6: layer \"static_files\": `at`: ",
        ),
        (
            "name = 'compress'\nwhen = { path = 'a b' }",
            "3:8: layer \"compress\": `when`: no request is like `a b`",
        ),
    ];
    for (layer, told) in wrong {
        let directory = Directory::new();
        let mistakes = directory.mistakes(&format!("[[layer]]\n{layer}\n"));
        let expected = format!("site.toml:{told}");
        assert!(mistakes[0].starts_with(&expected), "{layer}: {mistakes:?}");
    }
}
