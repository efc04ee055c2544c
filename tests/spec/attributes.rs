//! T: what is known of a request besides its message.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gopuram::middleware::attributes::{Attributes, ClientAddr, Report, Scheme};
use gopuram::middleware::from_fn::Next;
use gopuram::middleware::{
    BodyLimit, CatchPanic, Cors, Forwarded, NormalizePath, RequestId, Router, SecurityHeaders,
    Timeout, from_fn, on_request,
};
use gopuram::testing::Client;
use gopuram::{Body, Stack};
use http::{Request, Response, request};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixStream};
use tower::util::service_fn;

use crate::support::{App, GET, answers, ask, connect, http2, listen, read_until, text};

/// Says what the attributes say.
fn says() -> App {
    answers(|req| {
        let attributes = Attributes::of(&req).unwrap();
        let connection = attributes.connection().unwrap();
        let client = attributes.client().map(|client| (client.ip, client.port));
        Response::new(format!(
            "<{:?} {:?} {} {client:?} {}>",
            connection.peer,
            connection.local,
            connection.scheme.as_str(),
            attributes.scheme().as_str(),
        ))
    })
}

#[tokio::test]
async fn t1_every_request_carries_attributes_with_its_connection() {
    let address = listen(says()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let us = client.local_addr().unwrap();
    let expected = |us: std::net::SocketAddr| {
        let client = Some((us.ip(), Some(us.port())));
        format!("<{:?} {:?} http {client:?} http>", Some(us), Some(address))
    };
    for _ in 0..2 {
        client.write_all(GET).await.unwrap();
        let answer = read_until(&mut client, ">").await;
        assert!(answer.ends_with(&expected(us)), "{answer}");
    }
    let io = TcpStream::connect(address).await.unwrap();
    let us = io.local_addr().unwrap();
    let mut client = http2(io).await;
    for _ in 0..2 {
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(text(res).await.unwrap(), expected(us));
    }
}

#[tokio::test]
async fn t1_behind_a_proxy_the_connection_is_the_clients() {
    let server = gopuram::serve(says()).bind("127.0.0.1:0?proxy=127.0.0.1");
    let server = server.listen().await.unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let mut client = TcpStream::connect(address).await.unwrap();
    let header = b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n";
    client.write_all(header).await.unwrap();
    for _ in 0..2 {
        client.write_all(GET).await.unwrap();
        let answer = read_until(&mut client, ">").await;
        let expected = "<Some(192.0.2.1:5) Some(192.0.2.2:6) http Some((192.0.2.1, Some(5))) http>";
        assert!(answer.ends_with(expected), "{answer}");
    }
}

#[tokio::test]
async fn t1_a_unix_socket_has_no_addresses() {
    let path = std::env::temp_dir().join(format!("gopuram-spec-{}.sock", std::process::id()));
    let serve = gopuram::serve(says()).bind(gopuram::gateway::Address::unix(&path));
    let server = serve.listen().await.unwrap();
    tokio::spawn(server.run());
    let mut client = UnixStream::connect(&path).await.unwrap();
    client.write_all(GET).await.unwrap();
    let answer = read_until(&mut client, ">").await;
    std::fs::remove_file(&path).unwrap();
    assert!(answer.ends_with("<None None http None http>"), "{answer}");
}

#[tokio::test]
async fn t2_what_a_client_says_of_itself_is_not_believed() {
    let stack = Stack::new()
        .with(RequestId::default())
        .with(SecurityHeaders::default())
        .with(Cors::any_origin())
        .with(CatchPanic::default())
        .with(Timeout::head(Duration::from_mins(1)))
        .with(BodyLimit::new(10))
        .with(NormalizePath::merge())
        .app(says());
    let address = listen(stack).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let us = client.local_addr().unwrap();
    let lies = b"GET https://a/ HTTP/1.1\r\nHost: a\r\nForwarded: for=192.0.2.1;proto=https\r\n\
        X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 192.0.2.1\r\n\r\n";
    client.write_all(lies).await.unwrap();
    let answer = read_until(&mut client, ">").await;
    let said = Some((us.ip(), Some(us.port())));
    assert!(answer.ends_with(&format!("{said:?} http>")), "{answer}");
}

#[tokio::test]
async fn t2_a_layer_that_decides_whom_to_trust_may_say_otherwise() {
    let trusts = on_request(|head: &mut request::Parts| {
        let attributes: &mut Attributes = head.extensions.get_mut().unwrap();
        let ip = "192.0.2.7".parse().unwrap();
        attributes.set_client(ClientAddr::new(ip, None));
        attributes.set_scheme(Scheme::Https);
    });
    let address = listen(Stack::new().layer(trusts).app(says())).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let us = client.local_addr().unwrap();
    client.write_all(GET).await.unwrap();
    let answer = read_until(&mut client, ">").await;
    let said = format!(
        "<{:?} {:?} http Some((192.0.2.7, None)) https>",
        Some(us),
        Some(address)
    );
    assert!(answer.ends_with(&said), "{answer}");
}

#[tokio::test]
async fn t2_what_a_proxy_says_that_is_trusted_stands_beside_the_connections_word() {
    let relayed = answers(|req| {
        let attributes = Attributes::of(&req).unwrap();
        let peer = attributes.connection().unwrap().peer.unwrap().ip();
        let client = attributes.client().unwrap().ip;
        let scheme = attributes.scheme().as_str();
        Response::new(format!(
            "<{peer} {client} {scheme} {}>",
            attributes.is_relayed()
        ))
    });
    let forwarded = "127.0.0.1".parse::<Forwarded>().unwrap();
    let address = listen(Stack::new().with(forwarded).app(relayed)).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    for (said, seen) in [
        ("6.6.6.6, 192.0.2.7", "<127.0.0.1 192.0.2.7 https false>"),
        ("6.6.6.6, unknown", "<127.0.0.1 127.0.0.1 https true>"),
    ] {
        let req = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {said}\r\nX-Forwarded-Proto: https\r\n\r\n"
        );
        client.write_all(req.as_bytes()).await.unwrap();
        let answer = read_until(&mut client, ">").await;
        assert!(answer.ends_with(seen), "{answer}");
    }
}

#[tokio::test]
async fn t3_what_inner_finds_out_is_told_through_a_report() {
    type Kept = Arc<Mutex<Option<String>>>;
    let told = |report: &Report| {
        let told = report.read();
        let route = told.route.as_ref().map(|route| route.as_str().to_owned());
        format!("{route:?} {:?}", told.user)
    };
    let kept = Kept::default();
    let asks = |kept: Kept| {
        from_fn(move |mut req: Request<Body>, next: Next| {
            let report = Attributes::of_mut(&mut req).report();
            let kept = Arc::clone(&kept);
            async move {
                let before = told(&report);
                let res = next.run(req).await;
                let line = format!("{before} -> {}; ", told(&report));
                kept.lock().unwrap().get_or_insert_default().push_str(&line);
                res
            }
        })
    };
    let proves = on_request(|head: &mut request::Parts| {
        let attributes = head.extensions.get_or_insert_default::<Attributes>();
        attributes.set_user("ann".into());
    });
    let routes = Router::new().nest("/users", Router::new().get("/{id}", async |_| "a user"));
    let app = Stack::new()
        .layer(asks(Arc::clone(&kept)))
        .layer(asks(Arc::clone(&kept)))
        .layer(proves)
        .app(routes);
    let mut client = connect(app);
    client
        .write_all(b"GET /users/7 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut client, "a user").await;
    let line = r#"None None -> Some("/users/{id}") Some("ann"); "#;
    assert_eq!(kept.lock().unwrap().as_deref(), Some(&*line.repeat(2)));
}

#[tokio::test]
async fn t4_a_layer_that_changes_the_target_keeps_the_first_original() {
    let seen = service_fn(async |req: Request<Body>| {
        let original = Attributes::of(&req).and_then(Attributes::original_uri);
        let text = format!("{} of {original:?}", req.uri());
        Ok::<_, std::convert::Infallible>(Response::new(Body::from(text)))
    });
    let inner = Router::new().mount("/b", seen);
    let app = Stack::new()
        .with(NormalizePath::merge().rewrite())
        .app(Router::new().mount("/a", inner).mount("/", seen));
    let client = Client::new(app);
    client
        .get("//a//b/%2f/c?q=//")
        .await
        .assert_body("/%2f/c?q=// of Some(//a//b/%2f/c?q=//)");
    client.get("/other").await.assert_body("/other of None");
}

#[tokio::test]
async fn t4_a_host_that_is_believed_is_the_targets_and_the_one_received_is_kept() {
    let seen = answers(|req| {
        let attributes = Attributes::of(&req).unwrap();
        let (kept, target) = (attributes.original_host(), attributes.original_uri());
        let host = req.headers().get("host");
        Response::new(format!("{} {host:?} {kept:?} {target:?}", req.uri()))
    });
    let address = listen(Stack::new().with(Forwarded::behind(1).host()).app(seen)).await;
    let mut client = http2(TcpStream::connect(address).await.unwrap()).await;
    let mut req = ask("http://received/a?b");
    req.headers_mut()
        .insert("x-forwarded-host", "asked.test".parse().unwrap());
    let res = client.send_request(req).await.unwrap();
    let said = r#"http://asked.test/a?b None Some("received") None"#;
    assert_eq!(text(res).await.unwrap(), said);
}
