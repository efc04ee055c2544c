//! Hosts.

use gopuram::middleware::Router;
use gopuram::testing::Client;

fn router() -> Router {
    Router::new()
        .get("/", async |_| "any")
        .get("/shared", async |_| "shared")
        .host("*.example.com", |r| r.get("/", async |_| "star"))
        .host("*.api.example.com", |r| r.get("/", async |_| "long star"))
        .host("api.example.com", |r| {
            r.get("/", async |_| "api")
                .post("/shared", async |_| "posted")
        })
}

#[tokio::test]
async fn the_nearest_host_that_has_the_path_answers() {
    let client = Client::new(router());
    for (host, body) in [
        ("api.example.com", "api"),
        ("API.Example.COM:8080", "api"),
        ("api.example.com.", "api"),
        ("www.example.com", "star"),
        ("a.b.example.com", "star"),
        ("v1.api.example.com", "long star"),
        ("example.com", "any"),
        ("other.test", "any"),
        ("", "any"),
    ] {
        let res = client.get("/").header("host", host).await;
        assert_eq!(res.text(), body, "{host}");
    }
    client.get("/").await.assert_body("any");
}

#[tokio::test]
async fn the_target_says_the_host_before_the_field_does() {
    let client = Client::new(router());
    let res = client
        .get("http://api.example.com/")
        .header("host", "other.test")
        .await;
    res.assert_body("api");
}

#[tokio::test]
async fn a_path_that_the_host_has_not_is_looked_for_among_the_rest() {
    let client = Client::new(router());
    let res = client
        .get("/shared")
        .header("host", "www.example.com")
        .await;
    res.assert_body("shared");
    // One that it has is its own, whatever the method.
    let res = client
        .get("/shared")
        .header("host", "api.example.com")
        .await;
    res.assert_status(405)
        .assert_header("allow", "OPTIONS, POST");
}

#[tokio::test]
async fn a_nested_router_brings_its_hosts() {
    let client = Client::new(Router::new().nest("/v1", router()));
    let res = client.get("/v1/").header("host", "api.example.com").await;
    res.assert_body("api");
    client.get("/v1/").await.assert_body("any");
}
