//! What differs by the kind of socket: TCP and Unix.

use std::convert::Infallible;
use std::io;

use gopuram::Body;
use gopuram::gateway::{Address, Protocol};
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::util::{BoxCloneService, service_fn};

use crate::front::{ALL, Said};
use crate::rules::Pieces;
use crate::support::{App, Count, answers};

/// What is read of an answer over a socket, until its end or an error.
async fn read_at(app: App, address: Address, bytes: &[u8]) -> (Vec<u8>, io::Result<()>) {
    let server = gopuram::serve(app).bind(address).listen().await.unwrap();
    let address = server.addresses()[0].clone();
    let handle = server.handle();
    let serving = tokio::spawn(server.run());
    let mut answer = Vec::new();
    let read = if let Some(path) = address.path() {
        let mut front = tokio::net::UnixStream::connect(path).await.unwrap();
        front.write_all(bytes).await.unwrap();
        front.read_to_end(&mut answer).await
    } else {
        let mut front = tokio::net::TcpStream::connect(address.socket().unwrap())
            .await
            .unwrap();
        front.write_all(bytes).await.unwrap();
        front.read_to_end(&mut answer).await
    };
    handle.end();
    serving.await.unwrap().unwrap();
    (answer, read.map(drop))
}

/// By each protocol, over TCP and Unix sockets.
fn addresses() -> impl Iterator<Item = (Protocol, Address)> {
    let unix = |protocol| {
        let name = format!("gopuram-rules-{protocol:?}-{}.sock", std::process::id());
        Address::unix(std::env::temp_dir().join(name))
    };
    ALL.into_iter().flat_map(move |protocol| {
        let both = [Address::from("127.0.0.1:0"), unix(protocol)];
        both.map(|address| (protocol, address.protocol(protocol)))
    })
}

#[tokio::test]
async fn s3_an_answer_that_breaks_off_does_not_look_complete() {
    let app = answers(|_| Response::new(Body::new(Pieces(vec!["some"], false))));
    for (protocol, address) in addresses() {
        for body in ["", "abc"] {
            let bytes = Said::of("PUT", "/").send(protocol, body.as_bytes());
            let (_, read) = read_at(app.clone(), address.clone(), &bytes).await;
            let error = read.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{address}");
        }
    }
}

#[tokio::test]
async fn s3_an_answer_that_is_whole_looks_so() {
    let app = answers(|_| Response::new(Body::new(Pieces(vec!["some", "", "more"], true))));
    for (protocol, address) in addresses() {
        for body in ["", "abc"] {
            let bytes = Said::of("PUT", "/").send(protocol, body.as_bytes());
            let (answer, read) = read_at(app.clone(), address.clone(), &bytes).await;
            read.unwrap();
            let answer = crate::front::Answer::of(protocol, &answer, false);
            assert_eq!(answer.text, "Status: 200 OK\r\n\r\nsomemore", "{address}");
        }
    }
}

#[tokio::test]
async fn bodies_are_whole_over_every_kind_of_socket() {
    let body: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    let sum: u64 = body.iter().map(|&byte| u64::from(byte)).sum();
    let app = BoxCloneService::new(service_fn(async |req: Request<Body>| {
        let whole = req.into_body().into_bytes(2_000_000).await.unwrap();
        let sum: u64 = whole.iter().map(|&byte| u64::from(byte)).sum();
        Ok::<_, Infallible>(Response::new(Body::from(format!("{} {sum}", whole.len()))))
    }));
    for (protocol, address) in addresses() {
        let bytes = Said::of("PUT", "/").send(protocol, &body);
        let (answer, read) = read_at(app.clone(), address.clone(), &bytes).await;
        read.unwrap();
        let answer = crate::front::Answer::of(protocol, &answer, false);
        assert_eq!(answer.body(), format!("1000000 {sum}"), "{address}");
    }
}

#[tokio::test]
async fn c1_the_application_is_dropped_over_every_kind_of_socket() {
    for (protocol, address) in addresses() {
        let dropped = Count::default();
        let app = BoxCloneService::new(service_fn({
            let dropped = dropped.clone();
            move |_: Request<Body>| {
                let end = dropped.at_the_end();
                async move {
                    std::future::pending::<()>().await;
                    drop(end);
                    Ok::<_, Infallible>(Response::new(Body::empty()))
                }
            }
        }));
        let server = gopuram::serve(app).bind(address).listen().await.unwrap();
        let address = server.addresses()[0].clone();
        let handle = server.handle();
        tokio::spawn(server.run());
        let bytes = Said::get("/").send(protocol, b"");
        if let Some(path) = address.path() {
            let mut front = tokio::net::UnixStream::connect(path).await.unwrap();
            front.write_all(&bytes).await.unwrap();
            while handle.stats().requests == 0 {
                tokio::task::yield_now().await;
            }
        } else {
            let mut front = tokio::net::TcpStream::connect(address.socket().unwrap())
                .await
                .unwrap();
            front.write_all(&bytes).await.unwrap();
            while handle.stats().requests == 0 {
                tokio::task::yield_now().await;
            }
        }
        while dropped.get() == 0 {
            tokio::task::yield_now().await;
        }
        handle.end();
    }
}
