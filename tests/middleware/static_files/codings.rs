//! Precompressed siblings, media types, and the fields that rules set.

use std::time::Duration;

use gopuram::middleware::StaticFiles;
use gopuram::middleware::static_files::{HotCache, Paths, Sibling};
use gopuram::testing::Client;
use http::HeaderValue;

use super::{Dir, long_ago};

const fn value(text: &'static str) -> HeaderValue {
    HeaderValue::from_static(text)
}

async fn coding(client: &Client<StaticFiles>, accept: &str) -> (Option<String>, String) {
    let res = client
        .get("/app.js")
        .header("accept-encoding", accept)
        .await;
    res.assert_status(200)
        .assert_header("vary", "accept-encoding")
        .assert_header("content-type", "text/javascript; charset=utf-8")
        .assert_header("content-length", &res.bytes().len().to_string());
    (res.header("content-encoding"), res.text())
}

fn siblings() -> Dir {
    let dir = Dir::new();
    dir.file("app.js", "plain")
        .file("app.js.br", "brotli")
        .file("app.js.zst", "zstd")
        .file("app.js.gz", "gzip");
    dir
}

#[tokio::test]
async fn the_sibling_that_the_client_likes_best_is_sent() {
    // RFC 9110, section 12.5.3
    let dir = siblings();
    for hot in [HotCache::default(), HotCache::off()] {
        let client = Client::new(dir.files().hot_cache(hot).precompressed(Sibling::ALL));
        for (accept, name, body) in [
            ("gzip, br, zstd", Some("br"), "brotli"),
            ("gzip, zstd", Some("zstd"), "zstd"),
            ("gzip;q=1, br;q=0.9", Some("gzip"), "gzip"),
            ("X-GZIP", Some("gzip"), "gzip"),
            ("br;q=0, *", Some("zstd"), "zstd"),
            ("*", Some("br"), "brotli"),
            ("identity, br;q=0.5", None, "plain"),
            ("identity;q=0", None, "plain"),
            ("identity;q=0, gzip;q=0.1", Some("gzip"), "gzip"),
            ("deflate", None, "plain"),
            ("", None, "plain"),
        ] {
            let found = coding(&client, accept).await;
            assert_eq!(
                found,
                (name.map(str::to_owned), body.to_owned()),
                "{accept}"
            );
        }
        let res = client.get("/app.js").await;
        res.assert_no_header("content-encoding")
            .assert_header("vary", "accept-encoding")
            .assert_body("plain");
    }
}

#[tokio::test]
async fn the_server_prefers_in_the_order_that_it_was_given() {
    let files = siblings();
    let gzip_first = files
        .files()
        .precompressed(&[Sibling::Gzip, Sibling::Brotli]);
    let found = coding(&Client::new(gzip_first), "br, gzip, zstd").await;
    assert_eq!(found.0.as_deref(), Some("gzip"));
}

#[tokio::test]
async fn siblings_are_off_unless_asked_for() {
    let dir = siblings();
    let res = dir
        .client()
        .get("/app.js")
        .header("accept-encoding", "br")
        .await;
    res.assert_no_header("content-encoding")
        .assert_no_header("vary")
        .assert_body("plain");
    // By its own name a coded file is a file.
    let res = dir.client().get("/app.js.gz").await;
    res.assert_header("content-type", "application/gzip")
        .assert_body("gzip");
}

#[tokio::test]
async fn a_sibling_older_than_its_file_is_ignored() {
    let dir = siblings();
    dir.dated("app.js", "newer", long_ago() + Duration::from_nanos(1));
    let client = Client::new(dir.files().precompressed(Sibling::ALL));
    assert_eq!(
        coding(&client, "br, gzip").await,
        (None, "newer".to_owned())
    );
    dir.dated(
        "app.js.gz",
        "newer too",
        long_ago() + Duration::from_nanos(1),
    );
    let client = Client::new(dir.files().precompressed(Sibling::ALL));
    let found = coding(&client, "br, gzip").await;
    assert_eq!(found, (Some("gzip".to_owned()), "newer too".to_owned()));
}

#[tokio::test]
async fn a_sibling_without_its_file_is_nothing() {
    let dir = Dir::new();
    dir.file("app.js.gz", "gzip");
    let client = Client::new(dir.files().precompressed(Sibling::ALL));
    client
        .get("/app.js")
        .header("accept-encoding", "gzip")
        .await
        .assert_status(404);
}

#[tokio::test]
async fn a_small_sibling_of_a_large_file_is_found_beside_it() {
    let dir = Dir::new();
    dir.file("app.js", "x".repeat(1000))
        .file("app.js.gz", "gzip");
    let hot = HotCache::default().file(100).check_every(Duration::MAX);
    let client = Client::new(dir.files().hot_cache(hot).precompressed(Sibling::ALL));
    for _cold_then_hot in 0..2 {
        assert_eq!(coding(&client, "gzip").await.1, "gzip");
        assert_eq!(coding(&client, "identity").await.1, "x".repeat(1000));
    }
}

#[tokio::test]
async fn the_first_rule_that_fits_says_how_long_to_keep() {
    let dir = Dir::new();
    dir.file("app.3f9a1c2b.css", "")
        .file("index.html", "")
        .file("a/b.png", "")
        .file("a/c.html", "")
        .file("d.txt", "");
    let client = Client::new(
        dir.files()
            .cache_control(Paths::fingerprinted(), value("max-age=31536000, immutable"))
            .cache_control("*.html", value("no-cache"))
            .cache_control("a/**", value("max-age=60"))
            .cache_control(Paths::all(), value("max-age=1"))
            .cache_control("*.txt", value("too late")),
    );
    let rule = async |path: &str| client.get(path).await.header("cache-control");
    assert_eq!(
        rule("/app.3f9a1c2b.css").await.unwrap(),
        "max-age=31536000, immutable"
    );
    assert_eq!(rule("/").await.unwrap(), "no-cache");
    assert_eq!(rule("/a/b.png").await.unwrap(), "max-age=60");
    assert_eq!(rule("/a/c.html").await.unwrap(), "no-cache");
    assert_eq!(rule("/d.txt").await.unwrap(), "max-age=1");
    assert_eq!(rule("/nothing.html").await, None);
}

#[tokio::test]
async fn attachments_have_the_name_of_the_file() {
    // RFC 6266, RFC 8187
    let dir = Dir::new();
    dir.file("zip/a b.zip", "")
        .file("zip/é.zip", "")
        .file("a.png", "");
    let client = Client::new(dir.files().attachment("*.zip"));
    let said = async |path: &str| client.get(path).await.header("content-disposition");
    assert_eq!(
        said("/zip/a%20b.zip").await.unwrap(),
        "attachment; filename=\"a b.zip\""
    );
    assert_eq!(
        said("/zip/%c3%a9.zip").await.unwrap(),
        "attachment; filename=\"_.zip\"; filename*=UTF-8''%C3%A9.zip"
    );
    assert_eq!(said("/a.png").await, None);
}

#[tokio::test]
async fn media_types_can_be_said() {
    let dir = Dir::new();
    dir.file("a.foo", "").file("LICENSE", "");
    let client = Client::new(
        dir.files()
            .media_type("foo", value("application/x-bar"))
            .media_type("FOO", value("application/x-foo"))
            .media_type("", value("text/plain; charset=utf-8")),
    );
    client
        .get("/a.foo")
        .await
        .assert_header("content-type", "application/x-foo");
    client
        .get("/LICENSE")
        .await
        .assert_header("content-type", "text/plain; charset=utf-8");
}
