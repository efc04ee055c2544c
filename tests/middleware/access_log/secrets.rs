//! What must not get into a line, and what must not get out of one.

use std::convert::Infallible;

use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{AccessLog, Body};
use http::header::{AUTHORIZATION, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, Response};
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
