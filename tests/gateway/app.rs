//! What the gateway makes of an application.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gopuram::Body;
use http::{Request, Response, Version};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::Service;
use tower::limit::ConcurrencyLimit;
use tower::util::{BoxCloneService, service_fn};

use crate::support::{App, ask, connect, exchange, http2, read_until, rest};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn streams_that_wait_for_one_place_all_get_it() {
    let app = service_fn(async |_: Request<Body>| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let client = http2(connect(gopuram::serve(ConcurrencyLimit::new(app, 1)))).await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..8 {
        let mut client = client.clone();
        asked.spawn(async move {
            let answer = client.send_request(ask("http://a/"));
            if number == 3 {
                // One of them gives up its place in the queue.
                tokio::time::timeout(Duration::from_millis(1500), answer)
                    .await
                    .unwrap_err();
                return;
            }
            assert_eq!(answer.await.unwrap().status(), 200);
        });
    }
    while let Some(answered) = asked.join_next().await {
        answered.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_answered_500_and_the_connection_goes_on() {
    let app = service_fn(async |_: Request<Body>| {
        Err::<Response<Body>, _>(io::Error::other("out of order"))
    });
    let mut client = connect(gopuram::serve(app));
    for _ in 0..2 {
        client.write_all(GET).await.unwrap();
        assert_eq!(
            read_until(&mut client, "\r\n\r\n").await,
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_to_become_ready_is_answered_for_and_given_up() {
    let mut client = connect(gopuram::serve(Unready));
    client.write_all(GET).await.unwrap();
    let before = tokio::time::Instant::now();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[derive(Clone)]
struct Unready;

impl Service<Request<Body>> for Unready {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Ready<io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("never again")))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        unreachable!("not ready")
    }
}

#[tokio::test]
async fn a_panic_takes_only_its_own_connection() {
    let app = service_fn(async |req: Request<Body>| {
        assert!(req.uri().path() != "/panic", "as the test wants it");
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let server = gopuram::serve(app)
        .bind("127.0.0.1:0")
        .listen()
        .await
        .unwrap();
    let address = server.socket().unwrap();
    tokio::spawn(server.run());
    let mut other = TcpStream::connect(address).await.unwrap();
    other.write_all(GET).await.unwrap();
    read_until(&mut other, "hello").await;

    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // Closed or reset, but not answered.
    client.read_to_end(&mut answer).await.ok();
    assert_eq!(answer, b"");

    other.write_all(GET).await.unwrap();
    read_until(&mut other, "hello").await;
}

/// A body that gives some bytes, and some time later breaks off or just ends.
struct Half {
    polled: u8,
    breaks: bool,
}

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.polled += 1;
        match self.polled {
            1 => return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half"))))),
            2..10 => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => {}
        }
        Poll::Ready(
            self.breaks
                .then(|| Err(io::Error::other("the disk is gone"))),
        )
    }
}

fn half(breaks: bool, length: Option<u64>) -> App {
    BoxCloneService::new(service_fn(move |_: Request<Body>| async move {
        let mut res = Response::builder();
        if let Some(length) = length {
            res = res.header("content-length", length);
        }
        let polled = 0;
        Ok(res.body(Body::new(Half { polled, breaks })).unwrap())
    }))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_never_looks_complete() {
    for length in [None, Some(8)] {
        let answer = exchange(half(true, length), GET).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") || answer.is_empty(),
            "{answer}"
        );
        assert!(!answer.contains("\r\n0\r\n"), "{answer}");

        let mut client = http2(connect(gopuram::serve(half(true, length)))).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        let broke = res.into_body().collect().await.unwrap_err();
        assert!(format!("{broke:?}").contains("Reset"), "{broke:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_shorter_than_it_said_never_looks_complete() {
    let answer = exchange(half(false, Some(8)), [GET, GET].concat()).await;
    assert!(answer.contains("content-length: 8\r\n"), "{answer}");
    // The second request is not answered: the connection was cut.
    assert!(
        answer.ends_with("\r\n\r\nhalf") || answer.ends_with("\r\n\r\n"),
        "{answer}"
    );

    let mut client = http2(connect(gopuram::serve(half(false, Some(8))))).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert!(res.into_body().collect().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_panic_resets_only_its_own_stream() {
    let app = service_fn(async |req: Request<Body>| {
        assert!(req.uri().path() != "/panic", "as the test wants it");
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let mut client = http2(connect(gopuram::serve(app))).await;
    assert!(client.send_request(ask("http://a/panic")).await.is_err());
    let res = client.send_request(ask("http://a/")).await.unwrap();
    assert_eq!(res.into_body().collect().await.unwrap().to_bytes(), "hello");
}

/// What an application passes on may have come over another HTTP.
#[tokio::test(start_paused = true)]
async fn the_version_of_an_answer_is_the_gateways() {
    for version in [
        Version::HTTP_09,
        Version::HTTP_10,
        Version::HTTP_11,
        Version::HTTP_2,
        Version::HTTP_3,
    ] {
        let app = service_fn(move |_: Request<Body>| {
            let mut res = Response::new(Body::from("hello"));
            *res.version_mut() = version;
            ready(Ok::<_, Infallible>(res))
        });
        let expected = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        assert_eq!(exchange(app, GET).await, expected, "{version:?}");
        let answer = exchange(app, "GET / HTTP/1.0\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "{version:?} {answer}");
        let mut client = http2(connect(gopuram::serve(app))).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.version(), Version::HTTP_2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_no_content_goes_out_without() {
    for status in [204, 205, 304] {
        let app = service_fn(move |_: Request<Body>| {
            let res = Response::builder()
                .status(status)
                .header("content-length", "5");
            ready(Ok::<_, Infallible>(res.body(Body::from("hello")).unwrap()))
        });
        let answer = exchange(app, [GET, GET].concat()).await;
        assert!(!answer.contains("hello"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
        // RFC 9112, section 6.3: of these a 205 is the one that has to say so.
        let told = answer.matches("content-length: 0\r\n").count();
        assert_eq!(told, if status == 205 { 2 } else { 0 }, "{answer}");

        let mut client = http2(connect(gopuram::serve(app))).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.status(), status);
        // A 304 may tell what a 200 would.
        assert_eq!(res.headers().contains_key("content-length"), status == 304);
        assert_eq!(res.into_body().collect().await.unwrap().to_bytes(), "");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_nobody_waits_for_any_more_is_dropped() {
    let (alive, mut dropped) = tokio::sync::mpsc::channel::<()>(1);
    let app = service_fn(move |_: Request<Body>| {
        let alive = alive.clone();
        async move {
            std::future::pending::<()>().await;
            drop(alive);
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let mut client = connect(gopuram::serve(app.clone()));
    client.write_all(GET).await.unwrap();
    tokio::task::yield_now().await;
    drop(client);

    let mut client = http2(connect(gopuram::serve(app))).await;
    let answer = client.send_request(ask("http://a/"));
    let given_up = tokio::time::timeout(Duration::from_secs(1), answer).await;
    assert!(given_up.is_err());
    drop(client);
    // All that could send is gone.
    assert_eq!(dropped.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_body_cut_short_is_an_error() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let app = service_fn(move |req: Request<Body>| {
        let tell = tell.lock().unwrap().take().unwrap();
        async move {
            tell.send(req.into_body().collect().await.is_err()).unwrap();
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let mut client = connect(gopuram::serve(app));
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        .await
        .unwrap();
    client.shutdown().await.unwrap();
    assert!(told.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_has_one_that_has_ended() {
    let app = service_fn(async |req: Request<Body>| {
        let ended = req.body().is_end_stream() && req.body().size_hint().exact() == Some(0);
        Ok::<_, Infallible>(Response::new(Body::from(format!("ended: {ended}"))))
    });
    assert!(exchange(app, GET).await.ends_with("ended: true"));
    let length = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert!(exchange(app, length).await.ends_with("ended: true"));
    let mut client = http2(connect(gopuram::serve(app))).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    let body = res.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "ended: true");
}
