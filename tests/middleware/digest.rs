//! `digest` on the wire.

use std::convert::Infallible;

use gopuram::Stack;
use gopuram::middleware::digest::{Algorithm, Error, VerifiedBody};
use gopuram::middleware::{Body, Decompress, Digest, Head};
use gopuram::testing::body::Script;
use gopuram::testing::{Client, Received, app};
use gopuram_tests::undated;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use tower::service_fn;
use tower_layer::Layer;

/// RFC 9530, appendix A.
const CONTENT: &str = "{\"hello\": \"world\"}\n";
const SHA256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
const SHA512: &str = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCs\
                      yRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";

fn answer(req: &Request<Body>) -> Response<Body> {
    let mut res = Response::new(match req.uri().path() {
        "/stream" => Body::new(
            Script::new()
                .data("{\"hello\": ")
                .pause()
                .data("\"world\"}\n"),
        ),
        "/counted" => {
            let body = Script::new().data("{\"hello\": ").data("\"world\"}\n");
            Body::new(body.counts_down())
        }
        "/trailers" => {
            let trailers =
                HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"a\""))]);
            Body::new(Script::new().data(CONTENT).trailers(trailers))
        }
        "/part" => Body::new(Script::new().data("{\"hello\": ").pause().data("\"wo")),
        "/broken" => Body::new(Script::new().data("{").error("cut")),
        "/nothing" => Body::empty(),
        _ => Body::from(CONTENT),
    });
    if req.uri().path() == "/nothing" {
        *res.status_mut() = StatusCode::NO_CONTENT;
    }
    if req.uri().path() == "/part" {
        *res.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = HeaderValue::from_static("bytes 0-12/19");
        res.headers_mut().insert("content-range", range);
    }
    if req.uri().path() == "/theirs" {
        let theirs = HeaderValue::from_static("sha-256=:AAAA:");
        res.headers_mut().insert("repr-digest", theirs);
    }
    res
}

async fn get(digest: Digest, path: &str, fields: &[(&str, &str)]) -> Received {
    // In process, where trailers come as they are.
    let app = Stack::new()
        .with(digest)
        .app(app::answer(|req| answer(&req)));
    let mut req = Client::in_process(app).get(path);
    for (name, value) in fields {
        req = req.header(name, value);
    }
    req.await
}

const BOTH: &[(&str, &str)] = &[
    ("want-repr-digest", "sha-512=3, sha-256=10, unixsum=0"),
    ("want-content-digest", "sha-512=3"),
];

#[tokio::test]
async fn a_whole_answer_says_what_is_asked_for_in_its_head() {
    let digest = Digest::default();
    get(digest, "/", BOTH)
        .await
        .assert_body(CONTENT)
        .assert_header("repr-digest", SHA256)
        .assert_header("content-digest", SHA512);
    for unasked in [&[][..], &[("want-repr-digest", "md5=10")]] {
        let res = get(digest, "/", unasked).await;
        res.assert_no_header("repr-digest")
            .assert_no_header("content-digest");
    }
    let always = Digest::always(Algorithm::Sha256);
    get(always, "/", &[])
        .await
        .assert_header("repr-digest", SHA256);
    let asked = &[("want-repr-digest", "sha-512=1")];
    get(always, "/", asked)
        .await
        .assert_header("repr-digest", SHA512);
}

#[tokio::test]
async fn what_inner_says_stays_and_nothing_has_no_digest() {
    let res = get(Digest::default(), "/theirs", BOTH).await;
    res.assert_header("repr-digest", "sha-256=:AAAA:")
        .assert_header("content-digest", SHA512);
    let res = get(Digest::default(), "/nothing", BOTH).await;
    res.assert_status(204)
        .assert_no_header("repr-digest")
        .assert_no_header("content-digest");
}

#[tokio::test]
async fn a_stream_says_it_in_its_trailers_if_they_are_taken() {
    let te = [BOTH, &[("te", "trailers")]].concat();
    for path in ["/stream", "/trailers"] {
        let res = get(Digest::default(), path, &te).await;
        res.assert_body(CONTENT)
            .assert_header("trailer", "content-digest, repr-digest")
            .assert_no_header("repr-digest")
            .assert_trailer("repr-digest", SHA256)
            .assert_trailer("content-digest", SHA512);
        let kept = res.trailers().is_some_and(|it| it.contains_key("etag"));
        assert_eq!(kept, path == "/trailers");
        let res = get(Digest::default(), path, BOTH).await;
        res.assert_body(CONTENT).assert_no_header("trailer");
        assert!(
            res.trailers()
                .is_none_or(|it| !it.contains_key("repr-digest"))
        );
    }
    let res = get(Digest::default(), "/broken", &te).await;
    assert!(res.error().is_some() && res.trailers().is_none());
}

#[tokio::test]
async fn a_part_that_streams_says_nothing_of_the_whole() {
    // RFC 9530, 3
    let te = [BOTH, &[("te", "trailers"), ("range", "bytes=0-12")]].concat();
    let res = get(Digest::default(), "/part", &te).await;
    res.assert_status(206)
        .assert_body("{\"hello\": \"wo")
        .assert_header("trailer", "content-digest")
        .assert_no_header("repr-digest");
    let trailers = res.trailers().unwrap();
    assert!(trailers.contains_key("content-digest") && !trailers.contains_key("repr-digest"));
}

#[tokio::test]
async fn trailers_follow_a_length_in_http_2_only() {
    let digest = Digest::default();
    let app = Stack::new()
        .with(digest)
        .app(app::answer(|req| answer(&req)));
    let client = Client::in_process(app);
    let ask = |version| {
        let req = client.get("/counted").version(version);
        let req = req.header("want-repr-digest", "sha-256=1");
        req.header("te", "trailers")
    };
    ask(Version::HTTP_2)
        .await
        .assert_trailer("repr-digest", SHA256);
    let res = ask(Version::HTTP_11).await;
    res.assert_no_header("trailer").assert_body(CONTENT);
    assert!(res.trailers().is_none());
}

#[tokio::test]
async fn the_trailers_arrive_over_a_socket() {
    let digest = Digest::default();
    let app = Stack::new()
        .with(digest)
        .app(app::answer(|req| answer(&req)));
    let req = Client::new(app).get("/stream");
    let req = req.header("want-repr-digest", "sha-256=1");
    let res = req.header("te", "trailers").await;
    res.assert_body(CONTENT)
        .assert_trailer("repr-digest", SHA256);
}

#[tokio::test]
async fn head_says_what_get_does() {
    let stack = Stack::new().with(Head::default()).with(Digest::default());
    let client = Client::new(stack.app(app::answer(|req| answer(&req))));
    let want = ("want-content-digest", "sha-256=1");
    let get = client.get("/").header(want.0, want.1).await;
    let head = client.head("/").header(want.0, want.1).await;
    get.assert_header("content-digest", SHA256);
    assert_eq!(undated(head.headers()), undated(get.headers()));
}

/// Answers with what it read, or 500 if the body broke off, or 200 at `/coping`.
async fn read(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let coping = req.uri().path() == "/coping";
    let mut res = Response::default();
    match req.into_body().collect().await {
        Ok(collected) => *res.body_mut() = Body::from(collected.to_bytes()),
        Err(_) if coping => {}
        Err(_) => *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    Ok(res)
}

async fn post(path: &str, fields: &[(&str, &str)], body: impl Into<Body>) -> Received {
    let app = Stack::new().with(Digest::default()).app(service_fn(read));
    let mut req = Client::in_process(app).post(path);
    for (name, value) in fields {
        req = req.header(name, value);
    }
    req.body(body).await
}

const WRONG: &str = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";

#[tokio::test]
async fn an_upload_that_is_what_it_says_is_read() {
    let stream = || {
        Body::new(
            Script::new()
                .data("{\"hello\": ")
                .pause()
                .data("\"world\"}\n"),
        )
    };
    for fields in [
        &[("content-digest", SHA256)][..],
        &[("repr-digest", SHA512)],
        &[("repr-digest", SHA512), ("content-digest", SHA256)],
        &[("content-digest", "md5=:AAAA:, sha=:AAAA:, unknown=:AAAA:")],
        &[("content-digest", "sha-256=:A:")],
        &[("content-digest", "sha-256=1")],
        &[("repr-digest", WRONG), ("content-range", "bytes 0-18/100")],
        &[],
    ] {
        post("/", fields, CONTENT)
            .await
            .assert_status(200)
            .assert_body(CONTENT);
        post("/", fields, stream())
            .await
            .assert_status(200)
            .assert_body(CONTENT);
    }
}

#[tokio::test]
async fn an_upload_that_is_something_else_is_400() {
    let stream = || {
        Body::new(
            Script::new()
                .data("{\"hello\": ")
                .pause()
                .data("\"world\"}\n"),
        )
    };
    let both = format!("{SHA512}, {WRONG}");
    for field in [
        ("content-digest", WRONG),
        ("repr-digest", WRONG),
        ("repr-digest", &both),
    ] {
        post("/", &[field], CONTENT)
            .await
            .assert_status(400)
            .assert_body("");
        post("/", &[field], stream()).await.assert_status(400);
        post("/coping", &[field], CONTENT).await.assert_status(200);
    }
    post("/", &[("content-digest", SHA256)], "")
        .await
        .assert_status(400);
}

#[tokio::test]
async fn a_digest_in_announced_trailers_is_verified() {
    for (digest, status) in [(SHA256, 200), (WRONG, 400)] {
        let name = http::HeaderName::from_static("content-digest");
        let trailers = HeaderMap::from_iter([(name, HeaderValue::from_static(digest))]);
        let body = Body::new(Script::new().data(CONTENT).trailers(trailers));
        let fields = [("trailer", "Content-Digest")];
        post("/", &fields, body).await.assert_status(status);
    }
}

#[tokio::test]
async fn of_a_part_the_digest_of_the_whole_is_not_its_own() {
    // RFC 9530, 3
    let field = |(name, digest): (&'static str, &'static str)| {
        let name = http::HeaderName::from_static(name);
        (name, HeaderValue::from_static(digest))
    };
    for (content, status) in [(SHA256, 200), (WRONG, 400)] {
        let said = [("repr-digest", WRONG), ("content-digest", content)];
        let range = ("content-range", "bytes 0-18/100");
        let head = [&[range], &said[..]].concat();
        post("/", &head, CONTENT).await.assert_status(status);
        let trailers = HeaderMap::from_iter(said.map(field));
        let body = Body::new(Script::new().data(CONTENT).trailers(trailers));
        let head = [range, ("trailer", "content-digest, repr-digest")];
        post("/", &head, body).await.assert_status(status);
    }
}

#[tokio::test]
async fn a_mismatch_comes_instead_of_the_last_frame() {
    let app = service_fn(async |req: Request<VerifiedBody<Body>>| {
        let mut body = req.into_body();
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Mismatch), "{error}");
        assert!(body.frame().await.is_none());
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let req = Client::in_process(Digest::default().layer(app)).post("/");
    let req = req.header("content-digest", WRONG);
    req.body(CONTENT).await.assert_status(200);
}

#[tokio::test]
async fn an_upload_s_digest_is_of_its_coded_bytes() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(CONTENT.as_bytes()).unwrap();
    let coded = encoder.finish().unwrap();
    let said = app::answer({
        let coded = coded.clone();
        move |_| Response::new(Body::from(coded.clone()))
    });
    let said = Client::in_process(
        Stack::new()
            .with(Digest::always(Algorithm::Sha256))
            .app(said),
    )
    .get("/")
    .await;
    let of_coded = said.header("repr-digest").unwrap();
    let stack = Stack::new()
        .with(Digest::default())
        .with(Decompress::default());
    let client = Client::in_process(stack.app(service_fn(read)));
    for (digest, status) in [(of_coded.as_str(), 200), (SHA256, 400)] {
        let req = client.post("/").header("content-encoding", "gzip");
        let res = req.header("repr-digest", digest).body(coded.clone()).await;
        res.assert_status(status);
    }
}

#[test]
fn a_stack_says_what_is_said() {
    let stack = Stack::new()
        .with(Digest::always(Algorithm::Sha512))
        .to_string();
    assert!(stack.contains("sha-512"), "{stack}");
    let stack = Stack::new().with(Digest::default()).to_string();
    assert!(stack.contains("as asked"), "{stack}");
}
