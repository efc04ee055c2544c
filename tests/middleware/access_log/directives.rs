//! What each directive writes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gopuram::middleware::access_log::Log;
use gopuram::middleware::attributes::{Attributes, MatchedRoute, RequestId, Scheme};
use gopuram::middleware::{AccessLog, Body};
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, LOCATION, REFERER, SET_COOKIE, TRANSFER_ENCODING,
    USER_AGENT,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use super::{Kept, connected};

/// A request that has something of everything.
pub(super) fn request() -> Request<Body> {
    let mut req = Request::builder()
        .method(Method::POST)
        .uri("/wiki/Gopuram?page=2&token=abc")
        .header(HOST, "Example.com:8443")
        .header(REFERER, "https://example.org/start?token=abc&x=1")
        .header(USER_AGENT, "curl/8.5")
        .header(COOKIE, "a=1; session=s3cret")
        .header("x-two", "one")
        .header("x-two", "two")
        .body(Body::from("0123456789"))
        .unwrap();
    let attributes = connected(&mut req);
    attributes.set_request_id(RequestId::new(HeaderValue::from_static("id-1")));
    attributes.set_scheme(Scheme::Https);
    req
}

/// The line for a request, answered with 13 bytes after 1.5 seconds, that end 1 second later.
pub(super) async fn line(kept: &Kept, req: Request<Body>) -> String {
    let clock = kept.clock.clone();
    let app = service_fn(move |mut req: Request<Body>| {
        clock.advance(Duration::from_millis(1500));
        let attributes = Attributes::of_mut(&mut req);
        attributes.set_route(MatchedRoute::new("/wiki/{page}"));
        attributes.set_user("ann".into());
        async move {
            drop(req.into_body().collect().await);
            let res = Response::builder()
                .status(StatusCode::CREATED)
                .header(LOCATION, "/new?token=abc")
                .header(SET_COOKIE, "session=s3cret; Path=/")
                .body(Body::from("hello, world!"));
            Ok::<_, Infallible>(res.unwrap())
        }
    });
    let res = kept.layer.layer(app).call(req).await.unwrap();
    kept.clock.advance(Duration::from_secs(1));
    assert_eq!(
        res.into_body().collect().await.unwrap().to_bytes().len(),
        13
    );
    let line = kept.lines();
    line.strip_suffix('\n').unwrap().to_owned()
}

pub(super) async fn of(format: &str, req: Request<Body>) -> String {
    line(&Kept::format(format), req).await
}

/// The line for the request that has everything.
async fn written(format: &str) -> String {
    of(format, request()).await
}

#[tokio::test]
async fn every_directive_is_written() {
    let pid = std::process::id().to_string();
    let head_in = "POST /wiki/Gopuram?page=2&token=abc HTTP/1.1\r\nhost: Example.com:8443\r\n\
        referer: https://example.org/start?token=abc&x=1\r\nuser-agent: curl/8.5\r\n\
        cookie: a=1; session=s3cret\r\nx-two: one\r\nx-two: two\r\n\r\n";
    let received = head_in.len() + 10;
    let head_out = "HTTP/1.1 201 Created\r\nlocation: /new?token=abc\r\n\
        set-cookie: session=s3cret; Path=/\r\n\r\n";
    let sent = head_out.len() + 13;
    let expected = [
        ("%%", "%"),
        ("%a", "198.51.100.77"),
        ("%h", "198.51.100.77"),
        ("%{c}a", "198.51.100.77"),
        ("%A", "192.0.2.1"),
        ("%B", "13"),
        ("%b", "13"),
        ("%{session}C", "s3cret"),
        ("%{none}C", "-"),
        ("%D", "2500000"),
        ("%{GOPURAM_NO_SUCH_VARIABLE}e", "-"),
        ("%{PATH}e", &std::env::var("PATH").unwrap()),
        ("%H", "HTTP/1.1"),
        ("%{User-agent}i", "curl/8.5"),
        ("%{X-Two}i", "one, two"),
        ("%{X-None}i", "-"),
        ("%I", &received.to_string()),
        ("%l", "-"),
        ("%m", "POST"),
        ("%{location}o", "/new?token=abc"),
        ("%{x-none}o", "-"),
        ("%O", &sent.to_string()),
        ("%p", "8443"),
        ("%{canonical}p", "8443"),
        ("%{local}p", "8080"),
        ("%{remote}p", "50000"),
        ("%P", &pid),
        ("%{pid}P", &pid),
        ("%q", "?page=2&token=abc"),
        ("%r", "POST /wiki/Gopuram?page=2&token=abc HTTP/1.1"),
        ("%s", "201"),
        ("%>s", "201"),
        ("%<s", "201"),
        ("%S", &(received + sent).to_string()),
        ("%t", "[23/Nov/2026:19:39:46 +0000]"),
        ("%{end:sec}t", "1795462788"),
        ("%{begin:msec}t", "1795462786012"),
        ("%{usec_frac}t", "012345"),
        ("%{rfc3339}t", "2026-11-23T19:39:46.012Z"),
        ("%{%d.%m.%Y}t", "23.11.2026"),
        ("%T", "2"),
        ("%{s}T", "2"),
        ("%{ms}T", "2500"),
        ("%{us}T", "2500000"),
        ("%u", "ann"),
        ("%U", "/wiki/Gopuram"),
        ("%v", "Example.com"),
        ("%V", "Example.com"),
        ("%X", "+"),
        ("%{id}x", "id-1"),
        ("%{outcome}x", "complete"),
        ("%{route}x", "/wiki/{page}"),
        ("%{scheme}x", "https"),
        ("%{target}x", "/wiki/Gopuram?page=2&token=abc"),
        ("%{ttfb}x", "1500000"),
        (r#"\"%m\"\t\\\x"#, "\"POST\"\t\\\\x"),
    ];
    for (format, text) in expected {
        assert_eq!(written(format).await, text, "{format}");
    }
}

#[tokio::test]
async fn what_is_not_known_is_a_dash() {
    let kept = Kept::format(
        "%h %{c}a %A %u %{Referer}i %{local}p %{remote}p %p %q %v %{id}x %{route}x %b %B",
    );
    let app = service_fn(async |_: Request<Empty<Bytes>>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    drop(kept.layer.layer(app).call(Request::default()).await);
    assert_eq!(kept.lines(), "- - - - - - - 80  - - - - 0\n");
}

#[tokio::test]
async fn a_value_may_be_for_some_statuses_only() {
    assert_eq!(written("%201,404{Referer}i").await.len(), 39);
    assert_eq!(written("%400,404{Referer}i").await, "-");
    assert_eq!(written("a %!201m b %!400m").await, "a - b POST");
    assert_eq!(written("%200{location}o%201B").await, "-13");
}

#[tokio::test]
async fn presets_are_what_their_names_say() {
    let common = r#"198.51.100.77 - ann [23/Nov/2026:19:39:46 +0000] "POST /wiki/Gopuram?page=2&token=abc HTTP/1.1" 201 13"#;
    assert_eq!(
        line(&Kept::with(AccessLog::common), request()).await,
        common
    );
    assert_eq!(
        line(&Kept::with(AccessLog::combined), request()).await,
        format!(r#"{common} "https://example.org/start?token=abc&x=1" "curl/8.5""#)
    );
    let json = concat!(
        r#"{"time":"2026-11-23T19:39:46.012Z","client":"198.51.100.77","user":"ann","#,
        r#""method":"POST","target":"/wiki/Gopuram?page=2&token=abc","protocol":"HTTP/1.1","#,
        r#""host":"Example.com","status":201,"bytes":13,"outcome":"complete","#,
        r#""ttfb_us":1500000,"total_us":2500000,"#,
        r#""referer":"https://example.org/start?token=abc&x=1","user_agent":"curl/8.5","#,
        r#""id":"id-1","route":"/wiki/{page}"}"#
    );
    assert_eq!(line(&Kept::with(AccessLog::json), request()).await, json);
}

#[tokio::test]
async fn objects_may_have_keys_of_ones_own() {
    let members = [
        ("a \"key\"", "%{X-None}i"),
        ("b", "%b"),
        ("l", "%l"),
        ("t", "%t"),
    ];
    let kept = Kept::with(|log| AccessLog::json_members(members, log).unwrap());
    let json = r#"{"a \"key\"":null,"b":13,"l":null,"t":"[23/Nov/2026:19:39:46 +0000]"}"#;
    assert_eq!(line(&kept, request()).await, json);
    let error = AccessLog::json_members([("a", "%h%m")], Log::to(std::io::sink())).unwrap_err();
    assert_eq!(error.position(), 2);
}

#[tokio::test]
async fn the_target_is_the_one_that_came() {
    let mut req = request();
    let original = "/app/old?x=1".parse().unwrap();
    Attributes::of_mut(&mut req).keep_original_uri(&original);
    assert_eq!(
        of("%r %U%q", req).await,
        "POST /app/old?x=1 HTTP/1.1 /app/old?x=1"
    );
    let mut req = request();
    *req.uri_mut() = "/inside?x=1".parse().unwrap();
    Attributes::of_mut(&mut req).enter_mount("/app");
    assert_eq!(
        of("%r %U%q", req).await,
        "POST /app/inside?x=1 HTTP/1.1 /app/inside?x=1"
    );
}

#[tokio::test]
async fn the_target_has_the_form_in_which_it_came() {
    let with = |method: Method, uri: &str, version| {
        let mut req = request();
        *req.method_mut() = method;
        *req.uri_mut() = uri.parse().unwrap();
        *req.version_mut() = version;
        of("%r %v %p", req)
    };
    let (one, two) = (Version::HTTP_11, Version::HTTP_2);
    let get = Method::GET;
    assert_eq!(
        with(get.clone(), "http://u:p@a.test:81/b?c", one).await,
        "GET http://[redacted]@a.test:81/b?c HTTP/1.1 a.test 81"
    );
    assert_eq!(
        with(get.clone(), "https://[2001:db8::1]/b", two).await,
        "GET /b HTTP/2.0 [2001:db8::1] 8080"
    );
    assert_eq!(
        with(Method::CONNECT, "a.test:443", one).await,
        "CONNECT a.test:443 HTTP/1.1 a.test 443"
    );
    assert_eq!(
        with(Method::OPTIONS, "*", Version::HTTP_10).await,
        "OPTIONS * HTTP/1.0 Example.com 8443"
    );
}

#[tokio::test]
async fn a_connection_may_be_used_again_or_not() {
    let with = |version, option: &'static str| {
        let mut req = request();
        *req.version_mut() = version;
        req.headers_mut()
            .insert(CONNECTION, HeaderValue::from_static(option));
        of("%X", req)
    };
    assert_eq!(with(Version::HTTP_11, "te, Close").await, "-");
    assert_eq!(with(Version::HTTP_11, "te").await, "+");
    assert_eq!(with(Version::HTTP_10, "te").await, "-");
    assert_eq!(with(Version::HTTP_10, "Keep-Alive").await, "+");
    assert_eq!(with(Version::HTTP_2, "").await, "+");
    let kept = Kept::format("%X");
    let app = service_fn(async |_: Request<Body>| {
        let res = Response::builder().header(CONNECTION, "close");
        Ok::<_, Infallible>(res.body(Body::empty()).unwrap())
    });
    drop(kept.layer.layer(app).call(Request::default()).await);
    assert_eq!(kept.lines(), "-\n");
}

#[tokio::test]
async fn bytes_received_are_counted_as_they_are_read() {
    let head = "POST / HTTP/1.1\r\n\r\n".len();
    let post = |body| Request::post("/").body(body).unwrap();
    let stream = Pieces(vec!["defg", "abc"]);
    assert_eq!(
        of("%I", post(Body::new(stream))).await,
        (head + 7).to_string()
    );
    assert_eq!(of("%I", post(Body::empty())).await, head.to_string());
}

/// Pieces that come one by one, the last first.
struct Pieces(Vec<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.0
                .pop()
                .map(|piece| Ok(Frame::data(Bytes::from(piece)))),
        )
    }
}

#[tokio::test]
async fn of_another_body_the_declared_length_must_do() {
    let received = async |req: http::request::Builder| {
        let kept = Kept::format("%I");
        let app = service_fn(async |_: Request<Empty<Bytes>>| {
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let req = req.body(Empty::new()).unwrap();
        drop(kept.layer.layer(app).call(req).await);
        kept.lines()
    };
    let declared = Request::post("/").header(CONTENT_LENGTH, "1000");
    let head = "POST / HTTP/1.1\r\ncontent-length: 1000\r\n\r\n".len();
    assert_eq!(received(declared).await, format!("{}\n", head + 1000));
    let chunked = Request::post("/").header(TRANSFER_ENCODING, "chunked");
    assert_eq!(received(chunked).await, "-\n");
    assert_eq!(
        received(Request::post("/").version(Version::HTTP_2)).await,
        "-\n"
    );
    assert_eq!(received(Request::get("/")).await, "18\n");
    let nonsense = Request::post("/").header(CONTENT_LENGTH, "many");
    assert_eq!(received(nonsense).await, "-\n");
}

#[tokio::test]
async fn a_line_of_any_length_is_written() {
    let mut req = request();
    let long = HeaderValue::from_str(&"x".repeat(100_000)).unwrap();
    req.headers_mut().insert(USER_AGENT, long);
    let format = |log| AccessLog::format("%{user-agent}i", log).unwrap();
    let kept = Kept::with(|log| format(log).value_limit(usize::MAX));
    assert_eq!(line(&kept, req).await.len(), 100_000);
}
