//! HTTP/1 that is as it should be; `tests/rfc9112` has the rules one by one.

use gopuram::Body;
use gopuram::middleware::attributes::{Attributes, Scheme};
use http::{Request, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tower::util::service_fn;

use crate::support::{Counter, connect, echo, exchange, read_until, rest};

#[tokio::test(start_paused = true)]
async fn a_request_is_answered() {
    assert_eq!(
        exchange(echo(), "GET /a?b HTTP/1.1\r\nHost: c\r\n\r\n").await,
        "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nGET /a?b c "
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_alive() {
    let mut client = connect(gopuram::serve(Counter::default().app()));
    for _ in 0..3 {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let answer = read_until(&mut client, "hello").await;
        assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    }
}

#[tokio::test]
async fn a_request_knows_its_connection() {
    let app = service_fn(async |req: Request<Body>| {
        let connection = Attributes::of(&req).unwrap().connection().unwrap();
        assert_eq!(connection.scheme, Scheme::Http);
        let text = format!(
            "<{} {}>",
            connection.peer.unwrap(),
            connection.local.unwrap()
        );
        Ok::<_, std::convert::Infallible>(Response::new(Body::from(text)))
    });
    let server = gopuram::serve(app)
        .bind("127.0.0.1:0")
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let answer = read_until(&mut client, ">").await;
    let expected = format!("<{} {address}>", client.local_addr().unwrap());
    assert!(answer.ends_with(&expected), "{answer} {expected}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_read_closes_the_connection() {
    let counter = Counter::default();
    let mut client = connect(gopuram::serve(counter.app()));
    client
        .write_all(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nGET / HTTP/1.1\r\n",
        )
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(counter.count(), 1);
}
