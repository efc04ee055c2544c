//! Validators where times of modification say nothing, and on several machines.

use std::time::{Duration, SystemTime};

use gopuram::middleware::StaticFiles;
use gopuram::middleware::static_files::{HotCache, Sibling};
use gopuram::testing::Client;

use super::Dir;

/// Times that reproducible images and packages give to all files: none that a date can say, images
/// of containers, Nix, ZIP and npm.
fn made_up() -> [SystemTime; 5] {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(10);
    [before, at(0), at(1), at(315_532_800), at(499_162_500)]
}

async fn tag(client: &Client<StaticFiles>) -> Option<String> {
    client.get("/a.txt").await.header("etag")
}

#[tokio::test]
async fn one_time_for_all_versions_does_not_give_them_one_tag() {
    for time in made_up() {
        let mut tags = Vec::new();
        for content in ["first", "other"] {
            // Another image at the same path, in which the inode may be the same.
            let dir = Dir::new();
            dir.dated("a.txt", content, time)
                .dated("a.txt.gz", content, time);
            let files = dir.files().shared_validators();
            let client = Client::new(files.precompressed(Sibling::ALL));
            let res = client.get("/a.txt").await;
            res.assert_status(200)
                .assert_no_header("last-modified")
                .assert_body(content);
            let gzip = client.get("/a.txt").header("accept-encoding", "gzip").await;
            gzip.assert_header("content-encoding", "gzip");
            tags.extend([res.header("etag").unwrap(), gzip.header("etag").unwrap()]);
            let etag = res.header("etag").unwrap();
            let res = client.get("/a.txt").header("if-none-match", &etag).await;
            res.assert_status(304).assert_no_header("last-modified");
            // What a cache has stored before must not be confirmed by its date alone.
            let since = "Thu, 01 Jan 1970 00:00:01 GMT";
            let res = client
                .get("/a.txt")
                .header("if-modified-since", since)
                .await;
            res.assert_status(200);
        }
        assert!(tags.iter().all(|tag| tag.starts_with('"')), "{tags:?}");
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 4, "{tags:?}");
    }
}

#[tokio::test]
async fn the_tag_of_a_content_is_the_same_on_every_machine() {
    let mut tags = Vec::new();
    for time in made_up() {
        let dir = Dir::new();
        dir.dated("a.txt", "first", time);
        tags.push(tag(&dir.client()).await.unwrap());
    }
    tags.dedup();
    assert_eq!(tags.len(), 1);
}

#[tokio::test]
async fn what_no_time_tells_apart_and_is_not_in_memory_has_no_validator() {
    for time in made_up() {
        let dir = Dir::new();
        dir.dated("a.txt", vec![b'a'; 1_200_000], time);
        let client = Client::new(dir.files().shared_validators());
        let res = client.get("/a.txt").await;
        res.assert_status(200)
            .assert_no_header("etag")
            .assert_no_header("last-modified");
        let range = async |name: &str, value: &str| {
            let get = client.get("/a.txt").header("range", "bytes=0-1");
            get.header(name, value).await.status()
        };
        assert_eq!(range("accept", "*/*").await, 206);
        assert_eq!(range("if-range", "\"a\"").await, 200);
        assert_eq!(
            range("if-range", "Thu, 01 Jan 1970 00:00:01 GMT").await,
            200
        );
        assert_eq!(range("if-match", "\"a\"").await, 412);
    }
}

#[tokio::test]
async fn copies_share_tags_where_that_is_said() {
    let (here, there) = (Dir::new(), Dir::new());
    for dir in [&here, &there] {
        dir.file("a.txt", "the same");
    }
    for hot in [HotCache::default(), HotCache::off()] {
        let client = |dir: &Dir| Client::new(dir.files().hot_cache(hot));
        assert_ne!(tag(&client(&here)).await, tag(&client(&there)).await);
        let client = |dir: &Dir| Client::new(dir.files().hot_cache(hot).shared_validators());
        let shared = tag(&client(&here)).await;
        assert!(shared.as_ref().unwrap().starts_with('"'));
        assert_eq!(shared, tag(&client(&there)).await);
    }
}
