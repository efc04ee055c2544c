//! Streams that go on: what was sent is there before more is.
//!
//! Each piece is sent when the one before has been decoded, so whatever is held back ends in a deadline.

use std::io::Write as _;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Waker};
use std::time::Duration;

use flate2::write::{GzDecoder, ZlibDecoder};
use gopuram::middleware::compress::{Compress, Deflate, Gzip};
use gopuram::middleware::endpoint::Endpoint;
use gopuram::middleware::{Body, Cascade, Conditional, Head, Mount, Range, When};
use gopuram::testing::body::{Sender, channel};
use gopuram::{Application, Stack};
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use super::{set, text};

const EVENTS: &str = "text/event-stream";

/// Events, a heartbeat of a comment, and what is longer than any buffer.
fn pieces() -> Vec<String> {
    let long = format!("data: {}\n\n", text(200_000).replace('\n', " "));
    let short = ["data: one\n\n", ":\n\n", "data: two\n\n"].map(str::to_owned);
    let mut pieces = short.to_vec();
    pieces.push(long);
    pieces.extend(short);
    pieces
}

/// An application whose one answer is fed by hand.
fn fed(media_type: &'static str) -> (Sender, Endpoint) {
    let (sender, body) = channel();
    let body = Mutex::new(Some(Body::new(body)));
    let app = Endpoint::handler(move |_| {
        let mut res = Response::new(body.lock().unwrap().take().unwrap_or_default());
        set(&mut res, "content-type", media_type);
        std::future::ready(res)
    });
    (sender, app)
}

/// All that is about the representation, around what picks an application and a layer.
fn represented(app: Endpoint) -> impl Application {
    Stack::new()
        .with(Head::default())
        .with(Compress::with((Gzip::default(), Deflate::default())))
        .with(Range::default())
        .with(When::new(|_| true, Conditional::default()))
        .with(Mount::new())
        .with(Cascade::new())
        .app(app)
}

fn get(coding: &'static str) -> Request<Body> {
    let req = Request::get("/").header("host", "localhost");
    let req = req.header("accept-encoding", coding);
    req.body(Body::empty()).unwrap()
}

async fn answer(app: impl Application, req: Request<Body>) -> Response<Body> {
    match app.oneshot(req).await {
        Ok(res) => res.map(Body::new),
        Err(error) => panic!("{}", error.into()),
    }
}

/// What can be read so far.
fn decode(coding: &str, coded: &[u8]) -> Vec<u8> {
    if coding == "gzip" {
        let mut decoder = GzDecoder::new(Vec::new());
        decoder.write_all(coded).unwrap();
        decoder.flush().unwrap();
        decoder.get_ref().clone()
    } else {
        let mut decoder = ZlibDecoder::new(Vec::new());
        decoder.write_all(coded).unwrap();
        decoder.flush().unwrap();
        decoder.get_ref().clone()
    }
}

/// Sends piece by piece and waits for each.
async fn watch(sender: Sender, res: Response<Body>, coding: &str) {
    assert_eq!(res.headers()["content-encoding"], coding);
    assert!(!res.headers().contains_key("content-length"));
    let mut body = pin!(res.into_body());
    let (mut coded, mut plain) = (Vec::new(), Vec::new());
    for piece in pieces() {
        sender.data(piece.clone());
        plain.extend(piece.into_bytes());
        let arrived = async {
            while decode(coding, &coded) != plain {
                let frame = body.frame().await.expect("more").unwrap();
                coded.extend(frame.into_data().expect("data"));
            }
        };
        let arrived = tokio::time::timeout(Duration::from_mins(1), arrived);
        arrived.await.expect("a piece is held back");
    }
    drop(sender);
    while let Some(frame) = body.frame().await {
        coded.extend(frame.unwrap().into_data().expect("data"));
    }
    assert_eq!(decode(coding, &coded), plain);
}

#[tokio::test]
async fn each_piece_arrives_through_the_whole_representation() {
    for media_type in [EVENTS, "text/plain"] {
        for coding in ["gzip", "deflate"] {
            let (sender, app) = fed(media_type);
            let res = answer(represented(app), get(coding)).await;
            watch(sender, res, coding).await;
        }
    }
}

#[tokio::test]
async fn each_piece_arrives_over_a_socket() {
    for is_http2 in [false, true] {
        for coding in ["gzip", "deflate"] {
            let (sender, app) = fed(EVENTS);
            let server = gopuram::serve(represented(app)).bind("127.0.0.1:0");
            let server = server.listen().await.unwrap();
            let (handle, address) = (server.handle(), server.socket().unwrap());
            let running = tokio::spawn(server.run());
            let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
            let mut req = get(coding);
            let res = if is_http2 {
                req.headers_mut().remove("host");
                *req.uri_mut() = format!("http://{address}/").parse().unwrap();
                let handshake = http2::handshake(TokioExecutor::new(), io).await;
                let (mut client, connection) = handshake.unwrap();
                tokio::spawn(connection);
                client.send_request(req).await.unwrap()
            } else {
                let (mut client, connection) = http1::handshake(io).await.unwrap();
                tokio::spawn(connection);
                client.send_request(req).await.unwrap()
            };
            watch(sender, res.map(Body::new), coding).await;
            handle.stop();
            running.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_is_heard_of_while_the_stream_pauses() {
    let (sender, app) = fed(EVENTS);
    let res = answer(represented(app), get("gzip")).await;
    let mut body = Box::pin(res.into_body());
    sender.data("data: one\n\n");
    assert!(body.frame().await.is_some());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(body.as_mut().poll_frame(&mut cx).is_pending());
    assert!(sender.is_wanted());
    drop(body);
    assert!(!sender.is_wanted());
}
