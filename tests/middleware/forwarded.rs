//! `forwarded` over sockets: who asks, as attributes, the environ and the access log have it.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use gopuram::environ::{Mapping, Template};
use gopuram::gateway::Address;
use gopuram::middleware::access_log::Log;
use gopuram::middleware::attributes::{Attributes, Connection};
use gopuram::middleware::forwarded::Fields;
use gopuram::middleware::{AccessLog, Body, Forwarded, Metrics};
use gopuram::{Application, Stack};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpStream, UnixStream};
use tower::service_fn;

/// Answers with what the environ has of who asks, and the fields that are left.
async fn says(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, _) = req.into_parts();
    let attributes = Attributes::of_head(&head).unwrap();
    let connection = attributes.connection().unwrap();
    let template = Template::new(Mapping::default(), connection);
    let environ = template.environ(&head).unwrap();
    let names = [
        "REMOTE_ADDR",
        "REQUEST_SCHEME",
        "HTTPS",
        "HTTP_HOST",
        "SERVER_NAME",
    ];
    let mut said: Vec<_> = names
        .iter()
        .map(|name| {
            environ
                .get(name)
                .map_or("-".into(), String::from_utf8_lossy)
        })
        .collect();
    let port = environ.get("SERVER_PORT").unwrap();
    let local = connection.local.map(|local| local.port().to_string());
    let is_local = local.is_some_and(|local| local.as_bytes() == port);
    said.push(if is_local {
        "local".into()
    } else {
        String::from_utf8_lossy(port)
    });
    let left = head.headers.keys().map(http::HeaderName::as_str);
    let left = left.filter(|name| name.contains("forwarded") || *name == "x-real-ip");
    let mut left: Vec<_> = left.collect();
    left.sort_unstable();
    said.extend(left.into_iter().map(Into::into));
    Ok(Response::new(Body::from(said.join(" "))))
}

/// A request as the fields have it.
fn ask(target: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let fields = fields.iter();
    let req = Request::get(target);
    let req = fields.fold(req, |req, (name, value)| req.header(*name, *value));
    req.body(Body::empty()).unwrap()
}

/// What is answered over HTTP/1.1 and over HTTP/2, which is the same.
async fn answer<S: Application>(app: S, fields: &[(&str, &str)]) -> String {
    let server = gopuram::serve(app).bind("127.0.0.1:0");
    let server = server.listen().await.unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut one, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let fields_and_host = [&[("host", "old.test")], fields].concat();
    let res = one.send_request(ask("/", &fields_and_host)).await.unwrap();
    let one = res.into_body().collect().await.unwrap().to_bytes();
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut two, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let req = ask("http://old.test/", fields);
    let res = two.send_request(req).await.unwrap();
    let two = res.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(one, two);
    String::from_utf8(one.to_vec()).unwrap()
}

const SENT: [(&str, &str); 5] = [
    ("forwarded", "for=6.6.6.6;host=evil.test"),
    ("x-forwarded-for", "6.6.6.6, 192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.test"),
    ("x-real-ip", "6.6.6.6"),
];

#[tokio::test]
async fn a_trusted_proxy_says_who_asks_over_both_versions() {
    let local = || "127.0.0.0/8".parse::<Forwarded>().unwrap();
    let app = |layer: Forwarded| Stack::new().with(layer).app(service_fn(says));
    let left = "x-forwarded-for x-forwarded-host x-forwarded-proto";
    assert_eq!(
        answer(app(local()), &SENT).await,
        format!("192.0.2.7 https on old.test 127.0.0.1 local {left}")
    );
    assert_eq!(
        answer(app(local().host()), &SENT).await,
        format!("192.0.2.7 https on shop.test shop.test 443 {left}")
    );
    let rfc = Forwarded::behind(1).fields(Fields::Forwarded);
    let sent = [
        ("forwarded", "for=_a;proto=http"),
        (
            "forwarded",
            "for=\"[2001:db8::7]:9\";proto=https;host=\"shop.test:8443\"",
        ),
    ];
    let sent = [&SENT[1..], &sent].concat();
    assert_eq!(
        answer(app(rfc.host()), &sent).await,
        "2001:db8::7 https on shop.test:8443 shop.test 8443 forwarded"
    );
}

#[tokio::test]
async fn a_stranger_says_nothing() {
    let none = "127.0.0.1 http - old.test 127.0.0.1 local";
    for layer in ["10.0.0.0/8,unix", "::1"] {
        let layer = layer.parse::<Forwarded>().unwrap().host();
        let app = Stack::new().with(layer).app(service_fn(says));
        assert_eq!(answer(app.clone(), &SENT).await, none);
        assert_eq!(answer(app, &[]).await, none);
    }
}

#[tokio::test]
async fn a_unix_socket_is_a_proxy_where_it_is_said() {
    let path = std::env::temp_dir().join(format!("gopuram-forwarded-{}.sock", std::process::id()));
    for (list, client) in [
        ("unix", "192.0.2.7 https on"),
        ("0.0.0.0/0,::/0", " http -"),
    ] {
        let layer = list.parse::<Forwarded>().unwrap();
        let app = Stack::new().with(layer).app(service_fn(says));
        let server = gopuram::serve(app).bind(Address::unix(&path));
        let server = server.listen().await.unwrap();
        let serving = tokio::spawn(server.run());
        let io = TokioIo::new(UnixStream::connect(&path).await.unwrap());
        let (mut one, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let res = one.send_request(ask("/", &[&[("host", "a.test")], &SENT[..]].concat()));
        let body = res
            .await
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.starts_with(&format!("{client} a.test a.test ")),
            "{body}"
        );
        serving.abort();
        assert!(serving.await.unwrap_err().is_cancelled());
        std::fs::remove_file(&path).ok();
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Kept {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_access_log_has_the_client_and_the_peer() {
    let kept = Kept::default();
    let log = Log::to(kept.clone());
    let app = Stack::new()
        .with(Forwarded::behind(1))
        .with(AccessLog::format("%h %{c}a", log.clone()).unwrap())
        .app(service_fn(says));
    answer(app, &SENT).await;
    log.flush().unwrap();
    let lines = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert_eq!(lines, "192.0.2.7 127.0.0.1\n".repeat(2));
}

/// Whoever lets in by addresses is not deceived by a proxy whose fields were removed, or hide the client.
#[tokio::test]
async fn the_page_of_this_machine_is_not_for_whom_a_proxy_asks() {
    let shown = async |layer: Forwarded, fields: &[(&str, &str)]| {
        let metrics = Metrics::new().at("/");
        let app = Stack::new().with(layer).with(metrics);
        let app = app.app(service_fn(says));
        let server = gopuram::serve(app).bind("127.0.0.1:0");
        let server = server.listen().await.unwrap();
        let io = TcpStream::connect(server.socket().unwrap()).await.unwrap();
        tokio::spawn(server.run());
        let (mut one, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        let req = ask("/", &[&[("host", "a.test")], fields].concat());
        let res = one.send_request(req).await.unwrap();
        let body = res.into_body().collect().await.unwrap().to_bytes();
        body.starts_with(b"# HELP")
    };
    let local = || "127.0.0.0/8".parse::<Forwarded>().unwrap();
    let other = || "10.0.0.0/8".parse::<Forwarded>().unwrap();
    assert!(shown(other(), &[]).await);
    assert!(shown(local(), &[]).await);
    for fields in [
        [("x-forwarded-for", "192.0.2.7")],
        [("x-forwarded-for", "127.0.0.1, unknown")],
        [("x-forwarded-for", "127.0.0.1, unknown, 127.0.0.2")],
        [("x-real-ip", "192.0.2.7")],
        [("forwarded", "for=192.0.2.7")],
    ] {
        assert!(!shown(local(), &fields).await, "{fields:?}");
        assert!(!shown(other(), &fields).await, "{fields:?}");
    }
}

#[tokio::test]
async fn a_layer_that_comes_after_a_front_server_leaves_its_client() {
    let connection = Connection::new(None, None, gopuram::middleware::attributes::Scheme::Http);
    let variables = [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("HTTP_HOST", "a.test"),
        ("REMOTE_ADDR", "192.0.2.1"),
        ("HTTPS", "on"),
        ("HTTP_X_FORWARDED_FOR", "6.6.6.6"),
        ("HTTP_X_FORWARDED_PROTO", "http"),
    ];
    for layer in [Forwarded::behind(1), "10.0.0.0/8,unix".parse().unwrap()] {
        let environ: gopuram::environ::Environ = variables.into_iter().collect();
        let head = environ.head(&Mapping::default(), &connection).unwrap();
        let req = Request::from_parts(head, Body::empty());
        let app = Stack::new().with(layer).app(service_fn(says));
        let res = tower::ServiceExt::oneshot(app, req).await.unwrap();
        let body = res.into_body().collect().await.unwrap().to_bytes();
        assert!(
            body.starts_with(b"192.0.2.1 https on a.test a.test 443"),
            "{body:?}"
        );
        assert!(!body.ends_with(b"for"));
    }
}
