//! Connections that become something else.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use gopuram::Body;
use gopuram::gateway::Limits;
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tower::util::service_fn;

use crate::support::{connect, read_until};

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

/// Says again what it hears, in capitals, after an upgrade.
async fn shout(req: Request<Body>) -> Result<Response<Body>, Infallible> {
    tokio::spawn(async {
        let upgraded = hyper::upgrade::on(req).await.unwrap();
        let mut io = TokioIo::new(upgraded);
        let mut bytes = [0; 1024];
        loop {
            match io.read(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(len) => {
                    bytes.make_ascii_uppercase();
                    io.write_all(&bytes[..len]).await.unwrap();
                }
            }
        }
    });
    let res = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    Ok(res.body(Body::empty()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_is_the_applications() {
    let mut client = connect(gopuram::serve(service_fn(shout)));
    client.write_all(UPGRADE).await.unwrap();
    let answer = read_until(&mut client, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    // No deadline of the gateway's holds any more, and nothing that is sent is a head.
    sleep(Duration::from_secs(10_000)).await;
    let head = "\r\nx: y\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut client, &head.to_uppercase()).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_was_parked_can_be_upgraded() {
    let app = service_fn(async |req: Request<Body>| {
        if req.headers().contains_key("upgrade") {
            shout(req).await
        } else {
            Ok(Response::new(Body::from("hello")))
        }
    });
    let mut client = connect(gopuram::serve(app));
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut client, "hello").await;
    sleep(Duration::from_secs(1)).await;
    client
        .write_all(&[UPGRADE, b"early"].concat())
        .await
        .unwrap();
    read_until(&mut client, "\r\n\r\nEARLY").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_along_is_not_lost() {
    let mut client = connect(gopuram::serve(service_fn(shout)));
    client
        .write_all(&[UPGRADE, b"early"].concat())
        .await
        .unwrap();
    read_until(&mut client, "\r\n\r\nEARLY").await;
}

#[tokio::test(start_paused = true)]
async fn who_says_all_first_still_hears_the_rest() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let app = service_fn(move |req: Request<Body>| {
        let tell = tell.lock().unwrap().take().unwrap();
        tokio::spawn(async move {
            let mut io = TokioIo::new(hyper::upgrade::on(req).await.unwrap());
            io.read_exact(&mut [0; 5]).await.unwrap();
            io.shutdown().await.unwrap();
            let mut rest = String::new();
            io.read_to_string(&mut rest).await.unwrap();
            tell.send(rest).unwrap();
        });
        let res = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("connection", "upgrade")
            .header("upgrade", "echo")
            .body(Body::empty())
            .unwrap();
        std::future::ready(Ok::<_, Infallible>(res))
    });
    let mut client = connect(gopuram::serve(app));
    client.write_all(UPGRADE).await.unwrap();
    read_until(&mut client, "\r\n\r\n").await;
    client.write_all(b"hello").await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    client.write_all(b"later").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(told.await.unwrap(), "later");
}

/// Wakes nobody; who keeps it is counted.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_does_not_keep_the_task_that_is_done_with_it() {
    let (mut client, io) = tokio::io::duplex(64 * 1024);
    let mut connection = Box::pin(gopuram::serve(service_fn(shout)).over(io));
    client.write_all(UPGRADE).await.unwrap();
    let task = Arc::new(Task);
    let waker = Waker::from(Arc::clone(&task));
    while connection
        .as_mut()
        .poll(&mut Context::from_waker(&waker))
        .is_pending()
    {
        tokio::task::yield_now().await;
    }
    drop((connection, waker));
    // What is read now is waited for by another task.
    read_until(&mut client, "\r\n\r\n").await;
    client.write_all(b"hello").await.unwrap();
    read_until(&mut client, "HELLO").await;
    assert_eq!(Arc::strong_count(&task), 1);
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_place_among_the_open_ones() {
    let server = gopuram::serve(service_fn(shout))
        .bind("127.0.0.1:0")
        .limits(Limits::default().connections(1))
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(UPGRADE).await.unwrap();
    read_until(&mut first, "\r\n\r\n").await;
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(UPGRADE).await.unwrap();
    first.write_all(b"still here").await.unwrap();
    read_until(&mut first, "STILL HERE").await;
    let mut byte = [0];
    let answer = tokio::time::timeout(Duration::from_millis(20), second.read(&mut byte)).await;
    assert!(answer.is_err(), "answered beyond the limit");
    drop(first);
    read_until(&mut second, "\r\n\r\n").await;

    // It is waited for until it ends.
    handle.stop();
    second.write_all(b"and here").await.unwrap();
    read_until(&mut second, "AND HERE").await;
    drop(second);
    running.await.unwrap().unwrap();
}
