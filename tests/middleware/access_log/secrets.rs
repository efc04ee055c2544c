//! What must not get into a line, and what must not get out of one.

use std::convert::Infallible;

use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{AccessLog, Body};
use http::header::{AUTHORIZATION, COOKIE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use super::Kept;
use super::directives::{line, of, request};

#[tokio::test]
async fn nothing_from_outside_ends_a_line_or_a_quoted_part() {
    let mut req = request();
    *req.uri_mut() = "/a\"b\\c?d\u{e9}".parse().unwrap();
    let evil = HeaderValue::from_bytes(b"a\" 200 \\ \t \xff \xc3\xa9").unwrap();
    req.headers_mut().insert(USER_AGENT, evil);
    let evil = HeaderValue::from_static("x\"y:80");
    req.headers_mut().insert(HOST, evil);
    let text = of(r#""%r" "%{User-agent}i" "%v""#, req).await;
    assert_eq!(
        text,
        r#""POST /a\"b\\c?d\xc3\xa9 HTTP/1.1" "a\" 200 \\ \t \xff \xc3\xa9" "x\"y""#
    );
    let mut req = request();
    let evil = HeaderValue::from_bytes(b"\"},{\"\t\xff").unwrap();
    req.headers_mut().insert(USER_AGENT, evil);
    let kept = Kept::with(|log| AccessLog::json_members([("ua", "%{user-agent}i")], log).unwrap());
    assert_eq!(line(&kept, req).await, r#"{"ua":"\"},{\"\t\ufffd"}"#);
}

#[tokio::test]
async fn a_client_does_not_decide_how_long_a_line_is() {
    let long = |byte: &str| byte.repeat(30_000);
    let evil = || {
        let req = Request::builder()
            .method(Method::from_bytes(long("M").as_bytes()).unwrap())
            .uri(format!("/{}?{}", long("a"), "\u{e9}".repeat(15_000)))
            .header(USER_AGENT, long("b"))
            .header(HOST, long("h"))
            .header(COOKIE, format!("c={}", long("c")))
            .header(COOKIE, long("d"));
        req.body(Body::empty()).unwrap()
    };
    // Of a value the first 8 KiB.
    let kept = |byte: &str, first: &str| format!("{first}{}", byte.repeat(8192 - first.len()));
    let agent = format!("{}[cut:21808]", kept("b", ""));
    assert_eq!(of("%{User-agent}i", evil()).await, agent);
    let line = of("\"%r\" %U %q %m %v %{c}C %{cookie}i %{target}x", evil()).await;
    let target = format!("{}[cut:51810]", kept("a", "/"));
    let method = format!("{}[cut:21808]", kept("M", ""));
    assert_eq!(
        line,
        format!(
            "\"{method} {target} HTTP/1.1\" {}[cut:21809] ?{}[cut:21808] {method} {}[cut:21808] \
             {}[cut:21808] {}[cut:51812] {target}",
            kept("a", "/"),
            r"\xc3\xa9".repeat(4096),
            kept("h", ""),
            kept("c", ""),
            kept("c", "c="),
        )
    );
    let json = |log| AccessLog::json_members([("ua", "%{user-agent}i")], log).unwrap();
    let kept = Kept::with(|log| json(log).value_limit(3));
    assert_eq!(
        super::directives::line(&kept, evil()).await,
        "{\"ua\":\"bbb[cut:29997]\"}"
    );
}

#[tokio::test]
async fn a_user_of_an_inner_layer_is_escaped_too() {
    let user = async |user: &'static str| {
        let kept = Kept::format("%u|");
        let app = service_fn(move |mut req: Request<Body>| {
            Attributes::of_mut(&mut req).set_user(user.into());
            std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
        });
        drop(kept.layer.layer(app).call(Request::default()).await);
        kept.lines()
    };
    assert_eq!(user("a\nb\"").await, "a\\nb\\\"|\n");
    assert_eq!(user("").await, "\"\"|\n");
}

#[tokio::test]
async fn one_request_does_not_tell_of_another() {
    let kept = Kept::format("%u %{route}x %b");
    let app = service_fn(async |mut req: Request<Body>| {
        let known = req.uri() == "/known";
        if known {
            Attributes::of_mut(&mut req).set_user("ann".into());
        }
        let body = if known { "hello" } else { "" };
        Ok::<_, Infallible>(Response::new(Body::from(body)))
    });
    let client = gopuram::testing::Client::new(kept.layer.layer(app));
    client.get("/known").await;
    client.get("/").await;
    assert_eq!(kept.lines(), "ann - 5\n- - -\n");
}

#[tokio::test]
async fn secrets_are_left_out() {
    let kept = Kept::with(|log| {
        let format = "%r|%q|%{target}x|%{Referer}i|%{location}o|%{Cookie}i|%{session}C|%{a}C|\
            %{set-cookie}o|%{Authorization}i|%{X-Two}i|%{User-Agent}i|%{X-Marked}i";
        let layer = AccessLog::format(format, log).unwrap();
        layer
            .redact_query(["token"])
            .redact_cookies(["session"])
            .redact_header(HeaderName::from_static("x-two"))
    });
    let mut req = request();
    let headers = req.headers_mut();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
    let mut marked = HeaderValue::from_static("s3cret");
    marked.set_sensitive(true);
    headers.insert("x-marked", marked);
    assert_eq!(
        line(&kept, req).await,
        "POST /wiki/Gopuram?page=2&token=[redacted] HTTP/1.1|?page=2&token=[redacted]|\
            /wiki/Gopuram?page=2&token=[redacted]|https://example.org/start?token=[redacted]&x=1|\
            /new?token=[redacted]|a=1; session=[redacted]|[redacted]|1|\
            session=[redacted]; Path=/|[redacted]|[redacted], [redacted]|curl/8.5|[redacted]"
    );
}

#[tokio::test]
async fn clients_may_be_masked() {
    let kept = Kept::with(|log| {
        let layer = AccessLog::format("%h %a %{c}a", log).unwrap();
        layer.mask_clients(24, 48)
    });
    assert_eq!(
        line(&kept, request()).await,
        "198.51.100.0 198.51.100.0 198.51.100.0"
    );
}
