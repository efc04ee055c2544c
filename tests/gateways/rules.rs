//! The rules of SPEC.md, by each protocol.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gopuram::Body;
use gopuram::gateway::{Deadlines, Protocol};
use gopuram::middleware::attributes::{Attributes, Scheme};
use http::{Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::Service;
use tower::limit::ConcurrencyLimit;
use tower::util::{BoxCloneService, service_fn};

use crate::front::{ALL, Said};
use crate::support::{App, Count, answers, ask, connect, echo, exchange, over, rest, turns};

/// Gives these pieces, and then an end or an error.
pub(crate) struct Pieces(pub(crate) Vec<&'static str>, pub(crate) bool);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.0.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.0.remove(0).into()))));
        }
        Poll::Ready(if self.1 {
            None
        } else {
            Some(Err(io::Error::other("out of paper")))
        })
    }
}

#[tokio::test]
async fn the_answer_is_what_the_application_says() {
    let app = answers(|_| {
        Response::builder()
            .status(201)
            .header("location", "/x")
            .header("set-cookie", "a")
            .header("set-cookie", "b")
            .body("made")
            .unwrap()
    });
    for protocol in ALL {
        let answer = ask(app.clone(), protocol, &Said::get("/")).await;
        let expected = "Status: 201 Created\r\nlocation: /x\r\nset-cookie: a\r\nset-cookie: b\r\n\
            content-length: 4\r\n\r\nmade";
        assert_eq!(answer.text, expected, "{protocol:?}");
        assert!(answer.whole);
    }
}

#[tokio::test]
async fn the_request_is_what_the_front_server_says() {
    let app = answers(|req| {
        let attributes = Attributes::of(&req).unwrap();
        let connection = attributes.connection().unwrap();
        assert_eq!(attributes.scheme(), Scheme::Https);
        let text = format!(
            "{} {} {:?} {:?} {:?} {:?}",
            req.method(),
            req.uri(),
            req.version(),
            connection.peer.unwrap(),
            connection.local.unwrap(),
            req.headers()["x-tier"],
        );
        Response::new(text)
    });
    let said = Said::of("PUT", "/a%2Fb?c")
        .with("PATH_INFO", "/a/b")
        .with("QUERY_STRING", "c")
        .with("HTTPS", "on")
        .with("REMOTE_ADDR", "192.0.2.1")
        .with("REMOTE_PORT", "5")
        .with("SERVER_ADDR", "192.0.2.2")
        .with("SERVER_PORT", "443")
        .with("HTTP_X_TIER", "gate");
    for protocol in ALL {
        let answer = ask(app.clone(), protocol, &said).await;
        let expected = r#"PUT /a%2Fb?c HTTP/1.1 192.0.2.1:5 192.0.2.2:443 "gate""#;
        assert_eq!(answer.body(), expected);
    }
}

#[tokio::test]
async fn a3_an_error_is_answered_500() {
    let app = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>("out of order"));
    for protocol in ALL {
        let answer = ask(app, protocol, &Said::get("/")).await;
        assert_eq!(
            answer.text,
            "Status: 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
        );
    }
}

#[tokio::test]
async fn a4_a_panic_is_not_answered_and_the_server_goes_on() {
    let app = answers(|req| {
        assert!(req.uri() != "/panic", "as the test wants it");
        Response::new("hello")
    });
    for protocol in ALL {
        let answer = ask(app.clone(), protocol, &Said::get("/panic")).await;
        assert_eq!(answer.text, "");
        assert!(!answer.whole || protocol != Protocol::FastCgi);
        assert_eq!(
            ask(app.clone(), protocol, &Said::get("/")).await.body(),
            "hello"
        );
    }
}

#[tokio::test]
async fn r5_a_request_without_a_body_has_one_that_has_ended() {
    let app = answers(|req| {
        assert!(req.body().is_end_stream());
        assert_eq!(req.body().size_hint().exact(), Some(0));
        Response::new("ended")
    });
    for protocol in ALL {
        assert_eq!(
            ask(app.clone(), protocol, &Said::get("/")).await.body(),
            "ended"
        );
    }
}

#[tokio::test]
async fn s2_what_has_no_body_has_none() {
    for (method, status, length) in [
        ("HEAD", 200, Some("5")),
        ("GET", 204, None),
        ("GET", 205, None),
        ("GET", 304, None),
    ] {
        let app = answers(move |_| {
            let mut res = Response::new("hello");
            *res.status_mut() = StatusCode::from_u16(status).unwrap();
            res
        });
        for protocol in ALL {
            let answer = ask(app.clone(), protocol, &Said::of(method, "/")).await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.body(), "", "{method} {status}");
            assert_eq!(answer.header("content-length"), length);
        }
    }
}

#[tokio::test]
async fn s5_an_interim_status_is_no_answer() {
    for status in [101, 103] {
        let app = answers(move |_| {
            let mut res = Response::new("");
            *res.status_mut() = StatusCode::from_u16(status).unwrap();
            res
        });
        for protocol in ALL {
            assert_eq!(
                ask(app.clone(), protocol, &Said::get("/")).await.status(),
                500
            );
        }
    }
}

#[tokio::test]
async fn s6_a_length_that_contradicts_the_body_is_not_sent() {
    let app = answers(|_| {
        let mut res = Response::new("hello");
        res.headers_mut().insert("content-length", 4.into());
        res
    });
    let long = answers(|_| {
        let mut res = Response::new(Body::new(Pieces(vec!["some", "more"], true)));
        res.headers_mut().insert("content-length", 5.into());
        res
    });
    for protocol in ALL {
        assert_eq!(
            ask(app.clone(), protocol, &Said::get("/")).await.status(),
            500
        );
        let cut = ask(long.clone(), protocol, &Said::get("/")).await;
        assert_eq!(cut.header("content-length"), Some("5"));
        assert_eq!(cut.body(), "some");
    }
}

#[tokio::test(start_paused = true)]
async fn p2_an_application_that_is_not_ready_is_waited_for() {
    let slow = service_fn(async |_: Request<Body>| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    for protocol in ALL {
        let app = ConcurrencyLimit::new(slow, 1);
        let mut other = connect(app.clone(), protocol);
        other
            .write_all(&Said::get("/").send(protocol, b""))
            .await
            .unwrap();
        turns().await;
        let answer = ask(app.clone(), protocol, &Said::get("/")).await;
        assert_eq!(answer.body(), "hello");
        let mut busy = app.clone();
        std::future::poll_fn(|cx| busy.poll_ready(cx))
            .await
            .unwrap();
        assert_eq!(
            ask(app.clone(), protocol, &Said::get("/")).await.status(),
            503
        );
        drop(busy);
    }
}

#[derive(Clone)]
struct Unready;

impl Service<Request<Body>> for Unready {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("never again")))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        unreachable!("not ready")
    }
}

#[tokio::test]
async fn p4_one_that_fails_to_become_ready_is_answered_for_and_given_up() {
    for protocol in ALL {
        let answer = ask(Unready, protocol, &Said::get("/")).await;
        assert_eq!(answer.status(), 500);
    }
}

#[tokio::test]
async fn c1_the_application_is_dropped_when_the_front_server_goes() {
    let ways = ALL.into_iter().flat_map(|p| [(p, false), (p, true)]);
    for (protocol, half) in ways {
        let (begun, dropped) = (Count::default(), Count::default());
        let app = BoxCloneService::new(service_fn({
            let (begun, dropped) = (begun.clone(), dropped.clone());
            move |_: Request<Body>| {
                let end = dropped.at_the_end();
                begun.add();
                async move {
                    std::future::pending::<()>().await;
                    drop(end);
                    Ok::<_, Infallible>(Response::new(Body::empty()))
                }
            }
        }));
        let mut front = connect(app, protocol);
        front
            .write_all(&Said::get("/").send(protocol, b""))
            .await
            .unwrap();
        turns().await;
        assert_eq!((begun.get(), dropped.get()), (1, 0));
        if half {
            // So does one that closes its half alone.
            front.shutdown().await.unwrap();
            assert_eq!(rest(&mut front, protocol).await.text, "");
        }
        drop(front);
        turns().await;
        assert_eq!(dropped.get(), 1, "{protocol:?}");
    }
}

#[tokio::test]
async fn b7_what_a_body_gives_is_passed_on_at_once() {
    for protocol in ALL {
        let (tell, told) = tokio::sync::mpsc::channel::<Bytes>(1);
        let told = Arc::new(std::sync::Mutex::new(Some(told)));
        let app = answers(move |_| {
            let body = Channel(told.lock().unwrap().take().unwrap());
            Response::new(Body::new(body))
        });
        let mut front = connect(app, protocol);
        front
            .write_all(&Said::get("/").send(protocol, b""))
            .await
            .unwrap();
        let mut seen = Vec::new();
        for piece in ["first", "second"] {
            tell.send(Bytes::from(piece)).await.unwrap();
            while !String::from_utf8_lossy(&seen).contains(piece) {
                seen.push(front.read_u8().await.unwrap());
            }
        }
        drop(tell);
        rest_of(&mut front).await;
    }
}

async fn rest_of(front: &mut tokio::io::DuplexStream) {
    front.read_to_end(&mut Vec::new()).await.unwrap();
}

/// What is sent through a channel.
struct Channel(tokio::sync::mpsc::Receiver<Bytes>);

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

#[tokio::test]
async fn b4_trailers_have_no_place_and_end_the_answer() {
    let app = answers(|_| {
        let body = http_body_util::StreamBody::new(futures_util::stream::iter([
            Ok::<_, Infallible>(Frame::data(Bytes::from("hello"))),
            Ok(Frame::trailers(http::HeaderMap::new())),
        ]));
        Response::new(Body::new(body))
    });
    for protocol in ALL {
        let answer = ask(app.clone(), protocol, &Said::get("/")).await;
        assert_eq!(answer.body(), "hello");
        assert!(answer.whole);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_the_clients_and_not_the_front_servers() {
    let app = answers(|_| {
        let res = Response::builder()
            .status(302)
            .header("location", "/elsewhere");
        res.body("").unwrap()
    });
    for protocol in ALL {
        let answer = ask(app.clone(), protocol, &Said::get("/")).await;
        assert!(
            answer.text.starts_with("Status: 302 Found\r\n"),
            "{answer:?}"
        );
        assert_eq!(answer.header("location"), Some("/elsewhere"));
    }
}

#[tokio::test]
async fn a_large_answer_is_whole() {
    let app = answers(|_| Response::new("0123456789".repeat(300_000)));
    for protocol in ALL {
        let answer = ask(app.clone(), protocol, &Said::get("/")).await;
        assert_eq!(answer.body().len(), 3_000_000);
        assert!(answer.whole);
    }
}

#[tokio::test]
async fn r6_what_an_application_leaves_unread_is_no_request() {
    let count = Count::default();
    let app: App = answers({
        let count = count.clone();
        move |_| {
            count.add();
            Response::new("hello")
        }
    });
    for protocol in ALL {
        let inner = Said::get("/inner").send(protocol, b"");
        let answer = exchange(
            app.clone(),
            protocol,
            &Said::of("PUT", "/").send(protocol, &inner),
        )
        .await;
        assert_eq!(answer.body(), "hello");
    }
    assert_eq!(count.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_front_server_that_sends_on_is_answered_and_not_reset() {
    for protocol in ALL {
        let serve = gopuram::serve(answers(|_| Response::new("hello")));
        let deadlines = Deadlines::default().linger(Duration::from_secs(2));
        let mut front = over(serve.deadlines(deadlines), protocol);
        let body = vec![b'x'; 1_000_000];
        let bytes = Said::of("PUT", "/").send(protocol, &body);
        front.write_all(&bytes).await.unwrap();
        assert_eq!(rest(&mut front, protocol).await.body(), "hello");
    }
}

#[tokio::test]
async fn the_echo_says_what_was_sent() {
    for protocol in ALL {
        let bytes = Said::of("POST", "/x").send(protocol, b"abc");
        let answer = exchange(echo(), protocol, &bytes).await;
        assert_eq!(answer.body(), "POST /x abc");
    }
}
