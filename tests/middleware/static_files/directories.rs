//! Index files, redirects and listings.

use gopuram::middleware::StaticFiles;
use gopuram::middleware::static_files::Dotfiles;
use gopuram::testing::Client;
use gopuram_tests::undated;
use http::Method;

use super::Dir;

#[tokio::test]
async fn a_directory_is_its_index_file() {
    let dir = Dir::new();
    dir.file("index.html", "root")
        .file("sub/index.html", "sub")
        .file("no/a", "");
    let client = dir.client();
    for _cold_then_hot in 0..2 {
        let res = client.get("/").await;
        res.assert_status(200)
            .assert_header("content-type", "text/html; charset=utf-8")
            .assert_body("root");
        client.get("/sub/").await.assert_body("sub");
        client.get("/no/").await.assert_status(404);
    }
    let named = Client::new(dir.files().index(&["missing", "a"]));
    named.get("/no/").await.assert_status(200);
    named.get("/sub/").await.assert_status(404);
    let none = Client::new(dir.files().index(&[]));
    none.get("/").await.assert_status(404);
}

#[tokio::test]
async fn an_index_that_is_a_directory_is_none() {
    let dir = Dir::new();
    dir.file("index.html/a", "");
    dir.client().get("/").await.assert_status(404);
}

#[tokio::test]
async fn a_missing_slash_is_added_by_a_relative_reference() {
    let dir = Dir::new();
    dir.file("docs/index.html", "")
        .file("a/b:c/index.html", "")
        .file("é %/index.html", "")
        .file("empty/a", "");
    let client = dir.client();
    for (path, location) in [
        ("/docs", "./docs/"),
        ("/docs?a=b&c", "./docs/?a=b&c"),
        ("/docs?", "./docs/?"),
        ("/a/b:c", "./b%3Ac/"),
        ("/%C3%A9%20%25", "./%C3%A9%20%25/"),
    ] {
        let res = client.get(path).await;
        res.assert_status(301)
            .assert_header("location", location)
            .assert_body("");
    }
    // There would be nothing to see.
    client
        .get("/empty")
        .await
        .assert_status(404)
        .assert_no_header("location");
    client
        .request(Method::HEAD, "/docs")
        .await
        .assert_status(301);
}

#[tokio::test]
async fn a_redirect_never_leads_to_another_host() {
    let dir = Dir::new();
    dir.file("evil.test/index.html", "")
        .file("a/evil.test/index.html", "");
    let client = Client::new(dir.files().listing());
    for path in [
        "//evil.test",
        "///evil.test",
        "/%2fevil.test",
        "/\\evil.test",
        "/%5cevil.test",
        "//evil.test/..",
    ] {
        client
            .get(path)
            .await
            .assert_status(404)
            .assert_no_header("location");
    }
    let res = client.get("/a/evil.test?//evil.test/").await;
    res.assert_header("location", "./evil.test/?//evil.test/");
}

fn listed() -> Dir {
    let dir = Dir::new();
    dir.file("b.txt", "22")
        .file("a <b>&\"'.txt", "1")
        .file("c:d", "333")
        .file("zsub/index.html", "")
        .file(".secret", "")
        .link("out", "/etc")
        .link("in", "b.txt");
    // Its socket stays, and is no file to be shown.
    drop(std::os::unix::net::UnixListener::bind(dir.path("socket")).unwrap());
    dir
}

fn names(page: &str) -> Vec<&str> {
    let rows = page.split("<td><a href=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn a_listing_is_off_unless_asked_for() {
    let dir = listed();
    dir.client().get("/").await.assert_status(404);
}

#[tokio::test]
async fn a_listing_is_a_page_that_sorts_by_links() {
    let dir = listed();
    let client = Client::new(dir.files().listing());
    let res = client.get("/").await;
    res.assert_status(200)
        .assert_header("content-type", "text/html; charset=utf-8")
        .assert_header("cache-control", "no-cache")
        .assert_header("vary", "accept")
        .assert_header("content-length", &res.bytes().len().to_string());
    let page = res.text();
    let odd = "./a%20%3Cb%3E%26%22%27.txt";
    assert_eq!(names(&page), ["./zsub/", odd, "./b.txt", "./c%3Ad", "./in"]);
    assert!(page.contains("a &lt;b&gt;&amp;&quot;&#39;.txt"), "{page}");
    assert!(!page.contains("secret") && !page.contains("out") && !page.contains("socket"));
    assert!(page.contains("width=device-width") && page.contains("color-scheme:light dark"));
    assert!(
        !page.contains("<script") && !page.contains("http"),
        "{page}"
    );

    let sorted = async |query| {
        let page = client.get(&format!("/?{query}")).await.text();
        names(&page)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        sorted("sort=size&order=desc").await,
        ["./zsub/", "./c%3Ad", "./b.txt", "./in", odd]
    );
    assert_eq!(
        sorted("sort=name&order=desc").await,
        ["./zsub/", "./in", "./c%3Ad", "./b.txt", odd]
    );
    assert_eq!(sorted("sort=nonsense&x").await, sorted("").await);
    let page = client.get("/?sort=size").await.text();
    assert!(
        page.contains("aria-sort=\"ascending\"><a href=\"?sort=size&amp;order=desc\""),
        "{page}"
    );
}

#[tokio::test]
async fn whoever_prefers_json_gets_json() {
    let dir = Dir::new();
    dir.file("a\"b.txt", "22").file("sub/x", "");
    let client = Client::new(dir.files().listing());
    let res = client.get("/").header("accept", "application/json").await;
    res.assert_header("content-type", "application/json")
        .assert_header("vary", "accept");
    let text = res.text();
    assert!(
        text.starts_with(
            "{\"entries\":[{\"name\":\"sub\",\"href\":\"./sub/\",\"type\":\"directory\""
        ),
        "{text}"
    );
    assert!(
        text.ends_with(
            "{\"name\":\"a\\\"b.txt\",\"href\":\"./a%22b.txt\",\"type\":\"file\",\"size\":2,\
             \"modified\":\"2024-01-01T00:00:00Z\"}],\"more\":false}\n"
        ),
        "{text}"
    );
    dir.file("c10", "").file("c9", "");
    let sorted = client.get("/?sort=name&order=desc");
    let text = sorted.header("accept", "application/json").await.text();
    let names: Vec<_> = text.split("\"name\":\"").skip(1).collect();
    let begin = ["sub\"", "c10\"", "c9\"", "a\\\"b.txt\""];
    assert!(
        names
            .iter()
            .zip(begin)
            .all(|(name, begin)| name.starts_with(begin)),
        "{text}"
    );
    let res = client
        .get("/")
        .header("accept", "text/html, application/json;q=0.9")
        .await;
    res.assert_header("content-type", "text/html; charset=utf-8");
}

#[tokio::test]
async fn a_listing_beneath_the_root_leads_up() {
    let dir = Dir::new();
    dir.file("sub/a", "").file("sub/.b", "");
    let client = Client::new(dir.files().listing());
    let page = client.get("/sub/").await.text();
    assert_eq!(names(&page), ["../", "./a"]);
    assert!(page.contains("<title>Index of /sub/</title>"), "{page}");
    dir.file("sub/<i>/a", "");
    let page = client.get("/sub/%3Ci%3E/").await.text();
    let way = "<a href=\"../../\">/</a><a href=\"../\">sub/</a>&lt;i&gt;/</h1>";
    assert!(page.contains(way), "{page}");
    std::fs::remove_dir_all(dir.path("sub/<i>")).unwrap();
    let all = Client::new(dir.files().listing().dotfiles(Dotfiles::Serve));
    assert_eq!(
        names(&all.get("/sub/").await.text()),
        ["../", "./.b", "./a"]
    );
    client
        .get("/sub")
        .await
        .assert_status(301)
        .assert_header("location", "./sub/");
    client.get("/nothing/").await.assert_status(404);
    client.get("/sub/a/").await.assert_status(404);
}

#[tokio::test]
async fn head_of_a_listing_has_no_body() {
    let dir = listed();
    let client = Client::new(dir.files().listing());
    let get = client.get("/").await;
    let head = client.request(Method::HEAD, "/").await;
    head.assert_status(200).assert_body("");
    assert_eq!(undated(head.headers()), undated(get.headers()));
}

#[tokio::test]
async fn a_long_listing_says_that_it_is_not_whole() {
    let dir = Dir::new();
    let names: Vec<_> = (0..10_001).map(|n| (format!("{n}"), "")).collect();
    drop(dir);
    let files = StaticFiles::embedded(names).unwrap();
    let client = Client::new(files.listing());
    let page = client.get("/").await.text();
    assert!(page.contains("Only 10000 of the names are shown."));
    let json = client
        .get("/")
        .header("accept", "application/json")
        .await
        .text();
    assert!(json.ends_with("],\"more\":true}\n"));
}
