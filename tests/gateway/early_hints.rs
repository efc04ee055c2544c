//! What is said before the answer.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gopuram::Body;
use gopuram::middleware::attributes::{Attributes, EarlyHints, Unsent};
use http::header::LINK;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::util::{BoxCloneService, service_fn};

use crate::support::{App, ask, connect, exchange, http2, read_until, rest, turns};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HINT: &str = "HTTP/1.1 103 Early Hints\r\nlink: </s.css>\r\n\r\n";

fn hint() -> HeaderMap {
    HeaderMap::from_iter([(LINK, HeaderValue::from_static("</s.css>"))])
}

/// Says what became of its hint, after some time or at once.
fn hinting(after: Option<Duration>, length: usize) -> App {
    BoxCloneService::new(service_fn(move |req: Request<Body>| async move {
        let sent = EarlyHints::of(&req).send(&hint());
        if let Some(after) = after {
            tokio::time::sleep(after).await;
        }
        let text = format!("{sent:?}{}", "!".repeat(length));
        Ok(Response::new(Body::from(text)))
    }))
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_there_before_the_answer() {
    let mut client = connect(gopuram::serve(hinting(Some(Duration::from_secs(9)), 0)));
    client.write_all(GET).await.unwrap();
    let asked = tokio::time::Instant::now();
    assert_eq!(read_until(&mut client, "\r\n\r\n").await, HINT);
    assert_eq!(asked.elapsed(), Duration::ZERO);
    let answer = read_until(&mut client, "Ok(())").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn hints_and_answers_keep_their_order() {
    for (buffer, length) in [(64 * 1024, 0), (16, 5_000)] {
        let (mut client, io) = tokio::io::duplex(buffer);
        tokio::spawn(gopuram::serve(hinting(None, length)).over(io));
        let (mut reads, mut writes) = tokio::io::split(&mut client);
        let asks = GET.repeat(5);
        let write = async { writes.write_all(&asks).await.unwrap() };
        let read = async {
            for _ in 0..5 {
                assert_eq!(read_until(&mut reads, "\r\n\r\n").await, HINT);
                let head = read_until(&mut reads, "\r\n\r\n").await;
                assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
                let mut body = vec![0; 6 + length];
                reads.read_exact(&mut body).await.unwrap();
                assert!(body.starts_with(b"Ok(())"));
            }
        };
        tokio::join!(write, read);
    }
}

#[tokio::test(start_paused = true)]
async fn any_task_may_send_some_until_the_answer() {
    let kept = Arc::new(Mutex::new(None));
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = Arc::new(Mutex::new(Some(wait)));
    let keeper = Arc::clone(&kept);
    let app = service_fn(move |req: Request<Body>| {
        *keeper.lock().unwrap() = Some(EarlyHints::of(&req));
        let wait = wait.lock().unwrap().take();
        async move {
            if let Some(wait) = wait {
                wait.await.unwrap();
            }
            Ok::<_, Infallible>(Response::new(Body::from("hello")))
        }
    });
    let mut client = connect(gopuram::serve(app));
    client.write_all(GET).await.unwrap();
    while kept.lock().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let hints = kept.lock().unwrap().take().unwrap();
    for _ in 0..2 {
        hints.send(&hint()).unwrap();
        assert_eq!(read_until(&mut client, "\r\n\r\n").await, HINT);
    }
    go.send(()).unwrap();
    read_until(&mut client, "hello").await;
    assert_eq!(hints.send(&hint()), Err(Unsent::Answered));
    // Those of the first request are none of the second.
    client.write_all(GET).await.unwrap();
    let answer = read_until(&mut client, "hello").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_to_go_on_is_told_both() {
    let app = service_fn(async |req: Request<Body>| {
        EarlyHints::of(&req).send(&hint()).unwrap();
        let body = req.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(Body::from(body)))
    });
    let mut client = connect(gopuram::serve(app));
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    client.write_all(head).await.unwrap();
    let mut told = [
        read_until(&mut client, "\r\n\r\n").await,
        read_until(&mut client, "\r\n\r\n").await,
    ];
    told.sort();
    assert_eq!(told, ["HTTP/1.1 100 Continue\r\n\r\n", HINT]);
    client.write_all(b"hello").await.unwrap();
    let answer = read_until(&mut client, "hello").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn where_none_can_be_sent_the_application_is_told() {
    let answer = exchange(hinting(None, 0), "GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("Err(Unsupported)"), "{answer}");
    let mut client = http2(connect(gopuram::serve(hinting(None, 0)))).await;
    let res = client.send_request(ask("http://a/")).await.unwrap();
    let body = res.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Err(Unsupported)");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_sent_none() {
    let kept = Arc::new(Mutex::new(None));
    let keeper = Arc::clone(&kept);
    let app = service_fn(move |req: Request<Body>| {
        *keeper.lock().unwrap() = Some(EarlyHints::of(&req));
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    let (mut client, io) = tokio::io::duplex(64 * 1024);
    let served = tokio::spawn(gopuram::serve(app).over(io));
    client.write_all(GET).await.unwrap();
    while kept.lock().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let hints = kept.lock().unwrap().take().unwrap();
    hints.send(&hint()).unwrap();
    assert_eq!(read_until(&mut client, "\r\n\r\n").await, HINT);
    drop(client);
    served.await.unwrap();
    assert_eq!(hints.send(&hint()), Err(Unsent::Gone));
}

/// Attributes that are no gateway's would put hints between frames, into a body or before an answer of HTTP/1.0.
#[tokio::test(start_paused = true)]
async fn by_a_number_that_was_made_up_none_are_sent() {
    for number in [1, 2, u32::MAX / 2 + 1, u32::MAX] {
        let app = BoxCloneService::new(service_fn(move |mut req: Request<Body>| {
            let connection = Attributes::of(&req).unwrap().connection().unwrap().clone();
            let made_up = Attributes::new(Arc::new(connection)).numbered(NonZeroU32::new(number));
            req.extensions_mut().insert(made_up);
            let sent = EarlyHints::of(&req).send(&hint());
            std::future::ready(Ok(Response::new(Body::from(format!("{sent:?}")))))
        }));
        let answer = exchange(App::clone(&app), "GET / HTTP/1.0\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("Err(Answered)"), "{answer}");
        if number != 1 {
            let asks = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let answer = exchange(App::clone(&app), asks).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.ends_with("Err(Answered)"), "{answer}");
        }
        let mut client = http2(connect(gopuram::serve(app))).await;
        for _ in 0..2 {
            let res = client.send_request(ask("http://a/")).await.unwrap();
            let body = res.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "Err(Unsupported)");
        }
    }
}

/// 16 KiB that wait, and as much that is on its way already.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_has_no_more_than_a_bound() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let app = App::new(service_fn(move |req: Request<Body>| {
        let tell = tell.clone();
        async move {
            let hints = EarlyHints::of(&req);
            let mut sent = 0;
            // Until there is too much although the gateway has had its turn.
            for _ in 0..10 {
                while hints.send(&hint()) == Ok(()) {
                    sent += HINT.len();
                }
                assert_eq!(hints.send(&hint()), Err(Unsent::Full));
                turns().await;
            }
            tell.send(sent).unwrap();
            Ok(Response::new(Body::empty()))
        }
    }));
    let (mut client, io) = tokio::io::duplex(256);
    tokio::spawn(gopuram::serve(app).over(io));
    let asks = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.write_all(asks).await.unwrap();
    let sent = told.recv().await.unwrap();
    let all = rest(&mut client).await;
    let hinted = all.matches(HINT).count() * HINT.len();
    assert!((16 * 1024..=32 * 1024 + 256).contains(&hinted), "{hinted}");
    assert_eq!(hinted, sent);
    assert!(all.contains("HTTP/1.1 200 OK\r\n"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn a_client_of_another_make_understands_them() {
    let io = TokioIo::new(connect(gopuram::serve(hinting(None, 0))));
    let (mut client, conn) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(conn);
    let (tell, told) = std::sync::mpsc::channel();
    let mut req = Request::get("/")
        .header("host", "a")
        .body(Body::empty())
        .unwrap();
    hyper::ext::on_informational(&mut req, move |res| {
        tell.send((res.status(), res.headers()["link"].clone()))
            .unwrap();
    });
    let res = client.send_request(req).await.unwrap();
    assert_eq!(res.status(), 200);
    let (status, link) = told.try_recv().unwrap();
    assert_eq!(
        (status.as_u16(), link.as_bytes()),
        (103, b"</s.css>".as_slice())
    );
}
