//! The end of a server that front servers are connected to.

use std::convert::Infallible;
use std::time::Duration;

use gopuram::Body;
use gopuram::gateway::Protocol;
use gopuram::middleware::attributes::Attributes;
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::util::{BoxCloneService, service_fn};

use crate::front::{ALL, Answer, Said, begin, params, record};
use crate::support::{Records, answers, over, turns};

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_finished_and_an_idle_connection_closed() {
    let slow = BoxCloneService::new(service_fn(async |_: Request<Body>| {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    }));
    for protocol in ALL {
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let serve = gopuram::serve(slow.clone()).until(async { drop(told.await) });
        let mut front = over(serve, protocol);
        front
            .write_all(&Said::get("/").send(protocol, b""))
            .await
            .unwrap();
        turns().await;
        drop(tell);
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).await.unwrap();
        assert_eq!(Answer::of(protocol, &answer, false).body(), "hello");
    }
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let serve = gopuram::serve(slow).until(async { drop(told.await) });
    let mut front = Records::of(over(serve, Protocol::FastCgi));
    let bytes = [
        begin(1, 1, 1),
        params(1, &Said::get("/")),
        record(5, 1, b""),
    ];
    front.send(bytes.concat()).await;
    front.answer(1).await;
    let before = tokio::time::Instant::now();
    drop(tell);
    assert_eq!(front.next().await, None);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_has_begun_may_be_finished() {
    for protocol in ALL {
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let app = answers(|_| Response::new("hello"));
        let serve = gopuram::serve(app).until(async { drop(told.await) });
        let mut front = over(serve, protocol);
        let bytes = Said::get("/").send(protocol, b"");
        front.write_all(&bytes[..20]).await.unwrap();
        turns().await;
        drop(tell);
        turns().await;
        front.write_all(&bytes[20..]).await.unwrap();
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).await.unwrap();
        assert_eq!(Answer::of(protocol, &answer, false).body(), "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn who_streams_without_end_hears_of_it() {
    let app = BoxCloneService::new(service_fn(async |req: Request<Body>| {
        let connection = Attributes::of(&req).unwrap().connection().unwrap();
        connection.draining.begins().await;
        Ok::<_, Infallible>(Response::new(Body::from("goodbye")))
    }));
    for protocol in ALL {
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let serve = gopuram::serve(app.clone()).until(async { drop(told.await) });
        let mut front = over(serve, protocol);
        front
            .write_all(&Said::get("/").send(protocol, b""))
            .await
            .unwrap();
        turns().await;
        drop(tell);
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).await.unwrap();
        assert_eq!(Answer::of(protocol, &answer, false).body(), "goodbye");
    }
}

#[tokio::test]
async fn a_server_of_all_protocols_ends_when_their_requests_have() {
    let app = answers(|_| Response::new("hello"));
    let mut serve = gopuram::serve(app).bind("127.0.0.1:0");
    for protocol in ALL {
        serve = serve.bind(format!("{protocol}127.0.0.1:0"));
    }
    let server = serve.listen().await.unwrap();
    let addresses: Vec<_> = server.addresses().to_vec();
    let handle = server.handle();
    let running = tokio::spawn(server.run());
    for (address, protocol) in addresses[1..].iter().zip(ALL) {
        assert!(address.to_string().starts_with(&protocol.to_string()));
        let mut front = tokio::net::TcpStream::connect(address.socket().unwrap())
            .await
            .unwrap();
        front
            .write_all(&Said::get("/").send(protocol, b""))
            .await
            .unwrap();
        let mut answer = Vec::new();
        front.read_to_end(&mut answer).await.unwrap();
        assert_eq!(Answer::of(protocol, &answer, false).body(), "hello");
    }
    let mut client = tokio::net::TcpStream::connect(addresses[0].socket().unwrap())
        .await
        .unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"));
    let stats = handle.stats();
    assert_eq!((stats.accepted, stats.requests), (4, 4));
    assert!(stats.bytes_in > 300 && stats.bytes_out > 100);
    handle.stop();
    running.await.unwrap().unwrap();
    assert_eq!(handle.stats().open, 0);
}
