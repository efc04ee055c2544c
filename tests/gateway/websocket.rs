//! Sockets within HTTP, over both versions: `Upgrade` and extended `CONNECT` (RFC 8441).

use std::convert::Infallible;

use gopuram::gateway::Limits;
use gopuram::middleware::Router;
use gopuram::middleware::attributes::Protocol;
use gopuram::{Application, Body};
use http::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::frames::{PROTOCOL_ERROR, RST_STREAM, answer, frame, opening};
use crate::support::{ask, connect, http2, read_until};

/// Says again what it hears, in capitals, until the other end does not.
async fn shout(req: Request<Body>) {
    let mut io = TokioIo::new(hyper::upgrade::on(req).await.unwrap());
    let mut bytes = [0; 1024];
    while let Ok(len @ 1..) = io.read(&mut bytes).await {
        bytes.make_ascii_uppercase();
        io.write_all(&bytes[..len]).await.unwrap();
    }
}

/// One application for both ways to ask.
async fn chat(req: Request<Body>) -> Response<Body> {
    let mut res = Response::new(Body::empty());
    if *req.method() == Method::CONNECT {
        if !Protocol::of(&req).is_some_and(|protocol| protocol.is("WebSocket")) {
            *res.status_mut() = StatusCode::NOT_IMPLEMENTED;
            return res;
        }
        assert!(req.extensions().get::<hyper::ext::Protocol>().is_none());
    } else {
        *res.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        res.headers_mut()
            .insert("connection", "upgrade".parse().unwrap());
        res.headers_mut()
            .insert("upgrade", "websocket".parse().unwrap());
    }
    tokio::spawn(shout(req));
    res
}

fn app() -> impl Application {
    Router::<Infallible>::new()
        .get("/chat/{room}", chat)
        .route(Method::CONNECT, "/chat/{room}", chat)
        .get("/", async |_| "hello")
}

fn extended(protocol: &'static str, target: &str) -> Request<Body> {
    let mut req = Request::connect(target).body(Body::empty()).unwrap();
    let protocol = hyper::ext::Protocol::from_static(protocol);
    req.extensions_mut().insert(protocol);
    req
}

#[tokio::test(start_paused = true)]
async fn one_application_talks_over_both_versions() {
    let limits = Limits::default().extended_connect();
    let serve = || gopuram::serve(app()).limits(limits);
    let mut first = connect(serve());
    let asks =
        b"GET /chat/1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    first.write_all(asks).await.unwrap();
    let head = read_until(&mut first, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    first.write_all(b"hello").await.unwrap();
    read_until(&mut first, "HELLO").await;

    let mut client = http2(connect(serve())).await;
    // A client knows that it may when it has seen the settings.
    client.send_request(ask("http://a/")).await.unwrap();
    let mut open = async |room: &str| {
        let req = extended("websocket", &format!("http://a/chat/{room}"));
        let res = client.send_request(req).await.unwrap();
        assert_eq!(res.status(), 200);
        TokioIo::new(hyper::upgrade::on(res).await.unwrap())
    };
    let (mut one, mut two) = (open("1").await, open("2").await);
    for _ in 0..3 {
        two.write_all(b"second").await.unwrap();
        one.write_all(b"first").await.unwrap();
        read_until(&mut one, "FIRST").await;
        read_until(&mut two, "SECOND").await;
    }
    let other = client
        .send_request(extended("chess", "http://a/chat/1"))
        .await;
    assert_eq!(other.unwrap().status(), 501);
    let nowhere = client
        .send_request(extended("websocket", "http://a/none"))
        .await;
    assert_eq!(nowhere.unwrap().status(), 404);
}

const CONNECT: &[(&str, &str)] = &[
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":authority", "a"),
];

/// What comes on the stream of these fields.
async fn answered(limits: Limits, fields: &[(&str, &str)]) -> (u8, u8) {
    let mut client = connect(gopuram::serve(app()).limits(limits));
    let bytes = [opening(), frame(fields)].concat();
    client.write_all(&bytes).await.unwrap();
    answer(&mut client).await
}

#[tokio::test(start_paused = true)]
async fn by_default_a_stream_may_not() {
    let fields = [CONNECT, &[(":path", "/chat/1")]].concat();
    let reset = answered(Limits::default(), &fields).await;
    assert_eq!(reset, (RST_STREAM, PROTOCOL_ERROR));
}

#[tokio::test(start_paused = true)]
async fn without_a_path_it_is_refused() {
    let limits = Limits::default().extended_connect();
    let (kind, told) = answered(limits, CONNECT).await;
    let refused = [
        (RST_STREAM, PROTOCOL_ERROR),
        (crate::frames::HEADERS, crate::frames::STATUS_400),
    ];
    assert!(refused.contains(&(kind, told)), "{kind} {told}");
}
