//! Preconditions, ranges and `HEAD` together: RFC 9110, section 13.2.2.

use std::time::{Duration, SystemTime};

use gopuram::middleware::StaticFiles;
use gopuram::middleware::static_files::{HotCache, Sibling};
use gopuram::testing::{Client, Received};
use gopuram_tests::undated;
use http::{HeaderValue, Method};

use super::{DATE, Dir, long_ago};

const BEFORE: &str = "Sun, 31 Dec 2023 23:59:59 GMT";
const AFTER: &str = "Mon, 01 Jan 2024 00:00:01 GMT";

/// From memory, from the disk, and from the binary: the same answers.
fn clients() -> (Dir, [Client<StaticFiles>; 3]) {
    let dir = Dir::new();
    dir.file("a.txt", "0123456789").file("a.txt.gz", "gzipped");
    let asset = |path, bytes| {
        gopuram::middleware::static_files::Asset::new(path, bytes).modified(long_ago())
    };
    let embedded =
        StaticFiles::embedded([asset("a.txt", "0123456789"), asset("a.txt.gz", "gzipped")]);
    let set = |files: StaticFiles| {
        Client::new(
            files
                .precompressed(Sibling::ALL)
                .cache_control("*", HeaderValue::from_static("max-age=60")),
        )
    };
    let clients = [
        set(dir.files()),
        set(dir.files().hot_cache(HotCache::off())),
        set(embedded.unwrap()),
    ];
    (dir, clients)
}

async fn ask(client: &Client<StaticFiles>, method: Method, fields: &[(&str, &str)]) -> Received {
    let mut req = client.request(method, "/a.txt");
    for (name, value) in fields {
        req = req.header(name, value);
    }
    req.await
}

async fn tag(client: &Client<StaticFiles>, fields: &[(&str, &str)]) -> String {
    ask(client, Method::GET, fields)
        .await
        .header("etag")
        .unwrap()
}

#[tokio::test]
async fn every_coding_has_a_tag_of_its_own() {
    // RFC 9110, section 8.8.3.3
    let (_dir, clients) = clients();
    for client in &clients {
        let plain = tag(client, &[]).await;
        let gzip = tag(client, &[("accept-encoding", "gzip")]).await;
        assert_ne!(plain, gzip);
        assert!(!plain.starts_with("W/") && !gzip.starts_with("W/"));
        assert_eq!(plain, tag(client, &[]).await);
        let fields = [("accept-encoding", "gzip"), ("if-none-match", &plain)];
        ask(client, Method::GET, &fields)
            .await
            .assert_status(200)
            .assert_body("gzipped");
    }
}

#[tokio::test]
async fn preconditions_come_in_their_order() {
    // RFC 9110, section 13.2.2
    let (_dir, clients) = clients();
    for client in &clients {
        let tag = tag(client, &[]).await;
        let other = "\"other\"";
        let weak = format!("W/{tag}");
        let list = format!("\"x\", {weak}");
        let rows: &[(&[(&str, &str)], u16)] = &[
            // 13.1.1: If-Match, compared strongly
            (&[("if-match", &tag)], 200),
            (&[("if-match", "*")], 200),
            (&[("if-match", other)], 412),
            (&[("if-match", &weak)], 412),
            // 13.1.2: If-None-Match, compared weakly
            (&[("if-none-match", &tag)], 304),
            (&[("if-none-match", &list)], 304),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", other)], 200),
            // 13.1.3: If-Modified-Since
            (&[("if-modified-since", DATE)], 304),
            (&[("if-modified-since", AFTER)], 304),
            (&[("if-modified-since", BEFORE)], 200),
            (&[("if-modified-since", "no date")], 200),
            (
                &[("if-none-match", other), ("if-modified-since", AFTER)],
                200,
            ),
            // 13.1.4: If-Unmodified-Since
            (&[("if-unmodified-since", DATE)], 200),
            (&[("if-unmodified-since", BEFORE)], 412),
            (&[("if-match", &tag), ("if-unmodified-since", BEFORE)], 200),
            // 13.2.2: the first that is false decides
            (&[("if-match", other), ("if-none-match", &tag)], 412),
            (&[("if-match", &tag), ("if-none-match", &tag)], 304),
            (&[("if-none-match", &tag), ("range", "bytes=0-1")], 304),
            (&[("if-match", other), ("range", "bytes=0-1")], 412),
        ];
        for (fields, status) in rows {
            for method in [Method::GET, Method::HEAD] {
                let res = ask(client, method.clone(), fields).await;
                assert_eq!(res.status(), *status, "{method} {fields:?}: {res:?}");
                if *status != 200 || method == Method::HEAD {
                    res.assert_body("");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_304_has_what_a_cache_must_know_and_no_content() {
    // RFC 9110, section 15.4.5
    let (_dir, clients) = clients();
    for client in &clients {
        let etag = tag(client, &[]).await;
        let res = ask(client, Method::GET, &[("if-none-match", &etag)]).await;
        res.assert_status(304)
            .assert_header("etag", &etag)
            .assert_header("vary", "accept-encoding")
            .assert_header("cache-control", "max-age=60")
            .assert_no_header("content-type")
            .assert_no_header("content-length")
            .assert_no_header("content-encoding");
    }
}

#[tokio::test]
async fn ranges_are_cut() {
    // RFC 9110, sections 14.2 and 15.3.7
    let (_dir, clients) = clients();
    for client in &clients {
        let get = async |range| ask(client, Method::GET, &[("range", range)]).await;
        for (range, said, body) in [
            ("bytes=0-3", "bytes 0-3/10", "0123"),
            ("bytes=7-", "bytes 7-9/10", "789"),
            ("bytes=-2", "bytes 8-9/10", "89"),
            ("bytes=8-99", "bytes 8-9/10", "89"),
        ] {
            get(range)
                .await
                .assert_status(206)
                .assert_header("content-range", said)
                .assert_header("content-length", &body.len().to_string())
                .assert_header("vary", "accept-encoding")
                .assert_body(body);
        }
        get("bytes=10-")
            .await
            .assert_status(416)
            .assert_header("content-range", "bytes */10")
            .assert_body("");
        for ignored in ["lines=0-1", "bytes=3-1", "bytes", "bytes=a-b"] {
            get(ignored)
                .await
                .assert_status(200)
                .assert_body("0123456789");
        }
    }
}

#[tokio::test]
async fn several_ranges_are_parts_of_one_message() {
    // RFC 9110, section 14.6; what lies close together is one part
    let dir = Dir::new();
    let content: Vec<u8> = (0..1000)
        .map(|n| b'a' + u8::try_from(n % 26).unwrap())
        .collect();
    dir.file("a.txt", &content);
    for files in [dir.files(), dir.files().hot_cache(HotCache::off())] {
        let client = Client::new(files);
        let res = ask(&client, Method::GET, &[("range", "bytes=0-3,500-503")]).await;
        res.assert_status(206);
        let kind = res.header("content-type").unwrap();
        let boundary = kind
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        let part = |range: &str, body: &str| {
            format!(
                "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Range: bytes {range}/1000\r\n\r\n{body}\r\n"
            )
        };
        let whole = format!(
            "{}{}--{boundary}--\r\n",
            part("0-3", "abcd"),
            part("500-503", "ghij")
        );
        res.assert_header("content-length", &whole.len().to_string())
            .assert_body(whole);
    }
}

#[tokio::test]
async fn if_range_has_the_last_word_before_a_range() {
    // RFC 9110, section 13.1.5
    let (_dir, clients) = clients();
    for client in &clients {
        let tag = tag(client, &[]).await;
        let weak = format!("W/{tag}");
        for (condition, status) in [
            (&*tag, 206),
            (DATE, 206),
            ("\"other\"", 200),
            (&*weak, 200),
            (BEFORE, 200),
            (AFTER, 200),
        ] {
            let fields = [("range", "bytes=0-1"), ("if-range", condition)];
            let res = ask(client, Method::GET, &fields).await;
            assert_eq!(res.status(), status, "{condition}");
        }
    }
}

#[tokio::test]
async fn a_range_is_one_of_the_coding_that_was_chosen() {
    let (_dir, clients) = clients();
    for client in &clients {
        let fields = [("range", "bytes=0-1"), ("accept-encoding", "gzip")];
        ask(client, Method::GET, &fields)
            .await
            .assert_status(206)
            .assert_header("content-encoding", "gzip")
            .assert_header("content-range", "bytes 0-1/7")
            .assert_body("gz");
    }
}

#[tokio::test]
async fn head_says_what_get_would_and_knows_no_ranges() {
    // RFC 9110, sections 9.3.2 and 14.2
    let (_dir, clients) = clients();
    for client in &clients {
        for coding in ["identity", "gzip"] {
            let fields = [("accept-encoding", coding)];
            let get = ask(client, Method::GET, &fields).await;
            let head = ask(client, Method::HEAD, &fields).await;
            assert_eq!(undated(head.headers()), undated(get.headers()));
            head.assert_status(200).assert_body("");
        }
        let res = ask(client, Method::HEAD, &[("range", "bytes=0-1")]).await;
        res.assert_status(200).assert_header("content-length", "10");
    }
}

#[tokio::test]
async fn an_empty_file_is_answered() {
    let dir = Dir::new();
    dir.file("a.txt", "");
    for files in [dir.files(), dir.files().hot_cache(HotCache::off())] {
        let client = Client::new(files);
        let res = ask(&client, Method::GET, &[]).await;
        res.assert_status(200)
            .assert_header("content-length", "0")
            .assert_body("");
        let res = ask(&client, Method::GET, &[("range", "bytes=0-")]).await;
        res.assert_status(416)
            .assert_header("content-range", "bytes */0");
    }
}

#[tokio::test]
async fn a_file_written_just_now_has_a_weak_tag() {
    // RFC 9110, section 8.8.1
    let dir = Dir::new();
    let now = SystemTime::now();
    dir.dated("a.txt", "0123456789", now + Duration::from_hours(1));
    let client = dir.client();
    let res = ask(&client, Method::GET, &[]).await;
    let weak = res.header("etag").unwrap();
    assert!(weak.starts_with("W/"), "{weak}");
    // Section 8.8.2.1: not later than now.
    assert_ne!(res.header("last-modified").unwrap(), DATE);
    ask(&client, Method::GET, &[("if-none-match", &weak)])
        .await
        .assert_status(304);
    let fields = [("range", "bytes=0-1"), ("if-range", &*weak)];
    ask(&client, Method::GET, &fields).await.assert_status(200);
    // The strong one is another, so that what was stored meanwhile is fetched again.
    dir.file("a.txt", "9876543210");
    let fields = [("if-none-match", &*weak)];
    ask(&client, Method::GET, &fields)
        .await
        .assert_status(200)
        .assert_body("9876543210");
}
