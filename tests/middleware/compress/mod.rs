//! `compress` on the wire.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod etags;
mod left_alone;
mod live;
mod streams;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::Read;
use std::task::{Context, Poll};

use gopuram::middleware::compress::{Compress, CompressBody, Deflate, Gzip};
use gopuram::middleware::{Body, wrap::Wrapped};
use gopuram::testing::Client;
use http::{Method, Request, Response};
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

const GZIP: &str = "gzip";

fn text(len: usize) -> String {
    let mut text: String = (0..)
        .map(|line| format!("{line}: the quick brown fox jumps over {}\n", line * 7919))
        .take(1 + len / 30)
        .collect();
    text.truncate(len);
    text
}

fn gunzip(coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(coded);
    decoder
        .read_to_end(&mut plain)
        .expect("a whole gzip stream");
    plain
}

/// Answers every request with what the function makes of it.
#[derive(Clone)]
struct App<F>(F);

impl<F, C> Service<Request<Body>> for App<F>
where
    F: Fn(&Request<Body>) -> Response<C>,
{
    type Response = Response<C>;
    type Error = Infallible;
    type Future = Ready<Result<Response<C>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Body>) -> Self::Future {
        ready(Ok((self.0)(&req)))
    }
}

fn client<F, C>(compress: &Compress, respond: F) -> Client<Wrapped<App<F>, Compress>>
where
    F: Fn(&Request<Body>) -> Response<C>,
{
    Client::new(compress.layer(App(respond)))
}

#[tokio::test]
async fn the_client_gets_what_it_prefers() {
    let plain = text(3000);
    let both = Compress::with((Gzip::default(), Deflate::default()));
    let client = client(&both, |_| html(text(3000)));
    for (accepted, expected) in [
        (None, None),
        (Some(""), None),
        (Some("gzip"), Some("gzip")),
        (Some("GZIP"), Some("gzip")),
        (Some("x-gzip"), Some("gzip")),
        (Some("deflate"), Some("deflate")),
        (Some("deflate, gzip"), Some("gzip")),
        (Some("deflate, gzip;q=0.9"), Some("deflate")),
        (Some("gzip;q=0"), None),
        (Some("gzip;q=0, *"), Some("deflate")),
        (Some("*"), Some("gzip")),
        (Some("*;q=0"), None),
        (Some("br, zstd"), None),
        (Some("identity"), None),
        (Some("identity;q=0"), None),
        (Some("identity, gzip;q=0.5"), None),
        (Some("gzip;q=huge"), None),
        (Some("gzip, deflate, br, zstd"), Some("gzip")),
    ] {
        let mut req = client.get("/");
        if let Some(accepted) = accepted {
            req = req.header("accept-encoding", accepted);
        }
        let res = req.await;
        assert_eq!(
            res.header("content-encoding").as_deref(),
            expected,
            "{accepted:?}"
        );
        res.assert_status(200)
            .assert_header("vary", "accept-encoding");
        match expected {
            Some("gzip") => assert_eq!(gunzip(res.bytes()), plain.as_bytes()),
            Some("deflate") => {
                let mut got = String::new();
                let mut decoder = flate2::read::ZlibDecoder::new(&res.bytes()[..]);
                decoder.read_to_string(&mut got).unwrap();
                assert_eq!(got, plain);
            }
            _ => assert_eq!(res.text(), plain),
        }
    }
}

#[tokio::test]
async fn lines_of_the_field_add_up() {
    let client = client(&Compress::default(), |_| html(text(3000)));
    let req = client.get("/").header("accept-encoding", "br");
    let res = req.header("accept-encoding", "gzip").await;
    res.assert_header("content-encoding", GZIP);
}

#[tokio::test]
async fn a_small_whole_body_is_coded_at_once_and_has_a_length() {
    let app = App(|_: &Request<Body>| html(text(64 * 1024)));
    let req = Request::get("/")
        .header("accept-encoding", "gzip")
        .body(Body::empty());
    let res = Compress::default()
        .layer(app)
        .oneshot(req.unwrap())
        .await
        .unwrap();
    let size = http_body::Body::size_hint(res.body()).exact().unwrap();
    let bytes = http_body_util::BodyExt::collect(res.into_body())
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(size, bytes.len() as u64);
    assert_eq!(gunzip(&bytes), text(64 * 1024).as_bytes());
}

#[tokio::test]
async fn the_head_says_what_is_true_of_the_coded_bytes() {
    let client = client(&Compress::default(), |_| {
        let mut res = html(text(3000));
        for (name, value) in [
            ("content-length", "3000"),
            ("accept-ranges", "bytes"),
            ("content-md5", "x"),
            ("digest", "x"),
            ("content-digest", "x"),
            ("repr-digest", "x"),
            ("x-other", "stays"),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            set(&mut res, name, value);
        }
        res
    });
    let res = client.get("/").header("accept-encoding", "gzip").await;
    for gone in [
        "accept-ranges",
        "content-md5",
        "digest",
        "content-digest",
        "repr-digest",
    ] {
        res.assert_no_header(gone);
    }
    // Inner's is gone; the gateway knows the new one.
    res.assert_header("content-length", &res.bytes().len().to_string())
        .assert_header("x-other", "stays")
        .assert_header("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        .assert_header("content-type", "text/html; charset=utf-8");
    let res = client.get("/").await;
    res.assert_header("content-length", "3000")
        .assert_header("accept-ranges", "bytes")
        .assert_header("digest", "x");
}

#[tokio::test]
async fn errors_are_coded_too() {
    let client = client(&Compress::default(), |_| {
        let mut res = html(text(3000));
        status(&mut res, 500);
        res
    });
    let res = client.get("/").header("accept-encoding", "gzip").await;
    res.assert_status(500)
        .assert_header("content-encoding", GZIP);
}

#[tokio::test]
async fn vary_is_merged_with_what_is_there() {
    for (before, after) in [
        ("origin", "origin, accept-encoding"),
        ("Accept-Encoding, origin", "Accept-Encoding, origin"),
        ("*", "*"),
    ] {
        let client = client(&Compress::default(), move |_| {
            let mut res = html(text(3000));
            set(&mut res, "vary", before);
            res
        });
        client.get("/").await.assert_header("vary", after);
        let res = client.get("/").header("accept-encoding", "gzip").await;
        res.assert_header("vary", after)
            .assert_header("content-encoding", GZIP);
    }
}

#[tokio::test]
async fn head_is_told_what_get_is() {
    // One inner makes a body anyway, one says its length, one says nothing.
    let client = client(&Compress::default(), |req| {
        let mut res = html(text(3000));
        let head = req.method() == Method::HEAD;
        match req.uri().path() {
            "/length" => set(&mut res, "content-length", "3000"),
            "/short" => set(&mut res, "content-length", "300"),
            _ => {}
        }
        if head && req.uri().path() != "/body" {
            *res.body_mut() = Body::empty();
        }
        set(&mut res, "etag", "\"abc\"");
        res
    });
    let head = |to| {
        client
            .request(Method::HEAD, to)
            .header("accept-encoding", "gzip")
    };
    for to in ["/body", "/length", "/nothing"] {
        let got = client.get(to).header("accept-encoding", "gzip").await;
        let res = head(to).await;
        // What has not been coded has no length yet (RFC 9110, section 9.3.2).
        let mut fields = got.headers().clone();
        fields.remove("content-length");
        assert_eq!(*res.headers(), fields, "{to}");
        res.assert_header("content-encoding", GZIP)
            .assert_header("etag", "\"abc-gzip\"")
            .assert_body("");
    }
    head("/short")
        .await
        .assert_no_header("content-encoding")
        .assert_header("content-length", "300");
}

#[tokio::test]
async fn what_is_coded_can_be_chosen() {
    let any = Compress::default()
        .min_size(0)
        .media_types(|it| it == "application/pdf");
    let client = client(&any, |req| {
        let mut res = html(text(100));
        if req.uri() == "/pdf" {
            set(&mut res, "content-type", "application/pdf;x=y");
        }
        res
    });
    client
        .get("/")
        .header("accept-encoding", "gzip")
        .await
        .assert_no_header("content-encoding");
    let res = client.get("/pdf").header("accept-encoding", "gzip").await;
    res.assert_header("content-encoding", GZIP);
}

#[tokio::test]
async fn a_kept_variant_is_sent_for_the_same_bytes_only() {
    let keeping = Compress::default().keep(1 << 20);
    // Two users, whose answers have the same tag by mistake.
    let client = client(&keeping, |req| {
        let mut res = html(format!("{}{}", req.uri().path(), text(3000)));
        set(&mut res, "etag", "\"same\"");
        res
    });
    for to in ["/a", "/a", "/b", "/a", "/b", "/b"] {
        let res = client.get(to).header("accept-encoding", "gzip").await;
        res.assert_header("etag", "\"same-gzip\"");
        assert_eq!(
            gunzip(res.bytes()),
            format!("{to}{}", text(3000)).as_bytes()
        );
    }
}

#[tokio::test]
async fn the_application_may_be_of_axum() {
    let app = axum::Router::new()
        .route("/", axum::routing::get(async || text(3000)))
        .layer(Compress::default());
    let req = Request::get("/")
        .header("accept-encoding", "gzip")
        .body(axum::body::Body::empty());
    let res = app.oneshot(req.unwrap()).await.unwrap();
    assert_eq!(res.headers()["content-encoding"], GZIP);
    let bytes = http_body_util::BodyExt::collect(res.into_body())
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(gunzip(&bytes), text(3000).as_bytes());
}

#[test]
fn a_stack_says_which_codings_are_offered() {
    let both = Compress::with((Gzip::default(), Deflate::level(1)));
    let stack = gopuram::Stack::new().with(both);
    assert!(stack.to_string().contains("gzip deflate"), "{stack}");
}

#[test]
fn refusals_of_outer_layers_need_an_empty_body() {
    let body = CompressBody::<&str>::default();
    assert!(format!("{body:?}").starts_with("CompressBody"));
}

#[cfg(feature = "br")]
#[tokio::test]
async fn brotli_is_sent_if_it_is_offered() {
    use gopuram::middleware::compress::Brotli;
    let both = Compress::with((Brotli::default(), Gzip::default()));
    let client = client(&both, |_| html(text(3000)));
    let res = client.get("/").header("accept-encoding", "gzip, br").await;
    res.assert_header("content-encoding", "br");
    assert!(res.bytes().len() < 1500);
}

#[cfg(feature = "zstd")]
#[tokio::test]
async fn zstandard_is_sent_if_it_is_offered() {
    use gopuram::middleware::compress::Zstd;
    let both = Compress::with((Zstd::default(), Gzip::default()));
    let client = client(&both, |_| html(text(3000)));
    let res = client
        .get("/")
        .header("accept-encoding", "gzip, zstd")
        .await;
    res.assert_header("content-encoding", "zstd");
    assert!(res.bytes().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
}

fn html(body: impl Into<Body>) -> Response<Body> {
    let mut res = Response::new(body.into());
    set(&mut res, "content-type", "text/html; charset=utf-8");
    res
}

fn set<C>(res: &mut Response<C>, name: &'static str, value: &'static str) {
    res.headers_mut()
        .insert(name, http::HeaderValue::from_static(value));
}

fn status<C>(res: &mut Response<C>, status: u16) {
    *res.status_mut() = http::StatusCode::from_u16(status).unwrap();
}
