//! What has arrived when serving ends.

use std::net::SocketAddr;

use gopuram::Error;
use gopuram::gateway::{Handle, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::frames::{HEADERS, STATUS_200, answer, headers, opening};
use crate::support::{Counter, read_until, turns};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server in the thread of the test, which waits as long as the test awaits nothing.
struct Busy {
    address: SocketAddr,
    handle: Handle,
    served: JoinHandle<Result<(), Error>>,
}

async fn busy() -> Busy {
    busy_with(Limits::default()).await
}

async fn busy_with(limits: Limits) -> Busy {
    let server = gopuram::serve(Counter::default().app())
        .bind("127.0.0.1:0")
        .limits(limits)
        .listen()
        .await
        .unwrap();
    let busy = Busy {
        address: server.socket().unwrap(),
        handle: server.handle(),
        served: tokio::spawn(server.run()),
    };
    turns().await;
    busy
}

/// Sent before anybody else can run.
fn send(mut client: &std::net::TcpStream, bytes: &[u8]) {
    std::io::Write::write_all(&mut client, bytes).unwrap();
}

fn listening(client: std::net::TcpStream) -> TcpStream {
    client.set_nonblocking(true).unwrap();
    TcpStream::from_std(client).unwrap()
}

/// All that comes, which must be an answer and then the end.
async fn last_answer(mut client: TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    answer
}

#[tokio::test]
async fn a_request_that_waits_to_be_accepted_is_served() {
    let server = busy().await;
    let client = std::net::TcpStream::connect(server.address).unwrap();
    send(&client, GET);
    let silent = std::net::TcpStream::connect(server.address).unwrap();
    server.handle.stop();
    let answer = last_answer(listening(client)).await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    let closed = listening(silent).read(&mut [0]).await;
    assert!(!matches!(closed, Ok(1..)));
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_waits_for_a_place_has_one_before_the_end() {
    let server = busy_with(Limits::default().connections(1)).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(GET).await.unwrap();
    read_until(&mut first, "hello").await;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let client = std::net::TcpStream::connect(server.address).unwrap();
            send(&client, GET);
            client
        })
        .collect();
    turns().await;
    server.handle.stop();
    for client in waiting {
        last_answer(listening(client)).await;
    }
    assert!(TcpStream::connect(server.address).await.is_err());
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_waits_to_be_read_is_served() {
    let server = busy().await;
    let fresh = std::net::TcpStream::connect(server.address).unwrap();
    let used = std::net::TcpStream::connect(server.address).unwrap();
    let mut used = listening(used);
    used.write_all(GET).await.unwrap();
    read_until(&mut used, "hello").await;
    let used = used.into_std().unwrap();

    for client in [&fresh, &used] {
        send(client, GET);
    }
    server.handle.stop();
    for client in [fresh, used] {
        let answer = last_answer(listening(client)).await;
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_head_that_has_begun_may_end() {
    let server = busy().await;
    let fresh = std::net::TcpStream::connect(server.address).unwrap();
    let used = std::net::TcpStream::connect(server.address).unwrap();
    let mut used = listening(used);
    used.write_all(GET).await.unwrap();
    read_until(&mut used, "hello").await;
    let used = used.into_std().unwrap();

    for client in [&fresh, &used] {
        send(client, &GET[..1]);
    }
    server.handle.stop();
    for client in [fresh, used] {
        turns().await;
        send(&client, &GET[1..]);
        let answer = last_answer(listening(client)).await;
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_that_waits_to_be_accepted_is_served() {
    let server = busy().await;
    let client = std::net::TcpStream::connect(server.address).unwrap();
    send(&client, &[opening(), headers(&[])].concat());
    server.handle.stop();
    let mut client = listening(client);
    assert_eq!(answer(&mut client).await, (HEADERS, STATUS_200));
    drop(client);
    server.served.await.unwrap().unwrap();
}
