//! HTTP/1 that is as it should be.

use gopuram::Body;
use gopuram::middleware::attributes::{Attributes, Scheme};
use http::{Request, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tower::util::{BoxCloneService, service_fn};

use crate::support::{App, Counter, connect, echo, exchange, read_until, rest};

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

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let answers = exchange(
        echo(),
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none\
         POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n\
         GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    let order: Vec<_> = ["POST /1 a one", "POST /2 a two", "GET /3 a "]
        .iter()
        .map(|answer| answers.find(answer).expect(answer))
        .collect();
    assert!(order.is_sorted(), "{answers}");
    assert!(answers.contains("connection: close\r\n"));
}

#[tokio::test(start_paused = true)]
async fn http_1_0_closes_and_needs_no_host() {
    let answer = exchange(echo(), "GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(
        answer,
        "HTTP/1.0 200 OK\r\ncontent-length: 8\r\n\r\nGET / - "
    );
}

#[tokio::test(start_paused = true)]
async fn the_absolute_form_settles_the_host() {
    let answer = exchange(
        echo(),
        "GET http://b:81/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.ends_with("GET http://b:81/x b:81 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_to_send_is_told_to_continue() {
    let mut client = connect(gopuram::serve(echo()));
    client
        .write_all(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        )
        .await
        .unwrap();
    read_until(&mut client, "HTTP/1.1 100 Continue\r\n\r\n").await;
    client.write_all(b"hi").await.unwrap();
    read_until(&mut client, "POST / a hi").await;
}

#[tokio::test(start_paused = true)]
async fn head_and_204_and_304_have_no_body() {
    fn status(code: u16) -> App {
        BoxCloneService::new(service_fn(move |_: Request<Body>| async move {
            let res = Response::builder().status(code);
            Ok(res.body(Body::from("hello")).unwrap())
        }))
    }
    let head = exchange(status(200), "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(head, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(
        exchange(status(204), get).await,
        "HTTP/1.1 204 No Content\r\n\r\n"
    );
    let unchanged = exchange(status(304), get).await;
    assert!(unchanged.starts_with("HTTP/1.1 304 Not Modified\r\n"));
    assert!(unchanged.ends_with("\r\n\r\n"), "{unchanged}");
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
