//! The page: its two formats, and who may see it.

use gopuram::middleware::attributes::{ClientAddr, Connection, MatchedRoute, Proxied, Scheme};
use gopuram::middleware::{Body, attributes::Attributes, on_request};
use gopuram::middleware::{Metrics, Router};
use gopuram::testing::{Client, Served};
use gopuram::{Stack, gateway::Stats};
use http::{Request, Response, request};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tower::service_fn;
use tower_layer::Layer as _;

use super::{routes, text};

const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
    text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

#[tokio::test]
async fn the_format_is_the_one_that_is_asked_for() {
    let metrics = Metrics::new();
    routes(&metrics).get("/users/7").await.assert_status(200);
    let page = Client::new(metrics.page());
    let newer = page.get("/").header("accept", PROMETHEUS).await;
    newer
        .assert_status(200)
        .assert_header("content-type", Stats::OPENMETRICS)
        .assert_header("cache-control", "no-store");
    let newer = text::openmetrics(&newer.text());
    for accept in ["text/plain", "*/*", "text/html", "nonsense"] {
        let older = page.get("/").header("accept", accept).await;
        older.assert_header("content-type", "text/plain; version=0.0.4; charset=utf-8");
        let older = text::prometheus(&older.text());
        assert!(newer.names().eq(older.names()));
    }
    newer.assert(
        r#"http_server_requests_total{http_request_method="GET",http_route="/users/{id}",http_response_status_code="200"}"#,
        1,
    );
}

#[tokio::test]
async fn a_label_cannot_end_itself() {
    const ROUTE: &str = "/a\"} 1\n# EOF\n\\{id}é";
    let metrics = Metrics::new();
    let app = metrics.layer(service_fn(async |mut req: Request<Body>| {
        Attributes::of_mut(&mut req).set_route(MatchedRoute::new(ROUTE));
        Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
    }));
    Client::new(app).get("/").await;
    let page = Client::new(metrics.page());
    let res = page.get("/").await.text();
    text::prometheus(&res).assert(
        concat!(
            r#"http_server_requests_total{http_request_method="GET",http_route="/a\"} 1\n# EOF\n\\{id}é","#,
            r#"http_response_status_code="200"}"#
        ),
        1,
    );
}

#[tokio::test]
async fn other_methods_are_told_which_are_allowed() {
    let metrics = Metrics::new();
    let page = Client::new(metrics.page());
    let length = page.get("/").await.text().len().to_string();
    let head = page.head("/").await;
    head.assert_status(200)
        .assert_header("content-length", &length)
        .assert_body("");
    let post = page.post("/").await;
    post.assert_status(405)
        .assert_header("allow", "GET, HEAD, OPTIONS");
    let options = page.options("/").await;
    options
        .assert_status(204)
        .assert_header("allow", "GET, HEAD, OPTIONS");
}

fn from(peer: Option<&str>) -> Connection {
    let peer = peer.map(|peer| peer.parse().unwrap());
    Connection::new(None, peer, Scheme::Http)
}

/// Whether `connection` gets to see the page.
async fn sees(client: &Client<impl Served>, connection: Connection, field: &str) -> bool {
    let mut asked = client.get("/metrics").connection(connection);
    if !field.is_empty() {
        asked = asked.header(field, "for=192.0.2.1");
    }
    let res = asked.await;
    let is_page = res.text().starts_with("# HELP");
    assert!(is_page || res.text().is_empty());
    res.assert_status(if is_page { 200 } else { 404 });
    is_page
}

fn at(metrics: Metrics) -> Client<impl Served> {
    let none = Router::new().get("/", async |_| "hello");
    Client::in_process(Stack::new().with(metrics).app(none))
}

#[tokio::test]
async fn the_layer_answers_this_machine_and_passes_on_others() {
    let metrics = Metrics::new().at("/metrics");
    let client = at(metrics.clone());
    for here in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
        assert!(sees(&client, from(Some(here)), "").await, "{here}");
    }
    // On a Unix socket.
    assert!(sees(&client, from(None), "").await);
    for elsewhere in ["192.0.2.1:9", "10.0.0.1:9", "[2001:db8::1]:9", "0.0.0.0:9"] {
        assert!(
            !sees(&client, from(Some(elsewhere)), "").await,
            "{elsewhere}"
        );
    }
    let mut untold = from(None);
    untold.proxied = Some(Box::new(Proxied::default()));
    assert!(!sees(&client, untold, "").await);
    // The page itself is not counted, what is passed on is.
    let page = Client::new(metrics.page()).get("/").await.text();
    text::prometheus(&page).assert(
        r#"http_server_requests_total{http_request_method="GET",http_response_status_code="404"}"#,
        5,
    );
    assert!(
        client
            .get("/metrics/")
            .connection(from(None))
            .await
            .text()
            .is_empty()
    );
}

#[tokio::test]
async fn who_passes_on_for_others_is_not_of_this_machine() {
    let client = at(Metrics::new().at("/metrics"));
    for field in ["forwarded", "x-forwarded-for", "x-real-ip", "via"] {
        for peer in [Some("127.0.0.1:9"), None] {
            assert!(!sees(&client, from(peer), field).await, "{field}");
        }
    }
    // Unless a layer says who the client is.
    let trusts = |client: &'static str| {
        on_request(move |head: &mut request::Parts| {
            let client = ClientAddr::new(client.parse().unwrap(), None);
            let attributes = head.extensions.get_or_insert_default::<Attributes>();
            attributes.set_client(client);
        })
    };
    let metrics = || Metrics::new().allow("10.0.0.0/8").unwrap().at("/metrics");
    let app = |client| trusts(client).layer(metrics().layer(Router::new()));
    for (who, is_seen) in [("10.1.2.3", true), ("192.0.2.1", false)] {
        let client = Client::in_process(app(who));
        let seen = sees(&client, from(Some("127.0.0.1:9")), "forwarded").await;
        assert_eq!(seen, is_seen, "{who}");
    }
}

#[tokio::test]
async fn networks_may_be_allowed() {
    let metrics = Metrics::new()
        .at("/metrics")
        .allow("10.0.0.0/8,2001:db8::/32");
    let client = at(metrics.unwrap());
    for (peer, is_seen) in [
        ("10.9.9.9:1", true),
        ("[2001:db8:1::1]:1", true),
        ("127.0.0.1:1", true),
        ("11.0.0.1:1", false),
    ] {
        assert_eq!(sees(&client, from(Some(peer)), "").await, is_seen, "{peer}");
    }
    let error = Metrics::new().allow("10.0.0.0/33").unwrap_err();
    assert!(error.to_string().contains("`10.0.0.0/33`"), "{error}");
}

/// What is answered on `stream` to a request for the page.
async fn asked(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let get = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(get).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn over_sockets_of_this_machine_the_page_is_there() {
    let metrics = Metrics::new().at("/metrics");
    let app = Stack::new().with(metrics).app(Router::new());
    let path = std::env::temp_dir().join(format!("gopuram-metrics-{}.sock", std::process::id()));
    let server = gopuram::serve(app)
        .bind("127.0.0.1:0")
        .bind(format!("unix:{}", path.display()).as_str());
    let server = server.listen().await.unwrap();
    let (address, handle) = (server.socket().unwrap(), server.handle());
    let running = tokio::spawn(server.run());
    for answer in [
        asked(TcpStream::connect(address).await.unwrap()).await,
        asked(UnixStream::connect(&path).await.unwrap()).await,
    ] {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("\r\n\r\n# HELP http_server_requests_total"));
    }
    handle.stop();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_gateway_nobody_is_known() {
    let app = Metrics::new()
        .at("/metrics")
        .layer(service_fn(async |_: Request<Body>| {
            Ok::<_, std::convert::Infallible>(Response::new(Body::from("inner")))
        }));
    let req = Request::get("/metrics").body(Body::empty()).unwrap();
    let res = tower::ServiceExt::oneshot(app, req).await.unwrap();
    let body = http_body_util::BodyExt::collect(res.into_body())
        .await
        .unwrap();
    assert_eq!(body.to_bytes(), "inner");
}
