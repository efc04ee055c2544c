//! Bodies of requests: how long they are, how they break off, how much of them is taken ahead.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use gopuram::Body;
use gopuram::gateway::{Limits, Protocol};
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;
use tower::util::{BoxCloneService, service_fn};

use crate::front::{ALL, Said, begin, packet, params, record, stdin};
use crate::support::{Records, connect, echo, exchange, over, rest, turns};

#[tokio::test]
async fn a_body_knows_its_length() {
    let app = BoxCloneService::new(service_fn(async |req: Request<Body>| {
        assert_eq!(req.body().size_hint().exact(), Some(3));
        assert!(!req.body().is_end_stream());
        let whole = req.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(Body::from(whole)))
    }));
    for protocol in ALL {
        let bytes = Said::of("PUT", "/").send(protocol, b"abc");
        assert_eq!(exchange(app.clone(), protocol, &bytes).await.body(), "abc");
    }
}

#[tokio::test]
async fn more_than_was_said_is_no_part_of_it() {
    for protocol in ALL {
        let bytes = Said::of("PUT", "/").told(protocol, 3, b"abcdef");
        assert_eq!(exchange(echo(), protocol, &bytes).await.body(), "PUT / abc");
        let none = Said::of("PUT", "/").told(protocol, 0, b"abcdef");
        assert_eq!(exchange(echo(), protocol, &none).await.body(), "PUT / ");
    }
}

#[tokio::test]
async fn r4_less_than_was_said_is_an_error() {
    let bytes = Said::of("PUT", "/").told(Protocol::FastCgi, 5, b"abc");
    let answer = exchange(echo(), Protocol::FastCgi, &bytes).await;
    assert_eq!(answer.body(), "PUT / broken");
}

#[tokio::test]
async fn r4_who_reads_in_another_task_hears_that_the_front_server_has_gone() {
    for protocol in ALL {
        let (tell, told) = tokio::sync::oneshot::channel();
        let tell = Arc::new(Mutex::new(Some(tell)));
        let app = BoxCloneService::new(service_fn(move |req: Request<Body>| {
            let tell = tell.lock().unwrap().take().unwrap();
            tokio::spawn(async move {
                let read = req.into_body().collect().await;
                tell.send(read.map(|_| ()).map_err(|error| error.to_string()))
            });
            std::future::pending::<Result<Response<Body>, Infallible>>()
        }));
        let mut front = connect(app, protocol);
        let said = Said::of("PUT", "/");
        let bytes = match protocol {
            // Of unknown length, and not at its end.
            Protocol::FastCgi => [begin(1, 1, 0), params(1, &said), record(5, 1, b"abc")].concat(),
            _ => said.told(protocol, 5, b"abc"),
        };
        front.write_all(&bytes).await.unwrap();
        turns().await;
        drop(front);
        assert!(told.await.unwrap().is_err(), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_length_that_is_not_known_ends_with_the_stream() {
    for length in [None, Some(""), Some("-1")] {
        let mut said = Said::of("PUT", "/");
        if let Some(length) = length {
            said = said.with("CONTENT_LENGTH", length);
        }
        for body in ["", "abcdef"] {
            let bytes = [begin(1, 1, 0), params(1, &said), stdin(1, body.as_bytes())].concat();
            let answer = exchange(echo(), Protocol::FastCgi, &bytes).await;
            assert_eq!(answer.body(), format!("PUT / {body}"));
        }
    }
}

#[tokio::test]
async fn a_length_that_nobody_knows_is_asked_for() {
    for protocol in [Protocol::Scgi, Protocol::Uwsgi] {
        let said = Said::of("PUT", "/").with("HTTP_TRANSFER_ENCODING", "chunked");
        let answer = exchange(echo(), protocol, &said.told(protocol, 0, b"abc")).await;
        assert_eq!(answer.status(), 411);
        // Buffered, its length is known.
        let answer = exchange(echo(), protocol, &said.send(protocol, b"abc")).await;
        assert_eq!(answer.body(), "PUT / abc");
    }
    let said = Said::of("PUT", "/").with("CONTENT_LENGTH", "-1");
    let answer = exchange(echo(), Protocol::Uwsgi, &packet(&said, b"abc")).await;
    assert_eq!(answer.status(), 411);
}

/// Reads a piece of its body whenever it is told to, and says how long each was.
fn by_turns() -> (
    impl gopuram::Application,
    tokio::sync::mpsc::Sender<()>,
    Arc<Mutex<usize>>,
) {
    let (tell, told) = tokio::sync::mpsc::channel(1);
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let read = Arc::new(Mutex::new(0));
    let app = BoxCloneService::new(service_fn({
        let read = Arc::clone(&read);
        move |req: Request<Body>| {
            let (told, read) = (Arc::clone(&told), Arc::clone(&read));
            async move {
                let mut body = req.into_body();
                let mut told = told.lock().await;
                while told.recv().await.is_some() {
                    match std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                        Some(frame) => {
                            *read.lock().unwrap() += frame.unwrap().into_data().unwrap().len();
                        }
                        None => break,
                    }
                }
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }
        }
    }));
    (app, tell, read)
}

#[tokio::test]
async fn what_is_not_read_is_not_taken_without_bound() {
    const WINDOW: usize = 65_535;
    for protocol in ALL {
        let (app, tell, read) = by_turns();
        let serve = gopuram::serve(app).limits(Limits::default().window(65_535));
        let mut front = over(serve, protocol);
        let body = vec![b'x'; 2_000_000];
        let bytes = Said::of("PUT", "/").send(protocol, &body);
        let mut sent = 0;
        // As much as the transport takes.
        while let Ok(Ok(count)) = tokio::time::timeout(
            std::time::Duration::from_millis(50),
            front.write(&bytes[sent..]),
        )
        .await
        {
            sent += count;
        }
        // The transport has 64 KiB of room, and a read takes 16 KiB.
        assert!(sent < WINDOW + 200_000, "{sent}");
        tokio::spawn(async move { while tell.send(()).await.is_ok() {} });
        front.write_all(&bytes[sent..]).await.unwrap();
        assert_eq!(rest(&mut front, protocol).await.status(), 200);
        assert_eq!(*read.lock().unwrap(), 2_000_000);
    }
}

#[tokio::test]
async fn one_that_is_not_read_does_not_hold_up_another() {
    let app = BoxCloneService::new(service_fn(async |req: Request<Body>| {
        if req.uri().path() == "/held" {
            std::future::pending::<()>().await;
        }
        let whole = req.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(Body::from(whole.len().to_string())))
    }));
    let serve = gopuram::serve(app).limits(Limits::default().window(65_535));
    let mut front = Records::of(over(serve, Protocol::FastCgi));
    front
        .send([begin(1, 1, 1), params(1, &Said::of("PUT", "/held"))].concat())
        .await;
    front
        .send([begin(3, 1, 1), params(3, &Said::of("PUT", "/read"))].concat())
        .await;
    for _ in 0..30 {
        front.send(record(5, 1, &[0; 10_000])).await;
        front.send(record(5, 3, &[0; 10_000])).await;
    }
    front.send(record(5, 3, b"")).await;
    let (text, _) = front.answer(3).await;
    assert!(text.ends_with("\r\n\r\n300000"), "{text}");
}

#[tokio::test]
async fn a_body_that_is_dropped_does_not_hold_up_its_answer() {
    let app = BoxCloneService::new(service_fn(async |req: Request<Body>| {
        drop(req);
        turns().await;
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    }));
    for protocol in ALL {
        let mut front = connect(app.clone(), protocol);
        let body = vec![b'x'; 3_000_000];
        front
            .write_all(&Said::of("PUT", "/").send(protocol, &body))
            .await
            .unwrap();
        assert_eq!(rest(&mut front, protocol).await.body(), "hello");
    }
}
