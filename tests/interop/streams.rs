//! Connections and answers that go on: `WebSocket` and server-sent events, through a whole stack, in code and of a file.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message as Heard, WebSocket};
use axum::response::Response;
use axum::response::sse::{Event, Sse};
use axum::routing::{any, get};
use futures_util::{SinkExt as _, StreamExt as _};
use gopuram::Application;
use gopuram::middleware::access_log::Log;
use http_body_util::BodyExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use super::support::{Server, Written, get as req, production, send};

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Heard::Text(_) | Heard::Binary(_)) {
                socket.send(message).await.unwrap();
            }
        }
    })
}

/// Has messages echoed through what an application wears.
async fn watch_messages<A: Application>(wear: impl FnOnce(Log, Router) -> A) {
    let written = Written::default();
    let log = written.log();
    let router = Router::new().route("/ws", any(echo));
    let server = Server::of(wear(log.clone(), router)).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let url = format!("ws://{}/ws", server.address);
    let (mut socket, res) = client_async(url, stream).await.unwrap();
    assert_eq!(res.status(), 101);
    assert_eq!(res.headers()["upgrade"], "websocket");
    assert!(!res.headers().contains_key("content-encoding"));
    let much = "long ".repeat(100_000);
    for message in [
        Message::text("vanakkam"),
        Message::binary(vec![0, 255, 10, 13]),
        Message::text(much),
    ] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.send(Message::Ping("ping".into())).await.unwrap();
    let pong = socket.next().await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong("ping".into()));
    socket.close(None).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_close());
    drop(socket);
    // What is no upgrade is told so by the application, not by a layer.
    let res = server.ask(req("/ws", &[])).await;
    res.assert_status(400);
    server.stop().await;
    let mut lines = written.lines(&log);
    lines.sort();
    assert_eq!(lines, ["GET /ws 101 -", "GET /ws 400 -"]);
}

#[tokio::test]
async fn a_web_socket_is_echoed_through_the_whole_stack() {
    watch_messages(production).await;
}

/// Sends an event when the one before has arrived: nothing may hold one back.
async fn watch_events<A: Application>(
    wear: impl FnOnce(Log, Router) -> A,
    fields: &[&str],
    coding: Option<&str>,
    decode: impl Fn(&[u8]) -> String,
) {
    let (sender, receiver) = mpsc::channel::<Event>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let events = move || {
        let mut receiver = receiver.lock().unwrap().take().unwrap();
        let events = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
        std::future::ready(Sse::new(events.map(Ok::<_, Infallible>)))
    };
    let written = Written::default();
    let log = written.log();
    let router = Router::new().route("/events", get(events));
    let server = Server::of(wear(log.clone(), router)).await;
    let res = send(server.address, req("/events", fields)).await;
    assert_eq!(res.status(), 200);
    assert_eq!(res.headers()["content-type"], "text/event-stream");
    let sent = res.headers().get("content-encoding");
    assert_eq!(sent.map(|coding| coding.to_str().unwrap()), coding);
    let mut body = res.into_body();
    let (mut bytes, mut text) = (Vec::new(), String::new());
    for n in ["one", "two", "three"] {
        sender.send(Event::default().data(n)).await.unwrap();
        text.extend(["data: ", n, "\n\n"]);
        while decode(&bytes) != text {
            let frame = body.frame().await.unwrap().unwrap();
            bytes.extend_from_slice(&frame.into_data().unwrap());
        }
    }
    drop(sender);
    while let Some(frame) = body.frame().await {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(decode(&bytes), text);
    server.stop().await;
    let line = format!("GET /events 200 {}", coding.unwrap_or("-"));
    assert_eq!(written.lines(&log), [line]);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn unzipped(bytes: &[u8]) -> String {
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    decoder.write_all(bytes).unwrap();
    decoder.flush().unwrap();
    text(decoder.get_ref())
}

const PLAIN: &[&str] = &["accept: text/event-stream"];
const ZIPPED: &[&str] = &["accept-encoding: gzip"];

#[tokio::test]
async fn events_come_as_they_are_sent() {
    watch_events(production, PLAIN, None, text).await;
}

#[tokio::test]
async fn events_come_as_they_are_sent_compressed_too() {
    watch_events(production, ZIPPED, Some("gzip"), unzipped).await;
}

/// What is worn by the words of a file, its types gone.
#[cfg(feature = "config")]
mod of_a_file {
    use gopuram::Stack;
    use gopuram::config::Config;
    use gopuram::middleware::AccessLog;

    use super::*;

    const FILE: &str = r#"
        layer = [
            { name = "request_id" },
            { name = "metrics", at = "/metrics" },
            { name = "security_headers" },
            { name = "cors", origins = "*" },
            { name = "catch_panic" },
            { name = "timeout", head = "30s" },
            { name = "body_limit", limit = "1MiB" },
            { name = "normalize_path", when = { path = "/**" } },
            { name = "compress", when = { path = ["/events", "/ws"] } },
        ]
    "#;

    fn worn(log: Log, router: Router) -> impl Application {
        let config = Config::parse(FILE, ".").unwrap_or_else(|wrong| panic!("{wrong}"));
        let format = "%m %U %>s %{content-encoding}o";
        let logged = Stack::new().with(AccessLog::format(format, log).unwrap());
        logged.app(config.stack().app(router))
    }

    #[tokio::test]
    async fn a_web_socket_is_echoed() {
        watch_messages(worn).await;
    }

    #[tokio::test]
    async fn events_come_as_they_are_sent() {
        watch_events(worn, PLAIN, None, text).await;
        watch_events(worn, ZIPPED, Some("gzip"), unzipped).await;
    }
}
