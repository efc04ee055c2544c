//! The layers of a representation together, over an application that makes a page anew each time.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::io::Read as _;

use gopuram::Stack;
use gopuram::middleware::digest::Algorithm;
use gopuram::middleware::{Body, Compress, Conditional, ContentType, Digest, Etag, Head, Range};
use gopuram::testing::{Client, Received, RequestBuilder, app};
use http::Response;

/// Longer than what `compress` leaves alone.
fn page() -> String {
    "the quick brown fox jumps over the lazy dog\n".repeat(60)
}

/// What the whole stack answers to a request with these fields.
async fn ask(method: &str, fields: &[(&str, &str)]) -> Received {
    let app = Stack::new()
        .with(Head::default())
        .with(Digest::default())
        .with(Compress::default())
        .with(Range::default())
        .with(Conditional::default())
        .with(Etag::default())
        .with(ContentType::or("text/html").unwrap())
        .app(app::answer(|_| Response::new(Body::from(page()))));
    let client = Client::new(app);
    let mut req: RequestBuilder<_> = client.request(method.parse().unwrap(), "/");
    for (name, value) in fields {
        req = req.header(name, value);
    }
    req.await
}

/// The digest of these bytes, as it is said.
async fn digest_of(bytes: &[u8]) -> String {
    let bytes = bytes.to_vec();
    let app = app::answer(move |_| Response::new(Body::from(bytes.clone())));
    let digest = Digest::always(Algorithm::Sha256);
    let app = Stack::new().with(digest).app(app);
    let res = Client::in_process(app).get("/").await;
    res.header("repr-digest").unwrap()
}

const GZIP: (&str, &str) = ("accept-encoding", "gzip");
const WANT: [(&str, &str); 2] = [
    ("want-repr-digest", "sha-256=1"),
    ("want-content-digest", "sha-256=1"),
];

/// The tags of the page, plain and coded.
async fn tags() -> (String, String) {
    let plain = ask("GET", &[]).await.header("etag").unwrap();
    let coded = ask("GET", &[GZIP]).await.header("etag").unwrap();
    (plain, coded)
}

#[tokio::test]
async fn a_page_has_what_a_file_has() {
    let res = ask("GET", &WANT).await;
    let digest = digest_of(page().as_bytes()).await;
    res.assert_status(200)
        .assert_body(page())
        .assert_header("accept-ranges", "bytes")
        .assert_header("vary", "accept-encoding")
        .assert_header("content-type", "text/html")
        .assert_header("repr-digest", &digest)
        .assert_header("content-digest", &digest);
}

#[tokio::test]
async fn a_coded_page_has_a_tag_and_digests_of_its_own() {
    // RFC 9110, section 8.8.3.3, and RFC 9530, section 3.
    let (plain, coded) = tags().await;
    assert_eq!(coded, plain.trim_end_matches('"').to_owned() + "-gzip\"");
    let res = ask("GET", &[&WANT[..], &[GZIP]].concat()).await;
    let digest = digest_of(res.bytes()).await;
    res.assert_status(200)
        .assert_header("content-encoding", "gzip")
        .assert_header("etag", &coded)
        .assert_header("vary", "accept-encoding")
        .assert_no_header("accept-ranges")
        .assert_header("repr-digest", &digest)
        .assert_header("content-digest", &digest);
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&res.bytes()[..]);
    decoder.read_to_string(&mut text).unwrap();
    assert_eq!(text, page());
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again_coded_or_not() {
    let (plain, coded) = tags().await;
    // Section 13.1.2 compares weakly; a plain copy is not what a client that takes gzip would get.
    for (fields, tag) in [
        (&[("if-none-match", plain.as_str())][..], Some(&plain)),
        (&[("if-none-match", &coded), GZIP], Some(&coded)),
        (&[("if-none-match", "*")], Some(&plain)),
        (&[("if-none-match", "\"old\"")], None),
        (&[("if-none-match", "\"old\""), GZIP], None),
        (&[("if-none-match", &coded)], None),
    ] {
        let res = ask("GET", &[fields, &WANT[..]].concat()).await;
        let said = format!("{fields:?} {res:?}");
        assert_eq!(
            res.status(),
            if tag.is_some() { 304 } else { 200 },
            "{said}"
        );
        res.assert_header("vary", "accept-encoding");
        if let Some(tag) = tag {
            res.assert_header("etag", tag)
                .assert_body("")
                .assert_no_header("content-digest")
                .assert_no_header("repr-digest");
        }
    }
}

#[tokio::test]
async fn a_part_is_of_the_plain_page_and_says_only_its_own_digest() {
    let (plain, _) = tags().await;
    let part = page().as_bytes()[10..20].to_vec();
    for more in [
        &[][..],
        &[GZIP],
        &[("if-range", plain.as_str())],
        &[("if-range", &plain), GZIP],
    ] {
        let range = [("range", "bytes=10-19")];
        let res = ask("GET", &[&range[..], &WANT, more].concat()).await;
        res.assert_status(206)
            .assert_body(&part)
            .assert_header("etag", &plain)
            .assert_header("content-range", &format!("bytes 10-19/{}", page().len()))
            .assert_header("content-digest", &digest_of(&part).await)
            .assert_header("vary", "accept-encoding")
            .assert_no_header("content-encoding")
            .assert_no_header("repr-digest");
    }
}

#[tokio::test]
async fn a_part_of_something_else_is_the_whole() {
    // Section 13.1.5: a coded copy cannot be completed with plain bytes, nor an old one with new.
    let (plain, coded) = tags().await;
    let weak = format!("W/{plain}");
    for (if_range, gzip) in [(&coded, true), (&coded, false), (&weak, false)] {
        let mut fields = vec![("range", "bytes=10-19"), ("if-range", if_range.as_str())];
        fields.extend(gzip.then_some(GZIP));
        let res = ask("GET", &fields).await;
        res.assert_status(200);
        let tag = if gzip { &coded } else { &plain };
        res.assert_header("etag", tag)
            .assert_no_header("content-range");
    }
}

#[tokio::test]
async fn conditions_come_before_ranges() {
    // Section 13.2.2.
    let (plain, coded) = tags().await;
    let range = ("range", "bytes=10-19");
    let res = ask("GET", &[range, ("if-none-match", &plain)]).await;
    res.assert_status(304).assert_header("etag", &plain);
    let res = ask("GET", &[range, ("if-match", "\"old\"")]).await;
    res.assert_status(412).assert_no_header("etag");
    let res = ask("GET", &[range, ("if-match", &plain)]).await;
    res.assert_status(206);
    let res = ask("GET", &[("if-match", &coded), GZIP]).await;
    res.assert_status(200).assert_header("etag", &coded);
    let beyond = ask("GET", &[("range", "bytes=99999-")]).await;
    beyond
        .assert_status(416)
        .assert_header("content-range", &format!("bytes */{}", page().len()));
}

#[tokio::test]
async fn head_says_all_that_get_does() {
    for fields in [&[][..], &WANT, &[GZIP], &[("if-none-match", "*")]] {
        let mut get = ask("GET", fields).await.headers().clone();
        let head = ask("HEAD", fields).await;
        // The gateway's own, which may be a second later.
        get.remove("date");
        let mut fields = head.headers().clone();
        fields.remove("date");
        assert_eq!(fields, get);
        head.assert_body("");
    }
}
