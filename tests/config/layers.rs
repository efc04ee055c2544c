//! Each layer does what its keys say.

use crate::support::{Directory, client, long};

#[tokio::test]
async fn the_access_log_goes_to_a_file() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path().join("log")).unwrap();
    let text = r#"
        [[layer]]
        name = "access_log"
        file = "log/access.log"
        format = "%m %U%q %>s"
        redact_query = ["token"]
        skip = { path = "/long", status = 200 }
    "#;
    let config = directory.config(text);
    let client = gopuram::testing::Client::new(config.stack().app(crate::support::app()));
    client.get("/hello?token=secret").await.assert_status(200);
    client.get("/long").await.assert_status(200);
    client.get("/none").await.assert_status(404);
    config.flush().unwrap();
    assert_eq!(
        directory.text("log/access.log"),
        "GET /hello?token=[redacted] 200\nGET /none 404\n"
    );
}

#[tokio::test]
async fn logs_are_opened_anew_and_shared_by_their_name() {
    let directory = Directory::new();
    let text = "[[layer]]\nname = \"access_log\"\nfile = \"a.log\"\nformat = \"one\"\n\n\
                [[layer]]\nname = \"access_log\"\nfile = \"a.log\"\nformat = \"two\"\n";
    let before = directory.config(text);
    let after = before.again().unwrap();
    let client = gopuram::testing::Client::new(before.stack().app(crate::support::app()));
    client.get("/hello").await;
    before.flush().unwrap();
    assert_eq!(directory.text("a.log"), "two\none\n");
    std::fs::rename(
        directory.path().join("a.log"),
        directory.path().join("b.log"),
    )
    .unwrap();
    // Who read the file again reopens what the one before it writes to.
    after.reopen();
    after.flush().unwrap();
    client.get("/hello").await;
    after.flush().unwrap();
    assert_eq!(directory.text("a.log"), "two\none\n");
    assert_eq!(directory.text("b.log"), "two\none\n");
}

#[tokio::test]
async fn json_has_the_members_of_the_file_in_their_order() {
    let directory = Directory::new();
    let config = directory.config(
        r#"
        [[layer]]
        name = "access_log"
        file = "a.log"
        json = { status = "%s", method = "%m" }
        "#,
    );
    let client = gopuram::testing::Client::new(config.stack().app(crate::support::app()));
    client.get("/hello").await;
    config.flush().unwrap();
    assert_eq!(
        directory.text("a.log"),
        "{\"status\":200,\"method\":\"GET\"}\n"
    );
}

#[tokio::test]
async fn answers_are_coded_as_is_preferred() {
    let directory = Directory::new();
    let text = r#"
        [[layer]]
        name = "compress"
        codings = ["br", "gzip"]
        levels = { br = 1 }
        min_size = 6
    "#;
    let client = client(&directory, text);
    let res = client.get("/long").header("accept-encoding", "gzip, br");
    res.await.assert_header("content-encoding", "br");
    let res = client.get("/long").header("accept-encoding", "gzip");
    res.await.assert_header("content-encoding", "gzip");
    let res = client.get("/hello").header("accept-encoding", "gzip");
    res.await
        .assert_no_header("content-encoding")
        .assert_body("hello");
    client.get("/long").await.assert_body(long());
}

#[tokio::test]
async fn files_beneath_a_prefix_answer_all_that_is_there() {
    let directory = Directory::new();
    directory.write("public/a.css", "a{}");
    directory.write("public/b.3f9a1c2b.css", "b{}");
    directory.write("public/404.html", "gone");
    let text = r#"
        [[layer]]
        name = "static_files"
        root = "public"
        at = "/static"
        not_found_page = "404.html"
        cache_control = [
            { paths = "fingerprinted", value = "max-age=31536000, immutable" },
            { value = "no-cache" },
        ]
    "#;
    let client = client(&directory, text);
    let res = client.get("/static/a.css").await;
    res.assert_body("a{}")
        .assert_header("cache-control", "no-cache");
    let res = client.get("/static/b.3f9a1c2b.css").await;
    res.assert_header("cache-control", "max-age=31536000, immutable");
    client
        .get("/static/c.css")
        .await
        .assert_status(404)
        .assert_body("gone");
    client
        .get("/a.css")
        .await
        .assert_status(404)
        .assert_body("");
    client.get("/hello").await.assert_body("hello");
}

#[tokio::test]
async fn files_without_a_prefix_pass_on_what_they_have_not() {
    let directory = Directory::new();
    directory.write("public/hello", "a file");
    directory.write("public/sub/home.html", "home");
    let text = "[[layer]]\nname = \"static_files\"\nroot = \"public\"\nindex = \"home.html\"\n";
    let client = client(&directory, text);
    client.get("/hello").await.assert_body("a file");
    client.get("/sub/").await.assert_body("home");
    client.get("/long").await.assert_body(long());
}
