//! Parameters, as they stand in the path and decoded.

use gopuram::middleware::attributes::Attributes;
use gopuram::middleware::{Body, Router};
use gopuram::testing::Client;
use http::{Request, StatusCode};

async fn params(req: Request<Body>) -> String {
    let params = Attributes::of(&req).unwrap().params();
    let pairs: Vec<_> = params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(" ")
}

#[tokio::test]
async fn parameters_are_as_they_stand_in_the_path() {
    let router = Router::new()
        .get("/{a}/{b}/{c}/{d}/{e}/{f}", params)
        .get("/files/{*path}", params)
        .get("/img-{name}.png", params)
        .get("/caf\u{e9}/{x}", params);
    let client = Client::new(router);
    for (path, text) in [
        ("/1/2/3/4/5/6", "a=1 b=2 c=3 d=4 e=5 f=6"),
        ("/files/a//b%2Fc?d", "path=a//b%2Fc"),
        ("/img-a%20b.png", "name=a%20b"),
        ("/img-a.png.png", "name=a.png"),
        ("/caf%c3%a9/%c3%a9", "x=%c3%a9"),
        ("/caf%C3%A9/y", "x=y"),
        ("/c%61f\u{e9}/\u{e9}", "x=\u{e9}"),
    ] {
        client.get(path).await.assert_body(text);
    }
    for path in [
        "/files/",
        "/files",
        "/img-.png",
        "/1/2/3/4/5/",
        "/caf%25c3%25a9/x",
    ] {
        client.get(path).await.assert_status(404);
    }
}

#[tokio::test]
async fn parameters_of_routers_around_are_there_too() {
    let inner = Router::new().get("/posts/{post}", params);
    let router = Router::new()
        .mount("/mounted/{user}", inner.clone())
        .nest("/nested/{user}", inner);
    let client = Client::new(router);
    client
        .get("/mounted/1/posts/2")
        .await
        .assert_body("user=1 post=2");
    client
        .get("/nested/1/posts/2")
        .await
        .assert_body("user=1 post=2");
}

#[tokio::test]
async fn what_cannot_be_decoded_can_be_refused() {
    let router = Router::new().get("/{name}", async |req: Request<Body>| {
        let params = Attributes::of(&req).map(Attributes::params);
        let name = params
            .and_then(|p| p.decoded("name"))
            .ok_or(StatusCode::BAD_REQUEST)?;
        Ok::<_, StatusCode>(name.into_owned())
    });
    let client = Client::new(router);
    client.get("/a%20b%2F").await.assert_body("a b/");
    for bad in ["/%ff", "/%zz", "/100%"] {
        client.get(bad).await.assert_status(400);
    }
}
